//! A private Kerberos realm with MIT's KDC, where it is installed: its files are all in the cluster's folder, none of
//! the system's is touched.

use super::layout::SecurityFolder;
use crate::kafka::companion::{CompanionFolder, Kind};
use crate::kafka::layout::ClusterFolder;
use crate::process;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The realm.
pub const REALM: &str = "TEST.LOCAL";

/// The broker's service name; its host is `localhost`.
pub const SERVICE: &str = "kafka";

/// Principals of clients, each with a keytab of its name.
pub const KEYTABS: [&str; 2] = ["client", "alice"];

/// A principal with a password.
pub const PASSWORD: (&str, &str) = ("bob", "bob-gssapi");

const TOOLS: [&str; 3] = ["krb5kdc", "kdb5_util", "kadmin.local"];

/// Making a realm takes a second, most of it spent on random numbers.
const LIMIT: Duration = Duration::from_secs(60);

/// What is missing to run a KDC here, and how to install it; nothing where all is there.
pub fn missing() -> Option<String> {
    let missing: Vec<_> = TOOLS.into_iter().filter(|tool| find(tool).is_none()).collect();
    let how = "Debian: apt-get install krb5-kdc krb5-admin-server krb5-user";
    (!missing.is_empty()).then(|| format!("no GSSAPI: {} not found ({how})", missing.join(", ")))
}

/// Where a tool is. Debian keeps the KDC out of ordinary users' paths.
fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(tool)).find(|path| path.is_file())
}

fn tool(folder: &SecurityFolder, name: &str) -> Command {
    let mut command = Command::new(find(name).unwrap_or_else(|| name.into()));
    command.env("KRB5_CONFIG", folder.krb5_conf()).env("KRB5_KDC_PROFILE", kdc_conf(folder));
    command
}

fn kdc_conf(folder: &SecurityFolder) -> PathBuf {
    folder.kerberos().join("kdc.conf")
}

/// Makes the realm and its keytabs.
pub fn prepare(folder: &SecurityFolder, port: u16) -> Result<()> {
    let home = folder.kerberos();
    fs::create_dir_all(&home)
        .and_then(|()| fs::write(folder.krb5_conf(), client_config(&home, port)))
        .and_then(|()| fs::write(kdc_conf(folder), server_config(&home, port)))
        .with_context(|| format!("cannot write into {}", home.display()))?;
    let mut create = tool(folder, "kdb5_util");
    run(create.args(["create", "-s", "-r", REALM, "-P", "worth nothing"]), &home.join("create.log"))?;
    let service = format!("{SERVICE}/localhost");
    let mut with_keytab = vec![(service.as_str(), SERVICE)];
    with_keytab.extend(KEYTABS.map(|name| (name, name)));
    for (principal, keytab) in with_keytab {
        admin(folder, &format!("addprinc -randkey {principal}@{REALM}"))?;
        let path = folder.keytab(keytab);
        admin(folder, &format!("ktadd -k {} {principal}@{REALM}", path.display()))?;
        if !path.exists() {
            bail!("kadmin.local made no {}", path.display());
        }
    }
    let (principal, password) = PASSWORD;
    admin(folder, &format!("addprinc -pw {password} {principal}@{REALM}"))
}

fn admin(folder: &SecurityFolder, query: &str) -> Result<()> {
    let mut admin = tool(folder, "kadmin.local");
    run(admin.args(["-r", REALM, "-q", query]), &folder.kerberos().join("kadmin.log"))
}

fn run(command: &mut Command, log: &Path) -> Result<()> {
    let status = process::run(command, log, LIMIT)?;
    if !status.success() {
        let said = fs::read_to_string(log).unwrap_or_default();
        bail!("{:?} failed ({status}): {}", command.get_program(), said.trim());
    }
    Ok(())
}

/// The KDC in the foreground; its pid file is what its process is recognised by.
pub fn command(cluster: &ClusterFolder) -> Command {
    let mut command = tool(&cluster.security(), "krb5kdc");
    command.args(["-n", "-r", REALM, "-P"]).arg(CompanionFolder::new(cluster, Kind::Kdc).config());
    command
}

/// The broker's JAAS line.
pub fn broker_login(folder: &SecurityFolder) -> String {
    format!(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true \
         keyTab=\"{}\" principal=\"{SERVICE}/localhost@{REALM}\";",
        folder.keytab(SERVICE).display()
    )
}

/// Over TCP, and without DNS: the host's name is taken as it is written.
fn client_config(home: &Path, port: u16) -> String {
    format!(
        "[libdefaults]\n default_realm = {REALM}\n dns_lookup_realm = false\n dns_lookup_kdc = false\n \
         rdns = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n \
         default_ccache_name = FILE:{home}/ccache\n\
         [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n\
         [domain_realm]\n localhost = {REALM}\n",
        home = home.display()
    )
}

/// Encryption that both MIT and Java know.
fn server_config(home: &Path, port: u16) -> String {
    format!(
        "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n {REALM} = {{\n  database_name = {home}/principal\n  key_stash_file = {home}/stash\n  \
         acl_file = {home}/kadm5.acl\n  max_life = 24h\n  max_renewable_life = 7d\n  \
         supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n }}\n",
        home = home.display()
    )
}
