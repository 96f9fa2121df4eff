//! Offset commits: who may commit for the group, and when.

use ottla_protocol::error_code::ErrorCode;

use super::{Group, GroupState, Identity};
use crate::now::Instant;

impl Group {
    /// Whether the sender may commit offsets now; counts as a heartbeat.
    pub(crate) fn check_commit(
        &mut self,
        now: Instant,
        sender: &Identity,
        generation_id: i32,
    ) -> Result<(), ErrorCode> {
        if self.state == GroupState::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        // A "simple" consumer, which assigns partitions itself and uses the group only to keep its offsets.
        if generation_id < 0 && self.state == GroupState::Empty {
            return Ok(());
        }
        let names_a_member = !sender.member_id.is_unknown() || sender.instance_id.is_some();
        if generation_id < 0 && !names_a_member {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_member(sender, generation_id)?;
        self.note_sign_of_life(now, sender);
        if self.state == GroupState::CompletingRebalance {
            // The member does not know its assignment yet.
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// Marks the group as deleted; it must be empty.
    pub(crate) fn delete(&mut self) -> Result<(), ErrorCode> {
        if self.state != GroupState::Empty {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        self.transition(GroupState::Dead);
        Ok(())
    }
}
