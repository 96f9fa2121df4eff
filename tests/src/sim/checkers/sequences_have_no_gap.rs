//! In a log the batches of a producer's epoch follow one another: offsets without a gap or overlap, sequences likewise
//! and from 0 on. By sequences a broker tells a retry from a new batch, and a lost batch from one that is late (KIP-98).
//!
//! Within a leader epoch that is exact. A new leader goes on with what it has of the epochs before, which may be less
//! than their leaders had, so its first batch has to follow any batch of theirs.

use std::collections::BTreeMap;

use ottla_protocol::records::increment_sequence;
use ottla_protocol::types::Uuid;
use ottla_testbroker::journal::{BatchProducer, JournalEvent};

use super::Checker;
use super::reading::cluster_events;
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "sequences-have-no-gap", check };

/// A batch that was appended.
struct Appended {
    leader_epoch: i32,
    first: i64,
    last: i64,
    producer: Option<BatchProducer>,
}

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut partitions: BTreeMap<(Uuid, i32), Vec<Appended>> = BTreeMap::new();
    for (_, event) in cluster_events(outcome) {
        let JournalEvent::BatchAppended {
            topic_id,
            topic,
            partition,
            base_offset: first,
            last_offset: last,
            leader_epoch,
            producer,
        } = event
        else {
            continue;
        };
        let before = partitions.entry((*topic_id, *partition)).or_default();
        let appended =
            Appended { leader_epoch: *leader_epoch, first: *first, last: *last, producer: *producer };
        follows(&appended, before).map_err(|reason| format!("{topic}-{partition}@{first}: {reason}"))?;
        before.push(appended);
    }
    Ok(())
}

/// Whether a batch may come behind those that were appended before, in whatever epochs.
fn follows(batch: &Appended, before: &[Appended]) -> Result<(), String> {
    let newest = before.iter().rev().find(|other| other.leader_epoch == batch.leader_epoch);
    let follows_one = match newest {
        Some(newest) => newest.last + 1 == batch.first,
        None => batch.first == 0 || before.iter().any(|other| other.last + 1 == batch.first),
    };
    if !follows_one {
        return Err(format!("the log of leader epoch {} does not end there", batch.leader_epoch));
    }
    let Some(producer) = batch.producer else { return Ok(()) };
    let mut own = before.iter().rev().filter(|other| other.last < batch.first).filter_map(|other| {
        let next = next_sequence(other, producer)?;
        Some((other.leader_epoch, next))
    });
    let sequence = producer.base_sequence;
    let newest = own.clone().find(|(leader_epoch, _)| *leader_epoch == batch.leader_epoch);
    let follows_one = match newest {
        Some((_, next)) => next == sequence,
        None => sequence == 0 || own.any(|(_, next)| next == sequence),
    };
    if follows_one {
        return Ok(());
    }
    let BatchProducer { producer_id, producer_epoch, .. } = producer;
    Err(format!("sequence {sequence} of producer {producer_id} in epoch {producer_epoch} follows none"))
}

/// The sequence behind a batch, if it is of this producer and its epoch.
fn next_sequence(batch: &Appended, of: BatchProducer) -> Option<i32> {
    let producer = batch.producer?;
    let is_its = (producer.producer_id, producer.producer_epoch) == (of.producer_id, of.producer_epoch);
    let count = i32::try_from(batch.last - batch.first + 1).ok()?;
    is_its.then(|| increment_sequence(producer.base_sequence, count))
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn appended() -> ByHand {
        idempotent().appended(0, (0, 2), (0, 0)).appended(0, (3, 3), (0, 3))
    }

    #[test]
    fn batches_follow_one_another_and_an_epoch_starts_at_zero() {
        appended().appended(0, (4, 5), (0, 4)).appended(0, (6, 6), (1, 0)).accepted_by(CHECKER);
    }

    #[test]
    fn a_new_leader_goes_on_with_what_it_has() {
        appended().appended(1, (3, 3), (0, 3)).appended(1, (4, 4), (0, 4)).accepted_by(CHECKER);
        let late = appended().elected(2, 1).appended(0, (4, 4), (0, 4));
        late.clone().appended(1, (5, 5), (0, 5)).accepted_by(CHECKER);
        late.appended(1, (4, 4), (0, 4)).accepted_by(CHECKER);
    }

    #[test]
    fn gaps_and_repetitions_are_found() {
        appended().appended(0, (4, 4), (0, 5)).refused_by(CHECKER, "sequence 5 of producer 1 in epoch 0");
        appended().appended(0, (4, 4), (0, 3)).refused_by(CHECKER, "sequence 3 of producer 1");
        appended().appended(0, (4, 4), (1, 4)).refused_by(CHECKER, "in epoch 1 follows none");
        appended().appended(1, (4, 4), (0, 5)).refused_by(CHECKER, "sequence 5 of producer 1");
        let because = "the log of leader epoch 0 does not end there";
        appended().appended(0, (6, 6), (0, 4)).refused_by(CHECKER, because);
        appended().appended(0, (3, 3), (0, 4)).refused_by(CHECKER, because);
        appended().appended(1, (6, 6), (0, 4)).refused_by(CHECKER, "t-0@6: the log of leader epoch 1");
    }
}
