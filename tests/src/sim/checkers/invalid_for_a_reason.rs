//! A record is told to be invalid only if it is: it lacks a key, and its topic asked for one between its sending and that.
//! A broker names the records that it refuses (KIP-467); the others of their batch are sent again without them, and what is
//! said of a partition's batch is about no other's.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;

use super::Checker;
use super::reading::{client_events, config_changes};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "invalid-for-a-reason", check };

const INVALID: ErrorCode = ErrorCode::INVALID_RECORD;

fn check(outcome: &Outcome) -> Result<(), String> {
    let changes = config_changes(outcome, "cleanup.policy");
    if changes.is_empty() {
        // Rules refuse batches here, whatever is in them.
        return Ok(());
    }
    let mut sent = BTreeMap::new();
    for (at, event) in client_events(outcome) {
        match event {
            ClientEvent::Sent { id, topic, has_key, .. } => _ = sent.insert(*id, (at, topic, *has_key)),
            // What may be written already must not be sent in another batch.
            ClientEvent::Failed { producer, id, code: Some(INVALID), perhaps_written: false, .. } => {
                let Some((sent_at, topic, has_key)) = sent.get(id) else { continue };
                let of_topic = changes.get(topic.as_str()).map_or(&[][..], Vec::as_slice);
                let first = of_topic.partition_point(|(at, _)| at < sent_at).saturating_sub(1);
                let mut within = of_topic[first..].iter().take_while(|(changed, _)| *changed < at);
                let told = format!("{producer} was told that record {} is invalid", id.0);
                if !within.any(|(_, policy)| policy.contains("compact")) {
                    return Err(format!("{told}, and {topic} took any"));
                }
                if *has_key {
                    return Err(format!("{told}, and it has a key"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CHECKER, INVALID};
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn a_compacted_topic_refuses_records_without_a_key() {
        let world = idempotent().config("cleanup.policy", "compact,delete");
        world.clone().sent(1).refused(1, INVALID).accepted_by(CHECKER);
        let ended = world.sent(1).config("cleanup.policy", "delete");
        ended.refused(1, INVALID).accepted_by(CHECKER);
        idempotent().sent_with_key(1).refused(1, INVALID).accepted_by(CHECKER);
    }

    #[test]
    fn a_record_that_nobody_had_a_reason_to_refuse_is_found() {
        let world = idempotent().config("cleanup.policy", "compact");
        let keyed = world.clone().sent_with_key(1).refused(1, INVALID);
        keyed.refused_by(CHECKER, "record 1 is invalid, and it has a key");
        let world = world.config("cleanup.policy", "delete");
        world.sent(1).refused(1, INVALID).refused_by(CHECKER, "record 1 is invalid, and t took any");
    }
}
