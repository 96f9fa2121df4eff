//! Build tooling of the workspace: `cargo xtask …`. Links none of the workspace's crates, so that it works when
//! generated code does not compile.

mod codegen;
#[allow(dead_code, reason = "the commands that start Kafka come next")]
mod maven;
mod pins;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build tooling of the ottla workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Codegen(codegen::Codegen),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  caused by: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Codegen(options) => codegen::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}
