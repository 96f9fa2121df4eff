//! ZooKeeper, for the releases whose brokers need it: one server on loopback, from the jars that came with the
//! broker's.

use super::companion::CompanionFolder;
use super::node::Runtime;
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;

/// Writes its configuration; the command that runs it in the foreground.
pub fn command(folder: &CompanionFolder, port: u16, runtime: &Runtime) -> Result<Command> {
    let config = folder.config();
    let text = format!(
        "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n",
        folder.data().display()
    );
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    let mut command =
        runtime.java(&["-Xmx128m", "-XX:+UseSerialGC"], "org.apache.zookeeper.server.quorum.QuorumPeerMain");
    command.arg(config);
    Ok(command)
}
