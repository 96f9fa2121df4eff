//! `ottla bench`: what producing and consuming cost, in one JSON line or for people.
//!
//! The timed part starts when the client is connected and the topic known, so that runs are comparable with other
//! clients' programs. The figure to compare is `cpu`: brokers on the same machine share its cores.

mod arguments;
mod checksum;
mod consume;
mod deliveries;
mod e2e;
mod latency;
mod meter;
mod pace;
mod payload;
mod percentiles;
mod process_usage;
mod produce;
mod report;
mod session;
mod traffic;

use std::io;

pub use arguments::Arguments;
use arguments::Operation;
use session::Session;

/// Measures, and prints what was measured.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let report = crate::runtime(arguments.threads)?.block_on(measure(arguments))?;
    let mut out = anstream::stdout().lock();
    match arguments.json {
        true => report.write_json(&mut out)?,
        false => report.write_summary(&mut out)?,
    }
    io::Write::flush(&mut out)?;
    match report.failure {
        Some(failure) => anyhow::bail!(failure),
        None => Ok(()),
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<report::Report> {
    arguments.check()?;
    let session = Session::start(arguments).await?;
    let report = match arguments.operation {
        Operation::Produce => produce::run(&session).await,
        Operation::Consume => consume::run(&session).await,
        Operation::Latency => latency::run(&session).await,
        Operation::E2e => e2e::run(&session).await,
    };
    session.client.close().await;
    report
}
