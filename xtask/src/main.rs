//! Build tooling of the workspace: `cargo xtask …`. Links none of the workspace's crates, so that it works when
//! generated code does not compile.

mod codegen;
mod interrupt;
mod kafka;
mod maven;
mod mutations;
mod npm;
mod oracle;
mod pins;
mod process;
mod sim;
mod soak;
mod test;
mod tidy;
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
    /// Run real Apache Kafka in the background, without containers.
    #[command(subcommand)]
    Kafka(kafka::Command),
    /// Compare the codec with bytes that Apache Kafka made.
    Oracle(oracle::Arguments),
    /// Run simulated worlds: the client on the test broker under faults, each from a seed.
    Sim(sim::Arguments),
    /// Run the long forms of tests that find more the longer they run.
    Soak(soak::Arguments),
    /// Run every test, on a real Kafka too where Java and Maven are present.
    Test(test::Arguments),
    /// Check the rules that keep the workspace in shape.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  caused by: {cause}");
            }
            // 128 + SIGINT, as shells report it.
            if interrupt::came() { ExitCode::from(130) } else { ExitCode::FAILURE }
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Codegen(options) => codegen::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Kafka(command) => kafka::run(command),
        Command::Oracle(arguments) => oracle::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Tidy => tidy::run(),
    }
}
