//! `ottla bench latency`: one record under way at a time.

use std::time::Instant;

use ottla_client::Record;

use super::arguments::WARM_UP;
use super::percentiles::Percentiles;
use super::report::{Counts, Report, failure};
use super::session::Session;

/// Measures it.
pub async fn run(session: &Session<'_>) -> anyhow::Result<Report> {
    let (topic, records) = (session.arguments.topic.as_str(), session.arguments.records());
    let producer = session.producer()?;
    for value in session.payload.values().take(WARM_UP as usize) {
        producer.send(Record::to(topic).value(value)).await?;
    }
    let mut nanos = Vec::with_capacity(usize::try_from(records)?);
    let (mut errs, mut first_error, mut bytes) = (0, None, 0);

    let meter = session.meter();
    for (value, _) in session.payload.values().zip(0..records) {
        let start = Instant::now();
        match producer.send(Record::to(topic).value(value)).await {
            Ok(_) => nanos.push(start.elapsed().as_nanos() as u64),
            Err(error) => {
                errs += 1;
                first_error.get_or_insert(error);
            }
        }
        bytes += value.len() as u64;
    }
    let measured = meter.stop();

    let checksum = session.payload.checksum(records);
    let failure = failure("were not delivered", errs, first_error.as_ref());
    let counts = Counts { n: nanos.len() as u64, errs, bytes, checksum };
    Ok(Report { failure, percentiles: Percentiles::of(nanos), ..Report::new(session, measured, counts) })
}
