//! `ottla bench produce`: records as fast as the client takes them, each delivery looked at.

use anyhow::Context;
use ottla_client::Producer;

use super::deliveries::Deliveries;
use super::report::{Counts, Report, failure};
use super::session::Session;
use super::share::{Share, together};

/// Measures it.
pub async fn run(session: &Session<'_>) -> anyhow::Result<Report> {
    let checksum = session.payload.checksum(session.arguments.records());
    let producer = session.producer()?;
    let parts = Share::all(session).into_iter().map(|share| queue(producer.clone(), share)).collect();

    let meter = session.meter();
    let mut queued = together(parts).await?;
    producer.flush().await;
    let mut counts = Counts { n: 0, errs: 0, bytes: 0, checksum };
    let mut first_error = None;
    for (deliveries, bytes) in &mut queued {
        deliveries.finish().await;
        counts.n += deliveries.acked;
        counts.errs += deliveries.errs;
        counts.bytes += *bytes;
        first_error = first_error.or(deliveries.first_error.take());
    }
    let measured = meter.stop();

    let failure = failure("were not delivered", counts.errs, first_error.as_ref());
    Ok(Report { failure, ..Report::new(session, measured, counts) })
}

/// Queues a task's records; the last deliveries are left to be waited for, with the bytes of all.
async fn queue(producer: Producer, mut share: Share) -> anyhow::Result<(Deliveries, u64)> {
    let (mut deliveries, mut bytes) = (Deliveries::one_of(share.of), 0);
    let mut pace = share.pace.take();
    for (record, size) in share.records() {
        if let Some(pace) = &mut pace {
            pace.wait().await;
        }
        let delivery = producer.enqueue(record).await;
        let delivery = delivery.with_context(|| format!("a record was not queued after {bytes} bytes"))?;
        deliveries.push(delivery).await;
        bytes += size;
    }
    Ok((deliveries, bytes))
}
