//! One node's process: its folder, its formatted storage, its JVM. A node does not know when its cluster is ready.

use super::layout::{ClusterFolder, NodeFolder};
use super::properties::server_properties;
use super::state::{Cluster, Node};
use super::{log_tail, security};
use crate::process::{self, Identity};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// Formatting takes a second or two on an idle machine.
const FORMAT_LIMIT: Duration = Duration::from_secs(60);

/// Where a release's jars are, and how its log is set up: the same for every node of a cluster.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// The folder of jars.
    pub libs: PathBuf,
    /// The JVM argument that names the logging configuration.
    pub logging_argument: String,
}

impl Runtime {
    /// A command that runs one of the classes.
    pub fn java(&self, arguments: &[&str], main_class: &str) -> Command {
        let mut class_path = OsString::from(&self.libs);
        class_path.push("/*");
        let mut command = Command::new("java");
        command.args(arguments).arg(&self.logging_argument).arg("-cp").arg(class_path).arg(main_class);
        command
    }
}

/// Writes a node's configuration into a folder of its own and formats its storage, where the release wants that.
pub fn prepare(
    cluster: &Cluster,
    node: &Node,
    cluster_folder: &ClusterFolder,
    runtime: &Runtime,
) -> Result<()> {
    let folder = cluster_folder.node(node.node_id);
    let properties = folder.properties();
    let text = server_properties(cluster, node, cluster_folder);
    fs::create_dir_all(folder.path())
        .and_then(|()| fs::write(&properties, text))
        .with_context(|| format!("cannot write {}", properties.display()))?;
    if cluster.release.needs_zookeeper() {
        return Ok(());
    }
    let mut format = runtime.java(&["-Xmx128m", "-XX:TieredStopAtLevel=1"], "kafka.tools.StorageTool");
    format.args(["format", "-t", &cluster.cluster_id, "-c"]).arg(&properties);
    format.args(security::format_arguments(cluster));
    let log = folder.format_log();
    let status = process::run(&mut format, &log, FORMAT_LIMIT)
        .with_context(|| format!("cannot format the storage of node {}", node.node_id))?;
    if !status.success() {
        bail!("cannot format the storage of node {}\n{}", node.node_id, explain(&log));
    }
    Ok(())
}

/// Starts a prepared node in the background, for the first time or again: what it prints goes behind what it printed.
pub fn start(cluster: &Cluster, node: &Node, folder: &ClusterFolder, runtime: &Runtime) -> Result<Child> {
    let secured = security::jvm_arguments(&folder.security(), cluster);
    let folder = folder.node(node.node_id);
    let mut arguments = vec!["-Xmx512m", "-XX:+UseSerialGC"];
    arguments.extend(secured.iter().map(String::as_str));
    let mut broker = runtime.java(&arguments, "kafka.Kafka");
    let mut child = process::spawn_again(broker.arg(folder.properties()), &folder.log())?;
    if let Err(error) = fs::write(folder.pid(), format!("{}\n", child.id())) {
        // Nobody could find it again.
        child.kill().and_then(|()| child.wait()).context("cannot end a broker")?;
        return Err(error).with_context(|| format!("cannot write {}", folder.pid().display()));
    }
    Ok(child)
}

/// The node's process as its pid file names it, alive or not.
pub fn recorded(folder: &NodeFolder) -> Option<Identity> {
    let pid = fs::read_to_string(folder.pid()).ok()?.trim().parse().ok()?;
    Some(Identity { pid, argument: folder.properties() })
}

/// What a log says about a failure, and where it is.
pub fn explain(log: &Path) -> String {
    format!("{}\n  log: {}", log_tail::last_lines(log), log.display())
}
