//! The application above a consumer: it asks for records, works on them for a while, asks again; is told of rebalances
//! when it asks; and now and then takes so long that its partitions go to others.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ottla_core::consumer::{Delivery, FetchEpoch, LeaderEpoch, Offset, TopicPartition};
use ottla_core::groups::Notice;
use ottla_core::request::Token;
use ottla_core::time::{Instant, Now};
use ottla_protocol::records::{Batch, RecordSet};

use super::ConsumerActor;
use crate::random::Random;
use crate::sim::history::{ClientEvent, Place};
use crate::sim::machines::notes::Notes;
use crate::sim::machines::record;
use crate::sim::machines::settings::GROUP;

pub(super) struct Application {
    random: Random,
    state: State,
    /// When it last asked, while it does not.
    polled_at: Instant,
    /// Fetch memory of what it works on.
    holds: usize,
    /// What batches are being taken from.
    current: Option<Fetched>,
    has_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It asks for records.
    Polling,
    /// It works on what it got.
    Working { until: Instant },
    /// It is to let go of partitions, and waits for its last commit of them.
    Committing(Token),
}

/// A delivery on its way to the application.
pub(super) struct Fetched {
    partition: TopicPartition,
    fetch_epoch: FetchEpoch,
    fetch_offset: i64,
    size: usize,
    batches: RecordSet,
}

impl Fetched {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            size: delivery.size(),
            partition: delivery.partition,
            fetch_epoch: delivery.fetch_epoch,
            fetch_offset: delivery.fetch_offset.0,
            batches: RecordSet::new(delivery.records),
        }
    }
}

impl Application {
    pub(super) fn new(now: Instant, seed: u64) -> Self {
        let state = State::Working { until: now };
        let random = Random(seed);
        Self { random, state, polled_at: now, holds: 0, current: None, has_closed: false }
    }

    /// Since when it has not asked.
    pub(super) fn busy_since(&self) -> Option<Instant> {
        matches!(self.state, State::Working { .. }).then_some(self.polled_at)
    }

    pub(super) fn on_overdue(&mut self, now: Instant) {
        self.polled_at = now;
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Working { until } if !self.has_closed => Some(until),
            _ => None,
        }
    }

    fn work(&mut self, now: Instant, is_calm: bool) {
        let time = match self.random.below(400) {
            0 if !is_calm => Duration::from_secs(12),
            1..10 => Duration::from_millis(self.random.below(1_500) as u64),
            _ => Duration::from_micros(self.random.below(4_000) as u64),
        };
        self.state = State::Working { until: now + time };
        self.polled_at = now;
    }
}

impl ConsumerActor {
    /// Closes the consumer: commits what is done with, hears what it was not told yet, and leaves.
    pub(in super::super) fn close(&mut self, now: Instant, notes: &Notes<'_>) {
        let now = crate::sim::machines::clock::to_client(now);
        if self.is_closing {
            return;
        }
        self.is_closing = true;
        let (consumer, group) = (self.name.clone(), GROUP.to_owned());
        notes.note(ClientEvent::GivenBack { consumer, group });
        self.application.has_closed = true;
        self.consumed.on_poll();
        let offsets = self.consumed.uncommitted(None);
        if !offsets.is_empty() {
            self.commit(now, offsets, false);
        }
        self.group.leave(now);
    }

    /// Hears what it was not told yet; says whether there was something. A busy application asks too seldom to hear it
    /// before the world ends.
    pub(in super::super) fn hear_out(&mut self, now: Now, notes: &Notes<'_>) -> bool {
        let any = self.holdings.next().is_some();
        while self.holdings.next().is_some() {
            self.tell(now, notes);
        }
        any
    }

    /// What the application does now; says whether it did something.
    pub(super) fn use_it(&mut self, now: Now, notes: &Notes<'_>) -> bool {
        if self.is_closing {
            // Nobody asks any more: what is left is told once it is committed.
            return self.commits.is_empty() && self.hear_out(now, notes);
        }
        match self.application.state {
            State::Working { until } if until <= now.instant => self.begin_poll(now, notes),
            State::Working { .. } => return false,
            State::Committing(token) if self.commits.contains_key(&token) => return false,
            State::Committing(_) => {
                // Or they were lost meanwhile.
                self.application.state = State::Polling;
                self.tell(now, notes);
            }
            State::Polling => return self.poll(now, notes),
        }
        true
    }

    fn begin_poll(&mut self, now: Now, notes: &Notes<'_>) {
        let (consumer, group) = (self.name.clone(), GROUP.to_owned());
        notes.note(ClientEvent::GivenBack { consumer, group });
        self.application.state = State::Polling;
        self.fetcher.unpin(std::mem::take(&mut self.application.holds));
        self.consumed.on_poll();
        self.group.on_poll(now);
    }

    fn poll(&mut self, now: Now, notes: &Notes<'_>) -> bool {
        if self.take_batch(notes) {
            self.application.work(now.instant, notes.is_calm);
            return true;
        }
        if let Some(notice) = self.holdings.next() {
            let offsets = match notice {
                Notice::Revoked(partitions) => self.consumed.uncommitted(Some(partitions)),
                _ => BTreeMap::new(),
            };
            if offsets.is_empty() {
                self.tell(now, notes);
            } else {
                self.application.state = State::Committing(self.commit(now, offsets, false));
            }
            return true;
        }
        self.application.current = self.fetched.pop_front();
        self.application.current.is_some()
    }

    /// Tells it what is next, and the group if it has let go by that.
    fn tell(&mut self, now: Now, notes: &Notes<'_>) {
        let (partitions, lost) = match self.holdings.begin() {
            Some(Notice::Assigned(partitions)) => (partitions, None),
            Some(Notice::Revoked(partitions)) => (partitions, Some(false)),
            Some(Notice::Lost(partitions)) => (partitions, Some(true)),
            _ => (Vec::new(), None),
        };
        for partition in partitions {
            let (consumer, group, place) = (self.name.clone(), GROUP.to_owned(), place(&partition));
            notes.note(match lost {
                None => ClientEvent::Assigned { consumer, group, place },
                Some(lost) => ClientEvent::Revoked { consumer, group, place, lost },
            });
        }
        self.holdings.on_told();
        self.let_go(now);
    }

    /// Hands out the next batch of the current delivery that has something new; says whether there was one.
    fn take_batch(&mut self, notes: &Notes<'_>) -> bool {
        while let Some(mut fetched) = self.application.current.take() {
            let is_current = self.positions.is_current(&fetched.partition, fetched.fetch_epoch);
            let is_wanted = is_current && !self.revoking.contains(&fetched.partition);
            if is_wanted && !self.revoking.is_empty() {
                // It goes on where it stops now.
                self.fetched.push_front(fetched);
                return false;
            }
            let batch = if is_wanted { fetched.batches.next() } else { None };
            let Some(batch) = batch else {
                self.positions.on_taken(&fetched.partition, fetched.fetch_epoch, fetched.size);
                self.application.holds += fetched.size;
                continue;
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.errors.push(format!("a broken batch: {error}"));
                    continue;
                }
            };
            let is_handed_out = self.hand_out(&fetched, &batch, notes);
            self.application.current = Some(fetched);
            if is_handed_out {
                return true;
            }
        }
        // What nobody wanted is free at once.
        self.fetcher.unpin(std::mem::take(&mut self.application.holds));
        false
    }

    fn hand_out(&mut self, fetched: &Fetched, batch: &Batch, notes: &Notes<'_>) -> bool {
        let epoch = batch.partition_leader_epoch();
        let leader_epoch = (epoch >= 0).then_some(LeaderEpoch(epoch));
        let next = Offset(batch.last_offset() + 1);
        self.consumed.on_handed_out(&fetched.partition, next, leader_epoch);
        if batch.is_control() || batch.last_offset() < fetched.fetch_offset {
            return false;
        }
        let bytes: Bytes = batch.bytes().clone();
        let records = record::read(bytes, &mut self.decompressor);
        let mut any = false;
        for record in records.into_iter().filter(|record| record.offset >= fetched.fetch_offset) {
            any = true;
            notes.note(ClientEvent::HandedOut {
                consumer: self.name.clone(),
                group: GROUP.to_owned(),
                place: place(&fetched.partition),
                offset: record.offset,
                id: record.id,
            });
        }
        any
    }

    /// Notes that it is gone, with what it had.
    pub(in super::super) fn note_closed(&self, notes: &Notes<'_>) {
        notes.note(ClientEvent::ConsumerClosed { consumer: self.name.clone(), group: GROUP.to_owned() });
    }
}

fn place(partition: &TopicPartition) -> Place {
    Place { topic: partition.topic.to_string(), partition: partition.partition }
}
