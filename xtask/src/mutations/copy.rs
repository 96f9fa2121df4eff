//! The copy of the workspace that mutations are made in. Lies in the build folder, with a build folder of its own; only
//! files that differ are written, so that a mutation rebuilds what it touches.

use super::mutation::Mutation;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs worlds and says which rules they break.
const BINARY: &str = "judge";

/// The copy.
pub struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// A copy that may be there from an earlier run.
    pub fn of_workspace() -> Result<Self> {
        let folder = workspace::target_directory()?.join("mutations");
        fs::create_dir_all(folder.join("tree"))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Makes the copy equal to the workspace.
    pub fn refresh(&self) -> Result<()> {
        let files = sources()?;
        let manifest = self.folder.join("files");
        for gone in fs::read_to_string(&manifest).unwrap_or_default().lines() {
            if files.iter().all(|file| file != gone) {
                // Or it never was written.
                let _ = fs::remove_file(self.tree().join(gone));
            }
        }
        fs::write(&manifest, files.join("\n"))
            .with_context(|| format!("cannot write {}", manifest.display()))?;
        for file in &files {
            let from = workspace::root().join(file);
            let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            write_if_other(&self.tree().join(file), &bytes)?;
        }
        Ok(())
    }

    /// Makes the mistake.
    pub fn mutate(&self, mutation: &Mutation) -> Result<()> {
        let path = self.tree().join(&mutation.file);
        let source = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        write_if_other(&path, mutation.apply(&source)?.as_bytes())
    }

    /// Builds what runs worlds. Of what mutations change, building takes longer than running: few worlds are run. Most
    /// of a world's time is the cluster's, and few mutations change that.
    pub fn build(&self) -> Command {
        let mut command = workspace::cargo();
        command
            .current_dir(self.tree())
            .args(["build", "--release", "--package", "ottla-tests", "--bin", BINARY])
            .args(["--config", "profile.release.opt-level = 0"])
            .args(["--config", "profile.release.package.'*'.opt-level = 1"])
            .args(["--config", "profile.release.package.ottla-protocol.opt-level = 1"])
            .args(["--config", "profile.release.package.ottla-testbroker.opt-level = 1"])
            .args(["--config", "profile.release.debug = false"])
            .args(["--config", "profile.release.incremental = true"])
            .env("CARGO_TARGET_DIR", self.folder.join("build"))
            // Whoever asked for builds that are not incremental did not mean these.
            .env("CARGO_INCREMENTAL", "1")
            // What a mutation no longer uses is no concern.
            .env("RUSTFLAGS", "-Awarnings");
        command
    }

    /// Runs worlds with what was built last.
    pub fn judge(&self) -> Command {
        Command::new(self.built())
    }

    /// Where the output about a mutation goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn built(&self) -> PathBuf {
        self.folder.join("build/release").join(BINARY)
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }
}

/// Every file that belongs to the workspace, new ones included.
fn sources() -> Result<Vec<String>> {
    let output = Command::new("git")
        .current_dir(workspace::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .output()
        .context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    let is_there = |file: &&str| workspace::root().join(file).is_file();
    Ok(text.lines().filter(is_there).map(str::to_owned).collect())
}

fn write_if_other(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
