//! What the rules look at: the workspace's files, its packages and their trees, read once.

use super::packages::{self, Package, Packages, Tree};
use super::source::SourceFile;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The workspace at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Every file that git has or would take, generated ones included.
    pub files: Vec<SourceFile>,
    /// Every package.
    pub packages: Packages,
    /// The trees that the table speaks about.
    pub trees: Vec<Tree>,
}

impl Snapshot {
    /// Reads the workspace.
    pub fn of_workspace() -> Result<Snapshot> {
        let root = workspace::root();
        let paths = listed(&root)?;
        let files = paths.iter().filter_map(|path| read(&root, path).transpose());
        Ok(Snapshot {
            files: files.collect::<Result<_>>()?,
            packages: packages::packages()?,
            trees: packages::trees()?,
        })
    }

    /// The files that people wrote in Rust.
    pub fn written_rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust() && !file.is_generated())
    }

    /// The workspace's own packages with their manifests' paths.
    pub fn members(&self) -> impl Iterator<Item = (&Package, &str)> {
        self.packages.values().filter_map(|package| Some((package, package.manifest.as_deref()?)))
    }

    /// The line of a manifest that names a dependency; the first one where none does.
    pub fn dependency_line(&self, manifest: &str, dependency: &str) -> usize {
        let file = self.files.iter().find(|file| file.path == manifest);
        let entries = file.map(|file| super::manifest::dependencies(&file.text)).unwrap_or_default();
        entries.iter().find(|entry| entry.name == dependency).map_or(1, |entry| entry.line)
    }
}

/// Files that are not committed yet count too: the rules are for before the commit.
fn listed(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = command.output().context("cannot run git, which lists the files")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    let mut paths: Vec<_> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Nothing for a file that was deleted but not yet taken out of git.
fn read(root: &Path, path: &str) -> Result<Option<SourceFile>> {
    let full = root.join(path);
    let Ok(metadata) = fs::symlink_metadata(&full) else { return Ok(None) };
    let text = if SourceFile::has_text(path) {
        fs::read_to_string(&full).with_context(|| format!("cannot read {path}"))?
    } else {
        String::new()
    };
    SourceFile::new(path, metadata.len(), text).map(Some)
}

#[cfg(test)]
impl Snapshot {
    /// A snapshot of files that are not there.
    pub fn sample(files: &[(&str, &str)]) -> Snapshot {
        let file = |(path, text): &(&str, &str)| {
            SourceFile::new(path, text.len() as u64, (*text).to_owned()).expect("the sample is Rust")
        };
        Snapshot { files: files.iter().map(file).collect(), ..Snapshot::default() }
    }

    /// The violations that a rule finds in one sample file, as `line: message`.
    pub fn violations(
        rule: fn(&Snapshot) -> Vec<super::violation::Violation>,
        path: &str,
        text: &str,
    ) -> Vec<String> {
        let found = rule(&Snapshot::sample(&[(path, text)]));
        found.iter().map(|violation| format!("{}: {}", violation.line, violation.message)).collect()
    }
}
