//! Commits and lookups of offsets: operations with a deadline that are tried again on what may pass.
//!
//! Commits are sent one after another, so that a retried one cannot undo a later one, and only in the membership in
//! which they were asked for, so that the partitions are still the member's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::messages::offset_commit_response::OffsetCommitResponse;
use ottla_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_protocol::messages::offset_fetch_response::OffsetFetchResponse;
use ottla_protocol::types::{GroupId, Str, TopicName};

use super::{Action, ClassicGroupConfig, Membership};
use crate::backoff::Backoff;
use crate::consumer::{LeaderEpoch, Offset, OffsetAndMetadata, TopicPartition};
use crate::coverage;
use crate::groups::error::{GroupError, GroupErrorKind};
use crate::groups::request::{GroupRequest, GroupResponse};
use crate::random::Jitter;
use crate::request::{RequestError, Token};
use crate::retry::Retry;
use crate::time::{Instant, Now, earliest};

/// Operations that may be under way at once: far more than a consumer has use for, and few enough to look through.
const MAX_OPERATIONS: usize = 100;

/// What became of a commit, by partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommittedOffsets {
    /// Every partition that was to be committed, with the code that its broker refused it with, if so.
    pub partitions: BTreeMap<TopicPartition, Result<(), ErrorCode>>,
}

/// Committed offsets, by partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedOffsets {
    /// Every partition that was asked for: what is committed, `None` if nothing is, or the code of a refusal.
    pub partitions: BTreeMap<TopicPartition, Result<Option<OffsetAndMetadata>, ErrorCode>>,
}

/// All operations, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct OffsetOperations {
    operations: BTreeMap<Token, Operation>,
}

/// What an answer means beyond its operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    None,
    ForgetCoordinator,
    /// The membership that the request was made in was told this.
    Membership(Membership, ErrorCode),
}

#[derive(Debug)]
struct Operation {
    work: Work,
    deadline: Instant,
    retry: Retry,
    in_flight: Option<Token>,
    /// Why it is not done yet.
    last_error: Option<GroupError>,
}

#[derive(Debug)]
enum Work {
    Commit {
        left: BTreeMap<TopicPartition, OffsetAndMetadata>,
        done: CommittedOffsets,
        membership: Membership,
    },
    Fetch {
        left: BTreeSet<TopicPartition>,
        done: FetchedOffsets,
    },
}

/// What an answer means to its operation.
enum Outcome {
    /// Some partitions are left to do; the code says why, if one does.
    Unfinished(ErrorCode),
    Done,
    Failed(GroupError),
}

impl OffsetOperations {
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub(super) fn has_commits(&self) -> bool {
        self.operations.values().any(|operation| matches!(operation.work, Work::Commit { .. }))
    }

    pub(super) fn is_full(&self) -> bool {
        self.operations.len() >= MAX_OPERATIONS
    }

    pub(super) fn commit(
        &mut self,
        token: Token,
        left: BTreeMap<TopicPartition, OffsetAndMetadata>,
        membership: Membership,
        deadline: Instant,
    ) {
        let work = Work::Commit { left, done: CommittedOffsets::default(), membership };
        self.operations.insert(token, Operation::new(work, deadline));
    }

    pub(super) fn fetch(&mut self, token: Token, left: BTreeSet<TopicPartition>, deadline: Instant) {
        let work = Work::Fetch { left, done: FetchedOffsets::default() };
        self.operations.insert(token, Operation::new(work, deadline));
    }

    /// The request that is due, if any; it goes out as `token`. Operations that need none end here.
    pub(super) fn poll(
        &mut self,
        now: Now,
        token: Token,
        config: &ClassicGroupConfig,
        membership: &Membership,
        outputs: &mut VecDeque<Action>,
    ) -> Option<GroupRequest> {
        let mut ended = Vec::new();
        let mut request = None;
        let mut behind_commit = false;
        for (&id, operation) in &mut self.operations {
            let is_commit = matches!(operation.work, Work::Commit { .. });
            let waits = operation.in_flight.is_some() || !operation.retry.is_due(now);
            if is_commit && std::mem::replace(&mut behind_commit, true) || waits {
                continue;
            }
            match operation.work.next_step(membership, config) {
                Step::Send(next) => {
                    operation.in_flight = Some(token);
                    request = Some(next);
                    break;
                }
                Step::End(error) => {
                    ended.push((id, error));
                    // The commit behind this one may go.
                    behind_commit &= !is_commit;
                }
            }
        }
        for (id, error) in ended {
            self.end(id, error.map_or(Ok(()), Err), outputs);
        }
        request
    }

    pub(super) fn on_response(
        &mut self,
        now: Now,
        token: Token,
        result: Result<GroupResponse, RequestError>,
        group_id: &GroupId,
        (backoff, jitter): (&Backoff, &mut Jitter),
        outputs: &mut VecDeque<Action>,
    ) -> Consequence {
        let mut all = self.operations.iter_mut();
        let Some((&id, operation)) = all.find(|(_, operation)| operation.in_flight == Some(token)) else {
            return Consequence::None;
        };
        operation.in_flight = None;
        let api = operation.work.api_key();
        let (outcome, mut consequence) = match (result, &mut operation.work) {
            (Ok(GroupResponse::OffsetCommit(response)), Work::Commit { left, done, membership }) => {
                on_committed(&response, left, done, membership, group_id)
            }
            (Ok(GroupResponse::OffsetFetch(response)), Work::Fetch { left, done }) => {
                (on_fetched(&response, left, done, group_id), Consequence::None)
            }
            (Ok(_), _) => {
                let error = GroupError::new(GroupErrorKind::BadAnswer, group_id);
                (Outcome::Failed(error), Consequence::None)
            }
            (Err(error), _) if error.is_retriable() => {
                operation.last_error = Some(GroupError::from_request(error, group_id, api));
                operation.retry.fail(now, backoff, jitter);
                return Consequence::ForgetCoordinator;
            }
            (Err(error), _) => {
                (Outcome::Failed(GroupError::from_request(error, group_id, api)), Consequence::None)
            }
        };
        match outcome {
            Outcome::Done => self.end(id, Ok(()), outputs),
            Outcome::Failed(error) => self.end(id, Err(error), outputs),
            Outcome::Unfinished(code) => {
                operation.last_error = Some(GroupError::from_code(code, group_id, api));
                operation.retry.fail(now, backoff, jitter);
                if means_other_coordinator(code) {
                    consequence = Consequence::ForgetCoordinator;
                }
            }
        }
        consequence
    }

    /// Ends the operations whose time is over.
    pub(super) fn expire(&mut self, now: Now, group_id: &GroupId, outputs: &mut VecDeque<Action>) {
        let over = self.operations.iter().filter(|(_, operation)| operation.deadline <= now.instant);
        for id in over.map(|(&id, _)| id).collect::<Vec<_>>() {
            let last = self.operations.get_mut(&id).and_then(|operation| operation.last_error.take());
            let error = last.unwrap_or_else(|| GroupError::new(GroupErrorKind::Timeout, group_id));
            self.end(id, Err(error.with_kind(GroupErrorKind::Timeout)), outputs);
        }
    }

    /// Ends the commits of a membership that is lost. One that waits for another attempt must not go out when the
    /// coordinator gives the same member the same generation anew: what it committed may have been read again since.
    pub(super) fn end_commits(&mut self, error: &GroupError, outputs: &mut VecDeque<Action>) {
        let is_over = |operation: &Operation| match &operation.work {
            Work::Commit { membership, .. } => membership.generation_id.is_some(),
            Work::Fetch { .. } => false,
        };
        let over = self.operations.iter().filter(|(_, operation)| is_over(operation));
        for id in over.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.end(id, Err(error.clone()), outputs);
        }
    }

    pub(super) fn fail_all(&mut self, error: &GroupError, outputs: &mut VecDeque<Action>) {
        for id in self.operations.keys().copied().collect::<Vec<_>>() {
            self.end(id, Err(error.clone()), outputs);
        }
    }

    /// When something becomes due, given whether there is a coordinator to send to.
    pub(super) fn next_timeout(&self, has_coordinator: bool) -> Option<Instant> {
        let mut next = None;
        let mut behind_commit = false;
        for operation in self.operations.values() {
            next = earliest(next, Some(operation.deadline));
            let is_commit = matches!(operation.work, Work::Commit { .. });
            let waits = is_commit && std::mem::replace(&mut behind_commit, true);
            if has_coordinator && operation.in_flight.is_none() && !waits {
                next = earliest(next, Some(operation.retry.at().unwrap_or_default()));
            }
        }
        next
    }

    fn end(&mut self, token: Token, result: Result<(), GroupError>, outputs: &mut VecDeque<Action>) {
        let Some(operation) = self.operations.remove(&token) else { return };
        outputs.push_back(match operation.work {
            Work::Commit { done, .. } => Action::Committed { token, result: result.map(|()| done) },
            Work::Fetch { done, .. } => Action::OffsetsFetched { token, result: result.map(|()| done) },
        });
    }
}

impl Operation {
    fn new(work: Work, deadline: Instant) -> Self {
        Self { work, deadline, retry: Retry::default(), in_flight: None, last_error: None }
    }
}

enum Step {
    Send(GroupRequest),
    End(Option<GroupError>),
}

impl Work {
    fn api_key(&self) -> ApiKey {
        match self {
            Self::Commit { .. } => ApiKey::OFFSET_COMMIT,
            Self::Fetch { .. } => ApiKey::OFFSET_FETCH,
        }
    }

    fn next_step(&self, present: &Membership, config: &ClassicGroupConfig) -> Step {
        match self {
            Self::Commit { left, .. } if left.is_empty() => Step::End(None),
            Self::Fetch { left, .. } if left.is_empty() => Step::End(None),
            Self::Commit { membership, .. } if membership != present => {
                Step::End(Some(GroupError::new(GroupErrorKind::NotMember, &config.group_id)))
            }
            Self::Commit { left, .. } => Step::Send(commit_request(left, present, config)),
            Self::Fetch { left, .. } => Step::Send(fetch_request(left, config)),
        }
    }
}

fn means_other_coordinator(code: ErrorCode) -> bool {
    // A coordinator that times out on its own log answers the last one; as Java, ask whether it moved.
    matches!(
        code,
        ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::REQUEST_TIMED_OUT
    )
}

fn on_committed(
    response: &OffsetCommitResponse,
    left: &mut BTreeMap<TopicPartition, OffsetAndMetadata>,
    done: &mut CommittedOffsets,
    membership: &Membership,
    group_id: &GroupId,
) -> (Outcome, Consequence) {
    let mut unfinished = ErrorCode::UNKNOWN_SERVER_ERROR;
    for topic in &response.topics {
        for answer in &topic.partitions {
            let code = ErrorCode(answer.error_code);
            coverage::told(ApiKey::OFFSET_COMMIT, code);
            let partition = TopicPartition::new(topic.name.clone(), answer.partition_index);
            match code {
                ErrorCode::REBALANCE_IN_PROGRESS
                | ErrorCode::ILLEGAL_GENERATION
                | ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::FENCED_INSTANCE_ID => {
                    let error = GroupError::from_code(code, group_id, ApiKey::OFFSET_COMMIT);
                    // A consumer outside of the group has no membership to lose.
                    let consequence = match membership.generation_id {
                        Some(_) => Consequence::Membership(membership.clone(), code),
                        None => Consequence::None,
                    };
                    return (Outcome::Failed(error), consequence);
                }
                ErrorCode::GROUP_AUTHORIZATION_FAILED | ErrorCode::INVALID_GROUP_ID => {
                    let error = GroupError::from_code(code, group_id, ApiKey::OFFSET_COMMIT);
                    return (Outcome::Failed(error), Consequence::None);
                }
                code if code.is_retriable() => unfinished = code,
                code => {
                    if let Some((partition, _)) = left.remove_entry(&partition) {
                        done.partitions.insert(partition, code.into_result());
                    }
                }
            }
        }
    }
    (if left.is_empty() { Outcome::Done } else { Outcome::Unfinished(unfinished) }, Consequence::None)
}

fn on_fetched(
    response: &OffsetFetchResponse,
    left: &mut BTreeSet<TopicPartition>,
    done: &mut FetchedOffsets,
    group_id: &GroupId,
) -> Outcome {
    let mut unfinished = ErrorCode::UNKNOWN_SERVER_ERROR;
    let group = response.groups.first();
    let code = ErrorCode(group.map_or(response.error_code, |group| group.error_code));
    coverage::told(ApiKey::OFFSET_FETCH, code);
    if code.is_retriable() {
        return Outcome::Unfinished(code);
    } else if code.is_error() {
        return Outcome::Failed(GroupError::from_code(code, group_id, ApiKey::OFFSET_FETCH));
    }
    let mut on_partition = |topic: &TopicName, at, code, offset, leader_epoch, metadata: Option<&Str>| {
        let partition = TopicPartition::new(topic.clone(), at);
        coverage::told(ApiKey::OFFSET_FETCH, code);
        // UNSTABLE_OFFSET_COMMIT: a transaction on the offset is not finished; it will be.
        if matches!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) || !code.is_retriable() {
            if let Some(partition) = left.take(&partition) {
                let found = Offset::from_wire(offset).map(|offset| OffsetAndMetadata {
                    offset,
                    leader_epoch: LeaderEpoch::from_wire(leader_epoch),
                    metadata: metadata.map(Str::detach).unwrap_or_default(),
                });
                done.partitions.insert(partition, code.into_result().map(|()| found));
            }
        } else {
            unfinished = code;
        }
    };
    for topic in group.iter().flat_map(|group| &group.topics) {
        for p in &topic.partitions {
            let (offset, leader_epoch) = (p.committed_offset, p.committed_leader_epoch);
            let code = ErrorCode(p.error_code);
            on_partition(&topic.name, p.partition_index, code, offset, leader_epoch, p.metadata.as_ref());
        }
    }
    for topic in &response.topics {
        for p in &topic.partitions {
            let (offset, leader_epoch) = (p.committed_offset, p.committed_leader_epoch);
            let code = ErrorCode(p.error_code);
            on_partition(&topic.name, p.partition_index, code, offset, leader_epoch, p.metadata.as_ref());
        }
    }
    if left.is_empty() { Outcome::Done } else { Outcome::Unfinished(unfinished) }
}

fn commit_request(
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    membership: &Membership,
    config: &ClassicGroupConfig,
) -> GroupRequest {
    let mut request = OffsetCommitRequest::default();
    request.group_id = config.group_id.clone();
    request.generation_id_or_member_epoch = membership.generation_id.map_or(-1, |id| id.0);
    request.member_id = membership.member_id.clone();
    // A consumer outside of the group is no static member of it either.
    request.group_instance_id =
        config.group_instance_id.clone().filter(|_| membership.generation_id.is_some());
    for (partition, offset) in offsets {
        if request.topics.last().is_none_or(|topic| topic.name != partition.topic) {
            let mut topic = OffsetCommitRequestTopic::default();
            topic.name = partition.topic.clone();
            request.topics.push(topic);
        }
        let mut entry = OffsetCommitRequestPartition::default();
        entry.partition_index = partition.partition;
        entry.committed_offset = offset.offset.0;
        entry.committed_leader_epoch = LeaderEpoch::to_wire(offset.leader_epoch);
        entry.committed_metadata = Some(offset.metadata.clone());
        request.topics.last_mut().expect("one was just made").partitions.push(entry);
    }
    GroupRequest::OffsetCommit(request)
}

fn fetch_request(partitions: &BTreeSet<TopicPartition>, config: &ClassicGroupConfig) -> GroupRequest {
    let partitions: Vec<_> = partitions.iter().collect();
    let topics = partitions.chunk_by(|a, b| a.topic == b.topic).map(|partitions| {
        let mut topic = OffsetFetchRequestTopics::default();
        topic.name = partitions[0].topic.clone();
        topic.partition_indexes = partitions.iter().map(|partition| partition.partition).collect();
        topic
    });
    let mut group = OffsetFetchRequestGroup::default();
    group.group_id = config.group_id.clone();
    group.topics = Some(topics.collect());
    let mut request = OffsetFetchRequest::default();
    request.groups = vec![group];
    request.require_stable = true;
    GroupRequest::OffsetFetch(request)
}
