//! `ottla bench produce`: records as fast as the client takes them, each delivery looked at.

use anyhow::Context;
use ottla_client::Record;

use super::deliveries::Deliveries;
use super::pace::Pace;
use super::report::{Counts, Report, failure};
use super::session::Session;

/// Measures it.
pub async fn run(session: &Session<'_>) -> anyhow::Result<Report> {
    let (topic, records) = (session.arguments.topic.as_str(), session.arguments.records());
    let checksum = session.payload.checksum(records);
    let mut pace = session.arguments.rate.map(Pace::new);
    let producer = session.producer()?;
    let mut deliveries = Deliveries::default();
    let mut bytes = 0;

    let meter = session.meter();
    for (value, queued) in session.payload.values().zip(0..records) {
        if let Some(pace) = &mut pace {
            pace.wait().await;
        }
        let delivery = producer.enqueue(Record::to(topic).value(value)).await;
        deliveries.push(delivery.with_context(|| format!("record {queued} was not queued"))?).await;
        bytes += value.len() as u64;
    }
    producer.flush().await;
    deliveries.finish().await;
    let measured = meter.stop();

    let failure = failure("were not delivered", deliveries.errs, deliveries.first_error.as_ref());
    let counts = Counts { n: deliveries.acked, errs: deliveries.errs, bytes, checksum };
    Ok(Report { failure, ..Report::new(session, measured, counts) })
}
