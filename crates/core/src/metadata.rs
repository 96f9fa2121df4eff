//! What the client knows of the cluster, and when it asks again.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Idle | a topic is wanted, a refresh is asked for | Due | |
//! | Idle | the snapshot is too old | Asking | Metadata is sent to some broker |
//! | Due | the backoff is over | Asking | Metadata is sent to some broker |
//! | Asking | it answers, everything wanted is there | Idle | a new snapshot |
//! | Asking | it answers, a wanted topic is not there yet | Due, after a backoff | a new snapshot |
//! | Asking | no answer | Due, after a backoff | the error |
//! | Asking | no answer, and another attempt would fare no better | Idle | the error |
//!
//! Whom to ask is decided in `metadata/recovery.rs`; what brokers say of leaders unasked is taken over in
//! `metadata/hints.rs`.
//!
//! Not here: who is connected (the driver's pool knows), and waiting for a topic.

mod hints;
mod recovery;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::types::TopicName;

use crate::backoff::Backoff;
use crate::connection::Answer;
use crate::random::Jitter;
use crate::request::RequestError;
use crate::state_table::StateTable;
use crate::time::Instant;

pub use hints::LeaderHints;
#[cfg(feature = "__coverage")]
pub(crate) use recovery::EDGES as RECOVERY_EDGES;
pub use recovery::{MetadataRecovery, Recovery, Whom};
pub use snapshot::{Broker, ClusterSnapshot, Partition, Topic};

/// When metadata is refreshed.
#[derive(Clone, Debug)]
pub struct MetadataConfig {
    /// `metadata.max.age.ms`: a snapshot older than this is refreshed unasked.
    pub max_age: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`: between attempts.
    pub backoff: Backoff,
    /// `allow.auto.create.topics`: whether asking for a topic may create it.
    pub allow_auto_topic_creation: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Metadata {
    config: MetadataConfig,
    jitter: Jitter,
    /// Topics that the client works with, and for how many of its parts.
    wanted: BTreeMap<TopicName, usize>,
    /// Whether a subscription by pattern needs the names of all topics.
    all_topics: bool,
    state: State,
    /// Attempts since the last good answer.
    attempts: u32,
    /// Whether something was asked for while a request was under way that does not carry it.
    again: bool,
    quiet_until: Instant,
    snapshot: Arc<ClusterSnapshot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing to do until then.
    Idle {
        stale_at: Instant,
    },
    /// To be asked at that time.
    Due(Instant),
    Asking,
}

/// A state without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Due,
    Asking,
}

/// Every legal edge.
pub(crate) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new("metadata", &[(Idle, &[Due, Asking]), (Due, &[Asking]), (Asking, &[Idle, Due])])
};

impl State {
    fn phase(self) -> Phase {
        match self {
            Self::Idle { .. } => Phase::Idle,
            Self::Due(_) => Phase::Due,
            Self::Asking => Phase::Asking,
        }
    }
}

impl Metadata {
    /// Knows nothing yet, and asks at once.
    pub fn new(config: MetadataConfig, jitter: Jitter, now: Instant) -> Self {
        Self {
            config,
            jitter,
            wanted: BTreeMap::new(),
            all_topics: false,
            state: State::Due(now),
            attempts: 0,
            again: false,
            quiet_until: now,
            snapshot: Arc::default(),
        }
    }

    /// The latest picture.
    pub fn snapshot(&self) -> &Arc<ClusterSnapshot> {
        &self.snapshot
    }

    /// Adds a topic to those that are asked for, and asks unless it is known. It counts how often.
    pub fn want(&mut self, now: Instant, topic: &TopicName) {
        let known = self.snapshot.topic(topic).is_some_and(|topic| topic.error.is_none());
        let wanted = self.wanted.entry(topic.detach()).or_default();
        *wanted += 1;
        if *wanted == 1 || !known {
            self.quiet_until = self.quiet_until.min(now);
            self.refresh(now);
        }
    }

    /// Asks for all topics from now on.
    pub fn want_all(&mut self, now: Instant) {
        self.all_topics = true;
        self.refresh(now);
    }

    /// A topic is no longer of interest to one of those who [want](Self::want) it.
    pub fn forget(&mut self, topic: &str) {
        if let Some(wanted) = self.wanted.get_mut(topic) {
            *wanted -= 1;
            if *wanted == 0 {
                self.wanted.remove(topic);
            }
        }
    }

    /// Something in the picture proved wrong: asks as soon as the backoff allows.
    pub fn refresh(&mut self, now: Instant) {
        match self.state {
            // What the last answer did not mend, the next one a moment later will not either.
            State::Idle { .. } => self.go(State::Due(now.max(self.quiet_until))),
            State::Asking => self.again = true,
            State::Due(_) => {}
        }
    }

    /// The request to send to any broker, if one is due.
    pub fn poll_request(&mut self, now: Instant) -> Option<MetadataRequest> {
        let due = match self.state {
            State::Idle { stale_at } => stale_at,
            State::Due(at) => at,
            State::Asking => return None,
        };
        if now < due {
            return None;
        }
        self.go(State::Asking);
        self.again = false;
        Some(self.request())
    }

    /// When [`poll_request`](Self::poll_request) has something.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Idle { stale_at } => Some(stale_at),
            State::Due(at) => Some(at),
            State::Asking => None,
        }
    }

    /// The request's answer. It is read topic by topic: of a large cluster its structs would take ten times the
    /// snapshot's memory.
    ///
    /// # Errors
    /// What was answered is no Metadata response, or refuses all of it; that counts as a failure.
    pub fn on_answer(&mut self, now: Instant, answer: &Answer) -> Result<(), RequestError> {
        match self.snapshot.updated(&answer.body, answer.version) {
            Ok(snapshot) => {
                self.on_snapshot(now, snapshot);
                Ok(())
            }
            Err(error) => {
                self.on_failure(now, &error);
                Err(error)
            }
        }
    }

    fn on_snapshot(&mut self, now: Instant, snapshot: ClusterSnapshot) {
        self.snapshot = Arc::new(snapshot);
        let missing = self.wanted.keys().any(|name| match self.snapshot.topic(name) {
            Some(topic) => topic.is_incomplete(),
            None => true,
        });
        if missing || self.again {
            self.retry(now);
        } else {
            self.attempts = 0;
            self.quiet_until = now + self.config.backoff.delay(0, &mut self.jitter);
            self.go(State::Idle { stale_at: now + self.config.max_age });
        }
    }

    /// The request has no answer. What another attempt would not mend is tried again only once somebody asks for
    /// something, or the snapshot grows too old.
    pub fn on_failure(&mut self, now: Instant, error: &RequestError) {
        if *error == RequestError::Refused(ErrorCode::REBOOTSTRAP_REQUIRED) {
            // Others will be asked, who need no rest.
            return self.go(State::Due(now));
        }
        let is_hopeless = matches!(error, RequestError::Connect(error) if !error.is_retriable());
        if is_hopeless && !self.again {
            let delay = self.config.backoff.delay(self.attempts, &mut self.jitter);
            self.attempts = self.attempts.saturating_add(1);
            self.quiet_until = now + delay;
            self.go(State::Idle { stale_at: now + self.config.max_age });
        } else {
            self.retry(now);
        }
    }

    /// How often it was tried since the last answer that held everything.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    fn retry(&mut self, now: Instant) {
        let delay = self.config.backoff.delay(self.attempts, &mut self.jitter);
        self.attempts = self.attempts.saturating_add(1);
        self.go(State::Due(now + delay));
    }

    /// Takes an edge of the table. After one that it lacks the next request tells what is true.
    fn go(&mut self, next: State) {
        let is_legal = EDGES.take(self.state.phase(), next.phase());
        self.state = if is_legal { next } else { State::Due(self.quiet_until) };
    }

    fn request(&self) -> MetadataRequest {
        let mut request = MetadataRequest::default();
        request.allow_auto_topic_creation = self.config.allow_auto_topic_creation;
        request.topics = if self.all_topics {
            None
        } else {
            let topic = |name: &TopicName| {
                let mut topic = MetadataRequestTopic::default();
                topic.name = Some(name.clone());
                topic
            };
            Some(self.wanted.keys().map(topic).collect())
        };
        request
    }
}

/// How many partitions each of some topics has; topics that are not known are left out.
pub fn partition_counts<'a>(
    snapshot: &ClusterSnapshot,
    topics: impl IntoIterator<Item = &'a TopicName>,
) -> BTreeMap<TopicName, usize> {
    let known = |name: &TopicName| {
        let topic = snapshot.topic(name).filter(|topic| topic.error.is_none())?;
        Some((name.clone(), topic.partitions.len()))
    };
    topics.into_iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ottla_protocol::message::Message;
    use ottla_protocol::messages::metadata_response::{
        MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
    };

    fn metadata() -> Metadata {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let config =
            MetadataConfig { max_age: Duration::from_secs(300), backoff, allow_auto_topic_creation: true };
        Metadata::new(config, Jitter::seeded(1), Instant::ZERO)
    }

    fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    fn response(error: ErrorCode) -> MetadataResponse {
        let mut partition = MetadataResponsePartition::default();
        partition.leader_epoch = 3;
        let mut topic = MetadataResponseTopic::default();
        topic.error_code = error.0;
        topic.name = Some("orders".into());
        if !error.is_error() {
            topic.partitions.push(partition);
        }
        let mut response = MetadataResponse::default();
        response.topics.push(topic);
        response
    }

    fn answer(metadata: &mut Metadata, ms: u64, response: &MetadataResponse) {
        let body = response.to_bytes(12).expect("it can be written");
        metadata.on_answer(at(ms), &Answer { version: 12, body }).expect("it can be read");
    }

    #[test]
    fn the_edges_are_these() {
        assert_eq!(EDGES.picture(), [".xx Idle", "..x Due", "xx. Asking"]);
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_a_failure() {
        let mut metadata = metadata();
        metadata.poll_request(at(0));
        let cut = Answer { version: 12, body: Bytes::from_static(&[0, 0]) };
        assert!(matches!(metadata.on_answer(at(0), &cut), Err(RequestError::Decode(_))));
        assert_eq!(metadata.attempts(), 1);
        assert!(metadata.next_timeout() > Some(at(0)));
    }

    #[test]
    fn a_refusal_of_the_whole_request_leaves_the_picture_and_asks_at_once() {
        let mut metadata = metadata();
        metadata.poll_request(at(0));
        let mut refusal = MetadataResponse::default();
        refusal.error_code = ErrorCode::REBOOTSTRAP_REQUIRED.0;
        let body = refusal.to_bytes(13).expect("it can be written");
        let error = metadata.on_answer(at(7), &Answer { version: 13, body }).expect_err("refused");
        assert_eq!(error, RequestError::Refused(ErrorCode::REBOOTSTRAP_REQUIRED));
        assert!(error.is_retriable() && !error.is_perhaps_applied());
        assert_eq!(metadata.next_timeout(), Some(at(7)));
    }

    #[test]
    fn a_complete_answer_lasts_for_the_maximum_age() {
        let mut metadata = metadata();
        metadata.want(at(0), &"orders".into());
        assert!(metadata.poll_request(at(0)).is_some());
        assert!(metadata.poll_request(at(9)).is_none());
        answer(&mut metadata, 10, &response(ErrorCode::NONE));
        assert_eq!(metadata.next_timeout(), Some(at(300_010)));
        assert!(metadata.poll_request(at(300_009)).is_none());
        assert!(metadata.poll_request(at(300_010)).is_some());
    }

    #[test]
    fn a_topic_that_is_not_there_yet_is_asked_for_again_after_a_backoff() {
        let mut metadata = metadata();
        metadata.want(at(0), &"orders".into());
        metadata.poll_request(at(0));
        answer(&mut metadata, 0, &response(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        let due = metadata.next_timeout().expect("a retry");
        assert!((80..=120).contains(&due.since_start().as_millis()), "{due:?}");
        assert_eq!(metadata.attempts(), 1);
    }

    #[test]
    fn what_is_wanted_while_a_request_is_under_way_is_asked_for_after_it() {
        let mut metadata = metadata();
        metadata.poll_request(at(0));
        metadata.want(at(1), &"orders".into());
        answer(&mut metadata, 2, &response(ErrorCode::NONE));
        assert!(metadata.next_timeout().expect("another") < at(200));
    }

    #[test]
    fn a_topic_is_asked_for_as_long_as_somebody_wants_it() {
        let mut metadata = metadata();
        let asked = |metadata: &mut Metadata, ms| {
            let request = metadata.poll_request(at(ms)).expect("a request");
            answer(metadata, ms, &MetadataResponse::default());
            request.topics.map(|topics| topics.len())
        };
        metadata.want(at(0), &"orders".into());
        metadata.want(at(0), &"orders".into());
        metadata.forget("orders");
        assert_eq!(asked(&mut metadata, 0), Some(1));
        metadata.forget("orders");
        metadata.forget("orders");
        assert_eq!(asked(&mut metadata, 1_000), Some(0));
    }

    #[test]
    fn an_answer_of_an_older_leader_epoch_does_not_undo_a_newer_one() {
        let mut metadata = metadata();
        metadata.poll_request(at(0));
        answer(&mut metadata, 0, &response(ErrorCode::NONE));
        let mut older = response(ErrorCode::NONE);
        older.topics[0].partitions[0].leader_epoch = 2;
        older.topics[0].partitions[0].leader_id.0 = 9;
        metadata.refresh(at(0));
        assert!(metadata.poll_request(at(500)).is_some());
        answer(&mut metadata, 1, &older);
        let topic = metadata.snapshot().topic("orders").expect("the topic").clone();
        assert_eq!(topic.partitions[0].leader_epoch, 3);
    }
}
