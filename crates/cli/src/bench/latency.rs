//! `ottla bench latency`: one record under way at a time, or one for each task. Without options it is what a program
//! does that knows nothing better: a loop of `send().await` on a producer as it comes.

use std::time::Instant;

use ottla_client::{Producer, Record, SendError};

use super::arguments::WARM_UP;
use super::percentiles::Percentiles;
use super::report::{Counts, Report, failure};
use super::session::Session;
use super::share::{Share, together};

/// Measures it.
pub async fn run(session: &Session<'_>) -> anyhow::Result<Report> {
    let producer = session.producer()?;
    for value in session.payload.values().take(WARM_UP as usize) {
        producer.send(Record::to(&session.arguments.topic).value(value)).await?;
    }
    let parts = Share::all(session).into_iter().map(|share| send(producer.clone(), share)).collect();

    let meter = session.meter();
    let sent = together(parts).await?;
    let measured = meter.stop();

    let checksum = session.payload.checksum(session.arguments.records());
    let mut counts = Counts { n: 0, errs: 0, bytes: 0, checksum };
    let (mut nanos, mut first_error) = (Vec::new(), None);
    for part in sent {
        counts.errs += part.errs;
        counts.bytes += part.bytes;
        nanos.extend(part.nanos);
        first_error = first_error.or(part.first_error);
    }
    counts.n = nanos.len() as u64;
    let failure = failure("were not delivered", counts.errs, first_error.as_ref());
    Ok(Report { failure, percentiles: Percentiles::of(nanos), ..Report::new(session, measured, counts) })
}

/// What a task has sent.
struct Sent {
    nanos: Vec<u64>,
    bytes: u64,
    errs: u64,
    first_error: Option<SendError>,
}

async fn send(producer: Producer, share: Share) -> anyhow::Result<Sent> {
    let count = share.numbers.end - share.numbers.start;
    let nanos = Vec::with_capacity(usize::try_from(count)?);
    let mut sent = Sent { nanos, bytes: 0, errs: 0, first_error: None };
    for (record, bytes) in share.records() {
        let start = Instant::now();
        match producer.send(record).await {
            Ok(_) => sent.nanos.push(start.elapsed().as_nanos() as u64),
            Err(error) => {
                sent.errs += 1;
                sent.first_error.get_or_insert(error);
            }
        }
        sent.bytes += bytes;
    }
    Ok(sent)
}
