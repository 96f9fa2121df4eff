//! Certificates and keys, good and bad, made on the spot with elliptic keys (P-256). Two authorities: the one that
//! clients are told to trust, and another. Private keys are PKCS#8, which is all that Kafka reads from PEM.

use super::layout::SecurityFolder;
use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The password of the encrypted keys.
pub const KEY_PASSWORD: &str = "key-password";

/// What openssl calls the two ways to encrypt a key, and what the files end in. Java 17 reads only the old one, and
/// everybody else prefers the new one.
const ENCRYPTIONS: [(&str, [&str; 2]); 2] =
    [("pbes2", ["-v2", "aes-256-cbc"]), ("3des", ["-v1", "PBE-SHA1-3DES"])];

/// A certificate that is not an authority's.
struct Leaf {
    name: &'static str,
    common_name: &'static str,
    hosts: &'static [&'static str],
    years: (i32, i32),
    by_other_ca: bool,
}

/// Valid for as long as anyone will look.
const VALID: (i32, i32) = (2020, 2099);
const EXPIRED: (i32, i32) = (2020, 2021);
const NOT_YET_VALID: (i32, i32) = (2098, 2099);
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "::1"];

const LEAVES: [Leaf; 9] = [
    broker("broker", VALID),
    broker("broker-expired", EXPIRED),
    broker("broker-not-yet-valid", NOT_YET_VALID),
    Leaf { hosts: &["elsewhere.invalid"], ..broker("broker-wrong-host", VALID) },
    Leaf { by_other_ca: true, ..broker("broker-wrong-ca", VALID) },
    client("client", VALID),
    client("client-expired", EXPIRED),
    client("client-not-yet-valid", NOT_YET_VALID),
    Leaf { by_other_ca: true, ..client("client-wrong-ca", VALID) },
];

const fn broker(name: &'static str, years: (i32, i32)) -> Leaf {
    Leaf { name, common_name: "broker", hosts: LOOPBACK, years, by_other_ca: false }
}

const fn client(name: &'static str, years: (i32, i32)) -> Leaf {
    Leaf { name, common_name: "client", hosts: &["client.invalid"], years, by_other_ca: false }
}

/// Names of the certificates that clients show.
pub fn clients() -> impl Iterator<Item = &'static str> {
    LEAVES.iter().filter(|leaf| leaf.common_name == "client").map(|leaf| leaf.name)
}

/// Names of the encrypted copies of the client's key, where they could be made.
pub fn encrypted_keys(folder: &SecurityFolder) -> impl Iterator<Item = (&'static str, std::path::PathBuf)> {
    let file = |(name, _)| (name, folder.pki_file(&format!("client.{name}.key")));
    ENCRYPTIONS.into_iter().map(file).filter(|(_, path)| path.exists())
}

/// Writes them all: `NAME.pem` (certificate and authority), `NAME.key`, and `NAME.store.pem` (both, as Kafka's
/// `ssl.keystore.location` wants them).
pub fn make(folder: &SecurityFolder) -> Result<()> {
    fs::create_dir_all(folder.pki()).context("cannot make a folder for certificates")?;
    let ca = Authority::new("ottla test authority")?;
    let other_ca = Authority::new("another authority")?;
    write(folder, "ca.pem", &ca.pem)?;
    write(folder, "other-ca.pem", &other_ca.pem)?;
    for leaf in &LEAVES {
        let issuer = if leaf.by_other_ca { &other_ca } else { &ca };
        let (certificate, key) = issuer.sign(leaf).with_context(|| format!("cannot make {}", leaf.name))?;
        let chain = format!("{certificate}{}", issuer.pem);
        write(folder, &format!("{}.pem", leaf.name), &chain)?;
        write(folder, &format!("{}.key", leaf.name), &key)?;
        write(folder, &format!("{}.store.pem", leaf.name), &format!("{key}{chain}"))?;
    }
    encrypt_client_key(folder)
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(common_name: &str) -> Result<Authority> {
        let mut params = named(common_name, &[], VALID)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Authority { pem, issuer: Issuer::new(params, key) })
    }

    /// The certificate and its key, as PEM.
    fn sign(&self, leaf: &Leaf) -> Result<(String, String)> {
        let mut params = named(leaf.common_name, leaf.hosts, leaf.years)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }
}

fn named(common_name: &str, hosts: &[&str], (from, until): (i32, i32)) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    Ok(params)
}

/// With openssl where it is installed: the certificates' crate does not encrypt keys. Without it the files are not
/// there, and `security.json` does not name them.
fn encrypt_client_key(folder: &SecurityFolder) -> Result<()> {
    for (name, options) in ENCRYPTIONS {
        let encrypted = folder.pki_file(&format!("client.{name}.key"));
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs8", "-topk8", "-passout"]).arg(format!("pass:{KEY_PASSWORD}")).args(options);
        openssl.arg("-in").arg(folder.pki_file("client.key")).arg("-out").arg(&encrypted);
        let status = openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !status.is_ok_and(|status| status.success()) {
            // Half a file would look like a key.
            let _ = fs::remove_file(&encrypted);
            continue;
        }
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let store = format!("{}{}", read(&encrypted)?, read(&folder.pki_file("client.pem"))?);
        write(folder, &format!("client.{name}.store.pem"), &store)?;
    }
    Ok(())
}

fn write(folder: &SecurityFolder, name: &str, text: &str) -> Result<()> {
    let path = folder.pki_file(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
