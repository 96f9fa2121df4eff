//! SyncGroup: the leader brings the assignment, the others wait for it.

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;
use ottla_protocol::types::Str;

use super::{Group, GroupState, Identity, MemberId, Reply};
use crate::connection::RequestId;
use crate::now::Instant;

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Syncing {
    pub(crate) request: RequestId,
    pub(crate) identity: Identity,
    pub(crate) generation_id: i32,
    pub(crate) protocol_type: Option<Str>,
    pub(crate) protocol_name: Option<Str>,
    pub(crate) assignments: Vec<(MemberId, Bytes)>,
}

impl Group {
    /// Takes a SyncGroup; the answer comes with the replies, now or later.
    pub(crate) fn sync(&mut self, now: Instant, syncing: Syncing) {
        let request = syncing.request;
        if let Err(error) = self.try_sync(now, syncing) {
            self.replies.push(Reply::Sync(request, refusal(error)));
        }
    }

    fn try_sync(&mut self, now: Instant, syncing: Syncing) -> Result<(), ErrorCode> {
        self.check_member(&syncing.identity, syncing.generation_id)?;
        // From v5 on (KIP-559).
        let differs = |sent: &Option<Str>, own: &Option<Str>| sent.is_some() && sent != own;
        if differs(&syncing.protocol_type, &self.protocol_type)
            || differs(&syncing.protocol_name, &self.protocol_name)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.state {
            GroupState::Empty | GroupState::Dead => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => return Err(ErrorCode::REBALANCE_IN_PROGRESS),
            GroupState::CompletingRebalance | GroupState::Stable => {}
        }
        let id = syncing.identity.member_id;
        let member = self.members.get_mut(&id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        member.is_sync_pending = false;
        if let Some(earlier) = member.awaiting_sync.replace(syncing.request) {
            self.replies.push(Reply::Sync(earlier, refusal(ErrorCode::REBALANCE_IN_PROGRESS)));
        }
        if self.state == GroupState::CompletingRebalance && self.leader.as_ref() == Some(&id) {
            for (id, assignment) in syncing.assignments {
                if let Some(member) = self.members.get_mut(&id) {
                    member.assignment = Bytes::copy_from_slice(&assignment);
                }
            }
            self.transition(GroupState::Stable);
            self.persist();
        }
        if self.state == GroupState::Stable {
            self.reply_waiting_syncs(now);
        }
        if self.members.values().all(|member| !member.is_sync_pending) {
            self.sync_deadline = None;
        }
        Ok(())
    }

    fn reply_waiting_syncs(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            let Some(request) = member.awaiting_sync.take() else { continue };
            member.touch(now);
            let mut response = SyncGroupResponse::default();
            response.protocol_type = self.protocol_type.clone();
            response.protocol_name = self.protocol_name.clone();
            response.assignment = member.assignment.clone();
            self.replies.push(Reply::Sync(request, response));
        }
    }
}

/// An answer that carries an error.
pub(crate) fn refusal(error: ErrorCode) -> SyncGroupResponse {
    let mut response = SyncGroupResponse::default();
    response.error_code = error.0;
    response
}
