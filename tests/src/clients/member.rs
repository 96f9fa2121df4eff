//! A member of a group that reads in the background and keeps what it has read.

use super::ottla::contents;
use crate::workload::Received;
use ottla_client::{Consumer, ConsumerBuilder};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(60);

/// A consumer on a task.
#[derive(Debug)]
pub struct Member {
    consumer: Arc<Consumer>,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Member {
    /// Starts a consumer. Must be called within a tokio runtime.
    ///
    /// # Panics
    /// If its settings contradict each other.
    #[must_use]
    pub fn join(builder: ConsumerBuilder) -> Self {
        let consumer = Arc::new(builder.build().expect("a consumer"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(read(Arc::clone(&consumer), Arc::clone(&received)));
        Self { consumer, received, task }
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.consumer.assignment().len()
    }

    /// How many records it has read.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// What it has read so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.lock().clone()
    }

    /// Closes the consumer, and returns what it has read.
    ///
    /// # Panics
    /// If reading or the last commit failed.
    pub async fn leave(self) -> Vec<Received> {
        self.consumer.close().await.expect("the last commit");
        self.task.await.expect("it read to its end");
        std::mem::take(&mut *self.received.lock().expect("nobody panics with it"))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.received.lock().expect("nobody panics with it")
    }
}

async fn read(consumer: Arc<Consumer>, received: Arc<Mutex<Vec<Received>>>) {
    while let Some(batch) = consumer.next_batch().await.expect("no error") {
        received.lock().expect("nobody panics with it").extend(contents(&batch));
    }
}

/// Waits until something holds.
///
/// # Panics
/// If that takes a minute.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let polling = async {
        while !holds() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, polling).await.unwrap_or_else(|_| panic!("not after {LIMIT:?}: {what}"));
}
