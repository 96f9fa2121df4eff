//! What a rule sees of a world that may lose something. Rules about what was acknowledged or read see nothing of what may
//! be lost; rules about order, owners, answers and time see all.
//!
//! Not here: what may be lost, which the outcome says ([`Losses`](super::history::Losses)).

use std::borrow::Cow;

use ottla_testbroker::journal::{JournalEvent, RequestSummary};

use super::history::{ClientEvent, Event, Happened, Losses, Outcome, Place};

/// Rules about what was acknowledged: they take for granted that producers wait for all replicas in sync.
const OF_ACKNOWLEDGED: [&str; 3] =
    ["acknowledged-is-kept", "acknowledged-is-not-written-over", "handed-out-at-least-once"];
/// Rules about logs: they take for granted that an offset has one record for ever.
const OF_LOGS: [&str; 9] = [
    "acknowledged-is-kept",
    "acknowledged-is-not-written-over",
    "commits-do-not-go-back",
    "committed-was-given-back",
    "committed-was-handed-out",
    "handed-out-at-least-once",
    "handed-out-in-order",
    "handed-out-is-stored",
    "sequences-have-no-gap",
];

/// The outcome as `rule` is to see it.
pub fn seen_by<'a>(rule: &str, outcome: &'a Outcome) -> Cow<'a, Outcome> {
    let losses = &outcome.losses;
    let acknowledged = OF_ACKNOWLEDGED.contains(&rule) && !losses.producers.is_empty();
    let logs = OF_LOGS.contains(&rule) && !(losses.topics.is_empty() && losses.starts.is_empty());
    if !acknowledged && !logs {
        return Cow::Borrowed(outcome);
    }
    let mut seen = outcome.clone();
    if acknowledged {
        seen.history.retain(|happened| !is_careless(losses, happened));
    }
    if logs {
        seen.history.retain_mut(|happened| is_kept(losses, happened));
        seen.logs.retain(|(place, _)| !losses.topics.contains(&place.topic));
        for (place, stored) in &mut seen.logs {
            // The first batch may begin before the log does.
            let start = losses.starts.get(place).copied().unwrap_or(0);
            stored.retain(|stored| stored.offset >= start);
        }
    }
    Cow::Owned(seen)
}

fn is_careless(losses: &Losses, happened: &Happened) -> bool {
    match &happened.event {
        Event::Client(ClientEvent::Acknowledged { producer, .. }) => losses.producers.contains(producer),
        _ => false,
    }
}

/// Whether it is of a log that keeps it; requests lose their rows about others.
fn is_kept(losses: &Losses, happened: &mut Happened) -> bool {
    let is_there = |place: &Place, offset: i64| {
        !losses.topics.contains(&place.topic) && losses.starts.get(place).is_none_or(|start| offset >= *start)
    };
    match &mut happened.event {
        Event::Client(event) => match event {
            ClientEvent::Acknowledged { place, offset, .. }
            | ClientEvent::HandedOut { place, offset, .. } => is_there(place, *offset),
            ClientEvent::Assigned { place, .. } | ClientEvent::Revoked { place, .. } => {
                !losses.topics.contains(&place.topic)
            }
            _ => true,
        },
        Event::Cluster(entry) => match &mut entry.event {
            JournalEvent::RequestReceived {
                summary: RequestSummary::OffsetCommit { partitions, .. },
                ..
            } => {
                partitions.retain(|row| !losses.topics.contains(&row.topic));
                true
            }
            JournalEvent::BatchAppended { topic, .. }
            | JournalEvent::LeaderElected { topic, .. }
            | JournalEvent::OffsetCommitted { topic, .. } => !losses.topics.contains(topic),
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::history::RecordId;

    fn outcome(losses: Losses) -> Outcome {
        let place = |topic: &str| Place { topic: topic.to_owned(), partition: 0 };
        let acknowledged = |topic: &str, offset| Happened {
            at: Default::default(),
            event: Event::Client(ClientEvent::Acknowledged {
                producer: "p".to_owned(),
                id: RecordId(1),
                place: place(topic),
                offset,
            }),
        };
        let history = vec![acknowledged("kept", 3), acknowledged("kept", 9), acknowledged("gone", 9)];
        Outcome { history, losses, ..Outcome::default() }
    }

    #[track_caller]
    fn sees(rule: &str, losses: Losses, expected: usize) {
        assert_eq!(seen_by(rule, &outcome(losses)).history.len(), expected, "{rule}");
    }

    #[test]
    fn a_rule_about_what_is_kept_does_not_see_what_may_be_lost() {
        let place = Place { topic: "kept".to_owned(), partition: 0 };
        sees("acknowledged-is-kept", Losses::default(), 3);
        sees("acknowledged-is-kept", Losses { producers: ["p".to_owned()].into(), ..Losses::default() }, 0);
        sees("acknowledged-is-kept", Losses { topics: ["gone".to_owned()].into(), ..Losses::default() }, 2);
        sees("acknowledged-is-kept", Losses { starts: [(place, 5)].into(), ..Losses::default() }, 2);
    }

    #[test]
    fn a_rule_about_answers_sees_all() {
        let losses = Losses {
            producers: ["p".to_owned()].into(),
            topics: ["gone".to_owned()].into(),
            ..Losses::default()
        };
        sees("resolved-once", losses.clone(), 3);
        sees("written-in-order", losses, 3);
    }
}
