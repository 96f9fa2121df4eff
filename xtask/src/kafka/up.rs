//! Starting a cluster and waiting until it serves. Either every node runs afterwards, or none does.

use super::companion::{self, Companion, Kind};
use super::layout::ClusterFolder;
use super::lock::Lock;
use super::metadata_probe::known_brokers;
use super::node::{self, Runtime};
use super::ports::Held;
use super::release::Release;
use super::security::{self, Description, Listener};
use super::state::{Cluster, Endpoint, Node};
use super::{down, status};
use crate::process::{self, Identity, TICK};
use crate::{interrupt, maven};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

/// Three nodes need 6 s on an idle machine with two cores.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// A broker that is still starting does not always hear TERM.
const FAILED_GRACE: Duration = Duration::from_secs(3);

/// How often a start is tried again because someone took a port between finding and using it.
const PORT_ATTEMPTS: u32 = 3;

/// What to start.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The cluster's name, which is also its folder's.
    pub name: String,
    /// How many nodes, each broker and controller.
    pub nodes: u16,
    /// Which Kafka.
    pub release: Release,
    /// The first broker's port, the others following; free ones where there is none.
    pub port: Option<u16>,
    /// Listeners beside the plaintext one.
    pub listeners: Vec<&'static Listener>,
}

/// Starts a cluster, or finds it running already.
pub fn up(folder: &ClusterFolder, _lock: &Lock, wanted: &Wanted) -> Result<Cluster> {
    if let Some(running) = running(folder, wanted)? {
        return Ok(running);
    }
    if !wanted.listeners.is_empty() && (wanted.nodes > 1 || !wanted.release.can_be_secured()) {
        bail!("only one node can have more listeners than the plaintext one, and of Kafka 4.1 or later");
    }
    if let Some(missing) = maven::missing(&["java"]) {
        bail!("{missing}");
    }
    let libs = wanted.release.libs()?;
    interrupt::check()?;
    down::remove_leftovers(folder)?;
    let (logging_path, logging, logging_argument) = wanted.release.logging(folder.path());
    fs::write(&logging_path, logging).with_context(|| format!("cannot write {}", logging_path.display()))?;
    let runtime = Runtime { libs, logging_argument };
    for attempt in 1.. {
        match start(folder, wanted, &runtime) {
            Err(error) if attempt < PORT_ATTEMPTS && lost_a_port(&error) => {}
            result => return result,
        }
    }
    unreachable!("the last attempt returns")
}

/// The cluster that runs already, if it is the wanted one.
fn running(folder: &ClusterFolder, wanted: &Wanted) -> Result<Option<Cluster>> {
    let Some(status) = status::status(folder)?.filter(|status| status.any_alive()) else {
        return Ok(None);
    };
    let cluster = &status.cluster;
    let mut differs = Vec::new();
    if cluster.nodes.len() != usize::from(wanted.nodes) {
        differs.push(format!("it has {} nodes, not {}", cluster.nodes.len(), wanted.nodes));
    }
    if cluster.release != wanted.release {
        differs.push(format!("it is {}, not {}", cluster.release, wanted.release));
    }
    if let (Some(port), Some(first)) = (wanted.port, cluster.nodes.first())
        && first.port != port
    {
        differs.push(format!("its first port is {}, not {port}", first.port));
    }
    let listeners: Vec<_> = cluster.listeners.iter().map(|endpoint| endpoint.listener).collect();
    if listeners != wanted.listeners {
        differs.push("it has other listeners".to_owned());
    }
    differs.extend(status.dead_companions().map(|it| format!("its {} is dead", it.kind.name())));
    differs.extend(status.dead().map(|node| format!("node {} is dead", node.node_id)));
    if !differs.is_empty() {
        bail!("cluster {} runs already, but {}: take it down first", cluster.name, differs.join(" and "));
    }
    Ok(Some(status.cluster))
}

fn start(folder: &ClusterFolder, wanted: &Wanted, runtime: &Runtime) -> Result<Cluster> {
    let nodes = usize::from(wanted.nodes);
    let count = nodes + wanted.listeners.len();
    let brokers = wanted.port.map_or_else(|| Held::free(count), |port| Held::from(port, count))?;
    let mut kinds = security::companions(&wanted.listeners);
    if wanted.release.needs_zookeeper() {
        kinds.push(Kind::ZooKeeper);
    }
    let others = Held::free(nodes + kinds.len())?;
    let (broker_ports, other_ports) = (brokers.ports()?, others.ports()?);
    let ports = broker_ports[..nodes].iter().copied().zip(other_ports[..nodes].iter().copied());
    let listeners = wanted.listeners.iter().zip(&broker_ports[nodes..]);
    let companions = kinds.into_iter().zip(&other_ports[nodes..]);
    let nodes =
        (1..).zip(ports).map(|(node_id, (port, controller_port))| Node { node_id, port, controller_port });
    let cluster = Cluster {
        name: wanted.name.clone(),
        release: wanted.release,
        cluster_id: new_cluster_id(&wanted.name),
        nodes: nodes.collect(),
        listeners: listeners.map(|(&listener, &port)| Endpoint { listener, port }).collect(),
        companions: companions.map(|(kind, &port)| Companion { kind, port }).collect(),
    };
    prepare(folder, &cluster, runtime)?;
    cluster.save(folder)?;
    let mut started = Started { folder, nodes: Vec::new(), companions: Vec::new() };
    drop((brokers, others));
    for companion in &cluster.companions {
        started.companions.push(companion::start(folder, companion, runtime)?);
    }
    for node in &cluster.nodes {
        let child = node::start(&cluster, node, folder, runtime)?;
        let identity = Identity { pid: child.id(), argument: folder.node(node.node_id).properties() };
        started.nodes.push((*node, child, identity));
    }
    started.wait_until_ready()?;
    Description::new(&cluster, folder).save()?;
    started.release();
    Ok(cluster)
}

/// Formatting is a JVM per node that mostly waits for its disk and its compiler, so all at once.
fn prepare(folder: &ClusterFolder, cluster: &Cluster, runtime: &Runtime) -> Result<()> {
    // A failed attempt left its storage, which has another cluster's id, and its secrets.
    let _ = fs::remove_dir_all(folder.security().path());
    security::prepare(folder, cluster)?;
    let prepare = |node: &Node| {
        let _ = fs::remove_dir_all(folder.node(node.node_id).path());
        node::prepare(cluster, node, folder, runtime)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = cluster.nodes.iter().map(|node| scope.spawn(|| prepare(node))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("formatting does not panic"))
    })
}

/// Sixteen bytes in URL-safe base64 of which only the characters 0-9 and a-f occur: an id that began with `-`
/// would be read as an option. Another cluster gets another one, so that a client notices the change.
fn new_cluster_id(name: &str) -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let digest = Sha256::digest(format!("{name} {} {}", std::process::id(), since.as_nanos()));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}A", &hex[..21])
}

fn lost_a_port(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    text.contains("Address already in use") || text.contains("BindException")
}

/// Nodes that run but are not yet handed over: dropping this ends them.
struct Started<'a> {
    folder: &'a ClusterFolder,
    nodes: Vec<(Node, Child, Identity)>,
    companions: Vec<companion::Running>,
}

impl Started<'_> {
    /// Waits until every node answers and lists every node as a live broker. A broker's port alone says little:
    /// it opens before the broker is unfenced, and its neighbours hear of that later still.
    fn wait_until_ready(&mut self) -> Result<()> {
        let everyone: BTreeSet<i32> = self.nodes.iter().map(|(node, ..)| i32::from(node.node_id)).collect();
        let deadline = Instant::now() + READY_LIMIT;
        let mut waiting: Vec<Node> = self.nodes.iter().map(|(node, ..)| *node).collect();
        loop {
            interrupt::check()?;
            self.check_alive()?;
            waiting.retain(|node| known_brokers(node.port).ok().as_ref() != Some(&everyone));
            let Some(first) = waiting.first() else { return Ok(()) };
            if Instant::now() >= deadline {
                let log = self.folder.node(first.node_id).log();
                let limit = READY_LIMIT.as_secs();
                bail!("node {} is not ready after {limit} s\n{}", first.node_id, node::explain(&log));
            }
            std::thread::sleep(TICK);
        }
    }

    fn check_alive(&mut self) -> Result<()> {
        for (node, child, _) in &mut self.nodes {
            if let Some(status) = child.try_wait().context("cannot look at a broker")? {
                let log = self.folder.node(node.node_id).log();
                bail!("node {} ended while starting ({status})\n{}", node.node_id, node::explain(&log));
            }
        }
        Ok(())
    }

    /// The nodes are on their own from here.
    fn release(mut self) {
        self.nodes.clear();
        self.companions.clear();
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        if self.nodes.is_empty() && self.companions.is_empty() {
            return;
        }
        let nodes: Vec<_> = self.nodes.iter().map(|(_, _, identity)| identity.clone()).collect();
        let companions: Vec<_> = self.companions.iter().map(|it| it.identity.clone()).collect();
        for identities in [nodes, companions] {
            if let Err(error) = process::end(&identities, FAILED_GRACE) {
                eprintln!("error: {error}");
            }
        }
        let companions = self.companions.iter_mut().map(|it| &mut it.child);
        for child in self.nodes.iter_mut().map(|(_, child, _)| child).chain(companions) {
            let _ = child.try_wait();
        }
        down::forget(self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_is_sixteen_bytes_and_never_the_same() {
        let (one, other) = (new_cluster_id("default"), new_cluster_id("default"));
        assert_eq!(one.len(), 22);
        assert!(one.ends_with('A') && one.chars().all(|c| c.is_ascii_alphanumeric()), "{one}");
        assert_ne!(one, other);
    }
}
