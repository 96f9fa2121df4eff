//! Where a cluster's files are: `<target>/kafka/<name>/`. Only paths; nothing here reads or writes.

use super::security::SecurityFolder;
use std::path::{Path, PathBuf};

/// A cluster's folder.
#[derive(Clone, Debug)]
pub struct ClusterFolder {
    path: PathBuf,
}

impl ClusterFolder {
    /// The folder of the cluster called `name`.
    pub fn new(target: &Path, name: &str) -> ClusterFolder {
        ClusterFolder { path: target.join("kafka").join(name) }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was started, as JSON.
    pub fn state(&self) -> PathBuf {
        self.path.join("cluster.json")
    }

    /// What clients of a secured cluster must know, as JSON.
    pub fn security_state(&self) -> PathBuf {
        self.path.join("security.json")
    }

    /// Certificates, tokens and tickets of a secured cluster.
    pub fn security(&self) -> SecurityFolder {
        SecurityFolder::new(&self.path)
    }

    /// Held by whoever changes the cluster.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The folder of one node.
    pub fn node(&self, node_id: u16) -> NodeFolder {
        NodeFolder { path: self.path.join(format!("node-{node_id}")) }
    }
}

/// A node's folder inside its cluster's.
#[derive(Clone, Debug)]
pub struct NodeFolder {
    path: PathBuf,
}

impl NodeFolder {
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The broker's configuration; its absolute path is also what a broker's process is recognised by.
    pub fn properties(&self) -> PathBuf {
        self.path.join("server.properties")
    }

    /// The broker's `log.dirs`.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// What the broker printed.
    pub fn log(&self) -> PathBuf {
        self.path.join("broker.log")
    }

    /// What formatting the data folder printed.
    pub fn format_log(&self) -> PathBuf {
        self.path.join("format.log")
    }

    /// Held by whoever kills the node or starts it again.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The broker's process id.
    pub fn pid(&self) -> PathBuf {
        self.path.join("pid")
    }
}
