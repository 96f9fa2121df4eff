//! The nodes of the cluster that `cargo xtask` started: killed and started again by its commands, and asked over sockets of
//! our own, not by the client under test, how their replicas do.

use super::killer::Nodes;
use crate::broker::{PartitionState, partition_states};
use crate::real_kafka::required;
use std::process::Command;

/// A cluster of three.
#[derive(Clone, Debug)]
pub struct RealNodes {
    xtask: String,
    name: String,
    bootstrap_servers: String,
    topic: String,
}

impl RealNodes {
    /// The one whose nodes may be killed, for a topic on it.
    #[must_use]
    pub fn of_environment(topic: &str) -> Self {
        Self {
            xtask: required("OTTLA_TEST_XTASK"),
            name: required("OTTLA_TEST_KAFKA_CHAOS_NAME"),
            bootstrap_servers: required("OTTLA_TEST_KAFKA_CHAOS"),
            topic: topic.to_owned(),
        }
    }

    fn run(&self, what: &str, node: usize) -> Result<(), String> {
        let mut command = Command::new(&self.xtask);
        command.args(["kafka", what, "--name", &self.name, "--node", &node.to_string()]);
        let output = command.output().map_err(|error| format!("cannot run {}: {error}", self.xtask))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// What each node says of the topic's partitions; `None` for one that says nothing.
    fn views(&self) -> impl Iterator<Item = Option<Vec<PartitionState>>> {
        let addresses = self.bootstrap_servers.split(',');
        addresses.map(|address| partition_states(address, &self.topic).ok())
    }
}

impl Nodes for RealNodes {
    fn count(&self) -> usize {
        self.bootstrap_servers.split(',').count()
    }

    fn kill(&mut self, node: usize) -> Result<(), String> {
        self.run("kill", node)
    }

    fn start(&mut self, node: usize) -> Result<(), String> {
        self.run("start", node)
    }

    fn leaders(&mut self) -> Vec<usize> {
        let view = self.views().flatten().next().unwrap_or_default();
        view.iter().filter_map(|partition| usize::try_from(partition.leader).ok()).collect()
    }

    /// By the word of each: a node that has just come back says of itself what was before.
    fn are_in_sync(&mut self) -> bool {
        let count = self.count();
        let is_full = |state: &PartitionState| state.leader >= 0 && state.in_sync.len() == count;
        self.views().all(|view| view.is_some_and(|states| !states.is_empty() && states.iter().all(is_full)))
    }
}
