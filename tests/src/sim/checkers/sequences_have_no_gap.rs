//! In a log the batches of a producer's epoch follow one another: offsets without a gap or overlap, sequences likewise
//! and from 0 on. By sequences a broker tells a retry from a new batch, and a lost batch from one that is late (KIP-98).

use ottla_protocol::records::increment_sequence;
use ottla_testbroker::journal::{BatchProducer, JournalEvent};

use super::Checker;
use super::appends::{Appended, Appends};
use super::reading::cluster_events;
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "sequences-have-no-gap", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut appends = Appends::default();
    for (_, event) in cluster_events(outcome) {
        let JournalEvent::BatchAppended { topic, partition, .. } = event else {
            appends.take(event);
            continue;
        };
        let Some((batch, before)) = appends.take(event) else { continue };
        let end = before.last().map_or(0, |newest| newest.last + 1);
        if batch.first != end {
            return Err(format!("{topic}-{partition} ends at {end}; the next batch is at {}", batch.first));
        }
        let Some(producer) = batch.producer else { continue };
        let expected = next_sequence(before, producer);
        if producer.base_sequence != expected {
            let BatchProducer { producer_id, producer_epoch, base_sequence, .. } = producer;
            return Err(format!(
                "{topic}-{partition}@{}: producer {producer_id} in epoch {producer_epoch} goes on with sequence \
                 {base_sequence}, not {expected}",
                batch.first
            ));
        }
    }
    Ok(())
}

/// The sequence with which a producer goes on in its epoch.
fn next_sequence(log: &[Appended], of: BatchProducer) -> i32 {
    let newest = log.iter().rev().find_map(|batch| {
        let producer = batch.producer?;
        let is_its = (producer.producer_id, producer.producer_epoch) == (of.producer_id, of.producer_epoch);
        is_its.then_some((producer.base_sequence, batch.last - batch.first + 1))
    });
    newest.map_or(0, |(base, count)| increment_sequence(base, i32::try_from(count).unwrap_or(i32::MAX)))
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
    fn what_a_new_leader_lacks_is_appended_again_and_what_a_deposed_one_appends_does_not_count() {
        let moved = appended().elected(2, 1);
        moved.clone().appended(1, (3, 3), (0, 3)).appended(1, (4, 4), (0, 4)).accepted_by(CHECKER);
        moved.appended(0, (4, 4), (0, 9)).appended(1, (4, 4), (0, 4)).accepted_by(CHECKER);
    }

    #[test]
    fn gaps_and_repetitions_are_found() {
        appended().appended(0, (4, 4), (0, 5)).refused_by(CHECKER, "goes on with sequence 5, not 4");
        appended().appended(0, (4, 4), (0, 3)).refused_by(CHECKER, "goes on with sequence 3, not 4");
        appended().appended(0, (4, 4), (1, 4)).refused_by(CHECKER, "goes on with sequence 4, not 0");
        appended().appended(0, (6, 6), (0, 4)).refused_by(CHECKER, "t-0 ends at 4; the next batch is at 6");
    }
}
