//! Several tasks that send through one producer at a given pace and look at the result of every record.
//!
//! A task that waits for room does not slow down for good: it sends what it owes when there is room again.

use super::acknowledgements::{Acknowledgements, Waits};
use super::content::RecordId;
use super::history::{Fate, History};
use super::plan::Plan;
use ottla_client::{Delivery, Producer, Record, SendError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Records of one key are in one partition, so their results come in their order: each key has a task that waits for them.
const KEYS: u32 = 12;

/// How often a sender looks what it owes.
const TICK: Duration = Duration::from_millis(1);

/// More than `delivery.timeout.ms` and `max.block.ms`: every record has its result by then.
const RESULTS_WITHIN: Duration = Duration::from_secs(240);

/// A load under way.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    senders: JoinSet<(u16, Sent)>,
    partitions: i32,
}

/// What was sent, and what became of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Every record's fate.
    pub history: History,
    /// How long acknowledged records with keys waited.
    pub waits: Waits,
    /// How many records failed of what.
    pub failures: BTreeMap<String, u64>,
    /// How long sending took.
    pub sending: Duration,
}

#[derive(Debug, Default)]
struct Sent {
    fates: Vec<Fate>,
    waits: Vec<u32>,
    failures: BTreeMap<String, u64>,
    sending: Duration,
}

impl Load {
    /// Starts to send. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(producer: &Producer, topic: &str, plan: &Plan, noted: &Arc<Acknowledgements>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        for number in 0..plan.senders {
            let sender = Sender {
                number,
                has_keys: number + 1 < plan.senders,
                rate: f64::from(plan.rate) / f64::from(plan.senders),
                producer: producer.clone(),
                topic: topic.to_owned(),
                stop: Arc::clone(&stop),
            };
            let noted = Arc::clone(noted);
            senders.spawn(async move { (number, sender.run(noted).await) });
        }
        Self { stop, senders, partitions: plan.partitions }
    }

    /// Stops sending, and waits until every record has its result.
    ///
    /// # Panics
    /// If one has none.
    pub async fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let all = timeout(RESULTS_WITHIN, self.senders.join_all()).await;
        let mut all = all.expect("every record has a result within delivery.timeout.ms");
        all.sort_by_key(|(number, _)| *number);
        let mut outcome = Outcome::default();
        let mut waits = Vec::new();
        outcome.history.partitions = self.partitions;
        for (_, sent) in all {
            outcome.history.senders.push(sent.fates);
            waits.extend(sent.waits);
            for (what, count) in sent.failures {
                *outcome.failures.entry(what).or_default() += count;
            }
            outcome.sending = outcome.sending.max(sent.sending);
        }
        outcome.waits = Waits::new(waits);
        outcome
    }
}

struct Sender {
    number: u16,
    has_keys: bool,
    rate: f64,
    producer: Producer,
    topic: String,
    stop: Arc<AtomicBool>,
}

/// A record that was handed to the producer, or was not.
struct Handed {
    at: Instant,
    delivery: Result<Delivery, SendError>,
}

type Lane = (UnboundedSender<Handed>, JoinHandle<Sent>);

impl Sender {
    async fn run(self, noted: Arc<Acknowledgements>) -> Sent {
        let lane = |_| {
            let (sender, receiver) = unbounded_channel();
            (sender, tokio::spawn(collect(receiver, Arc::clone(&noted), self.has_keys)))
        };
        let lanes: Vec<Lane> = (0..KEYS).map(lane).collect();
        let began = Instant::now();
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let owed = (began.elapsed().as_secs_f64() * self.rate) as u32;
            while number < owed && !self.stop.load(Ordering::Relaxed) {
                let handed = self.hand_over(number).await;
                _ = lanes[(number % KEYS) as usize].0.send(handed);
                number += 1;
            }
            sleep(TICK).await;
        }
        let mut all = Sent { sending: began.elapsed(), ..Sent::default() };
        all.fates.resize(number as usize, Fate::NotWritten);
        for (key, (sender, collector)) in lanes.into_iter().enumerate() {
            drop(sender);
            let sent = collector.await.expect("waiting for results does not panic");
            let places = all.fates.iter_mut().skip(key).step_by(KEYS as usize);
            places.zip(sent.fates).for_each(|(place, fate)| *place = fate);
            all.waits.extend(sent.waits);
            for (what, count) in sent.failures {
                *all.failures.entry(what).or_default() += count;
            }
        }
        all
    }

    async fn hand_over(&self, number: u32) -> Handed {
        let value = RecordId { sender: self.number, number }.value();
        let key = format!("{}-{}", self.number, number % KEYS);
        let mut record = Record::to(&self.topic).value(&value);
        if self.has_keys {
            record = record.key(&key);
        }
        let at = Instant::now();
        Handed { at, delivery: self.producer.enqueue(record).await }
    }
}

/// Waits for results in the order in which their records were sent. Without keys that is not the order in which they
/// come, so how long such a record waited is not told.
async fn collect(
    mut records: UnboundedReceiver<Handed>,
    noted: Arc<Acknowledgements>,
    tells_waits: bool,
) -> Sent {
    let mut sent = Sent::default();
    while let Some(Handed { at, delivery }) = records.recv().await {
        let result = match delivery {
            Ok(delivery) => delivery.await,
            Err(error) => Err(error),
        };
        let fate = match result {
            Ok(written) => {
                noted.on_acknowledged(written.partition);
                if tells_waits {
                    sent.waits.push(u32::try_from(at.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Fate::Acknowledged { partition: written.partition, offset: written.offset }
            }
            Err(error) => {
                *sent.failures.entry(without_numbers(&error.to_string())).or_default() += 1;
                if error.is_perhaps_written() { Fate::PerhapsWritten } else { Fate::NotWritten }
            }
        };
        sent.fates.push(fate);
    }
    sent
}

/// What kind of failure it is, whichever partition it is about.
fn without_numbers(text: &str) -> String {
    text.replace(|character: char| character.is_ascii_digit(), "#")
}
