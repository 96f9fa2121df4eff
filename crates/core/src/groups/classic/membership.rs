//! Joining, syncing, heartbeats, leaving: the requests, and what their answers mean.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::consumer_protocol;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::consumer_protocol_assignment::{self, ConsumerProtocolAssignment};
use ottla_protocol::messages::consumer_protocol_subscription::{self, ConsumerProtocolSubscription};
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use ottla_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use ottla_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;
use ottla_protocol::types::Str;

use super::{Action, ClassicGroup, ClassicState, Goal, Leadership, Membership, Revocation};
use crate::assignors::{
    Assignment, Assignor, GenerationId, Member, RebalanceProtocol, Subscription, TopicSnapshot,
};
use crate::consumer::TopicPartition;
use crate::coverage;
use crate::groups::error::{GroupError, GroupErrorKind};
use crate::groups::request::{GroupRequest, GroupResponse};
use crate::request::RequestError;
use crate::time::Now;

/// What a JoinGroup answer may take beyond the rebalance, on its way and in the broker; as in Java.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// The newest version of the blobs, and ours.
const CONSUMER_PROTOCOL_VERSION: i16 = 3;

impl ClassicGroup {
    /// The request that is due, if any, with the time to wait for its answer.
    pub(super) fn member_request(&mut self, now: Now) -> Option<(GroupRequest, Duration)> {
        if self.in_flight.is_some() || !self.retry.is_due(now) {
            return None;
        }
        let timeout = self.config.request_timeout;
        match self.state {
            ClassicState::Joining => match self.join_request() {
                Ok(request) => {
                    self.is_outdated = false;
                    Some((request, timeout.max(self.config.rebalance_timeout.saturating_add(JOIN_GRACE))))
                }
                Err(error) => {
                    self.fail(error);
                    None
                }
            },
            ClassicState::Syncing => Some((self.sync_request(), timeout)),
            state if state.has_heartbeat() && self.heartbeat_at <= now.instant => {
                self.heartbeat_at = now.instant + self.config.heartbeat_interval;
                let mut request = HeartbeatRequest::default();
                request.group_id = self.config.group_id.clone();
                request.generation_id = self.generation();
                request.member_id = self.membership.member_id.clone();
                request.group_instance_id = self.config.group_instance_id.clone();
                Some((GroupRequest::Heartbeat(request), timeout))
            }
            _ => None,
        }
    }

    pub(super) fn on_member_response(
        &mut self,
        now: Now,
        api: ApiKey,
        result: Result<GroupResponse, RequestError>,
    ) {
        match result {
            // Whatever it says: the broker forgets a silent member by itself.
            _ if api == ApiKey::LEAVE_GROUP => self.finish(),
            Ok(GroupResponse::JoinGroup(r)) if api == ApiKey::JOIN_GROUP => self.on_join(now, r),
            Ok(GroupResponse::SyncGroup(r)) if api == ApiKey::SYNC_GROUP => self.on_sync(now, &r),
            Ok(GroupResponse::Heartbeat(r)) if api == ApiKey::HEARTBEAT => {
                self.on_heartbeat(now, ErrorCode(r.error_code));
            }
            Ok(_) => self.fail(self.bad_answer()),
            Err(error) if error.is_retriable() => {
                self.lookup.forget();
                self.try_again(now);
            }
            Err(error) => self.fail(GroupError::from_request(error, &self.config.group_id, api)),
        }
    }

    fn on_join(&mut self, now: Now, response: JoinGroupResponse) {
        coverage::told(ApiKey::JOIN_GROUP, ErrorCode(response.error_code));
        match ErrorCode(response.error_code) {
            ErrorCode::NONE => self.on_joined(now, response),
            // KIP-394: the coordinator gives the id first, so that members that never come back leave no trace.
            ErrorCode::MEMBER_ID_REQUIRED => {
                if !self.membership.member_id.is_empty() {
                    self.retry.fail(now, &self.config.backoff, &mut self.jitter);
                }
                self.membership.member_id = response.member_id.detach();
            }
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.retry.fail(now, &self.config.backoff, &mut self.jitter);
                self.on_membership_code(now, ErrorCode::UNKNOWN_MEMBER_ID, ApiKey::JOIN_GROUP);
            }
            ErrorCode::REBALANCE_IN_PROGRESS => self.try_again(now),
            code => self.on_membership_code(now, code, ApiKey::JOIN_GROUP),
        }
    }

    fn on_joined(&mut self, now: Now, response: JoinGroupResponse) {
        self.membership = Membership {
            member_id: response.member_id.detach(),
            generation_id: Some(GenerationId(response.generation_id)),
        };
        self.alive(now);
        let chosen = response.protocol_name.as_deref().unwrap_or_default();
        self.assignor = self.assignors.iter().position(|assignor| assignor.name() == chosen);
        let of_consumers =
            response.protocol_type.as_deref().is_none_or(|name| name == consumer_protocol::PROTOCOL_TYPE);
        if self.assignor.is_none() || !of_consumers {
            let kind = GroupErrorKind::InconsistentProtocol;
            return self.fail(GroupError::new(kind, &self.config.group_id));
        }
        self.handed_in.clear();
        self.leadership = None;
        if self.state != ClassicState::Joining {
            // Meanwhile it was told to let go: it is a member, and what comes next is up to that.
            return;
        }
        if self.is_outdated {
            // Join again at once rather than to have partitions assigned that are not wanted.
            return;
        }
        if response.leader != response.member_id {
            return self.go(ClassicState::Syncing);
        }
        let members: Vec<Member> = response.members.iter().map(read_member).collect();
        let topics: BTreeSet<_> =
            members.iter().flat_map(|member| &member.subscription.topics).cloned().collect();
        self.outputs.push_back(Action::NeedTopics { topics: topics.iter().cloned().collect() });
        self.leadership = Some(Leadership {
            members,
            topics,
            snapshot: TopicSnapshot::default(),
            newest: TopicSnapshot::default(),
            skips_assignment: response.skip_assignment,
        });
        self.go(ClassicState::Assigning);
    }

    /// The leader's part.
    pub(super) fn assign(&mut self, topics: &TopicSnapshot) {
        let (Some(leadership), Some(assignor)) =
            (&mut self.leadership, self.assignor.and_then(|at| self.assignors.get(at)))
        else {
            return;
        };
        let members = std::mem::take(&mut leadership.members);
        if !leadership.skips_assignment {
            let mut assigned = assignor.assign(&members, topics);
            for member in members {
                let assignment = assigned.remove(&member.member_id).unwrap_or_default();
                match write_assignment(assignment) {
                    Ok(blob) => {
                        let mut entry = SyncGroupRequestAssignment::default();
                        entry.member_id = member.member_id;
                        entry.assignment = blob;
                        self.handed_in.push(entry);
                    }
                    Err(error) => return self.fail(self.request_failed(error, ApiKey::SYNC_GROUP)),
                }
            }
        }
        self.go(ClassicState::Syncing);
    }

    fn on_sync(&mut self, now: Now, response: &SyncGroupResponse) {
        coverage::told(ApiKey::SYNC_GROUP, ErrorCode(response.error_code));
        match ErrorCode(response.error_code) {
            // Meanwhile it was told to let go: whatever it would get, it does not want.
            ErrorCode::NONE | ErrorCode::REBALANCE_IN_PROGRESS if self.state != ClassicState::Syncing => {
                return self.alive(now);
            }
            ErrorCode::NONE => {}
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.reason = "the group rebalances";
                return self.go(ClassicState::Joining);
            }
            code => return self.on_membership_code(now, code, ApiKey::SYNC_GROUP),
        }
        self.alive(now);
        self.handed_in.clear();
        if self.is_outdated {
            return self.go(ClassicState::Joining);
        }
        let name = self.assignor.and_then(|at| self.assignors.get(at)).map(|assignor| assignor.name());
        if response.protocol_name.as_ref().is_some_and(|sent| Some(sent.as_str()) != name) {
            let kind = GroupErrorKind::InconsistentProtocol;
            return self.fail(GroupError::new(kind, &self.config.group_id));
        }
        let Some(assigned) = read_assignment(&response.assignment) else {
            return self.fail(self.bad_answer());
        };
        let kept: BTreeSet<_> = assigned.iter().collect();
        let revoked: Vec<_> =
            self.owned.iter().filter(|partition| !kept.contains(partition)).cloned().collect();
        if revoked.is_empty() {
            self.adopt(assigned);
            self.go(ClassicState::Stable);
            return self.reassign(now);
        }
        // Cooperative: what is withheld here comes to another member in the rebalance after this one.
        self.reason = "partitions were given up for other members";
        self.revoke(now, revoked, Some(assigned));
    }

    /// A stable leader has the group rebalance if what it assigned is out of date.
    pub(super) fn reassign(&mut self, now: Now) {
        let is_outdated = |leadership: &Leadership| leadership.newest != leadership.snapshot;
        if self.leadership.as_ref().is_some_and(is_outdated) {
            self.reason = "the topics' partitions changed";
            self.release(now);
        }
    }

    fn on_heartbeat(&mut self, now: Now, code: ErrorCode) {
        coverage::told(ApiKey::HEARTBEAT, code);
        match code {
            ErrorCode::NONE => self.alive_by_heartbeat(now),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.alive_by_heartbeat(now);
                self.on_membership_code(now, code, ApiKey::HEARTBEAT);
            }
            code => self.on_membership_code(now, code, ApiKey::HEARTBEAT),
        }
    }

    /// What a code means to the membership, whichever request brought it.
    pub(super) fn on_membership_code(&mut self, now: Now, code: ErrorCode, api: ApiKey) {
        match code {
            ErrorCode::REBALANCE_IN_PROGRESS => {
                if matches!(self.state, ClassicState::Stable | ClassicState::Assigning) {
                    self.reason = "the group rebalances";
                    self.release(now);
                }
            }
            // The coordinator still knows the member: only what it held is void.
            ErrorCode::ILLEGAL_GENERATION => {
                self.reason = "the generation was over";
                self.membership.generation_id = None;
                self.lose(now);
            }
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.reason = "the coordinator did not know the member";
                self.membership = Membership::default();
                self.lose(now);
            }
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.lookup.forget();
                self.try_again(now);
            }
            code if code.is_retriable() => self.try_again(now),
            code => self.fail(GroupError::from_code(code, &self.config.group_id, api)),
        }
    }

    /// Has the application let go of what it must before the next step, which [`proceed`](Self::proceed) then takes.
    pub(super) fn release(&mut self, now: Now) {
        if self.revocation.is_some() {
            return;
        }
        let keeps = self.goal() == Goal::Member && self.protocol() == RebalanceProtocol::Cooperative;
        let is_kept =
            |partition: &TopicPartition| keeps && self.topics.binary_search(&partition.topic).is_ok();
        let revoked: Vec<_> = self.owned.iter().filter(|partition| !is_kept(partition)).cloned().collect();
        if revoked.is_empty() { self.proceed(now) } else { self.revoke(now, revoked, None) }
    }

    fn revoke(&mut self, now: Now, partitions: Vec<TopicPartition>, assigned: Option<Vec<TopicPartition>>) {
        self.go(ClassicState::Revoking);
        self.outputs.push_back(Action::Revoke { partitions: partitions.clone() });
        let deadline = now.instant + self.config.rebalance_timeout;
        self.revocation = Some(Revocation { partitions, deadline, assigned });
    }

    /// Takes the next step towards the goal, with nothing left to give up.
    pub(super) fn proceed(&mut self, now: Now) {
        match self.goal() {
            // The group gives its partitions to others from the JoinGroup request on.
            Goal::Member if self.is_losing => self.go(ClassicState::Losing),
            Goal::Member => self.go(ClassicState::Joining),
            Goal::Idle => {
                self.tell("the consumer unsubscribed");
                self.reset();
                self.is_overdue = false;
                self.go(ClassicState::Idle);
            }
            Goal::Overdue => {
                self.reset();
                self.go(ClassicState::Overdue);
            }
            Goal::Closed if self.state == ClassicState::Failed => self.finish(),
            Goal::Closed => {
                self.in_flight = None;
                self.leaving_deadline = now.instant + self.config.request_timeout;
                self.go(ClassicState::Leaving);
            }
        }
    }

    /// What the member holds is void; so is its generation, and its id if the caller took it.
    pub(super) fn lose(&mut self, now: Now) {
        let membership = std::mem::take(&mut self.membership);
        self.revocation = None;
        self.reset();
        self.membership = Membership { generation_id: None, ..membership };
        self.offsets.end_commits(&self.not_member(), &mut self.outputs);
        self.lose_partitions();
        self.proceed(now);
    }

    fn lose_partitions(&mut self) {
        if !self.owned.is_empty() {
            self.is_losing = true;
            self.outputs.push_back(Action::Lost { partitions: std::mem::take(&mut self.owned) });
        }
    }

    pub(super) fn fail(&mut self, error: GroupError) {
        self.revocation = None;
        self.reset();
        self.lose_partitions();
        if self.is_closing {
            return self.finish();
        }
        self.go(ClassicState::Failed);
        self.outputs.push_back(Action::Failed(error));
    }

    /// The end: nothing is under way any more.
    pub(super) fn finish(&mut self) {
        self.reset();
        self.offsets
            .fail_all(&GroupError::new(GroupErrorKind::Closed, &self.config.group_id), &mut self.outputs);
        self.go(ClassicState::Left);
        self.outputs.push_back(Action::Left);
    }

    pub(super) fn adopt(&mut self, assigned: Vec<TopicPartition>) {
        let before: BTreeSet<_> = self.owned.iter().collect();
        let added = assigned.iter().filter(|partition| !before.contains(partition)).cloned().collect();
        self.owned.clone_from(&assigned);
        let generation_id = GenerationId(self.generation());
        self.outputs.push_back(Action::Assigned { partitions: assigned, added, generation_id });
    }

    /// Leaving: first the commits, then LeaveGroup, if there is whom to tell.
    pub(super) fn poll_leaving(&mut self) -> Option<Action> {
        if self.in_flight.is_some() {
            return None;
        }
        let looks = self.wants_to_tell() && self.lookup.node().is_none() && !self.lookup.has_failed();
        if looks || self.offsets.has_commits() {
            return None;
        }
        self.tell("the consumer is being closed");
        let Some(action) = self.outputs.pop_front() else {
            self.finish();
            return self.outputs.pop_front();
        };
        if let Action::Send { token, .. } = action {
            self.in_flight = Some((token, ApiKey::LEAVE_GROUP));
        }
        Some(action)
    }

    /// Whether there is a membership to end. A static member keeps its place until its session is over (KIP-345).
    pub(super) fn wants_to_tell(&self) -> bool {
        !self.membership.member_id.is_empty() && self.config.group_instance_id.is_none()
    }

    /// Has a LeaveGroup request sent, if there is a membership to end, and ends it.
    pub(super) fn tell(&mut self, reason: &'static str) {
        let Some(node_id) = self.lookup.node().filter(|_| self.wants_to_tell()) else { return };
        let mut member = MemberIdentity::default();
        member.member_id = std::mem::take(&mut self.membership.member_id);
        member.reason = Some(Str::from_static(reason));
        let mut request = LeaveGroupRequest::default();
        request.group_id = self.config.group_id.clone();
        request.members = vec![member];
        let (token, timeout) = (self.token(), self.config.request_timeout);
        self.outputs.push_back(Action::Send {
            token,
            node_id,
            request: GroupRequest::LeaveGroup(request),
            timeout,
        });
    }

    /// Forgets the membership; what is under way for it is void.
    fn reset(&mut self) {
        self.membership = Membership::default();
        self.assignor = None;
        self.leadership = None;
        self.handed_in.clear();
        self.in_flight = None;
        self.is_outdated = false;
    }

    /// A request failed in a way that may pass. A failed SyncGroup is taken up again with JoinGroup.
    fn try_again(&mut self, now: Now) {
        self.retry.fail(now, &self.config.backoff, &mut self.jitter);
        match self.state {
            ClassicState::Syncing => self.go(ClassicState::Joining),
            state if state.has_heartbeat() => self.heartbeat_at = now.instant,
            _ => {}
        }
    }

    /// The coordinator answered a JoinGroup or SyncGroup request.
    fn alive(&mut self, now: Now) {
        self.heartbeat_at = now.instant + self.config.heartbeat_interval;
        self.alive_by_heartbeat(now);
    }

    fn alive_by_heartbeat(&mut self, now: Now) {
        self.session_deadline = now.instant + self.config.session_timeout;
        self.retry.reset();
    }

    /// As requests have it.
    fn generation(&self) -> i32 {
        self.membership.generation_id.map_or(-1, |generation_id| generation_id.0)
    }

    fn bad_answer(&self) -> GroupError {
        GroupError::new(GroupErrorKind::BadAnswer, &self.config.group_id)
    }

    fn request_failed(&self, error: RequestError, api: ApiKey) -> GroupError {
        GroupError::from_request(error, &self.config.group_id, api)
    }

    fn join_request(&self) -> Result<GroupRequest, GroupError> {
        let mut request = JoinGroupRequest::default();
        request.group_id = self.config.group_id.clone();
        request.session_timeout_ms = milliseconds(self.config.session_timeout);
        request.rebalance_timeout_ms = milliseconds(self.config.rebalance_timeout);
        request.member_id = self.membership.member_id.clone();
        request.group_instance_id = self.config.group_instance_id.clone();
        request.protocol_type = Str::from_static(consumer_protocol::PROTOCOL_TYPE);
        request.reason = Some(Str::from_static(self.reason));
        for assignor in &self.assignors {
            let mut protocol = JoinGroupRequestProtocol::default();
            protocol.name = assignor.name().into();
            protocol.metadata = self
                .write_subscription(&**assignor)
                .map_err(|error| self.request_failed(error, ApiKey::JOIN_GROUP))?;
            request.protocols.push(protocol);
        }
        Ok(GroupRequest::JoinGroup(request))
    }

    fn sync_request(&self) -> GroupRequest {
        let mut request = SyncGroupRequest::default();
        request.group_id = self.config.group_id.clone();
        request.generation_id = self.generation();
        request.member_id = self.membership.member_id.clone();
        request.group_instance_id = self.config.group_instance_id.clone();
        request.protocol_type = Some(Str::from_static(consumer_protocol::PROTOCOL_TYPE));
        let name = self.assignor.and_then(|at| self.assignors.get(at)).map(|assignor| assignor.name().into());
        request.protocol_name = name;
        request.assignments = self.handed_in.clone();
        GroupRequest::SyncGroup(request)
    }

    fn write_subscription(&self, assignor: &dyn Assignor) -> Result<Bytes, RequestError> {
        let generation_id = self.membership.generation_id;
        let mut subscription = ConsumerProtocolSubscription::default();
        subscription.topics = self.topics.iter().map(|topic| topic.as_str().into()).collect();
        subscription.user_data = assignor.subscription_user_data(&self.topics, &self.owned, generation_id);
        subscription.owned_partitions = self
            .owned
            .iter()
            .map(|partition| {
                let mut owned = consumer_protocol_subscription::TopicPartition::default();
                owned.topic = partition.topic.clone();
                owned.partitions = [partition.partition].as_slice().into();
                owned
            })
            .collect();
        subscription.generation_id = self.generation();
        subscription.rack_id = self.config.rack_id.clone();
        consumer_protocol::encode_subscription(&subscription, CONSUMER_PROTOCOL_VERSION)
            .map_err(RequestError::Encode)
    }
}

/// A member whose subscription cannot be read gets no partitions: its fault is not the group's.
fn read_member(member: &JoinGroupResponseMember) -> Member {
    let mut subscription = Subscription::default();
    if let Ok(blob) = consumer_protocol::decode_subscription(&member.metadata) {
        subscription.topics = blob.topics.iter().map(|topic| topic.detach().into()).collect();
        subscription.user_data = blob.user_data;
        subscription.owned_partitions = blob
            .owned_partitions
            .iter()
            .flat_map(|owned| {
                owned.partitions.iter().map(|&at| TopicPartition::new(owned.topic.detach(), at))
            })
            .collect();
        subscription.generation_id = (blob.generation_id >= 0).then_some(GenerationId(blob.generation_id));
        subscription.rack_id = blob.rack_id;
    }
    Member::new(member.member_id.detach(), member.group_instance_id.clone(), subscription)
}

fn write_assignment(assignment: Assignment) -> Result<Bytes, RequestError> {
    let mut blob = ConsumerProtocolAssignment::default();
    blob.user_data = assignment.user_data;
    let topics = assignment.partitions.chunk_by(|a, b| a.topic == b.topic);
    blob.assigned_partitions = topics
        .map(|partitions| {
            let mut topic = consumer_protocol_assignment::TopicPartition::default();
            topic.topic = partitions[0].topic.clone();
            topic.partitions = partitions.iter().map(|partition| partition.partition).collect();
            topic
        })
        .collect();
    consumer_protocol::encode_assignment(&blob, CONSUMER_PROTOCOL_VERSION).map_err(RequestError::Encode)
}

/// `None` if it makes no sense. No bytes at all is what a leader leaves to a member that it forgot.
fn read_assignment(blob: &Bytes) -> Option<Vec<TopicPartition>> {
    if blob.is_empty() {
        return Some(Vec::new());
    }
    let blob = consumer_protocol::decode_assignment(blob).ok()?;
    let mut partitions = Vec::new();
    for assigned in &blob.assigned_partitions {
        let topic = assigned.topic.detach();
        partitions.extend(assigned.partitions.iter().map(|&at| TopicPartition::new(topic.clone(), at)));
    }
    partitions.iter().all(|partition| partition.partition >= 0).then_some(partitions)
}

fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
