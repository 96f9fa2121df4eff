//! What runs of a cluster: its nodes' processes and those beside them. Whether a live broker also serves is not asked here.

use super::companion::{self, Companion};
use super::layout::ClusterFolder;
use super::node;
use super::security::Description;
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

    /// What runs beside the nodes and has ended.
    pub fn dead_companions(&self) -> impl Iterator<Item = &Companion> {
        self.cluster.companions.iter().filter(|companion| !self.accompanied(companion))
    }

    /// Whether some process lives.
    pub fn any_alive(&self) -> bool {
        self.cluster.nodes.iter().any(|node| self.alive(node))
            || self.cluster.companions.iter().any(|companion| self.accompanied(companion))
    }

    fn accompanied(&self, companion: &Companion) -> bool {
        companion::recorded(&self.folder, companion.kind).is_some_and(|process| process.runs())
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
        for it in &self.cluster.companions {
            let pid = companion::recorded(&self.folder, it.kind)
                .map_or_else(|| "?".to_owned(), |process| process.pid.to_string());
            let state = if self.accompanied(it) { "alive" } else { "dead" };
            writeln!(f, "{}: {state}, 127.0.0.1:{}, pid {pid}", it.kind.name(), it.port)?;
        }
        write!(f, "{}", Description::new(&self.cluster, &self.folder))
    }
}
