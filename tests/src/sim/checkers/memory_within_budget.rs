//! A producer's unsent records take no more than `buffer.memory`, and nothing once all are resolved: applications size
//! their processes by it, and what is not given back is missed by every later record.
//!
//! ottla asks for room before it knows how large a record is within its batch, so the last record to be taken may reach
//! over the limit; the next one waits.

use std::collections::{BTreeMap, BTreeSet};

use super::Checker;
use super::reading::client_events;
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "memory-within-budget", check };

/// The largest record that the worlds send, with what its batch adds to it.
const LARGEST_RECORD_BYTES: usize = 2 * 1024;

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut unresolved: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for (_, event) in client_events(outcome) {
        match event {
            ClientEvent::Sent { producer, id, .. } => {
                unresolved.entry(producer).or_default().insert(*id);
            }
            ClientEvent::Acknowledged { producer, id, .. } | ClientEvent::Failed { producer, id, .. } => {
                unresolved.entry(producer).or_default().remove(id);
            }
            ClientEvent::ProducerMemory { producer, used_bytes, limit_bytes } => {
                if *used_bytes > limit_bytes.saturating_add(LARGEST_RECORD_BYTES) {
                    return Err(format!("{producer} uses {used_bytes} bytes of {limit_bytes}"));
                }
                let is_idle = unresolved.get(producer.as_str()).is_none_or(BTreeSet::is_empty);
                if is_idle && *used_bytes > 0 {
                    return Err(format!("{producer} uses {used_bytes} bytes although all is resolved"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CHECKER, LARGEST_RECORD_BYTES};
    use crate::sim::checkers::by_hand::idempotent;

    const LIMIT: usize = 1 << 20;

    #[test]
    fn a_producer_may_go_one_record_over_and_gives_everything_back() {
        let world = idempotent().sent(1).memory(LIMIT, LIMIT).memory(LIMIT + LARGEST_RECORD_BYTES, LIMIT);
        world.acknowledged(1, 0).memory(0, LIMIT).accepted_by(CHECKER);
    }

    #[test]
    fn too_much_memory_and_memory_that_is_kept_are_found() {
        let world = idempotent().sent(1);
        world.clone().memory(2 * LIMIT, LIMIT).refused_by(CHECKER, "p uses 2097152 bytes of 1048576");
        let leaked = world.failed(1, true).memory(9, LIMIT);
        leaked.refused_by(CHECKER, "p uses 9 bytes although all is resolved");
    }
}
