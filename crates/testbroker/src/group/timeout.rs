//! What time does to a group: silent members are expelled, rebalances go on without those who are missing.

use super::{Group, GroupState, MemberId};
use crate::now::Instant;

impl Group {
    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        self.expire_pending_members(now);
        self.expire_sessions(now);
        if is_due(self.rebalance.as_ref().map(|rebalance| rebalance.deadline)) {
            self.expire_rebalance(now);
        }
        if is_due(self.sync_deadline) {
            self.expire_pending_syncs(now);
        }
    }

    fn expire_pending_members(&mut self, now: Instant) {
        let before = self.pending_members.len();
        self.pending_members.retain(|_, deadline| *deadline > now);
        if self.pending_members.len() < before {
            self.complete_join_if_all_are_there(now);
        }
    }

    fn expire_sessions(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for (id, member) in &mut self.members {
            if member.session_deadline.is_some_and(|deadline| deadline <= now) {
                // Set again once the member has got its answer.
                member.session_deadline = None;
                if !member.is_excused() {
                    silent.push(id.clone());
                }
            }
        }
        for id in silent {
            tracing::debug!(member = id.0.as_str(), "session expired");
            self.expel(now, &id);
        }
    }

    /// Members that joined and never came for their assignment.
    fn expire_pending_syncs(&mut self, now: Instant) {
        self.sync_deadline = None;
        if !matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable) {
            return;
        }
        let pending: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_sync_pending)
            .map(|(id, _)| id.clone())
            .collect();
        if pending.is_empty() {
            return;
        }
        pending.iter().for_each(|id| self.take_member(id));
        self.prepare_rebalance(now, std::time::Duration::ZERO);
    }
}
