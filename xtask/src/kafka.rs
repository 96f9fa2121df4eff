//! `cargo xtask kafka`: real Apache Kafka from Maven's jars, in the background, on loopback. This file is the
//! command line; what it does is in the files beside it, one concept each, for `cargo xtask test` too.

mod down;
mod layout;
mod lock;
mod log_tail;
mod metadata_probe;
mod node;
mod ports;
mod properties;
mod release;
mod state;
mod status;
mod temporary;
mod up;

use crate::{interrupt, workspace};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use layout::ClusterFolder;
use lock::Lock;
use release::Release;
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
        /// Which Kafka, such as 3.9.1 [default: the pinned one].
        #[arg(long)]
        version: Option<Release>,
        /// The first broker's port, the others following [default: free ones].
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
    },
    /// End a cluster; its logs stay until the next start, its data goes.
    Down {
        #[command(flatten)]
        name: Name,
    },
    /// Show what runs; exit code 0 if every node does, 1 if not.
    Status {
        #[command(flatten)]
        name: Name,
    },
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
        Command::Up { name, nodes, version, port } => {
            interrupt::install()?;
            let release = version.map_or_else(Release::pinned, Ok)?;
            let folder = name.folder()?;
            let wanted = up::Wanted { name: name.name, nodes, release, port };
            let cluster = up::up(&folder, &Lock::take(&folder)?, &wanted)?;
            println!("Kafka {}, logs in {}", cluster.release, folder.path().display());
            println!("stop it with: cargo xtask kafka down{}", name_argument(&cluster.name));
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
        Command::Status { name } => match status::status(&name.folder()?)? {
            Some(status) => {
                print!("{status}");
                println!("bootstrap {}", status.cluster.bootstrap_servers());
                Ok(ExitCode::from(u8::from(status.dead().next().is_some())))
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
