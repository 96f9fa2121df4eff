//! `cargo xtask kafka check`: whether every way into a secured cluster lets in whom it should and refuses the others,
//! by the word of Java's own clients. A check of the cluster, not of our client.

mod cases;

use super::companion::Kind;
use super::layout::ClusterFolder;
use super::state::Cluster;
use crate::process;
use anyhow::{Context, Result, bail};
use cases::Case;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const WITNESS: &str = include_str!("check/Witness.java");

/// Half a minute on an idle machine; the sessions alone take twelve seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// Prints a line a case; how many were not as they should be.
pub fn check(folder: &ClusterFolder, cluster: &Cluster) -> Result<usize> {
    let cases = cases::all(cluster, &folder.security());
    if cases.is_empty() {
        bail!("cluster {} has only a plaintext listener: start one with --security all", cluster.name);
    }
    let outcomes = witness(folder, cluster, &cases)?;
    let mut wrong = 0;
    for case in &cases {
        let outcome = outcomes.get(&case.name).map_or("no outcome", String::as_str);
        let as_wanted = outcome.split('\t').next() == Some(case.wanted);
        wrong += usize::from(!as_wanted);
        let verdict = if as_wanted { "" } else { "WRONG: " };
        println!("{verdict}{}: {}", case.name, outcome.replace('\t', ": "));
    }
    Ok(wrong)
}

fn witness(folder: &ClusterFolder, cluster: &Cluster, cases: &[Case]) -> Result<BTreeMap<String, String>> {
    let home = folder.path().join("witness");
    let configurations = home.join("configurations");
    if configurations.exists() {
        fs::remove_dir_all(&configurations).context("cannot remove an earlier check's files")?;
    }
    fs::create_dir_all(&configurations).context("cannot make a folder for client configurations")?;
    let write = |path: &Path, text: &str| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    for case in cases {
        write(&configurations.join(&case.name), &case.properties)?;
    }
    let source = home.join("Witness.java");
    write(&source, WITNESS)?;
    let mut java = Command::new("java");
    java.arg(format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}", cases::urls(cases).join(",")));
    if cluster.companion_port(Kind::Kdc).is_some() {
        java.arg(format!("-Djava.security.krb5.conf={}", folder.security().krb5_conf().display()));
    }
    let libs = cluster.release.libs()?;
    java.arg("-cp").arg(format!("{}/*", libs.display())).arg(&source);
    java.arg(cluster.bootstrap_servers()).arg(&configurations);
    let log = home.join("log");
    let status = process::run(&mut java, &log, LIMIT)?;
    let text = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    if !status.success() {
        bail!("the witness failed ({status}), log: {}", log.display());
    }
    let outcome = |line: &str| line.split_once('\t').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    Ok(text.lines().filter_map(outcome).collect())
}
