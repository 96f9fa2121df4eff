//! A cluster that lives as long as a value does: for commands that need one while they run.

use super::layout::ClusterFolder;
use super::lock::Lock;
use super::release::Release;
use super::security::{self, Listener};
use super::state::Cluster;
use super::{down, up};
use crate::workspace;
use anyhow::Result;
use std::path::PathBuf;

/// A running cluster; dropping it ends its brokers and keeps their logs.
pub struct Temporary {
    cluster: Cluster,
    folder: ClusterFolder,
    lock: Lock,
}

impl Temporary {
    /// Starts a new cluster of the pinned release. A cluster of that name which a killed run left behind is
    /// ended first; one that a living run uses is an error.
    pub fn up(name: &str, nodes: u16) -> Result<Temporary> {
        Self::start(name, nodes, Release::pinned()?, Vec::new())
    }

    /// The same with one node of another release.
    pub fn of_release(name: &str, version: &str) -> Result<Temporary> {
        Self::start(name, 1, version.parse()?, Vec::new())
    }

    /// The same with one node and every way into it that can be had here; also says why some cannot.
    pub fn secured(name: &str) -> Result<(Temporary, Option<String>)> {
        let (listeners, missing) = security::available(&security::every_listener());
        Ok((Self::start(name, 1, Release::pinned()?, listeners)?, missing))
    }

    fn start(
        name: &str,
        nodes: u16,
        release: Release,
        listeners: Vec<&'static Listener>,
    ) -> Result<Temporary> {
        let folder = ClusterFolder::new(&workspace::target_directory()?, name);
        let lock = Lock::take(&folder)?;
        down::down(&folder, &lock)?;
        let wanted = up::Wanted { name: name.to_owned(), nodes, release, port: None, listeners };
        let cluster = up::up(&folder, &lock, &wanted)?;
        Ok(Temporary { cluster, folder, lock })
    }

    /// What clients take as `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// What commands that are about one of its nodes take as `--name`.
    pub fn name(&self) -> &str {
        &self.cluster.name
    }

    /// What clients must know of its other listeners, as JSON.
    pub fn security_file(&self) -> PathBuf {
        self.folder.security_state()
    }

    /// The folder of its release's jars, with the console clients.
    pub fn libs(&self) -> Result<PathBuf> {
        self.cluster.release.libs()
    }

    /// Where its brokers' logs are.
    pub fn logs(&self) -> std::path::Display<'_> {
        self.folder.path().display()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = down::down(&self.folder, &self.lock) {
            eprintln!("error: cannot end cluster {}: {error:#}", self.cluster.name);
        }
    }
}
