//! The fate of every record, without keeping a handle for each: a window of those not yet known.

use std::collections::VecDeque;

use ottla_client::{Delivery, SendError};

/// Handles that may wait at once, in all tasks together; more than fit in the requests under way, so that it does not hold up the producer.
const WINDOW: usize = 128 * 1024;

/// How often finished ones are taken out, and other tasks have their turn.
const LOOK_EVERY: u64 = 1024;

/// Deliveries that are waited for, and counts of those that came about.
#[derive(Debug)]
pub struct Deliveries {
    window: usize,
    waiting: VecDeque<Delivery>,
    pushed: u64,
    pub acked: u64,
    pub errs: u64,
    pub first_error: Option<SendError>,
}

impl Deliveries {
    /// For one of so many tasks.
    pub fn one_of(tasks: u64) -> Self {
        let window = (WINDOW as u64 / tasks).max(LOOK_EVERY) as usize;
        Self { window, waiting: VecDeque::new(), pushed: 0, acked: 0, errs: 0, first_error: None }
    }

    /// Adds one; waits for the oldest while the window is full.
    pub async fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
        self.pushed += 1;
        if self.pushed.is_multiple_of(LOOK_EVERY) {
            self.look();
            // Queueing need not wait, and on one thread the producer's tasks would come to nothing until it does.
            tokio::task::yield_now().await;
            if self.waiting.len() >= self.window {
                self.wait_for_oldest().await;
            }
        }
    }

    /// Waits for all.
    pub async fn finish(&mut self) {
        loop {
            self.look();
            if self.waiting.is_empty() {
                return;
            }
            self.wait_for_oldest().await;
        }
    }

    /// Counts what is known, up to the first that is not.
    fn look(&mut self) {
        while let Some(oldest) = self.waiting.pop_front() {
            match oldest.try_into_result() {
                Ok(result) => self.count(result.err()),
                Err(oldest) => return self.waiting.push_front(oldest),
            }
        }
    }

    async fn wait_for_oldest(&mut self) {
        if let Some(oldest) = self.waiting.pop_front() {
            let result = oldest.await;
            self.count(result.err());
        }
    }

    fn count(&mut self, error: Option<SendError>) {
        match error {
            None => self.acked += 1,
            Some(error) => {
                self.errs += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }
}
