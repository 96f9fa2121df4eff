//! Batches whose delivery time is over while they wait.

use super::{ProduceError, Producer};
use crate::time::Instant;

impl<T: Clone> Producer<T> {
    /// Gives up batches that wait longer than `delivery.timeout.ms`.
    pub(super) fn expire(&mut self, now: Instant) {
        let mut emptied = Vec::new();
        for index in self.filled.clone() {
            loop {
                let queue = &mut self.queues[index.0];
                let Some(batch) = queue.batches.front() else {
                    emptied.push(index);
                    break;
                };
                if batch.created + self.config.delivery_timeout > now {
                    break;
                }
                let batch = queue.batches.pop_front().expect("it was just seen");
                let error = ProduceError::timed_out(batch.perhaps_written, batch.last_error.clone());
                self.give_up_waiting(batch, error);
            }
        }
        for index in emptied {
            self.filled.remove(&index);
        }
    }
}
