//! The ends of a producer's records before their time: purge, and close with a deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout as within;

use super::undelivered::Undelivered;
use super::waits::WaitFor;
use super::{Producer, Shared};

impl Producer {
    /// Waits until all records queued so far are resolved, whatever became of them: acknowledged, refused, timed out,
    /// purged. Their [deliveries](super::Delivery) say what. Sends without lingering; takes at most
    /// `delivery.timeout.ms`, and the time for answers to what is under way then. Records queued meanwhile are not waited
    /// for.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn flush(&self) {
        let mark = self.shared.lock().machine.flush();
        self.shared.work.notify_one();
        self.shared.flushed(mark).await;
    }

    /// Gives up all records that are queued and not under way, and returns how many they were. Those of which an attempt
    /// had no answer end as [`PerhapsWritten`](crate::ProduceErrorKind::PerhapsWritten), the others as
    /// [`Purged`](crate::ProduceErrorKind::Purged): they are not written. What is under way ends by its answer, or is
    /// sent again. As `purge(RD_KAFKA_PURGE_F_QUEUE)` of librdkafka; Java has nothing like it.
    ///
    /// The producer goes on. With idempotence the order stays as well: if something is purged that had a place in the
    /// order, what follows is sent in a new epoch, once what is under way is resolved.
    pub fn purge(&self) -> usize {
        let records = self.shared.lock().machine.purge();
        self.shared.tell_results();
        self.shared.work.notify_one();
        records
    }

    /// Refuses further records, sends without lingering, and waits until those queued are resolved, at most for
    /// `timeout`. Then everything that is not resolved is given up and handed back; zero gives up at once.
    ///
    /// What each end means, for a record's [delivery](super::Delivery) and for what is handed back:
    /// - `Ok`: written, as `acks` asks for. Never handed back.
    /// - An error that came before the time was over, as from [`send`](Self::send): the delivery says whether it may be
    ///   written. Not handed back: the producer was done with it.
    /// - [`Closed`](crate::ProduceErrorKind::Closed): handed back; it is not written, so sending it again makes no
    ///   duplicate.
    /// - [`PerhapsWritten`](crate::ProduceErrorKind::PerhapsWritten): handed back if the time was over; a request with it
    ///   is under way or had no answer, so it is in the log or will be, or not.
    ///
    /// Whoever waits in [`send`](Self::send) or [`enqueue`](Self::enqueue) for a topic or for memory is refused at once.
    /// Clones of the producer are closed with it. A second call, on a clone too, waits likewise; each record is handed back
    /// once, to the call whose time is over first.
    ///
    /// Dropping a producer without this sends what is queued in the background, as long as the runtime lives.
    ///
    /// # Errors
    /// The records that were not delivered in time.
    ///
    /// # Cancel safety
    /// Dropping the future hands nothing back and gives nothing up: records are refused from then on, and those queued are
    /// sent in the background. To wait again, or to give them up, call it again.
    pub async fn close(&self, timeout: Duration) -> Result<(), Undelivered> {
        let mark = {
            let mut state = self.shared.lock();
            state.closed = true;
            state.machine.flush()
        };
        self.shared.work.notify_one();
        // Who waits for memory sees that it would be in vain.
        self.shared.progress.notify_waiters();
        if !timeout.is_zero() && within(timeout, self.shared.flushed(mark)).await.is_ok() {
            self.shared.tell_end();
            return Ok(());
        }
        let undelivered = self.shared.hand_back().await;
        self.shared.tell_end();
        match Undelivered::new(undelivered) {
            Some(undelivered) => Err(undelivered),
            None => Ok(()),
        }
    }
}

impl Shared {
    /// All that was queued before the mark is resolved.
    async fn flushed(&self, mark: u64) {
        let _wait = self.waits.start(WaitFor::Flush, self.client.shared.pool.clock());
        loop {
            let progress = self.progress.notified();
            if self.lock().machine.is_flushed(mark) {
                return;
            }
            progress.await;
        }
    }

    /// The producer is closed.
    pub(super) async fn closed(&self) {
        loop {
            let progress = self.progress.notified();
            if self.lock().closed {
                return;
            }
            progress.await;
        }
    }

    /// Gives up everything. What the driver is sealing right now is waited for: it has the records.
    async fn hand_back(self: &Arc<Self>) -> Vec<ottla_core::producer::HandedBack> {
        let handed_back = loop {
            // The driver notifies it of every sealed batch of a closed producer.
            let sealed = self.progress.notified();
            {
                let mut state = self.lock();
                if !state.machine.is_sealing() {
                    break state.machine.hand_back();
                }
            }
            sealed.await;
        };
        self.tell_results();
        self.work.notify_one();
        handed_back
    }
}
