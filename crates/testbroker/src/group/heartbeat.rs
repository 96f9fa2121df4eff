//! Heartbeat: a sign of life, answered with whether there is a rebalance to join.

use ottla_protocol::error_code::ErrorCode;

use super::{Group, GroupState, Identity};
use crate::now::Instant;

impl Group {
    /// Takes a heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        now: Instant,
        sender: &Identity,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        self.check_member(sender, generation_id)?;
        if self.state == GroupState::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.note_sign_of_life(now, sender);
        if self.state == GroupState::PreparingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// Any request of a member counts as a heartbeat.
    pub(super) fn note_sign_of_life(&mut self, now: Instant, sender: &Identity) {
        if let Some(member) = self.members.get_mut(&sender.member_id) {
            member.touch(now);
        }
    }
}
