//! The `ottla` command: first steps with Kafka, a broker for tests, measurements.
//!
//! Each command has its file, with its arguments. What all share is here: results go to stdout, one line `error: …`
//! to stderr; the exit code is 0, 1 for a failure, 2 for arguments that make no sense.
//!
//! Not here: anything that a program could not do with the crates themselves.

mod bench;
mod broker;
mod interrupt;
mod numbers;
mod quickstart;

use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Parser;
use clap::builder::styling::Styles;
use tokio::runtime::Runtime;

/// Clap's help in the colours of the rest.
const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Green.on_default());

/// Apache Kafka from the command line: first steps, a broker for tests, and measurements.
#[derive(Parser)]
#[command(name = "ottla", version, styles = STYLES, max_term_width = 110, disable_help_subcommand = true)]
#[command(after_help = "New here? `ottla quickstart` needs nothing but this program.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Quickstart(quickstart::Arguments),
    Broker(broker::Arguments),
    Bench(Box<bench::Arguments>),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Quickstart(arguments) => quickstart::run(&arguments),
        Command::Broker(arguments) => broker::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        usage.exit();
    }
    // Whoever read the output has gone, as `head` does: not worth a word.
    let gone = error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
    if !gone {
        let red = AnsiColor::Red.on_default().bold();
        anstream::eprintln!("{red}error:{red:#} {}", one_line(error));
    }
    ExitCode::FAILURE
}

/// What happened and why. Some errors tell their cause themselves: it is not told twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// A combination of arguments that makes no sense, told as clap tells its own.
fn usage_error(message: impl std::fmt::Display) -> anyhow::Error {
    let mut text = message.to_string();
    text.push('\n');
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, text).into()
}

/// A runtime on this thread, or with `threads` workers beside it.
fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        workers => tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_cause_is_told_once() {
        let told = anyhow::anyhow!("refused").context("cannot connect: refused").context("no cluster");
        assert_eq!(one_line(&told), "no cluster: cannot connect: refused");
    }
}
