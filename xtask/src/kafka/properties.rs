//! A node's `server.properties` on loopback, sized for tests: KRaft combined mode, or with ZooKeeper. Only what differs from Kafka's
//! defaults, and why.

use super::companion::Kind;
use super::layout::ClusterFolder;
use super::security;
use super::state::{Cluster, Node};
use std::fmt::Write;

/// Internal topics get few partitions: each costs every broker a log, and tests have a handful of groups.
const INTERNAL_TOPIC_PARTITIONS: usize = 6;

/// The text of one node's `server.properties`.
pub fn server_properties(cluster: &Cluster, node: &Node, folder: &ClusterFolder) -> String {
    let mut text = String::new();
    identity(&mut text, cluster, node);
    listeners(&mut text, cluster, node);
    replication(&mut text, cluster);
    if cluster.nodes.len() > 1 {
        failures(&mut text, node);
    }
    sizes(&mut text);
    line(&mut text, "log.dirs", folder.node(node.node_id).data().display());
    for (key, value) in security::properties(cluster, &folder.security()) {
        line(&mut text, &key, value);
    }
    text
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    writeln!(text, "{key}={value}").expect("a string takes any text");
}

fn identity(text: &mut String, cluster: &Cluster, node: &Node) {
    if let Some(port) = cluster.companion_port(Kind::ZooKeeper) {
        line(text, "broker.id", node.node_id);
        line(text, "zookeeper.connect", format!("127.0.0.1:{port}"));
        return;
    }
    let voter = |node: &Node| format!("{}@127.0.0.1:{}", node.node_id, node.controller_port);
    let voters: Vec<_> = cluster.nodes.iter().map(voter).collect();
    line(text, "process.roles", "broker,controller");
    line(text, "node.id", node.node_id);
    line(text, "controller.quorum.voters", voters.join(","));
}

fn listeners(text: &mut String, cluster: &Cluster, node: &Node) {
    let plaintext = format!("PLAINTEXT://127.0.0.1:{}", node.port);
    let (mut bound, mut advertised) = (vec![plaintext.clone()], vec![plaintext]);
    let mut protocols = vec!["PLAINTEXT:PLAINTEXT".to_owned()];
    if !cluster.release.needs_zookeeper() {
        bound.push(format!("CONTROLLER://127.0.0.1:{}", node.controller_port));
        protocols.push("CONTROLLER:PLAINTEXT".into());
        line(text, "controller.listener.names", "CONTROLLER");
    }
    for endpoint in &cluster.listeners {
        let (name, port) = (endpoint.listener.kafka_name(), endpoint.port);
        bound.push(format!("{name}://127.0.0.1:{port}"));
        // By name, so that a client's check of host names is tested and not turned off.
        advertised.push(format!("{name}://localhost:{port}"));
        protocols.push(format!("{name}:{}", endpoint.listener.protocol));
    }
    line(text, "listeners", bound.join(","));
    line(text, "advertised.listeners", advertised.join(","));
    line(text, "listener.security.protocol.map", protocols.join(","));
    line(text, "inter.broker.listener.name", "PLAINTEXT");
}

fn replication(text: &mut String, cluster: &Cluster) {
    let replicas = cluster.nodes.len().min(3);
    let in_sync = if replicas == 3 { 2 } else { 1 };
    line(text, "default.replication.factor", replicas);
    line(text, "min.insync.replicas", in_sync);
    line(text, "offsets.topic.replication.factor", replicas);
    line(text, "offsets.topic.num.partitions", INTERNAL_TOPIC_PARTITIONS);
    let mut internal = vec!["transaction.state.log"];
    if cluster.release.has_share_groups() {
        internal.push("share.coordinator.state.topic");
    }
    for topic in internal {
        line(text, &format!("{topic}.replication.factor"), replicas);
        line(text, &format!("{topic}.min.isr"), in_sync);
        line(text, &format!("{topic}.num.partitions"), INTERNAL_TOPIC_PARTITIONS);
    }
}

/// What a test that kills a node waits for, and fetching from followers.
fn failures(text: &mut String, node: &Node) {
    line(text, "broker.session.timeout.ms", 6000);
    line(text, "broker.heartbeat.interval.ms", 1000);
    line(text, "replica.lag.time.max.ms", 10000);
    // The default, named because what those tests expect hangs on it.
    line(text, "unclean.leader.election.enable", false);
    line(text, "broker.rack", format!("rack{}", node.node_id));
    line(text, "replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector");
}

fn sizes(text: &mut String) {
    // The default of 3 s is spent in every test that forms a group.
    line(text, "group.initial.rebalance.delay.ms", 0);
    // The default takes 128 MiB of a small heap.
    line(text, "log.cleaner.dedupe.buffer.size", 10_485_760);
    line(text, "log.cleaner.threads", 1);
    line(text, "num.network.threads", 2);
    line(text, "num.io.threads", 4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::companion::Companion;
    use std::path::Path;

    fn properties(release: &str, nodes: u16) -> String {
        let node = |node_id| Node { node_id, port: 9000 + node_id, controller_port: 9100 + node_id };
        let mut cluster = Cluster {
            name: "default".into(),
            release: release.parse().expect("a release"),
            cluster_id: "0123456789abcdef01234A".into(),
            nodes: (1..=nodes).map(node).collect(),
            listeners: Vec::new(),
            companions: Vec::new(),
        };
        if cluster.release.needs_zookeeper() {
            cluster.companions.push(Companion { kind: Kind::ZooKeeper, port: 2181 });
        }
        let folder = ClusterFolder::new(Path::new("/target"), "default");
        server_properties(&cluster, &cluster.nodes[0], &folder)
    }

    #[track_caller]
    fn check(text: &str, wanted: &[&str]) {
        for line in wanted {
            assert!(text.lines().any(|found| found == *line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn one_node_keeps_one_replica_of_everything() {
        let text = properties("4.3.0", 1);
        check(
            &text,
            &["controller.quorum.voters=1@127.0.0.1:9101", "log.dirs=/target/kafka/default/node-1/data"],
        );
        check(&text, &["offsets.topic.replication.factor=1", "share.coordinator.state.topic.min.isr=1"]);
        check(&text, &["min.insync.replicas=1", "group.initial.rebalance.delay.ms=0"]);
    }

    #[test]
    fn three_nodes_keep_three_replicas_of_which_two_must_be_in_sync() {
        let text = properties("4.3.0", 3);
        check(&text, &["controller.quorum.voters=1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"]);
        check(&text, &["default.replication.factor=3", "min.insync.replicas=2", "broker.rack=rack1"]);
        check(&text, &["offsets.topic.replication.factor=3", "unclean.leader.election.enable=false"]);
        check(&text, &["transaction.state.log.replication.factor=3", "transaction.state.log.min.isr=2"]);
    }

    #[test]
    fn a_release_without_share_groups_is_not_told_of_them() {
        assert!(!properties("3.9.1", 1).contains("share."));
    }

    #[test]
    fn a_release_with_zookeeper_has_no_controllers() {
        let text = properties("2.1.1", 1);
        check(&text, &["broker.id=1", "zookeeper.connect=127.0.0.1:2181"]);
        check(&text, &["listeners=PLAINTEXT://127.0.0.1:9001"]);
        assert!(!text.contains("CONTROLLER") && !text.contains("process.roles"), "{text}");
    }

    #[test]
    fn topics_are_created_on_first_use_as_by_default() {
        assert!(!properties("4.3.0", 3).contains("auto.create.topics.enable"));
    }
}
