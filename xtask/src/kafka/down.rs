//! Stopping a cluster. Its configuration and logs stay until the next start; its data goes.

use super::layout::ClusterFolder;
use super::lock::Lock;
use super::state::Cluster;
use super::{companion, node};
use crate::process;
use anyhow::{Context, Result};
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

/// Brokers that all stop at once wait for a controller that is gone; nobody needs their data afterwards.
const GRACE: Duration = Duration::from_secs(10);

/// Ends a cluster's brokers and what runs beside them. Nothing where there is none to end.
pub fn down(folder: &ClusterFolder, _lock: &Lock) -> Result<Option<Cluster>> {
    let Some(cluster) = Cluster::load(folder)? else { return Ok(None) };
    let nodes: Vec<_> =
        cluster.nodes.iter().filter_map(|n| node::recorded(&folder.node(n.node_id))).collect();
    process::end(&nodes, GRACE)?;
    // A broker waits for its ZooKeeper when it stops.
    let companions: Vec<_> =
        cluster.companions.iter().filter_map(|it| companion::recorded(folder, it.kind)).collect();
    process::end(&companions, GRACE)?;
    forget(folder);
    remove(folder.security().path(), |path| fs::remove_dir_all(path))?;
    for node in &cluster.nodes {
        remove(&folder.node(node.node_id).data(), |path| fs::remove_dir_all(path))?;
    }
    Ok(Some(cluster))
}

/// Forgets that a cluster was started; logs and configuration stay.
pub fn forget(folder: &ClusterFolder) {
    if let Ok(Some(cluster)) = Cluster::load(folder) {
        for node in &cluster.nodes {
            let _ = fs::remove_file(folder.node(node.node_id).pid());
        }
    }
    companion::forget(folder);
    let _ = fs::remove_file(folder.security_state());
    let _ = fs::remove_file(folder.state());
}

/// Makes room for a new cluster in the folder of one that has ended.
pub fn remove_leftovers(folder: &ClusterFolder) -> Result<()> {
    remove(&folder.security_state(), |path| fs::remove_file(path))?;
    remove(&folder.state(), |path| fs::remove_file(path))?;
    for entry in fs::read_dir(folder.path()).context("cannot list a cluster's folder")? {
        let path = entry.context("cannot list a cluster's folder")?.path();
        if path.is_dir() {
            remove(&path, |path| fs::remove_dir_all(path))?;
        }
    }
    Ok(())
}

fn remove(path: &std::path::Path, how: impl Fn(&std::path::Path) -> std::io::Result<()>) -> Result<()> {
    match how(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
