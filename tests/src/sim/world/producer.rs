//! A producer of the workload.

mod acts;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla_client::{Client, ClientBuilder, Delivery, ProduceErrorKind as Kind, Producer, Record, SendError};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::{NO_HEADERS, record_size_upper_bound};
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

/// Keeps what it does apart from what it sends.
const ACTS: u64 = 0x5eed_0fac_7500_0001;
/// Bits of an id that count one producer's records.
const RECORD_BITS: u32 = 20;

/// Sends all it has to, and ends when all of it is resolved.
pub(super) async fn run(plan: ProducerPlan, builder: ClientBuilder, notebook: Notebook) {
    let builder = builder.request_timeout(plan.request_timeout);
    let mut random = Random(plan.seed);
    let mut acts = Random(plan.seed ^ ACTS);
    let (records, burst, pause) = (plan.records, plan.burst, plan.pause);
    let Some(mut application) = Application::start(plan, builder, notebook).await else { return };
    if application.plan.acts && acts.below(4) == 0 {
        // Before it has sent anything.
        application.close_client().await;
    }
    for number in 0..records {
        if application.refused.is_refused.swap(false, Ordering::Relaxed) {
            // Its identity is refused for good. What it still has must not arrive behind what the next one sends.
            _ = application.producer.close(Duration::MAX).await;
            application.build();
        }
        application.send(&mut random, number).await;
        if number % burst == burst - 1 {
            if application.plan.acts && acts.below(3) == 0 {
                application.act(&mut acts).await;
            }
            sleep(pause).await;
        }
    }
    if application.plan.closes_client {
        sleep(Duration::from_micros(random.bits() % 5_000)).await;
        application.client.close().await;
        application.client.close().await;
    }
    for deliveries in std::iter::once(&mut application.deliveries).chain(&mut application.abandoned) {
        while deliveries.join_next().await.is_some() {}
    }
    application.note_memory();
    _ = application.producer.close(Duration::MAX).await;
}

/// An application with its producer.
struct Application {
    plan: ProducerPlan,
    builder: ClientBuilder,
    notebook: Notebook,
    client: Client,
    producer: Producer,
    /// The name of its producer in the history: one that it closes with a deadline is followed by another.
    name: String,
    /// How many producers it had before.
    lives: u64,
    deliveries: JoinSet<()>,
    /// Of producers whose client was closed under them.
    abandoned: Vec<JoinSet<()>>,
    refused: Refused,
}

impl Application {
    async fn start(plan: ProducerPlan, builder: ClientBuilder, notebook: Notebook) -> Option<Self> {
        let client = connect(builder.clone()).await;
        let producer = match build(&plan, &client) {
            Ok(producer) => producer,
            Err(error) => {
                notebook.trouble(format!("{}: {error}", plan.name));
                return None;
            }
        };
        let refused = Refused {
            is_refused: Arc::default(),
            is_expected: plan.comes_back || plan.closes_client,
            tolerates: plan.tolerates,
            acts: plan.acts,
        };
        Some(Self {
            name: plan.name.clone(),
            lives: 0,
            deliveries: JoinSet::new(),
            abandoned: Vec::new(),
            plan,
            builder,
            notebook,
            client,
            producer,
            refused,
        })
    }

    /// Begins anew, with the same client.
    fn build(&mut self) {
        match build(&self.plan, &self.client) {
            Ok(next) => self.producer = next,
            Err(error) => self.notebook.trouble(format!("{}: {error}", self.name)),
        }
    }

    async fn send(&mut self, random: &mut Random, number: u64) {
        let nth: u64 = self.plan.name.rsplit('-').next().and_then(|nth| nth.parse().ok()).unwrap_or(0);
        let id = RecordId((nth + 1) << RECORD_BITS | number);
        let record = Drawn::draw(random, &self.plan, &self.notebook, id);
        self.notebook.note(record.to_sent(&self.name, id));
        match self.producer.enqueue(record.as_record()).await {
            Ok(delivery) => {
                let (refused, notebook) = (self.refused.clone(), self.notebook.clone());
                self.deliveries.spawn(resolve(self.name.clone(), id, delivery, refused, notebook));
            }
            Err(error) => give_up(&self.name, id, &error, &self.refused, &self.notebook),
        }
        self.note_memory();
    }

    fn note_memory(&self) {
        self.notebook.note(ClientEvent::ProducerMemory {
            producer: self.name.clone(),
            used_bytes: self.producer.buffered_bytes(),
            limit_bytes: self.plan.buffer_memory,
        });
    }
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
            let value = value_of(id, 20);
            let record = Drawn { topic: topic.clone(), key: None, partition: Some(partition), value };
            notebook.note(record.to_sent(FAREWELL, id));
            match producer.send(record.as_record()).await {
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
        .partitioner_adaptive_partitioning_enable(plan.is_adaptive)
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
    is_refused: Arc<AtomicBool>,
    is_expected: bool,
    /// What is said of records, and no reason to begin anew.
    tolerates: Option<ErrorCode>,
    /// Whether the application purges and closes itself.
    acts: bool,
}

impl Refused {
    /// Whether an error is what the application wanted, or no reason to begin anew.
    fn tolerates(&self, error: &SendError) -> bool {
        match error {
            SendError::NotDelivered { error, .. } => {
                let is_wanted = matches!(error.kind(), Kind::Purged | Kind::Closed | Kind::Unsendable);
                (self.acts && is_wanted) || (error.code().is_some() && error.code() == self.tolerates)
            }
            _ => false,
        }
    }
}

fn give_up(producer: &str, id: RecordId, error: &SendError, refused: &Refused, notebook: &Notebook) {
    let is_missing = matches!(error, SendError::Client(error) if notebook.may_lack(error));
    let code = match error {
        SendError::NotDelivered { error, .. } => error.code(),
        _ => None,
    };
    let may_go_on = error.is_retriable() || error.is_perhaps_written() || refused.tolerates(error);
    let is_final = !may_go_on && !is_missing;
    if is_final && refused.is_expected {
        refused.is_refused.store(true, Ordering::Relaxed);
    } else if is_final {
        notebook.trouble(format!("{producer}: record {} failed for good: {error:?}", id.0));
    }
    notebook.note(ClientEvent::Failed {
        producer: producer.to_owned(),
        id,
        perhaps_written: error.is_perhaps_written(),
        code,
        closed: matches!(error, SendError::NotDelivered { error, .. } if error.kind() == Kind::Closed),
        error: error.to_string(),
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

    fn to_sent(&self, producer: &str, id: RecordId) -> ClientEvent {
        let (key, value) = (self.key.as_ref().map(String::as_bytes), self.value.as_bytes());
        ClientEvent::Sent {
            producer: producer.to_owned(),
            id,
            topic: self.topic.clone(),
            size: record_size_upper_bound(key, Some(value), NO_HEADERS),
            has_key: key.is_some(),
        }
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
