//! A record is told to be invalid only if its topic refused records between its sending and that: what brokers say of a
//! partition's batch is about no other's.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;

use super::Checker;
use super::reading::{client_events, config_changes};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "invalid-for-a-reason", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let changes = config_changes(outcome, "cleanup.policy");
    if changes.is_empty() {
        // Rules refuse batches here, whatever is in them.
        return Ok(());
    }
    let mut sent = BTreeMap::new();
    for (at, event) in client_events(outcome) {
        match event {
            ClientEvent::Sent { id, topic, .. } => _ = sent.insert(*id, (at, topic)),
            ClientEvent::Failed { producer, id, code: Some(ErrorCode::INVALID_RECORD), .. } => {
                let Some((sent_at, topic)) = sent.get(id) else { continue };
                let of_topic = changes.get(topic.as_str()).map_or(&[][..], Vec::as_slice);
                let first = of_topic.partition_point(|(at, _)| at < sent_at).saturating_sub(1);
                let mut within = of_topic[first..].iter().take_while(|(changed, _)| *changed < at);
                if !within.any(|(_, policy)| policy.contains("compact")) {
                    return Err(format!(
                        "{producer} was told that record {} is invalid, and {topic} took any",
                        id.0
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ottla_protocol::error_code::ErrorCode;

    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    const INVALID: ErrorCode = ErrorCode::INVALID_RECORD;

    #[test]
    fn a_compacted_topic_refuses_records() {
        let world = idempotent().config("cleanup.policy", "compact,delete");
        world.clone().sent(1).refused(1, INVALID).accepted_by(CHECKER);
        let ended = world.sent(1).config("cleanup.policy", "delete");
        ended.refused(1, INVALID).accepted_by(CHECKER);
        idempotent().sent(1).refused(1, INVALID).accepted_by(CHECKER);
    }

    #[test]
    fn a_record_that_nobody_had_a_reason_to_refuse_is_found() {
        let world = idempotent().config("cleanup.policy", "compact").config("cleanup.policy", "delete");
        world.sent(1).refused(1, INVALID).refused_by(CHECKER, "record 1 is invalid, and t took any");
    }
}
