//! A cluster that lives as long as a value does: for commands that need one while they run.

use super::layout::ClusterFolder;
use super::lock::Lock;
use super::release::Release;
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
        let folder = ClusterFolder::new(&workspace::target_directory()?, name);
        let lock = Lock::take(&folder)?;
        down::down(&folder, &lock)?;
        let wanted = up::Wanted {
            name: name.to_owned(),
            nodes,
            release: Release::pinned()?,
            port: None,
            listeners: Vec::new(),
        };
        let cluster = up::up(&folder, &lock, &wanted)?;
        Ok(Temporary { cluster, folder, lock })
    }

    /// What clients take as `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
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
