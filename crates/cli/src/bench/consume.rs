//! `ottla bench consume`: every partition from its beginning, without a group.

use std::cell::Cell;
use std::time::Duration;

use ottla_client::{Client, Consumer, OffsetReset, TopicPartition};
use tokio::time::{Instant, sleep};

use super::checksum::Checksum;
use super::report::{Counts, Report};
use super::session::Session;
use crate::numbers::counted;

/// Without a record for so long, the topic has no more.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Measures it.
pub async fn run(session: &Session<'_>) -> anyhow::Result<Report> {
    let records = session.arguments.records();
    let meter = session.meter();
    let consumer = assigned(&session.client, session, OffsetReset::Earliest)?;
    let seen = Cell::new(Counts { n: 0, errs: 0, bytes: 0, checksum: Checksum::default() });
    let missing = tokio::select! {
        biased;
        result = read(&consumer, records, &seen) => result.map(|()| None)?,
        () = standstill(&seen) => Some(records - seen.get().n),
    };
    let measured = meter.stop();
    consumer.close().await?;
    let failure = missing.map(|missing| {
        let waited = PATIENCE.as_secs();
        format!("{} fewer than asked for: nothing came for {waited} s", counted(missing, "record"))
    });
    Ok(Report { failure, ..Report::new(session, measured, seen.get()) })
}

/// A consumer of all partitions of the session's topic.
pub fn assigned(client: &Client, session: &Session<'_>, reset: OffsetReset) -> anyhow::Result<Consumer> {
    let topic = session.arguments.topic.as_str();
    let partitions = (0..session.partitions).map(|partition| TopicPartition::new(topic, partition));
    Ok(client.consumer_without_group().assign(partitions).auto_offset_reset(reset).build()?)
}

async fn read(consumer: &Consumer, records: u64, seen: &Cell<Counts>) -> anyhow::Result<()> {
    let mut counts = seen.get();
    while counts.n < records {
        let batch = match consumer.next_batch().await {
            Ok(Some(batch)) => batch,
            Ok(None) => anyhow::bail!("the consumer ended early"),
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(_) => {
                counts.errs += 1;
                continue;
            }
        };
        for record in batch.iter().take((records - counts.n) as usize) {
            let value = record.value().unwrap_or_default();
            counts.n += 1;
            counts.bytes += (record.key().map_or(0, <[u8]>::len) + value.len()) as u64;
            counts.checksum.add(value);
        }
        seen.set(counts);
    }
    Ok(())
}

/// Completes when nothing was read for a while.
async fn standstill(seen: &Cell<Counts>) {
    let (mut before, mut since) = (seen.get().n, Instant::now());
    while since.elapsed() < PATIENCE {
        sleep(LOOK_INTERVAL).await;
        if before != seen.get().n {
            (before, since) = (seen.get().n, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_standstill_is_counted_from_the_last_record() {
        tokio::time::pause();
        let seen = Cell::new(Counts { n: 0, errs: 0, bytes: 0, checksum: Checksum::default() });
        let start = Instant::now();
        let reading = async {
            for n in 1..=3 {
                sleep(PATIENCE / 2).await;
                seen.set(Counts { n, ..seen.get() });
            }
        };
        tokio::join!(reading, standstill(&seen));
        let waited = start.elapsed();
        assert!(waited >= PATIENCE * 5 / 2 && waited <= PATIENCE * 5 / 2 + 2 * LOOK_INTERVAL, "{waited:?}");
    }
}
