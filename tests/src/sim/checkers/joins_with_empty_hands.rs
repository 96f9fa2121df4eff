//! A member asks to join a generation only when its application holds nothing: the group gives all of it away from then
//! on. So Java's `onJoinPrepare` comes before JoinGroup, and its callbacks return before.
//!
//! That is so of members that rebalance eagerly, and worlds have no others. A request that an old connection brings
//! behind those of a newer one was sent before; its member may have been given partitions since.

use std::collections::BTreeMap;

use ottla_protocol::api::ApiKey;
use ottla_testbroker::ConnectionId;
use ottla_testbroker::journal::{JournalEvent, RequestSummary};

use super::Checker;
use super::holdings::holdings;
use super::reading::{Shown, cluster_events};
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "joins-with-empty-hands", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let holdings = holdings(outcome);
    let mut newest: BTreeMap<&str, ConnectionId> = BTreeMap::new();
    for (at, event) in cluster_events(outcome) {
        let JournalEvent::RequestReceived {
            request,
            client_id,
            api,
            summary: RequestSummary::Member { .. },
            ..
        } = event
        else {
            continue;
        };
        let newest = newest.entry(client_id).or_insert(request.connection);
        if request.connection < *newest {
            continue;
        }
        *newest = request.connection;
        let is_its = |held: &&super::holdings::Holding<'_>| held.consumer == client_id && held.lasts_at(at);
        if let Some(held) = holdings.iter().find(is_its).filter(|_| *api == ApiKey::JOIN_GROUP) {
            return Err(format!("{client_id} joins while it has {}", Shown(held.place)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn who_has_let_go_may_join() {
        let world = idempotent().joins("c", 1).assigned("c");
        for lost in [false, true] {
            world.clone().revoked("c", lost).joins("c", 1).accepted_by(CHECKER);
        }
        world.clone().joins("d", 1).accepted_by(CHECKER);
        // Its process is gone, and another one has its name.
        world.closed("c").joins("c", 2).accepted_by(CHECKER);
    }

    #[test]
    fn a_request_that_was_on_its_way_for_long_says_nothing() {
        idempotent().joins("c", 2).assigned("c").joins("c", 1).accepted_by(CHECKER);
    }

    #[test]
    fn who_joins_with_partitions_in_hand_is_found() {
        let because = "c joins while it has t-0";
        idempotent().joins("c", 1).assigned("c").joins("c", 1).refused_by(CHECKER, because);
        idempotent()
            .joins("c", 1)
            .assigned("c")
            .joins("c", 2)
            .revoked("c", true)
            .refused_by(CHECKER, because);
    }
}
