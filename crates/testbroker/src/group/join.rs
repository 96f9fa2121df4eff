//! JoinGroup: who may become or stay a member, and what that does to the group.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use ottla_protocol::types::Str;

use super::{Group, GroupState, Identity, Member, MemberId, Protocol, Reply};
use crate::config::Settings;
use crate::connection::RequestId;
use crate::now::Instant;
use crate::random::Random;

/// How long a new member may wait for its first answer (`NewMemberJoinTimeoutMs`): it may be gone and be back under
/// another id, and nothing else tells.
const NEW_MEMBER_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A JoinGroup request that passed the checks of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) request: RequestId,
    pub(crate) identity: Identity,
    pub(crate) client_id: Str,
    pub(crate) client_host: Str,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: Str,
    pub(crate) protocols: Vec<Protocol>,
    /// From v4 on a new member must join again under the id it is given (KIP-394).
    pub(crate) requires_member_id: bool,
    /// From v9 on a static leader can be told to leave the assignment as it is (KIP-814).
    pub(crate) can_skip_assignment: bool,
}

impl Group {
    /// Takes a JoinGroup; the answer comes with the replies, now or later.
    pub(crate) fn join(&mut self, now: Instant, settings: &Settings, random: &mut Random, joining: Joining) {
        let request = joining.request;
        let member_id = joining.identity.member_id.clone();
        if let Err(error) = self.try_join(now, settings, random, joining) {
            self.replies.push(Reply::Join(request, refusal(member_id, error)));
        }
    }

    fn try_join(
        &mut self,
        now: Instant,
        settings: &Settings,
        random: &mut Random,
        joining: Joining,
    ) -> Result<(), ErrorCode> {
        if self.state == GroupState::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let id = &joining.identity.member_id;
        let is_counted = self.members.contains_key(id) || self.pending_members.contains_key(id);
        if !is_counted && self.members.len() + self.pending_members.len() >= settings.group_max_size {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        if !self.supports(&joining.protocol_type, &joining.protocols) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let delay = settings.group_initial_rebalance_delay;
        if id.is_unknown() {
            self.join_as_new(now, delay, random, joining)
        } else {
            self.join_as_known(now, delay, joining)
        }
    }

    /// Whether all members could still agree on a protocol.
    fn supports(&self, protocol_type: &Str, protocols: &[Protocol]) -> bool {
        if self.members.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let is_common = |name: &str| self.members.values().all(|member| member.supports(name));
        self.protocol_type.as_ref() == Some(protocol_type)
            && protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    fn join_as_new(
        &mut self,
        now: Instant,
        delay: Duration,
        random: &mut Random,
        mut joining: Joining,
    ) -> Result<(), ErrorCode> {
        let instance_id = joining.identity.instance_id.clone();
        let prefix = instance_id.as_ref().unwrap_or(&joining.client_id);
        let id = MemberId(format!("{prefix}-{}", random.hex_uuid()).into());
        joining.identity.member_id = id.clone();
        let old = instance_id.and_then(|instance_id| self.static_members.get(&instance_id).cloned());
        if let Some(old) = old {
            self.replace_static_member(now, delay, &old, joining);
            return Ok(());
        }
        if joining.identity.instance_id.is_none() && joining.requires_member_id {
            self.pending_members.insert(id.clone(), now + joining.session_timeout);
            let answer = refusal(id, ErrorCode::MEMBER_ID_REQUIRED);
            self.replies.push(Reply::Join(joining.request, answer));
            return Ok(());
        }
        self.add_and_rebalance(now, delay, joining);
        Ok(())
    }

    fn join_as_known(&mut self, now: Instant, delay: Duration, joining: Joining) -> Result<(), ErrorCode> {
        let id = &joining.identity.member_id;
        if self.pending_members.contains_key(id) && joining.identity.instance_id.is_none() {
            self.add_and_rebalance(now, delay, joining);
            return Ok(());
        }
        self.check_identity(&joining.identity)?;
        let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let is_same = member.protocols == joining.protocols;
        let is_leader = self.leader.as_ref() == Some(id);
        match self.state {
            // It did not get the answer, or asks again: nothing has changed.
            GroupState::CompletingRebalance if is_same => self.reply_current(joining.request, id),
            // A leader that joins again wants a new assignment: its topics may have changed.
            GroupState::Stable if is_same && !is_leader => self.reply_current(joining.request, id),
            GroupState::Empty | GroupState::Dead => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            _ => {
                let id = id.clone();
                self.update_member(now, &id, joining);
                self.start_or_continue_rebalance(now, delay);
            }
        }
        Ok(())
    }

    fn add_and_rebalance(&mut self, now: Instant, delay: Duration, joining: Joining) {
        let protocol_type = joining.protocol_type.detach();
        let id = MemberId(joining.identity.member_id.0.detach());
        let mut member = member_of(joining);
        member.session_deadline = Some(now + NEW_MEMBER_TIMEOUT);
        if let Some(rebalance) = &mut self.rebalance {
            rebalance.note_new_member();
        }
        self.add_member(id, member, &protocol_type);
        self.start_or_continue_rebalance(now, delay);
    }

    fn update_member(&mut self, now: Instant, id: &MemberId, joining: Joining) {
        let Some(member) = self.members.get_mut(id) else { return };
        let mut updated = member_of(joining);
        updated.is_new = member.is_new;
        updated.is_sync_pending = member.is_sync_pending;
        updated.assignment = std::mem::take(&mut member.assignment);
        updated.touch(now);
        let mut old = std::mem::replace(member, updated);
        // An earlier request of the same member, on a connection that it has given up.
        self.dismiss(&mut old, ErrorCode::REBALANCE_IN_PROGRESS);
    }

    /// The member with this instance id has restarted: it takes over under a new id (KIP-345).
    fn replace_static_member(&mut self, now: Instant, delay: Duration, old: &MemberId, joining: Joining) {
        let Some(mut member) = self.members.remove(old) else { return };
        self.dismiss(&mut member, ErrorCode::FENCED_INSTANCE_ID);
        let id = MemberId(joining.identity.member_id.0.detach());
        let (request, can_skip_assignment) = (joining.request, joining.can_skip_assignment);
        let mut updated = member_of(joining);
        updated.is_new = member.is_new;
        updated.is_sync_pending = member.is_sync_pending;
        updated.assignment = member.assignment;
        updated.touch(now);
        if let Some(instance_id) = &updated.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        let was_leader = self.leader.as_ref() == Some(old);
        if was_leader {
            self.leader = Some(id.clone());
        }
        self.members.insert(id.clone(), updated);
        if self.state == GroupState::Stable && self.select_protocol() == self.protocol_name {
            // The assignment still fits: no rebalance. A leader that cannot be told to skip the assignment is shown
            // its old id as the leader's, so that it does not take itself for it.
            let shown_leader =
                if was_leader && !can_skip_assignment { old.clone() } else { self.leader_id() };
            if let Some(member) = self.members.get_mut(&id) {
                member.awaiting_join = None;
            }
            let mut answer = self.joined(&id, shown_leader);
            answer.skip_assignment = was_leader && can_skip_assignment;
            self.replies.push(Reply::Join(request, answer));
            self.persist();
            return;
        }
        self.start_or_continue_rebalance(now, delay);
    }

    /// The answer that a member of the current generation gets.
    fn reply_current(&mut self, request: RequestId, id: &MemberId) {
        let answer = self.joined(id, self.leader_id());
        self.replies.push(Reply::Join(request, answer));
    }

    pub(super) fn leader_id(&self) -> MemberId {
        self.leader.clone().unwrap_or_default()
    }

    /// The answer to a member of the current generation; the leader gets everyone's metadata.
    pub(super) fn joined(&self, id: &MemberId, leader: MemberId) -> JoinGroupResponse {
        let mut response = JoinGroupResponse::default();
        response.generation_id = self.generation_id;
        response.protocol_type = self.protocol_type.clone();
        response.protocol_name = self.protocol_name.clone();
        if leader == *id {
            let protocol = self.protocol_name();
            let members = self.members.iter().map(|(id, member)| {
                let mut row = JoinGroupResponseMember::default();
                row.member_id = id.0.clone();
                row.group_instance_id = member.instance_id.clone();
                row.metadata = member.metadata(&protocol);
                row
            });
            response.members = members.collect();
        }
        response.leader = leader.0;
        response.member_id = id.0.clone();
        response
    }
}

/// An answer that carries an error.
pub(crate) fn refusal(member_id: MemberId, error: ErrorCode) -> JoinGroupResponse {
    let mut response = JoinGroupResponse::default();
    response.error_code = error.0;
    response.member_id = member_id.0;
    response
}

/// A new member that waits for the answer to its request. Keeps nothing of the request's frame.
fn member_of(joining: Joining) -> Member {
    let protocols = joining.protocols.iter().map(|protocol| Protocol {
        name: protocol.name.detach(),
        metadata: bytes::Bytes::copy_from_slice(&protocol.metadata),
    });
    Member {
        instance_id: joining.identity.instance_id.map(|id| id.detach()),
        client_id: joining.client_id.detach(),
        client_host: joining.client_host,
        session_timeout: joining.session_timeout,
        rebalance_timeout: joining.rebalance_timeout,
        protocols: protocols.collect(),
        assignment: bytes::Bytes::new(),
        awaiting_join: Some(joining.request),
        awaiting_sync: None,
        is_new: true,
        is_sync_pending: false,
        session_deadline: None,
    }
}
