//! What an application does beside sending: it flushes, purges, closes with a deadline, and closes its client.

use tokio::time::{Duration, timeout};

use super::super::super::history::{ClientEvent, Place};
use super::super::notebook::id_of;
use super::{Application, connect};
use crate::random::Random;

/// How long deliveries may take to be told once their producer has given them up: no time, but for turns of their tasks.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How long an application waits for its producer to close, in milliseconds.
const DEADLINES_MS: [u64; 6] = [0, 1, 10, 100, 1_000, 10_000];

impl Application {
    pub(super) async fn act(&mut self, random: &mut Random) {
        match random.below(8) {
            0..3 => self.flush().await,
            3..5 => self.purge().await,
            5..7 => {
                let deadline = DEADLINES_MS[random.below(DEADLINES_MS.len())];
                self.close(Duration::from_millis(deadline)).await;
            }
            _ => self.close_client().await,
        }
    }

    /// Nothing is left of what was sent.
    async fn flush(&mut self) {
        self.producer.flush().await;
        let left = self.producer.buffered_bytes();
        if left > 0 {
            self.notebook.trouble(format!("{}: {left} bytes are left after a flush", self.name));
        }
        self.expect_all_told("flushed").await;
    }

    async fn purge(&mut self) {
        let records = self.producer.purge() as u64;
        self.notebook.note(ClientEvent::Purged { producer: self.name.clone(), records });
    }

    /// Closes the producer; another one goes on.
    async fn close(&mut self, deadline: Duration) {
        if let Err(undelivered) = self.producer.close(deadline).await {
            let (count, perhaps) = (undelivered.record_count(), undelivered.perhaps_written_count());
            let mut seen = (0, 0);
            for record in undelivered {
                seen = (seen.0 + 1, seen.1 + usize::from(record.is_perhaps_written));
                let place = Place {
                    topic: record.record.topic.to_string(),
                    partition: record.record.partition.unwrap_or(-1),
                };
                self.notebook.note(ClientEvent::HandedBack {
                    producer: self.name.clone(),
                    id: id_of(record.record.value.as_deref()),
                    place,
                    perhaps_written: record.is_perhaps_written,
                });
            }
            if seen != (count, perhaps) {
                let name = &self.name;
                self.notebook.trouble(format!("{name}: {count} and {perhaps} records are {seen:?}"));
            }
        }
        self.expect_all_told("closed").await;
        self.note_memory();
        self.be_another();
        self.build();
    }

    /// Closes the client under its producer; others go on.
    pub(super) async fn close_client(&mut self) {
        self.client.close().await;
        self.abandoned.push(std::mem::take(&mut self.deliveries));
        self.client = connect(self.builder.clone()).await;
        self.be_another();
        self.build();
    }

    fn be_another(&mut self) {
        self.lives += 1;
        self.name = format!("{}/{}", self.plan.name, self.lives);
    }

    /// Every delivery of this producer has its result.
    async fn expect_all_told(&mut self, done: &str) {
        let all = async { while self.deliveries.join_next().await.is_some() {} };
        if timeout(AT_ONCE, all).await.is_err() {
            let name = &self.name;
            self.notebook.trouble(format!("{name} is {done}, and not all of its records are resolved"));
        }
    }
}
