//! LeaveGroup: one member, or from v3 on several, which may be named by their instance ids alone (KIP-345).

use ottla_protocol::error_code::ErrorCode;

use super::{Group, GroupState, Identity, MemberId};
use crate::now::Instant;

/// A member that is to leave.
pub(crate) type Leaving = Identity;

impl Group {
    /// Takes a member out.
    pub(crate) fn leave(&mut self, now: Instant, leaving: &Leaving) -> Result<(), ErrorCode> {
        if self.state == GroupState::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let id = self.leaving_member(leaving)?;
        if self.pending_members.remove(&id).is_some() {
            self.complete_join_if_all_are_there(now);
            return Ok(());
        }
        self.expel(now, &id);
        Ok(())
    }

    fn leaving_member(&self, leaving: &Leaving) -> Result<MemberId, ErrorCode> {
        // An administrator names an instance without knowing its member id.
        if let (true, Some(instance_id)) = (leaving.member_id.is_unknown(), &leaving.instance_id) {
            return self.static_members.get(instance_id).cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if self.pending_members.contains_key(&leaving.member_id) {
            return Ok(leaving.member_id.clone());
        }
        self.check_identity(leaving)?;
        Ok(leaving.member_id.clone())
    }
}
