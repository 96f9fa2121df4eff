//! What runs of a cluster: its nodes' processes. Whether a live broker also serves is not asked here.

use super::layout::ClusterFolder;
use super::node;
use super::state::{Cluster, Node};
use anyhow::Result;
use std::fmt;

/// A cluster and which of its nodes live.
#[derive(Debug)]
pub struct Status {
    /// What was started.
    pub cluster: Cluster,
    folder: ClusterFolder,
}

/// What runs in a folder; nothing where no cluster was started, or it was taken down.
pub fn status(folder: &ClusterFolder) -> Result<Option<Status>> {
    Ok(Cluster::load(folder)?.map(|cluster| Status { cluster, folder: folder.clone() }))
}

impl Status {
    /// The nodes whose process has ended.
    pub fn dead(&self) -> impl Iterator<Item = &Node> {
        self.cluster.nodes.iter().filter(|node| !self.alive(node))
    }

    /// Whether some node lives.
    pub fn any_alive(&self) -> bool {
        self.cluster.nodes.iter().any(|node| self.alive(node))
    }

    fn alive(&self, node: &Node) -> bool {
        node::recorded(&self.folder.node(node.node_id)).is_some_and(|process| process.runs())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cluster {}: Kafka {}", self.cluster.name, self.cluster.release)?;
        for node in &self.cluster.nodes {
            let folder = self.folder.node(node.node_id);
            let pid =
                node::recorded(&folder).map_or_else(|| "?".to_owned(), |process| process.pid.to_string());
            let state = if self.alive(node) { "alive" } else { "dead" };
            let (node_id, port) = (node.node_id, node.port);
            let log = folder.log();
            writeln!(f, "node {node_id}: {state}, 127.0.0.1:{port}, pid {pid}, log {}", log.display())?;
        }
        Ok(())
    }
}
