//! Which error codes the clients of a world were answered with, and after which of them things went well again: seen from
//! the cluster's journal alone.
//!
//! A code is *handled* when the same client has later asked the same API, about the same partition where the journal says
//! what was asked about, and got an answer without an error about it.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_testbroker::journal::{JournalEvent, RequestPlace, RequestSummary};

/// How often each code was answered by each API, and handled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    counts: BTreeMap<(ApiKey, ErrorCode), Count>,
}

/// How often a code came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In answers of brokers.
    pub answered: u64,
    /// And was handled.
    pub handled: u64,
}

/// A client, an API, and what an answer was about.
type Subject = (String, ApiKey, Vec<(&'static str, String)>);

/// A request that is not answered yet.
struct Asked {
    client_id: String,
    /// Topics and partitions; `None` if the journal does not say.
    about: Option<BTreeSet<(String, String)>>,
}

impl Answers {
    /// Of one world's journal.
    pub fn of<'a>(journal: impl Iterator<Item = &'a JournalEvent>) -> Self {
        let mut answers = Self::default();
        let mut asked: BTreeMap<RequestPlace, Asked> = BTreeMap::new();
        let mut open: BTreeMap<Subject, BTreeSet<ErrorCode>> = BTreeMap::new();
        for event in journal {
            match event {
                JournalEvent::RequestReceived { request, client_id, summary, .. } => {
                    asked.insert(*request, Asked { client_id: client_id.clone(), about: about(summary) });
                }
                JournalEvent::ResponseSent { request, api, errors, .. } => {
                    let Some(asked) = asked.remove(request) else { continue };
                    let is_well = |(client_id, of_api, of): &Subject| {
                        *client_id == asked.client_id
                            && of_api == api
                            && asked.includes(of)
                            && !errors.iter().any(|error| error.of == *of || error.of.is_empty())
                    };
                    open.retain(|subject, codes| {
                        let is_well = is_well(subject);
                        for code in codes.iter().filter(|_| is_well) {
                            answers.counts.entry((*api, *code)).or_default().handled += 1;
                        }
                        !is_well
                    });
                    for error in errors {
                        answers.counts.entry((*api, error.code)).or_default().answered += 1;
                        let subject = (asked.client_id.clone(), *api, error.of.clone());
                        open.entry(subject).or_default().insert(error.code);
                    }
                }
                _ => {}
            }
        }
        answers
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            let sum = self.counts.entry(*key).or_default();
            sum.answered += count.answered;
            sum.handled += count.handled;
        }
    }

    /// How often a code came from an API.
    pub fn count(&self, api: ApiKey, code: ErrorCode) -> Count {
        self.counts.get(&(api, code)).copied().unwrap_or_default()
    }

    /// Likewise, from any API.
    pub fn count_of(&self, code: ErrorCode) -> u64 {
        self.counts.iter().filter(|((_, of), _)| *of == code).map(|(_, count)| count.answered).sum()
    }
}

impl Asked {
    /// Whether it was about what an error was about; if nobody knows, it was.
    fn includes(&self, of: &[(&'static str, String)]) -> bool {
        let Some(about) = &self.about else { return true };
        let field =
            |names: [&str; 3]| of.iter().find(|(name, _)| names.contains(name)).map(|(_, value)| value);
        let topic = field(["topic", "name", "topicId"]);
        let partition = field(["index", "partitionIndex", "partition"]);
        match (topic, partition) {
            (Some(topic), Some(partition)) => about.contains(&(topic.clone(), partition.clone())),
            _ => true,
        }
    }
}

fn about(summary: &RequestSummary) -> Option<BTreeSet<(String, String)>> {
    let row = |topic: &String, partition: i32| (topic.clone(), partition.to_string());
    match summary {
        RequestSummary::Produce { partitions, left_out: 0, .. } => {
            Some(partitions.iter().map(|asked| row(&asked.topic, asked.partition)).collect())
        }
        // A fetch within a session names only what has changed.
        RequestSummary::Fetch { partitions, left_out: 0, session_id: 0, .. } => {
            Some(partitions.iter().map(|asked| row(&asked.topic, asked.partition)).collect())
        }
        RequestSummary::OffsetCommit { partitions, left_out: 0, .. } => {
            Some(partitions.iter().map(|asked| row(&asked.topic, asked.partition)).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::{Plan, Scenario};
    use crate::sim::world;

    #[test]
    fn what_is_answered_well_afterwards_was_handled() {
        let ended = world::run(&Plan::draw(Scenario::Codes, 1)).expect("it ends");
        let entries = ended.outcome.history.iter().filter_map(|happened| happened.as_journal());
        let answers = Answers::of(entries);
        let sum = |count: fn(&Count) -> u64| answers.counts.values().map(count).sum::<u64>();
        assert!(sum(|count| count.answered) > 5 && sum(|count| count.handled) > 5, "{answers:?}");
        assert!(answers.counts.values().all(|count| count.handled <= count.answered));
        // Nothing that comes behind the last error is a handling of it.
        assert_eq!(Answers::of(std::iter::empty()), Answers::default());
    }
}
