//! The classic group: Kafka's `GroupCoordinator` for JoinGroup, SyncGroup, Heartbeat, LeaveGroup and offset commits.
//!
//! A machine of its own: requests and time go in, [`Reply`]s to requests that may have come earlier come out.

mod commit;
mod heartbeat;
mod join;
mod leave;
mod member;
mod news;
mod persisted;
mod rebalance;
mod state;
mod sync;
#[cfg(test)]
mod tests;
mod timeout;

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::join_group_response::JoinGroupResponse;
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;
use ottla_protocol::types::Str;

use crate::connection::RequestId;
use crate::now::Instant;
use crate::offsets::CommittedOffsets;

pub(crate) use join::{Joining, refusal as join_refusal};
pub(crate) use leave::Leaving;
pub(crate) use member::{Member, MemberId, Protocol};
use persisted::Persisted;
use rebalance::Rebalance;
pub(crate) use state::GroupState;
pub(crate) use sync::{Syncing, refusal as sync_refusal};

/// The most bytes of metadata or assignment that one member may bring; Kafka's bound is that the whole group's must
/// fit a message.
pub(crate) const MAX_MEMBER_BYTES: usize = 1024 * 1024;

/// An answer to a request, this one or an earlier one.
#[derive(Debug)]
pub(crate) enum Reply {
    Join(RequestId, JoinGroupResponse),
    Sync(RequestId, SyncGroupResponse),
}

/// Who a request says that it comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) member_id: MemberId,
    pub(crate) instance_id: Option<Str>,
}

#[derive(Debug)]
pub(crate) struct Group {
    state: GroupState,
    generation_id: i32,
    protocol_type: Option<Str>,
    protocol_name: Option<Str>,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    /// Ids that were given out and not used yet, with their deadlines (KIP-394).
    pending_members: BTreeMap<MemberId, Instant>,
    static_members: BTreeMap<Str, MemberId>,
    rebalance: Option<Rebalance>,
    /// When members that have not asked for their assignment are expelled.
    sync_deadline: Option<Instant>,
    pub(crate) offsets: CommittedOffsets,
    /// What another coordinator would know.
    persisted: Persisted,
    replies: Vec<Reply>,
    /// What the journal heard last.
    told: Option<(GroupState, i32)>,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self {
            state: GroupState::Empty,
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            pending_members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            rebalance: None,
            sync_deadline: None,
            offsets: CommittedOffsets::default(),
            persisted: Persisted::default(),
            replies: Vec::new(),
            told: None,
        }
    }

    pub(crate) fn state(&self) -> GroupState {
        self.state
    }

    /// The generation of the last rebalance.
    pub(crate) fn generation_id(&self) -> i32 {
        self.generation_id
    }

    /// `consumer`, or empty before the first member.
    pub(crate) fn protocol_type(&self) -> Str {
        self.protocol_type.clone().unwrap_or_default()
    }

    /// The chosen assignor; empty without one.
    pub(crate) fn protocol_name(&self) -> Str {
        self.protocol_name.clone().unwrap_or_default()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&MemberId, &Member)> {
        self.members.iter()
    }

    /// Whether nothing would be lost if the group were forgotten.
    pub(crate) fn is_disposable(&self) -> bool {
        self.members.is_empty() && self.pending_members.is_empty() && self.offsets.is_empty()
    }

    /// Answers that are ready to be sent.
    pub(crate) fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let sessions = self.members.values().filter_map(|member| member.session_deadline);
        let pending = self.pending_members.values().copied();
        let rebalance = self.rebalance.as_ref().map(|rebalance| rebalance.deadline);
        sessions.chain(pending).chain(rebalance).chain(self.sync_deadline).min()
    }

    /// The longest rebalance timeout of all members.
    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    /// Whether the sender is who it says it is.
    fn check_identity(&self, sender: &Identity) -> Result<(), ErrorCode> {
        if let Some(instance_id) = &sender.instance_id {
            return match self.static_members.get(instance_id) {
                None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(current) if *current != sender.member_id => Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => Ok(()),
            };
        }
        if self.members.contains_key(&sender.member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// [`check_identity`](Self::check_identity), and that the sender knows of the last rebalance.
    fn check_member(&self, sender: &Identity, generation_id: i32) -> Result<(), ErrorCode> {
        if self.state == GroupState::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        self.check_identity(sender)?;
        if generation_id == self.generation_id { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    fn transition(&mut self, to: GroupState) {
        match self.state.step(to) {
            Ok(state) => self.state = state,
            Err(illegal) => {
                tracing::error!(from = %illegal.from, to = %illegal.to, "illegal group transition")
            }
        }
    }

    /// Adds a member; the first one becomes the leader.
    fn add_member(&mut self, id: MemberId, member: Member, protocol_type: &Str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        self.pending_members.remove(&id);
        self.members.insert(id, member);
    }

    /// Takes a member out and answers what it waits for.
    fn take_member(&mut self, id: &MemberId) {
        let Some(mut member) = self.members.remove(id) else { return };
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        self.dismiss(&mut member, ErrorCode::UNKNOWN_MEMBER_ID);
        if self.leader.as_ref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Answers whatever a member waits for with an error.
    fn dismiss(&mut self, member: &mut Member, error: ErrorCode) {
        if let Some(request) = member.awaiting_join.take() {
            self.replies.push(Reply::Join(request, join::refusal(MemberId::default(), error)));
        }
        if let Some(request) = member.awaiting_sync.take() {
            self.replies.push(Reply::Sync(request, sync::refusal(error)));
        }
    }

    /// Takes a member out and gives its partitions to the others.
    fn expel(&mut self, now: Instant, id: &MemberId) {
        self.take_member(id);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => {
                self.prepare_rebalance(now, Duration::ZERO)
            }
            GroupState::PreparingRebalance => self.complete_join_if_all_are_there(now),
            GroupState::Empty | GroupState::Dead => {}
        }
    }
}
