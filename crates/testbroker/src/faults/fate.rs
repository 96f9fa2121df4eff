//! What the rules that fired for a request make of it. Handlers ask it where they decide on an error themselves, so
//! that each API reports an injected one exactly where, and with what, it reports its own.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

use super::{FaultAction, Selector, When};
use crate::subject::Part;

/// What becomes of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    errors: Vec<Injected>,
    pub(crate) request_delay: Duration,
    pub(crate) response_delay: Duration,
    pub(crate) ending: Ending,
    /// Whether the answer is sent twice.
    pub(crate) repeats: bool,
    /// For how long the connection is not read after the answer.
    pub(crate) throttle: Duration,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    #[default]
    Answer,
    Drop(When),
    Close(When),
    Cut(usize),
    Hang(When),
}

#[derive(Clone, Debug)]
struct Injected {
    on: Selector,
    code: ErrorCode,
    when: When,
    /// Who leads instead, as the answer says, and how many leader epochs ago.
    misdirection: Option<(NodeId, u32)>,
}

/// What a handler is about to answer for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At<'a> {
    group: Option<&'a str>,
    topic: Option<&'a str>,
    partition: Option<i32>,
}

impl<'a> At<'a> {
    pub(crate) fn group(group: &'a str) -> Self {
        Self { group: Some(group), ..Self::default() }
    }

    pub(crate) fn topic(topic: &'a str) -> Self {
        Self { topic: Some(topic), ..Self::default() }
    }

    pub(crate) fn partition(topic: Option<&'a str>, partition: i32) -> Self {
        Self { group: None, topic, partition: Some(partition) }
    }

    pub(crate) fn of_group(self, group: &'a str) -> Self {
        Self { group: Some(group), ..self }
    }
}

impl<'a> From<&'a Part> for At<'a> {
    fn from(part: &'a Part) -> Self {
        Self {
            group: part.group.as_ref().map(|group| group.as_str()),
            topic: part.topic.as_ref().map(|topic| topic.as_str()),
            partition: part.partition,
        }
    }
}

impl Selector {
    /// Whether it selects this part of a request.
    pub(super) fn selects(&self, at: At<'_>) -> bool {
        let is = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|w| is == Some(w));
        is(&self.group, at.group)
            && is(&self.topic, at.topic)
            && self.partition.is_none_or(|wanted| at.partition == Some(wanted))
    }
}

impl Fate {
    /// Whether a rule with this action still has something to do to a request with these parts.
    pub(super) fn has_room_for(&self, on: &Selector, action: &FaultAction, parts: &[Part]) -> bool {
        let is_selected = |part: &&Part| on.selects((*part).into());
        if matches!(action, FaultAction::Error { .. } | FaultAction::Misdirect { .. }) {
            let is_taken = |part: &Part| self.errors.iter().any(|error| error.on.selects(part.into()));
            return parts.iter().filter(is_selected).any(|part| !is_taken(part));
        }
        let has_ended = action.ends() && self.ending != Ending::Answer;
        // A request may be about nothing in particular.
        !has_ended && (on.selects(At::default()) || parts.iter().any(|part| is_selected(&part)))
    }

    pub(super) fn add(&mut self, on: &Selector, action: &FaultAction) {
        match *action {
            FaultAction::Error { code, when } => {
                self.errors.push(Injected { on: on.clone(), code, when, misdirection: None });
            }
            FaultAction::Misdirect { node, epochs_back } => self.errors.push(Injected {
                on: on.clone(),
                code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
                when: When::BeforeApply,
                misdirection: Some((node, epochs_back)),
            }),
            FaultAction::Repeat => self.repeats = true,
            FaultAction::Throttle { by } => self.throttle += by,
            FaultAction::Delay { by, when: When::BeforeApply } => self.request_delay += by,
            FaultAction::Delay { by, when: When::AfterApply } => self.response_delay += by,
            FaultAction::Drop { when } => self.ending = Ending::Drop(when),
            FaultAction::Close { when } => self.ending = Ending::Close(when),
            FaultAction::Cut { bytes } => {
                self.ending = Ending::Cut(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            FaultAction::Hang { when } => self.ending = Ending::Hang(when),
            _ => {}
        }
    }

    /// The error that is due for a part of the request, on this side of its effect.
    pub(crate) fn error(&self, when: When, at: At<'_>) -> Option<ErrorCode> {
        let due = self.errors.iter().find(|error| error.on.selects(at))?;
        (due.when == when).then_some(due.code)
    }

    /// Who leads a partition, as the answer is to say, and how many leader epochs ago.
    pub(crate) fn misdirection(&self, at: At<'_>) -> Option<(NodeId, u32)> {
        self.errors.iter().find(|error| error.on.selects(at))?.misdirection
    }
}
