//! `cargo xtask kafka`: real Apache Kafka from Maven's jars, in the background, on loopback. This file is the
//! command line; what it does is in the files beside it, one concept each, for `cargo xtask test` too.

mod check;
mod companion;
mod down;
mod layout;
mod lock;
mod log_tail;
mod metadata_probe;
mod node;
mod outage;
mod ports;
mod properties;
mod release;
mod security;
mod state;
mod status;
mod temporary;
mod up;
mod zookeeper;

use crate::{interrupt, workspace};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use layout::ClusterFolder;
use lock::Lock;
use release::Release;
use security::{Description, Selection, ServeTokens};
use std::process::ExitCode;

pub use temporary::Temporary;

/// What to do with a cluster.
#[derive(Subcommand)]
pub enum Command {
    /// Start a cluster in the background and print its bootstrap addresses.
    Up {
        #[command(flatten)]
        name: Name,
        /// How many nodes, each broker and controller.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5))]
        nodes: u16,
        /// Which Kafka, such as 3.9.1 [default: the pinned one]. Those before 3.3 run with ZooKeeper.
        #[arg(long)]
        version: Option<Release>,
        /// The first broker's port, the others following [default: free ones].
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
        /// More ways in beside the plaintext one: `all`, or names with commas between them, such as `ssl,sasl-ssl`
        /// (an unknown name is answered with the list). One node, Kafka 4.1 or later. Certificates, users and
        /// tokens are made on the spot; what clients need is printed, and written to `security.json` in the
        /// cluster's folder. GSSAPI needs MIT's KDC.
        #[arg(long, value_name = "LISTENER,…", value_delimiter = ',')]
        security: Vec<Selection>,
    },
    /// End a cluster and what runs beside it; its logs stay until the next start, its data goes.
    Down {
        #[command(flatten)]
        name: Name,
    },
    /// Kill one node of a cluster with SIGKILL, as a crash does.
    Kill {
        #[command(flatten)]
        name: Name,
        /// Which node, from 1.
        #[arg(long)]
        node: u16,
    },
    /// Start a node that was killed again, on the same ports and logs, and wait until it serves.
    Start {
        #[command(flatten)]
        name: Name,
        /// Which node, from 1.
        #[arg(long)]
        node: u16,
    },
    /// Show what runs; exit code 0 if every node does, 1 if not.
    Status {
        #[command(flatten)]
        name: Name,
    },
    /// Try every way into a cluster that was started with --security, with Java's own clients; exit code 0 if all
    /// are let in or refused as they should be.
    Check {
        #[command(flatten)]
        name: Name,
    },
    /// Issue tokens in the foreground; a secured cluster starts this by itself.
    #[command(hide = true)]
    ServeTokens(ServeTokens),
}

/// Which cluster.
#[derive(Args)]
pub struct Name {
    /// The cluster's name; several can run side by side.
    #[arg(long, default_value = "default")]
    name: String,
}

impl Name {
    fn folder(&self) -> Result<ClusterFolder> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            bail!("not a cluster's name: {}: use lower-case letters, digits and `-`", self.name);
        }
        Ok(ClusterFolder::new(&workspace::target_directory()?, &self.name))
    }
}

/// Runs the command.
pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::ServeTokens(options) => security::serve_tokens(&options).map(|()| ExitCode::SUCCESS),
        Command::Up { name, nodes, version, port, security } => {
            interrupt::install()?;
            let release = version.map_or_else(Release::pinned, Ok)?;
            let folder = name.folder()?;
            let (listeners, lacks) = security::available(&Selection::listeners(&security));
            let wanted = up::Wanted { name: name.name, nodes, release, port, listeners };
            let cluster = up::up(&folder, &Lock::take(&folder)?, &wanted)?;
            println!("Kafka {}, logs in {}", cluster.release, folder.path().display());
            println!("stop it with: cargo xtask kafka down{}", name_argument(&cluster.name));
            print!("{}", Description::new(&cluster, &folder));
            if let Some(reason) = lacks {
                println!("{reason}");
            }
            println!("bootstrap {}", cluster.bootstrap_servers());
            Ok(ExitCode::SUCCESS)
        }
        Command::Down { name } => {
            let folder = name.folder()?;
            match down::down(&folder, &Lock::take(&folder)?)? {
                Some(_) => println!("cluster {} is down, logs in {}", name.name, folder.path().display()),
                None => println!("cluster {} was not up", name.name),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Kill { name, node } => {
            let process = outage::kill(&name.folder()?, node)?;
            println!("node {node} is killed, pid {}", process.pid);
            Ok(ExitCode::SUCCESS)
        }
        Command::Start { name, node } => {
            interrupt::install()?;
            let node = outage::start(&name.folder()?, node)?;
            println!("node {} serves again on 127.0.0.1:{}", node.node_id, node.port);
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { name } => {
            interrupt::install()?;
            let folder = name.folder()?;
            let Some(status) = status::status(&folder)? else { bail!("cluster {} is not up", name.name) };
            let wrong = check::check(&folder, &status.cluster)?;
            println!("{wrong} wrong");
            Ok(ExitCode::from(u8::from(wrong > 0)))
        }
        Command::Status { name } => match status::status(&name.folder()?)? {
            Some(status) => {
                print!("{status}");
                println!("bootstrap {}", status.cluster.bootstrap_servers());
                let dead = status.dead().next().is_some() || status.dead_companions().next().is_some();
                Ok(ExitCode::from(u8::from(dead)))
            }
            None => {
                println!(
                    "cluster {} is not up: cargo xtask kafka up{}",
                    name.name,
                    name_argument(&name.name)
                );
                Ok(ExitCode::FAILURE)
            }
        },
    }
}

fn name_argument(name: &str) -> String {
    if name == "default" { String::new() } else { format!(" --name {name}") }
}
