//! One writer per cluster: whoever starts or stops it holds the lock file; whoever kills or starts one of its nodes holds
//! the node's. The operating system frees them with the process, so nobody has to clean up.

use super::layout::{ClusterFolder, NodeFolder};
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::Path;

/// The right to change one cluster, or one of its nodes.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a cluster's lock, or says that another process has it.
    pub fn take(folder: &ClusterFolder) -> Result<Lock> {
        Self::hold(folder.path(), &folder.lock(), "cluster")
    }

    /// The same for one node.
    pub fn of_node(folder: &NodeFolder) -> Result<Lock> {
        Self::hold(folder.path(), &folder.lock(), "node")
    }

    fn hold(folder: &Path, path: &Path, what: &str) -> Result<Lock> {
        let file = fs::create_dir_all(folder)
            .and_then(|()| File::options().create(true).truncate(false).write(true).open(path))
            .with_context(|| format!("cannot open {}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(Errno::WOULDBLOCK) => bail!(
                "another process is at work on this {what} ({}): wait for it, or choose another name",
                folder.display()
            ),
            Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}
