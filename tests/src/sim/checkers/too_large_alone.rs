//! A record is refused as too large only if a batch of it alone is: one that its topic would take in a smaller batch is
//! sent again in one, as Java's client does, which splits what is too large.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;

use super::Checker;
use super::reading::{client_events, config_changes};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "too-large-alone", check };

const TOO_LARGE: ErrorCode = ErrorCode::MESSAGE_TOO_LARGE;
/// Bytes that compressing may add to a batch.
const MOST_ADDED_BYTES: usize = 64;

fn check(outcome: &Outcome) -> Result<(), String> {
    let changes = config_changes(outcome, "max.message.bytes");
    let mut sent = BTreeMap::new();
    for (at, event) in client_events(outcome) {
        match event {
            ClientEvent::Sent { id, topic, size, .. } => _ = sent.insert(*id, (at, topic, *size)),
            // What may be written already must not be sent in other batches.
            ClientEvent::Failed { producer, id, code: Some(TOO_LARGE), perhaps_written: false, .. } => {
                let Some((sent_at, topic, size)) = sent.get(id) else { continue };
                let of_topic = changes.get(topic.as_str()).map_or(&[][..], Vec::as_slice);
                let smallest = smallest_limit(of_topic, *sent_at, at);
                if smallest.is_none_or(|limit| limit >= size + MOST_ADDED_BYTES) {
                    return Err(format!(
                        "{producer} was told that record {} of at most {size} bytes is too large; {topic} takes {}",
                        id.0,
                        smallest.map_or("any".to_owned(), |limit| format!("batches of {limit}"))
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The smallest limit that held at some time between two events.
fn smallest_limit(changes: &[(usize, &str)], from: usize, to: usize) -> Option<usize> {
    let first = changes.partition_point(|(at, _)| *at < from).saturating_sub(1);
    let within = changes[first..].iter().take_while(|(at, _)| *at < to);
    within.filter_map(|(_, limit)| limit.parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::{CHECKER, TOO_LARGE};
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn limit(world: ByHand, bytes: &str) -> ByHand {
        world.config("max.message.bytes", bytes)
    }

    #[test]
    fn what_is_too_large_alone_may_be_refused() {
        limit(idempotent(), "200").sent_of_size(1, 300).refused(1, TOO_LARGE).accepted_by(CHECKER);
        limit(idempotent().sent_of_size(1, 300), "200").refused(1, TOO_LARGE).accepted_by(CHECKER);
        // The limit may have risen since.
        let world = limit(idempotent(), "200").sent_of_size(1, 300);
        limit(world, "900").refused(1, TOO_LARGE).accepted_by(CHECKER);
    }

    #[test]
    fn what_would_have_fitted_alone_is_found() {
        let world = limit(idempotent(), "900").sent_of_size(1, 300).refused(1, TOO_LARGE);
        world.refused_by(CHECKER, "record 1 of at most 300 bytes is too large; t takes batches of 900");
        let world = limit(limit(idempotent(), "200"), "900").sent_of_size(1, 300).refused(1, TOO_LARGE);
        world.refused_by(CHECKER, "t takes batches of 900");
        idempotent().sent_of_size(1, 300).refused(1, TOO_LARGE).refused_by(CHECKER, "t takes any");
    }
}
