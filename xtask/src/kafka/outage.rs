//! One node of a running cluster that dies and comes back: killed without a word, and started again on the same ports
//! and logs. Not a clean restart, and not a wait until its replicas have caught up.
//!
//! The cluster's own lock is not taken: a run that started a cluster for its tests holds that, and the tests do this.

use super::layout::ClusterFolder;
use super::lock::Lock;
use super::metadata_probe::known_brokers;
use super::node::{self, Runtime};
use super::state::{Cluster, Node};
use crate::interrupt;
use crate::process::{self, Identity, TICK};
use anyhow::{Context, Result, bail};
use std::process::Child;
use std::time::{Duration, Instant};

/// A node that died is let in again when its session is over, after 6 s; the rest is a JVM's start on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// Kills a node that runs, and waits until it is gone. Which process it was.
pub fn kill(folder: &ClusterFolder, node_id: u16) -> Result<Identity> {
    let (cluster, _) = find(folder, node_id)?;
    let _lock = Lock::of_node(&folder.node(node_id))?;
    let process = node::recorded(&folder.node(node_id)).filter(Identity::runs);
    let Some(process) = process else { bail!("node {node_id} of cluster {} does not run", cluster.name) };
    process::kill(std::slice::from_ref(&process))?;
    Ok(process)
}

/// Starts a node that does not run, and waits until it serves: it answers and lists itself as a live broker.
pub fn start(folder: &ClusterFolder, node_id: u16) -> Result<Node> {
    let (cluster, node) = find(folder, node_id)?;
    let _lock = Lock::of_node(&folder.node(node_id))?;
    if node::recorded(&folder.node(node_id)).is_some_and(|process| process.runs()) {
        bail!("node {node_id} of cluster {} runs already", cluster.name);
    }
    let (_, _, logging_argument) = cluster.release.logging(folder.path());
    let runtime = Runtime { libs: cluster.release.libs()?, logging_argument };
    let mut child = node::start(&cluster, &node, folder, &runtime)?;
    wait_until_ready(folder, &node, &mut child)?;
    Ok(node)
}

fn find(folder: &ClusterFolder, node_id: u16) -> Result<(Cluster, Node)> {
    let path = folder.path().display();
    let cluster = Cluster::load(folder)?.with_context(|| format!("no cluster is up in {path}"))?;
    let node = cluster.nodes.iter().find(|node| node.node_id == node_id).copied();
    let node = node.with_context(|| format!("cluster {} has no node {node_id}", cluster.name))?;
    Ok((cluster, node))
}

fn wait_until_ready(folder: &ClusterFolder, node: &Node, child: &mut Child) -> Result<()> {
    let (node_id, log) = (node.node_id, folder.node(node.node_id).log());
    let deadline = Instant::now() + READY_LIMIT;
    while !known_brokers(node.port).is_ok_and(|known| known.contains(&i32::from(node_id))) {
        interrupt::check()?;
        if let Some(status) = child.try_wait().context("cannot look at a broker")? {
            bail!("node {node_id} ended while starting ({status})\n{}", node::explain(&log));
        }
        if Instant::now() >= deadline {
            let limit = READY_LIMIT.as_secs();
            bail!("node {node_id} is not ready after {limit} s\n{}", node::explain(&log));
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}
