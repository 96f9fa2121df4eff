//! `ottla bench e2e`: the time from queueing a record to having it in the consumer, in one process.
//!
//! Values carry the run, a number and the time of their queueing. The consumer starts at the end of every partition;
//! probes go to each until it has seen one of each, so that it misses no record of the run.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use anyhow::Context;
use ottla_client::{Consumer, OffsetReset, Producer, Record};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::arguments::WARM_UP;
use super::checksum::Checksum;
use super::consume::assigned;
use super::deliveries::Deliveries;
use super::pace::Pace;
use super::percentiles::Percentiles;
use super::report::{Counts, Report, failure};
use super::session::Session;

const DEFAULT_RATE: u64 = 1000;

/// For the first probes to arrive, and for the last records.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);

/// Between probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// Measures it.
pub async fn run(session: &Session<'_>) -> anyhow::Result<Report> {
    let records = session.arguments.records();

    let mut stamps = Stamps::new();
    let producer = session.producer()?;
    let consumer = assigned(&session.client, session, OffsetReset::Latest)?;
    let (progress, mut arrived) = watch::channel(Progress::default());
    let reader = Reader { stamps: stamps.clone(), expected: records, progress };
    let reader = tokio::spawn(reader.run(consumer));
    probe(session, &producer, &mut stamps, &mut arrived).await?;

    let mut pace = Pace::new(session.arguments.rate.unwrap_or(DEFAULT_RATE));
    let mut deliveries = Deliveries::one_of(1);
    let mut meter = session.meter();
    let values = session.payload.values().zip(0..WARM_UP + records);
    for (value, number) in values {
        pace.wait().await;
        if number == WARM_UP {
            meter = session.meter();
        }
        // Records of the warm-up have numbers behind those of the rest.
        let number = number.checked_sub(WARM_UP).unwrap_or(records + number);
        let mut record = Record::to(&session.arguments.topic).value(stamps.stamp(number, value));
        if let Some(key) = session.keys.key(number) {
            record = record.key(key);
        }
        deliveries.push(producer.enqueue(record).await?).await;
    }
    deliveries.finish().await;
    let all = arrived.wait_for(|progress| progress.is_complete);
    let is_complete = timeout(ARRIVAL_LIMIT, all).await.is_ok();
    let measured = meter.stop();

    if !is_complete {
        reader.abort();
        let found = arrived.borrow().received;
        anyhow::bail!("{found} of {records} records arrived within {} s", ARRIVAL_LIMIT.as_secs());
    }
    let seen = reader.await.context("the consuming task ended early")??;
    let failure = failure("were not delivered", deliveries.errs, deliveries.first_error.as_ref());
    let counts = Counts { errs: deliveries.errs, ..seen.counts };
    Ok(Report { failure, percentiles: Percentiles::of(seen.nanos), ..Report::new(session, measured, counts) })
}

/// Sends probes until one of each partition has arrived.
async fn probe(
    session: &Session<'_>,
    producer: &Producer,
    stamps: &mut Stamps,
    arrived: &mut watch::Receiver<Progress>,
) -> anyhow::Result<()> {
    let partitions = session.partitions;
    let blank = vec![0; usize::try_from(session.arguments.record_size)?];
    let all = async {
        loop {
            for partition in 0..partitions {
                let value = stamps.stamp(PROBE, &blank);
                producer.send(Record::to(&session.arguments.topic).partition(partition).value(value)).await?;
            }
            sleep(PROBE_INTERVAL).await;
            let seen = arrived.borrow_and_update().probed;
            if seen == partitions as usize || arrived.has_changed().is_err() {
                return anyhow::Ok(());
            }
        }
    };
    timeout(ARRIVAL_LIMIT, all).await.context("no record arrived in 30 s")?
}

/// What the producing side knows of the consuming side.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Partitions of which a probe has arrived.
    probed: usize,
    /// Measured records that have arrived.
    received: u64,
    is_complete: bool,
}

/// The consuming side.
struct Reader {
    stamps: Stamps,
    expected: u64,
    progress: watch::Sender<Progress>,
}

/// What it found.
struct Seen {
    counts: Counts,
    nanos: Vec<u64>,
}

impl Reader {
    async fn run(self, consumer: Consumer) -> anyhow::Result<Seen> {
        let mut counts = Counts { n: 0, errs: 0, bytes: 0, checksum: Checksum::default() };
        let mut nanos = Vec::with_capacity(usize::try_from(self.expected)?);
        let mut probed = BTreeSet::new();
        while counts.n < self.expected {
            let batch = match consumer.next_batch().await {
                Ok(batch) => batch.context("the consumer ended early")?,
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(_) => continue,
            };
            let now = self.stamps.now();
            for record in &batch {
                let value = record.value().unwrap_or_default();
                match self.stamps.read(value) {
                    Some((PROBE, _)) if probed.insert(batch.partition()) => {
                        self.progress.send_modify(|progress| progress.probed = probed.len());
                    }
                    Some((number, queued)) if number < self.expected => {
                        counts.n += 1;
                        counts.bytes += (record.key().map_or(0, <[u8]>::len) + value.len()) as u64;
                        counts.checksum.add(value);
                        nanos.push(now.saturating_sub(queued));
                    }
                    _ => {}
                }
            }
            self.progress.send_modify(|progress| progress.received = counts.n);
        }
        self.progress.send_modify(|progress| progress.is_complete = true);
        consumer.close().await?;
        Ok(Seen { counts, nanos })
    }
}

/// The number of records that are not measured.
const PROBE: u64 = u64::MAX;

/// Bytes at the start of a value: the run, the record's number, nanoseconds since the start of the run.
pub const STAMP_BYTES: usize = 24;

/// Writes and reads what values say of themselves.
#[derive(Clone, Debug)]
struct Stamps {
    run: u64,
    start: Instant,
    value: Vec<u8>,
}

impl Stamps {
    fn new() -> Self {
        // Hash keys come from the operating system: other runs have other ones.
        Self { run: RandomState::new().hash_one(0), start: Instant::now(), value: Vec::new() }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// `value` with a stamp over its first bytes.
    fn stamp(&mut self, number: u64, value: &[u8]) -> &[u8] {
        let now = self.now();
        self.value.clear();
        for word in [self.run, number, now] {
            self.value.extend_from_slice(&word.to_le_bytes());
        }
        self.value.extend_from_slice(&value[STAMP_BYTES..]);
        &self.value
    }

    /// The number and the time of a value of this run.
    fn read(&self, value: &[u8]) -> Option<(u64, u64)> {
        let (words, _) = value.get(..STAMP_BYTES)?.as_chunks::<8>();
        let [run, number, queued] = <[[u8; 8]; 3]>::try_from(words).ok()?.map(u64::from_le_bytes);
        (run == self.run).then_some((number, queued))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_by_its_own_run_only() {
        let mut stamps = Stamps::new();
        let value = stamps.stamp(7, &[1; 30]).to_vec();
        assert_eq!(value.len(), 30);
        let (number, queued) = stamps.read(&value).expect("of this run");
        assert!(number == 7 && queued <= stamps.now());
        assert_eq!(Stamps::new().read(&value), None);
        assert_eq!(stamps.read(&value[..23]), None);
    }
}
