//! One writer per cluster: whoever starts or stops it holds the lock file. The operating system frees it with the
//! process, so nobody has to clean up.

use super::layout::ClusterFolder;
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};

/// The right to change one cluster.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says that another process has it.
    pub fn take(folder: &ClusterFolder) -> Result<Lock> {
        let path = folder.lock();
        let file = fs::create_dir_all(folder.path())
            .and_then(|()| File::options().create(true).truncate(false).write(true).open(&path))
            .with_context(|| format!("cannot open {}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(Errno::WOULDBLOCK) => bail!(
                "another process is at work on this cluster ({}): wait for it, or choose another name",
                folder.path().display()
            ),
            Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}
