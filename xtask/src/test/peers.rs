//! The other clients that ottla is compared with: where they are. Java's come with the broker's jars.

use crate::kafka::Temporary;
use crate::npm;
use anyhow::Result;
use std::process::Command;

/// The packages of `tests/kafkajs/package-lock.json`.
const KAFKAJS: &str = "tests/kafkajs";

/// A client that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// librdkafka.
    Kcat,
    /// On Node.
    KafkaJs,
}

/// What there is.
pub struct Peers {
    /// Variables that the tests read.
    pub environment: Vec<(&'static str, String)>,
    /// What there is not, and how to get it.
    pub missing: Vec<(Peer, String)>,
}

impl Peers {
    /// Looks for all of them, and fetches what is to be fetched.
    pub fn find(cluster: &Temporary) -> Result<Peers> {
        let libs = cluster.libs()?.display().to_string();
        let mut peers = Peers { environment: vec![("OTTLA_TEST_JAVA_LIBS", libs)], missing: Vec::new() };
        if !runs("kcat", "-V") {
            let reason = "kcat not found: install it (Debian: apt-get install kcat)";
            peers.missing.push((Peer::Kcat, reason.into()));
        }
        let tools: Vec<_> = ["node", "npm"].into_iter().filter(|tool| !runs(tool, "--version")).collect();
        let modules = match tools.is_empty() {
            true => npm::modules(KAFKAJS).map_err(|error| format!("{error:#}")),
            false => Err(format!("{} not found: install Node 14 or later with npm", tools.join(" and "))),
        };
        match modules {
            Ok(path) => peers.environment.push(("OTTLA_TEST_NODE_MODULES", path.display().to_string())),
            Err(reason) => peers.missing.push((Peer::KafkaJs, reason)),
        }
        Ok(peers)
    }
}

fn runs(tool: &str, argument: &str) -> bool {
    Command::new(tool).arg(argument).output().is_ok_and(|output| output.status.success())
}
