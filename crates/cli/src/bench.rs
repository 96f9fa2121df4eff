//! `ottla bench`: what producing and consuming cost, in one JSON line or for people.
//!
//! The timed part starts when the client is connected and the topic known, so that runs are comparable with other
//! clients' programs. The figure to compare is `cpu`: brokers on the same machine share its cores.

mod arguments;
mod checksum;
mod comparison;
mod consume;
mod deliveries;
mod e2e;
mod keys;
mod latency;
mod meter;
mod pace;
mod payload;
mod percentiles;
mod process_usage;
mod produce;
mod producing;
mod report;
mod session;
mod setting;
mod share;
mod traffic;

use std::io::Write;

pub use arguments::Arguments;
use arguments::Operation;
use comparison::Run;
use report::Report;
use session::Session;
use setting::Setting;

/// Measures, and prints what was measured.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    arguments.check()?;
    let settings = arguments.settings();
    if settings.len() > 1 || arguments.rounds > 1 {
        return compare(arguments, &settings);
    }
    let report = measure(arguments, settings[0])?;
    let mut out = anstream::stdout().lock();
    match arguments.json {
        true => report.write_json(&mut out)?,
        false => report.write_summary(&mut out)?,
    }
    out.flush()?;
    failed(report.failure)
}

/// Measures every setting in turns. A run that fails is the last: what it would be compared with is void.
fn compare(arguments: &Arguments, settings: &[Setting]) -> anyhow::Result<()> {
    let mut runs: Vec<Run> = Vec::new();
    for (round, at) in comparison::turns(settings.len(), arguments.rounds) {
        let setting = settings[at];
        let mut report = measure(arguments, setting)?;
        let failure = report.failure.take();
        let run = Run { round, at, setting, report };
        if arguments.json {
            let mut out = anstream::stdout().lock();
            run.write_json(&mut out)?;
            out.flush()?;
        } else {
            let secs = run.report.secs;
            match arguments.rounds {
                1 => anstream::eprintln!("{setting}: {secs:.3} s"),
                rounds => anstream::eprintln!("round {round} of {rounds}, {setting}: {secs:.3} s"),
            }
        }
        runs.push(run);
        failed(failure)?;
    }
    if arguments.json {
        return Ok(());
    }
    let mut out = anstream::stdout().lock();
    comparison::write_table(arguments, settings, &runs, &mut out)?;
    Ok(out.flush()?)
}

fn failed(failure: Option<String>) -> anyhow::Result<()> {
    match failure {
        Some(failure) => anyhow::bail!(failure),
        None => Ok(()),
    }
}

fn measure(arguments: &Arguments, setting: Setting) -> anyhow::Result<Report> {
    crate::runtime(arguments.threads)?.block_on(async {
        let session = Session::start(arguments, setting).await?;
        let report = match arguments.operation {
            Operation::Produce => produce::run(&session).await,
            Operation::Consume => consume::run(&session).await,
            Operation::Latency => latency::run(&session).await,
            Operation::E2e => e2e::run(&session).await,
        };
        session.client.close().await;
        report
    })
}
