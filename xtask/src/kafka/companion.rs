//! Programs that run beside a cluster's brokers: ZooKeeper for old releases, a token server and a KDC for some ways
//! of logging in. They start before the brokers and end after them.

use super::layout::ClusterFolder;
use super::node::{self, Runtime};
use super::{security, zookeeper};
use crate::interrupt;
use crate::process::{self, Identity, TICK};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

/// ZooKeeper needs a second on an idle machine.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What a companion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What brokers before KRaft keep their metadata in.
    ZooKeeper,
    /// Issues signed tokens and publishes the key that checks them.
    TokenServer,
    /// Issues Kerberos tickets.
    Kdc,
}

/// Every kind.
pub const KINDS: [Kind; 3] = [Kind::ZooKeeper, Kind::TokenServer, Kind::Kdc];

impl Kind {
    /// The name of its folder, and in the state file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ZooKeeper => "zookeeper",
            Kind::TokenServer => "token-server",
            Kind::Kdc => "kdc",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }
}

/// A companion of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Companion {
    /// What it is.
    pub kind: Kind,
    /// Where it listens.
    pub port: u16,
}

/// A companion's folder inside its cluster's.
#[derive(Clone, Debug)]
pub struct CompanionFolder {
    path: PathBuf,
}

impl CompanionFolder {
    /// The folder of one companion.
    pub fn new(cluster: &ClusterFolder, kind: Kind) -> CompanionFolder {
        CompanionFolder { path: cluster.path().join(kind.name()) }
    }

    /// The folder itself.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Its configuration; the absolute path is also what its process is recognised by.
    pub fn config(&self) -> PathBuf {
        self.path.join("config")
    }

    /// What it keeps.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// What it printed.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    fn pid(&self) -> PathBuf {
        self.path.join("pid")
    }
}

/// The companion's process as its pid file names it, alive or not.
pub fn recorded(folder: &ClusterFolder, kind: Kind) -> Option<Identity> {
    let folder = CompanionFolder::new(folder, kind);
    let pid = fs::read_to_string(folder.pid()).ok()?.trim().parse().ok()?;
    Some(Identity { pid, argument: folder.config() })
}

/// Forgets that companions were started, and removes what they kept; their logs stay.
pub fn forget(cluster: &ClusterFolder) {
    for kind in KINDS {
        let folder = CompanionFolder::new(cluster, kind);
        let _ = fs::remove_file(folder.pid());
        let _ = fs::remove_dir_all(folder.data());
    }
}

/// Starts a companion and waits until it listens. Whoever calls this ends it.
pub fn start(cluster: &ClusterFolder, companion: &Companion, runtime: &Runtime) -> Result<Running> {
    let folder = CompanionFolder::new(cluster, companion.kind);
    let _ = fs::remove_dir_all(folder.path());
    fs::create_dir_all(folder.data()).with_context(|| format!("cannot make {}", folder.data().display()))?;
    let mut command = match companion.kind {
        Kind::ZooKeeper => zookeeper::command(&folder, companion.port, runtime)?,
        Kind::TokenServer | Kind::Kdc => security::companion_command(cluster, companion)?,
    };
    let child = process::spawn(&mut command, &folder.log())?;
    let identity = Identity { pid: child.id(), argument: folder.config() };
    let mut running = Running { child, identity };
    let written = fs::write(folder.pid(), format!("{}\n", running.identity.pid));
    let started = written
        .with_context(|| format!("cannot write {}", folder.pid().display()))
        .and_then(|()| wait_until_open(companion, &mut running.child, &folder));
    if let Err(error) = started {
        running.child.kill().and_then(|()| running.child.wait()).context("cannot end a program")?;
        return Err(error);
    }
    Ok(running)
}

/// A companion's process, for the one who started it.
pub struct Running {
    /// The process.
    pub child: Child,
    /// What it is recognised by.
    pub identity: Identity,
}

fn wait_until_open(companion: &Companion, child: &mut Child, folder: &CompanionFolder) -> Result<()> {
    let name = companion.kind.name();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, companion.port));
    let deadline = Instant::now() + READY_LIMIT;
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        interrupt::check()?;
        if let Some(status) = child.try_wait().context("cannot look at a program")? {
            bail!("{name} ended while starting ({status})\n{}", node::explain(&folder.log()));
        }
        if Instant::now() >= deadline {
            let limit = READY_LIMIT.as_secs();
            bail!("{name} does not listen after {limit} s\n{}", node::explain(&folder.log()));
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}
