//! Fetch sessions (KIP-227): the broker remembers which partitions a consumer fetches, so that requests carry only
//! what changes and answers only what is new.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use ottla_protocol::types::{NodeId, TopicName, Uuid};

use crate::now::Instant;
use crate::random::Random;
use crate::topic::TopicKey;

/// Sessions of one node (`max.incremental.fetch.session.cache.slots`); who comes later fetches without one.
const MAX_SESSIONS: usize = 1000;
/// A session that was not used for this long gives way to a new one (Kafka's `MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICT_AFTER: std::time::Duration = std::time::Duration::from_secs(120);
/// Partitions of one session, to which requests can add again and again; who needs more fetches without one.
const MAX_PARTITIONS: usize = 10_000;
/// `session_epoch` of a request that wants a new session.
const INITIAL_EPOCH: i32 = 0;
/// `session_epoch` of a request that wants none, or ends one.
const FINAL_EPOCH: i32 = -1;

/// How a fetch relates to sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchContext {
    /// All partitions in the request and in the answer.
    Sessionless,
    /// The same, and they are remembered.
    Full(i32),
    /// Only changes in both.
    Incremental(i32),
}

/// The sessions of all nodes.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    by_id: BTreeMap<(NodeId, i32), Session>,
}

#[derive(Debug)]
struct Session {
    /// Of the next request.
    epoch: i32,
    last_used: Instant,
    /// Whether its requests name topics by id: that cannot change within a session.
    by_topic_id: bool,
    partitions: BTreeMap<(TopicKey, i32), Remembered>,
    /// Whose turn it is. Who was answered with records goes to the end, so that none starves.
    turns: BTreeMap<u64, (TopicKey, i32)>,
    next_turn: u64,
}

#[derive(Debug)]
struct Remembered {
    asked: FetchPartition,
    turn: u64,
    /// What the consumer was told last: high watermark, last stable offset, log start offset.
    told: Option<(i64, i64, i64)>,
}

/// A session is full.
struct TooManyPartitions;

impl FetchSessions {
    /// Finds or makes the session of a request. An incremental request is filled up with all partitions of its session.
    pub(crate) fn open(
        &mut self,
        node: NodeId,
        now: Instant,
        random: &mut Random,
        by_topic_id: bool,
        request: &mut FetchRequest,
    ) -> Result<FetchContext, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.by_id.remove(&(node, id));
            if epoch == FINAL_EPOCH || request.topics.is_empty() {
                return Ok(FetchContext::Sessionless);
            }
            return Ok(self.make(node, now, random, by_topic_id, request));
        }
        let session = self.by_id.get_mut(&(node, id)).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if epoch != session.epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_topic_id != by_topic_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.last_used = now;
        if let Err(TooManyPartitions) = session.change(request) {
            self.by_id.remove(&(node, id));
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        request.topics = session.topics();
        Ok(FetchContext::Incremental(id))
    }

    /// The partitions that a request is about: those it names, and those that its session remembers.
    pub(crate) fn partitions(
        &self,
        node: NodeId,
        request: &FetchRequest,
        by_topic_id: bool,
    ) -> BTreeSet<(TopicKey, i32)> {
        let is_of_session = request.session_epoch != INITIAL_EPOCH && request.session_epoch != FINAL_EPOCH;
        let session = self.by_id.get(&(node, request.session_id)).filter(|_| is_of_session);
        let mut partitions: BTreeSet<_> =
            session.into_iter().flat_map(|session| session.partitions.keys().cloned()).collect();
        let key =
            |name: &TopicName, id| if by_topic_id { TopicKey::Id(id) } else { TopicKey::Name(name.clone()) };
        for topic in &request.forgotten_topics_data {
            for &partition in topic.partitions.iter() {
                partitions.remove(&(key(&topic.topic, topic.topic_id), partition));
            }
        }
        for topic in &request.topics {
            let key = key(&topic.topic, topic.topic_id);
            partitions.extend(topic.partitions.iter().map(|asked| (key.clone(), asked.partition)));
        }
        partitions
    }

    /// Takes out of an answer what the consumer knows already, and remembers what it is told.
    pub(crate) fn close(&mut self, node: NodeId, context: FetchContext, response: &mut FetchResponse) {
        let (id, is_incremental) = match context {
            FetchContext::Sessionless => return,
            FetchContext::Full(id) => (id, false),
            FetchContext::Incremental(id) => (id, true),
        };
        let Some(session) = self.by_id.get_mut(&(node, id)) else {
            // It gave way to another one while the fetch waited.
            *response = FetchResponse::default();
            response.error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0;
            return;
        };
        response.session_id = id;
        for topic in &mut response.responses {
            let key = session.key(&topic.topic, topic.topic_id);
            topic.partitions.retain(|data| session.tell(&key, data) || !is_incremental);
        }
        response.responses.retain(|topic| !topic.partitions.is_empty());
    }

    /// A node has lost all sessions.
    pub(crate) fn forget_node(&mut self, node: NodeId) {
        self.by_id.retain(|(of, _), _| *of != node);
    }

    fn make(
        &mut self,
        node: NodeId,
        now: Instant,
        random: &mut Random,
        by_topic_id: bool,
        request: &FetchRequest,
    ) -> FetchContext {
        let of_node = (node, i32::MIN)..=(node, i32::MAX);
        if self.by_id.range(of_node.clone()).count() >= MAX_SESSIONS {
            let oldest = self.by_id.range(of_node).min_by_key(|(_, session)| session.last_used);
            match oldest.map(|(key, session)| (*key, session.last_used)) {
                Some((key, last_used)) if last_used + EVICT_AFTER <= now => self.by_id.remove(&key),
                _ => return FetchContext::Sessionless,
            };
        }
        let mut session = Session {
            epoch: 1,
            last_used: now,
            by_topic_id,
            partitions: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
        };
        if session.change(request).is_err() {
            return FetchContext::Sessionless;
        }
        loop {
            let id = (random.next_u64() >> 33) as i32;
            if id > 0 && !self.by_id.contains_key(&(node, id)) {
                self.by_id.insert((node, id), session);
                return FetchContext::Full(id);
            }
        }
    }
}

impl Session {
    fn key(&self, name: &TopicName, id: Uuid) -> TopicKey {
        if self.by_topic_id { TopicKey::Id(id) } else { TopicKey::Name(name.detach()) }
    }

    /// Adds, changes and removes partitions as a request says.
    fn change(&mut self, request: &FetchRequest) -> Result<(), TooManyPartitions> {
        for topic in &request.topics {
            let key = self.key(&topic.topic, topic.topic_id);
            for asked in &topic.partitions {
                self.add(key.clone(), asked)?;
            }
        }
        for topic in &request.forgotten_topics_data {
            let key = self.key(&topic.topic, topic.topic_id);
            for &partition in topic.partitions.iter() {
                if let Some(gone) = self.partitions.remove(&(key.clone(), partition)) {
                    self.turns.remove(&gone.turn);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, key: TopicKey, asked: &FetchPartition) -> Result<(), TooManyPartitions> {
        let key = (key, asked.partition);
        if let Some(known) = self.partitions.get_mut(&key) {
            known.asked = asked.clone();
            return Ok(());
        }
        if self.partitions.len() >= MAX_PARTITIONS {
            return Err(TooManyPartitions);
        }
        self.turns.insert(self.next_turn, key.clone());
        self.partitions.insert(key, Remembered { asked: asked.clone(), turn: self.next_turn, told: None });
        self.next_turn += 1;
        Ok(())
    }

    /// All partitions in their turns, as a request would name them.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut previous = None;
        for key in self.turns.values() {
            let Some(known) = self.partitions.get(key) else { continue };
            if previous != Some(&key.0) {
                let mut topic = FetchTopic::default();
                match &key.0 {
                    TopicKey::Name(name) => topic.topic = name.clone(),
                    TopicKey::Id(id) => topic.topic_id = *id,
                }
                topics.push(topic);
                previous = Some(&key.0);
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(known.asked.clone());
            }
        }
        topics
    }

    /// Notes what the consumer is told; false if it knows that already.
    fn tell(&mut self, key: &TopicKey, data: &PartitionData) -> bool {
        let key = (key.clone(), data.partition_index);
        let Some(known) = self.partitions.get_mut(&key) else { return true };
        let has_records = data.records.as_ref().is_some_and(|records: &Bytes| !records.is_empty());
        let offsets = (data.high_watermark, data.last_stable_offset, data.log_start_offset);
        let is_news = has_records || data.error_code != 0 || known.told != Some(offsets);
        // An error is told until it is gone.
        known.told = (data.error_code == 0).then_some(offsets);
        if has_records {
            self.turns.remove(&known.turn);
            known.turn = self.next_turn;
            self.turns.insert(self.next_turn, key);
            self.next_turn += 1;
        }
        is_news
    }
}
