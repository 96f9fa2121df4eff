//! A producer of the workload.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla_client::{Client, ClientBuilder, Delivery, Producer, Record, SendError};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::super::history::{ClientEvent, Place, RecordId};
use super::super::plan::ProducerPlan;
use super::notebook::{Notebook, value_of};
use crate::random::Random;

/// Who speaks last in a topic that was deleted.
pub(super) const FAREWELL: &str = "farewell";
/// The first record of what is said last.
pub(super) const FIRST_FAREWELL: RecordId = RecordId(1 << 40);
/// How often it is said at most.
const MOST_FAREWELLS: usize = 30;
/// How long it takes until it is said again.
const BETWEEN_FAREWELLS: Duration = Duration::from_secs(5);

/// Bits of an id that count one producer's records.
const RECORD_BITS: u32 = 20;

/// Sends all it has to, and ends when all of it is resolved.
pub(super) async fn run(plan: ProducerPlan, builder: ClientBuilder, notebook: Notebook) {
    let builder = builder.request_timeout(plan.request_timeout);
    let client = connect(builder).await;
    let mut producer = match build(&plan, &client) {
        Ok(producer) => producer,
        Err(error) => return notebook.trouble(format!("{}: {error}", plan.name)),
    };
    let refused = Refused { refused: Arc::default(), is_expected: plan.comes_back || plan.closes_client };
    let nth: u64 = plan.name.rsplit('-').next().and_then(|nth| nth.parse().ok()).unwrap_or(0);
    let mut random = Random(plan.seed);
    let mut deliveries = JoinSet::new();
    for number in 0..plan.records {
        let id = RecordId((nth + 1) << RECORD_BITS | number);
        if refused.refused.swap(false, Ordering::Relaxed) {
            // Its identity is refused for good. What it still has must not arrive behind what the next one sends.
            _ = producer.close(Duration::MAX).await;
            match build(&plan, &client) {
                Ok(next) => producer = next,
                Err(error) => return notebook.trouble(format!("{}: {error}", plan.name)),
            }
        }
        let record = Drawn::draw(&mut random, &plan, &notebook, id);
        notebook.note(ClientEvent::Sent { producer: plan.name.clone(), id, topic: record.topic.clone() });
        match producer.enqueue(record.as_record()).await {
            Ok(delivery) => {
                let told = resolve(plan.name.clone(), id, delivery, refused.clone(), notebook.clone());
                deliveries.spawn(told);
            }
            Err(error) => give_up(&plan.name, id, &error, &refused, &notebook),
        }
        note_memory(&plan, &producer, &notebook);
        if number % plan.burst == plan.burst - 1 {
            sleep(plan.pause).await;
        }
    }
    if plan.closes_client {
        sleep(Duration::from_micros(random.bits() % 5_000)).await;
        client.close().await;
        client.close().await;
    }
    while deliveries.join_next().await.is_some() {}
    note_memory(&plan, &producer, &notebook);
    _ = producer.close(Duration::MAX).await;
}

/// Sends records to each partition of `topic`, now and then, until every group has got one from each. The first may be
/// passed over: what a group has committed of a topic that was deleted counts for the one that has its name now.
pub(super) async fn say_farewell(
    topic: String,
    groups: BTreeSet<String>,
    builder: ClientBuilder,
    notebook: Notebook,
) {
    let client = connect(builder).await;
    let producer = match client.producer().build() {
        Ok(producer) => producer,
        Err(error) => return notebook.trouble(format!("{FAREWELL}: {error}")),
    };
    let mut number = FIRST_FAREWELL.0;
    for _ in 0..MOST_FAREWELLS {
        for place in notebook.places_of(&topic) {
            let (id, partition) = (RecordId(number), place.partition);
            number += 1;
            notebook.note(ClientEvent::Sent { producer: FAREWELL.to_owned(), id, topic: topic.clone() });
            let value = value_of(id, 20);
            match producer.send(Record::to(&topic).partition(partition).value(&value)).await {
                Ok(written) => {
                    let (producer, offset) = (FAREWELL.to_owned(), written.offset.unwrap_or(-1));
                    notebook.note(ClientEvent::Acknowledged { producer, id, place, offset });
                }
                Err(error) => notebook.trouble(format!("{FAREWELL}: {topic}-{partition}: {error:?}")),
            }
        }
        sleep(BETWEEN_FAREWELLS).await;
        if notebook.have_heard(&groups) {
            break;
        }
    }
    _ = producer.close(Duration::MAX).await;
}

/// Tries until it works: bootstrap servers may be away.
pub(super) async fn connect(builder: ClientBuilder) -> Client {
    loop {
        if let Ok(client) = builder.clone().connect().await {
            return client;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn build(plan: &ProducerPlan, client: &Client) -> Result<Producer, ottla_client::ClientError> {
    client
        .producer()
        .acks(plan.acks)
        .enable_idempotence(plan.is_idempotent)
        .linger(plan.linger)
        .batch_size(plan.batch_size)
        .buffer_memory(plan.buffer_memory)
        .max_in_flight(plan.max_in_flight)
        .compression(plan.compression)
        .delivery_timeout(plan.delivery_timeout)
        .build()
}

async fn resolve(producer: String, id: RecordId, delivery: Delivery, refused: Refused, notebook: Notebook) {
    match delivery.await {
        Ok(written) => {
            let place = Place { topic: written.topic().to_string(), partition: written.partition };
            let offset = written.offset.unwrap_or(-1);
            notebook.note(ClientEvent::Acknowledged { producer, id, place, offset });
        }
        Err(error) => give_up(&producer, id, &error, &refused, &notebook),
    }
}

/// Whether a producer cannot go on, and whether that may be.
#[derive(Clone)]
struct Refused {
    refused: Arc<AtomicBool>,
    is_expected: bool,
}

fn give_up(producer: &str, id: RecordId, error: &SendError, refused: &Refused, notebook: &Notebook) {
    let is_missing = matches!(error, SendError::Client(error) if notebook.may_lack(error));
    let is_final = !error.is_retriable() && !error.is_perhaps_written() && !is_missing;
    if is_final && refused.is_expected {
        refused.refused.store(true, Ordering::Relaxed);
    } else if is_final {
        notebook.trouble(format!("{producer}: record {} failed for good: {error:?}", id.0));
    }
    notebook.note(ClientEvent::Failed {
        producer: producer.to_owned(),
        id,
        perhaps_written: error.is_perhaps_written(),
        error: error.to_string(),
    });
}

fn note_memory(plan: &ProducerPlan, producer: &Producer, notebook: &Notebook) {
    notebook.note(ClientEvent::ProducerMemory {
        producer: plan.name.clone(),
        used_bytes: producer.buffered_bytes(),
        limit_bytes: plan.buffer_memory,
    });
}

/// A record to send.
struct Drawn {
    topic: String,
    key: Option<String>,
    partition: Option<i32>,
    value: String,
}

impl Drawn {
    fn draw(random: &mut Random, plan: &ProducerPlan, notebook: &Notebook, id: RecordId) -> Self {
        let topics = notebook.topics();
        let (topic, partitions) = &topics[random.below(topics.len())];
        let (key, partition) = match random.below(3) {
            0 => (None, None),
            1 => (Some(format!("k{}", random.below(20))), None),
            _ => (None, Some(random.below(*partitions as usize) as i32)),
        };
        let value = value_of(id, random.below(plan.most_value_bytes));
        Self { topic: topic.clone(), key, partition, value }
    }

    fn as_record(&self) -> Record<'_> {
        let mut record = Record::to(&self.topic).value(&self.value);
        if let Some(key) = &self.key {
            record = record.key(key);
        }
        match self.partition {
            Some(partition) => record.partition(partition),
            None => record,
        }
    }
}
