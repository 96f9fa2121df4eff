//! Compares a log, as some reader reads it, with what the producer said of every record. It knows nothing of brokers,
//! clients and time: records in, a verdict out.

#[cfg(test)]
mod tests;

use super::content::{END, RecordId};
use super::history::{Fate, History};
use std::collections::BTreeMap;
use std::fmt;

/// So many of a kind are told one by one.
const EXAMPLES: usize = 5;

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// What is acknowledged is in the log.
    AcknowledgedIsKept,
    /// And where it was said to be.
    AcknowledgedIsInItsPlace,
    /// Nothing is in the log twice.
    WrittenOnce,
    /// A sender's records are in their order in each partition.
    WrittenInOrder,
    /// What is told as not written is not in the log.
    NotWrittenIsNotThere,
    /// Nothing else is in the log.
    OnlyWhatWasSent,
    /// A reader's offsets rise, and it comes to the end of every partition.
    ReadToTheEnd,
}

/// What a judge found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many records were read, without the marks at the ends.
    pub read: u64,
    /// How often each rule was broken, and the first cases.
    pub broken: BTreeMap<Rule, (u64, Vec<String>)>,
}

impl Verdict {
    /// Whether no rule was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken.is_empty()
    }

    fn breaks(&mut self, rule: Rule, case: impl FnOnce() -> String) {
        let (count, cases) = self.broken.entry(rule).or_default();
        *count += 1;
        if cases.len() < EXAMPLES {
            cases.push(case());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.read)?;
        if self.is_clean() {
            return f.write_str(", every acknowledged one once, in its place and in order, and nothing else");
        }
        for (rule, (count, cases)) in &self.broken {
            write!(f, "\n  {rule:?} broken {count} times: {}", cases.join("; "))?;
        }
        Ok(())
    }
}

/// Reads along.
#[derive(Debug)]
pub struct Judge<'a> {
    history: &'a History,
    is_read: Vec<Vec<bool>>,
    partitions: Vec<Partition>,
    verdict: Verdict,
}

#[derive(Clone, Debug)]
struct Partition {
    next_offset: i64,
    /// Each sender's next number at the earliest.
    next_numbers: Vec<u32>,
    has_ended: bool,
}

impl<'a> Judge<'a> {
    /// Judges one reading of the whole log.
    #[must_use]
    pub fn new(history: &'a History) -> Self {
        let senders = history.senders.len();
        let partition = Partition { next_offset: 0, next_numbers: vec![0; senders], has_ended: false };
        Self {
            history,
            is_read: history.senders.iter().map(|fates| vec![false; fates.len()]).collect(),
            partitions: vec![partition; usize::try_from(history.partitions).unwrap_or(0)],
            verdict: Verdict::default(),
        }
    }

    /// Takes the next record of a partition.
    pub fn on_record(&mut self, partition: i32, offset: i64, value: &[u8]) {
        let place = format_args!("{partition}-{offset}");
        let verdict = &mut self.verdict;
        let state = usize::try_from(partition).ok().and_then(|index| self.partitions.get_mut(index));
        let Some(state) = state else {
            return verdict.breaks(Rule::OnlyWhatWasSent, || format!("{place}: no such partition"));
        };
        if offset < state.next_offset {
            let expected = state.next_offset;
            verdict.breaks(Rule::ReadToTheEnd, || format!("{place} came where {expected} was expected"));
        }
        state.next_offset = offset + 1;
        if value == END {
            state.has_ended = true;
            return;
        }
        verdict.read += 1;
        let sent = RecordId::of_value(value).and_then(|id| Some((id, self.history.fate(id)?)));
        let Some((id, fate)) = sent else {
            let text = String::from_utf8_lossy(value);
            return verdict.breaks(Rule::OnlyWhatWasSent, || format!("{place}: {text}"));
        };
        let (sender, number) = (usize::from(id.sender), id.number);
        if std::mem::replace(&mut self.is_read[sender][number as usize], true) {
            return verdict.breaks(Rule::WrittenOnce, || format!("{place}: {id:?} once more, {fate:?}"));
        }
        let earliest = &mut state.next_numbers[sender];
        if number < *earliest {
            let before = *earliest - 1;
            verdict.breaks(Rule::WrittenInOrder, || format!("{place}: {id:?} behind number {before}"));
        }
        *earliest = number + 1;
        match fate {
            Fate::Acknowledged { partition: wanted, offset: at } => {
                if wanted != partition || at.is_some_and(|at| at != offset) {
                    let case = || format!("{place}: {id:?}, {fate:?}");
                    verdict.breaks(Rule::AcknowledgedIsInItsPlace, case);
                }
            }
            Fate::NotWritten => verdict.breaks(Rule::NotWrittenIsNotThere, || format!("{place}: {id:?}")),
            Fate::PerhapsWritten => {}
        }
    }

    /// Whether the end of every partition was read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.partitions.iter().all(|partition| partition.has_ended)
    }

    /// What the whole comes to.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        for (number, partition) in self.partitions.iter().enumerate() {
            if !partition.has_ended {
                let next = partition.next_offset;
                self.verdict.breaks(Rule::ReadToTheEnd, || format!("{number} was read up to {next}"));
            }
        }
        for (id, fate) in self.history.iter() {
            let is_read = self.is_read[usize::from(id.sender)][id.number as usize];
            if matches!(fate, Fate::Acknowledged { .. }) && !is_read {
                self.verdict.breaks(Rule::AcknowledgedIsKept, || format!("{id:?}, {fate:?}"));
            }
        }
        self.verdict
    }
}
