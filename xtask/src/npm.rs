//! Packages of Node, as a `package-lock.json` pins them, kept under `target/npm` so that a second call runs nothing.

use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const FETCH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The `node_modules` folder for a folder of the workspace with a `package.json` and a `package-lock.json`.
pub fn modules(folder: &str) -> Result<PathBuf> {
    let folder = workspace::root().join(folder);
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (package, lock) = (read("package.json")?, read("package-lock.json")?);
    let digest: String = Sha256::digest(&lock).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let cache = workspace::target_directory()?.join("npm");
    let wanted = cache.join(&digest);
    if !wanted.is_dir() {
        // It appears by one rename, so a folder that exists is complete.
        let staging = cache.join(format!(".{digest}-{}", std::process::id()));
        fs::create_dir_all(&staging).with_context(|| format!("cannot create {}", staging.display()))?;
        fs::write(staging.join("package.json"), package).context("cannot write package.json")?;
        fs::write(staging.join("package-lock.json"), lock).context("cannot write package-lock.json")?;
        install(&staging)?;
        // Another process may have been first; its folder holds the same.
        if fs::rename(&staging, &wanted).is_err() && !wanted.is_dir() {
            bail!("cannot move packages to {}", wanted.display());
        }
    }
    Ok(wanted.join("node_modules"))
}

fn install(folder: &std::path::Path) -> Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let log = folder.join("npm.log");
    let status = process::run(&mut command, &log, FETCH_LIMIT)?;
    if !status.success() {
        bail!("npm failed ({status}):\n{}", fs::read_to_string(&log).unwrap_or_default().trim());
    }
    Ok(())
}
