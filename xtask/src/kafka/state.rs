//! What a started cluster is: its release, nodes and ports, kept as one JSON file that does not change while the
//! cluster lives. Process ids are not in it: a node that is started again gets a new one.

use super::companion::{Companion, Kind};
use super::layout::ClusterFolder;
use super::release::Release;
use super::security::Listener;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;

/// A cluster that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The name it was started under.
    pub name: String,
    /// What its brokers run.
    pub release: Release,
    /// Its KRaft cluster id.
    pub cluster_id: String,
    /// Its nodes, each broker and, but for old releases, controller.
    pub nodes: Vec<Node>,
    /// The ways into its first node beside the plaintext one.
    pub listeners: Vec<Endpoint>,
    /// What runs beside its nodes.
    pub companions: Vec<Companion>,
}

/// A listener of a secured broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is.
    pub listener: &'static Listener,
    /// Its port.
    pub port: u16,
}

impl Endpoint {
    /// What clients take as `bootstrap.servers`: by name, which certificates and tickets are about.
    pub fn bootstrap_servers(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

/// One node of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// `node.id`, from 1.
    pub node_id: u16,
    /// The port that clients use.
    pub port: u16,
    /// The port of its controller, which nothing uses in a release with ZooKeeper.
    pub controller_port: u16,
}

impl Cluster {
    /// What clients take as `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        addresses.join(",")
    }

    /// Where a companion listens, if there is one of that kind.
    pub fn companion_port(&self, kind: Kind) -> Option<u16> {
        self.companions.iter().find(|companion| companion.kind == kind).map(|companion| companion.port)
    }

    /// Writes the state file.
    pub fn save(&self, folder: &ClusterFolder) -> Result<()> {
        let path = folder.state();
        let mut text = serde_json::to_string_pretty(&self.to_json()).context("state is no JSON")?;
        text.push('\n');
        // By a rename, so that a reader never sees half of it.
        let partial = path.with_extension("json.partial");
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads the state file; nothing where there is none.
    pub fn load(folder: &ClusterFolder) -> Result<Option<Cluster>> {
        let path = folder.state();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        serde_json::from_str(&text).ok().and_then(|value| Cluster::from_json(&value)).map(Some).with_context(
            || format!("not a cluster's state: {}: end its brokers and delete it", path.display()),
        )
    }

    fn to_json(&self) -> Value {
        let node = |node: &Node| json!({"node_id": node.node_id, "port": node.port, "controller_port": node.controller_port});
        let endpoint = |endpoint: &Endpoint| json!({"name": endpoint.listener.name, "port": endpoint.port});
        let companion = |it: &Companion| json!({"name": it.kind.name(), "port": it.port});
        json!({
            "name": self.name,
            "version": self.release.to_string(),
            "cluster_id": self.cluster_id,
            "bootstrap_servers": self.bootstrap_servers(),
            "nodes": self.nodes.iter().map(node).collect::<Vec<_>>(),
            "listeners": self.listeners.iter().map(endpoint).collect::<Vec<_>>(),
            "companions": self.companions.iter().map(companion).collect::<Vec<_>>(),
        })
    }

    fn from_json(value: &Value) -> Option<Cluster> {
        let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
        let node = |value: &Value| {
            Some(Node {
                node_id: number(&value["node_id"])?,
                port: number(&value["port"])?,
                controller_port: number(&value["controller_port"])?,
            })
        };
        let endpoint = |value: &Value| {
            let listener = Listener::named(value["name"].as_str()?)?;
            Some(Endpoint { listener, port: number(&value["port"])? })
        };
        let companion = |value: &Value| {
            let kind = Kind::named(value["name"].as_str()?)?;
            Some(Companion { kind, port: number(&value["port"])? })
        };
        Some(Cluster {
            name: value["name"].as_str()?.to_owned(),
            release: value["version"].as_str()?.parse().ok()?,
            cluster_id: value["cluster_id"].as_str()?.to_owned(),
            nodes: value["nodes"].as_array()?.iter().map(node).collect::<Option<_>>()?,
            listeners: value["listeners"].as_array()?.iter().map(endpoint).collect::<Option<_>>()?,
            companions: value["companions"].as_array()?.iter().map(companion).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_json() {
        let node = |node_id, port| Node { node_id, port, controller_port: port + 1 };
        let cluster = Cluster {
            name: "default".into(),
            release: "4.3.0".parse().expect("a release"),
            cluster_id: "0123456789abcdef01234A".into(),
            nodes: vec![node(1, 9092), node(2, 9094)],
            listeners: vec![Endpoint { listener: Listener::named("mtls").expect("a row"), port: 9100 }],
            companions: vec![Companion { kind: Kind::TokenServer, port: 9200 }],
        };
        assert_eq!(Cluster::from_json(&cluster.to_json()), Some(cluster.clone()));
        assert_eq!(cluster.bootstrap_servers(), "127.0.0.1:9092,127.0.0.1:9094");
    }
}
