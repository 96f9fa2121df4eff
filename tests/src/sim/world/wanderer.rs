//! A consumer that is not steady: it seeks to and fro, pauses partitions, sleeps for longer than it may, and starts over.
//! It reads in a group of its own, and nothing of it is in the history: what it must get is checked here.
//!
//! What must hold: behind a seek to an offset that has a record, the next record of the partition is that one, unless the
//! partition was taken away in between. Nothing but a place that is gone may stop it, and from that it gets away by a seek.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ottla_client::{
    Batch, Client, ClientBuilder, ClientError, Consumer, Offset, OffsetReset, RebalanceListener,
    TopicPartition,
};
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep};

use super::notebook::Notebook;
use super::producer::connect;
use crate::random::Random;

/// Without a call for so long it is out of the group.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Where it has sought to, by partition, until it gets there.
type Sought = Arc<Mutex<BTreeMap<TopicPartition, i64>>>;

/// What the `nth` of them is called.
pub(super) fn name(nth: usize) -> String {
    format!("wanderer-{nth}")
}

/// Wanders until the world ends.
pub(super) async fn run(
    nth: usize,
    seed: u64,
    builder: ClientBuilder,
    notebook: Notebook,
    mut ended: oneshot::Receiver<()>,
) {
    let client = connect(builder.request_timeout(Duration::from_secs(3))).await;
    let mut random = Random(seed);
    loop {
        let sought = Sought::default();
        // The first of them is told that its place is gone, and a reset would undo what it seeks. A time may be behind
        // all records.
        let reset = match (nth, random.below(2)) {
            (0, _) => OffsetReset::None,
            (_, 0) => OffsetReset::ByDuration(Duration::from_millis(random.below(3_000) as u64)),
            _ => OffsetReset::Latest,
        };
        let consumer = match build(&client, reset, &sought, &notebook) {
            Ok(consumer) => consumer,
            Err(error) => return notebook.trouble(format!("{}: {error}", name(nth))),
        };
        let mut wanderer = Wanderer { nth, consumer, sought, random: &mut random, notebook: &notebook };
        let is_over = tokio::select! {
            biased;
            _ = &mut ended => true,
            () = wanderer.wander() => false,
        };
        _ = wanderer.consumer.close().await;
        if is_over {
            return;
        }
    }
}

fn build(
    client: &Client,
    reset: OffsetReset,
    sought: &Sought,
    notebook: &Notebook,
) -> Result<Consumer, ClientError> {
    client
        .consumer("wanderers")
        .subscribe(notebook.topics().iter().map(|(topic, _)| topic.as_str()))
        .auto_offset_reset(reset)
        .enable_auto_commit(false)
        .session_timeout(Duration::from_secs(6))
        .heartbeat_interval(Duration::from_secs(1))
        .max_poll_interval(MAX_POLL_INTERVAL)
        .max_partition_fetch_bytes(2_000)
        .rebalance_listener(Forgetful { sought: Arc::clone(sought) })
        .build()
}

/// Forgets where it wanted to go when partitions come and go.
struct Forgetful {
    sought: Sought,
}

impl RebalanceListener for Forgetful {
    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        self.forget(partitions);
    }

    fn on_revoked(&mut self, partitions: &[TopicPartition]) {
        self.forget(partitions);
    }

    fn on_lost(&mut self, partitions: &[TopicPartition]) {
        self.forget(partitions);
    }
}

impl Forgetful {
    fn forget(&self, partitions: &[TopicPartition]) {
        let mut sought = self.sought.lock().expect("nothing panics while it holds it");
        sought.retain(|partition, _| !partitions.contains(partition));
    }
}

struct Wanderer<'a> {
    nth: usize,
    consumer: Consumer,
    sought: Sought,
    random: &'a mut Random,
    notebook: &'a Notebook,
}

impl Wanderer<'_> {
    /// Ends when it is to start over.
    async fn wander(&mut self) {
        loop {
            let patience = Duration::from_millis(1 + self.random.below(200) as u64);
            let result = tokio::select! {
                biased;
                result = self.consumer.next_batch() => Some(result),
                () = sleep(patience) => None,
            };
            match result {
                Some(Ok(Some(batch))) => self.look_at(&batch),
                Some(Ok(None)) => return self.trouble("closed by itself"),
                // Its place is gone, or it has none: it chooses one.
                Some(Err(error)) if error.is_fatal() => {
                    for partition in self.consumer.assignment() {
                        match self.random.below(2) {
                            0 => self.seek(&partition, 0),
                            _ => self.seek_to_end_of(&partition, true),
                        }
                    }
                }
                Some(Err(_)) => {}
                None if self.is_done_with_it().await => return,
                None => {}
            }
        }
    }

    /// Does something of its own; whether it starts over.
    async fn is_done_with_it(&mut self) -> bool {
        let partitions = self.consumer.assignment();
        if self.random.below(60) == 0 {
            return true;
        }
        if self.random.below(100) == 0 {
            sleep(MAX_POLL_INTERVAL * 2).await;
            return false;
        }
        if partitions.is_empty() {
            return false;
        }
        let partition = &partitions[self.random.below(partitions.len())];
        match self.random.below(8) {
            0 => _ = self.consumer.pause(partition),
            1 | 2 => partitions.iter().for_each(|partition| _ = self.consumer.resume(partition)),
            3 => self.seek_to_end_of(partition, true),
            4 => self.seek_to_end_of(partition, false),
            _ => {
                let end = self.notebook.log_end(partition.topic.as_str(), partition.partition).unwrap_or(0);
                let offset = self.random.below(end as usize + 1) as i64;
                self.seek(partition, offset);
            }
        }
        false
    }

    fn seek(&self, partition: &TopicPartition, offset: i64) {
        if self.consumer.seek(partition, Offset(offset)) {
            self.expectations().insert(partition.clone(), offset);
        }
    }

    fn seek_to_end_of(&self, partition: &TopicPartition, is_latest: bool) {
        let sought = match is_latest {
            true => self.consumer.seek_to_end(partition),
            false => self.consumer.seek_to_beginning(partition),
        };
        let mut expectations = self.expectations();
        match (sought, is_latest) {
            (true, false) => _ = expectations.insert(partition.clone(), 0),
            _ => _ = expectations.remove(partition),
        }
    }

    fn look_at(&self, batch: &Batch) {
        let Some(first) = batch.iter().next() else { return };
        let partition = TopicPartition::new(first.topic(), first.partition());
        let Some(offset) = self.expectations().remove(&partition) else { return };
        if first.offset() != offset {
            let (topic, partition) = (&partition.topic, partition.partition);
            self.trouble(&format!("sought {topic}-{partition}@{offset} and got @{}", first.offset()));
        }
    }

    fn expectations(&self) -> std::sync::MutexGuard<'_, BTreeMap<TopicPartition, i64>> {
        self.sought.lock().expect("nothing panics while it holds it")
    }

    fn trouble(&self, what: &str) {
        self.notebook.trouble(format!("{}: {what}", name(self.nth)));
    }
}
