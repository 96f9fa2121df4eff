//! A rebalance from its start to the new generation.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::Str;

use super::{Group, GroupState, MemberId, Reply, sync};
use crate::now::Instant;

/// A rebalance that waits for members to join.
#[derive(Clone, Debug)]
pub(super) struct Rebalance {
    /// When it goes on without those who are missing.
    pub(super) deadline: Instant,
    initial: Option<InitialDelay>,
}

/// A group that was empty waits for more members to come (KIP-134).
#[derive(Clone, Debug)]
struct InitialDelay {
    step: Duration,
    remaining: Duration,
    new_member_added: bool,
}

impl Rebalance {
    /// Another member came: a group's initial delay starts again, within bounds.
    pub(super) fn note_new_member(&mut self) {
        if let Some(initial) = &mut self.initial {
            initial.new_member_added = true;
        }
    }
}

impl Group {
    /// Starts a rebalance unless one waits for members already; goes on if all of them are there.
    pub(super) fn start_or_continue_rebalance(&mut self, now: Instant, initial_delay: Duration) {
        if self.state.can_rebalance() {
            self.prepare_rebalance(now, initial_delay);
        } else {
            self.complete_join_if_all_are_there(now);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, now: Instant, initial_delay: Duration) {
        if self.state == GroupState::CompletingRebalance {
            self.refuse_waiting_syncs();
        }
        self.sync_deadline = None;
        self.members.values_mut().for_each(|member| member.is_sync_pending = false);
        let timeout = self.rebalance_timeout();
        let initial = (self.state == GroupState::Empty && !initial_delay.is_zero()).then(|| {
            let step = initial_delay.min(timeout);
            InitialDelay { step, remaining: timeout.saturating_sub(step), new_member_added: false }
        });
        let wait = initial.as_ref().map_or(timeout, |initial| initial.step);
        self.rebalance = Some(Rebalance { deadline: now + wait, initial });
        self.transition(GroupState::PreparingRebalance);
        self.complete_join_if_all_are_there(now);
    }

    pub(super) fn complete_join_if_all_are_there(&mut self, now: Instant) {
        let Some(rebalance) = &self.rebalance else { return };
        let all_joined = self.members.values().all(|member| member.awaiting_join.is_some());
        if rebalance.initial.is_none() && all_joined && self.pending_members.is_empty() {
            self.complete_join(now);
        }
    }

    /// The rebalance has waited long enough.
    pub(super) fn expire_rebalance(&mut self, now: Instant) {
        let Some(rebalance) = &mut self.rebalance else { return };
        if let Some(initial) = &mut rebalance.initial
            && initial.new_member_added
            && !initial.remaining.is_zero()
        {
            let step = initial.step.min(initial.remaining);
            initial.remaining -= step;
            initial.new_member_added = false;
            rebalance.deadline = now + step;
            return;
        }
        self.complete_join(now);
    }

    /// Begins the next generation with the members that are there. Static members stay even if they are not.
    fn complete_join(&mut self, now: Instant) {
        let is_missing = |id: &MemberId, group: &Self| {
            group.members.get(id).is_some_and(|m| m.awaiting_join.is_none() && m.instance_id.is_none())
        };
        let missing: Vec<MemberId> = self.members.keys().filter(|id| is_missing(id, self)).cloned().collect();
        missing.iter().for_each(|id| self.take_member(id));
        if !self.members.is_empty() && !self.elect_leader_that_joined() {
            // Only static members, none of which is back: they have until their sessions end.
            self.rebalance = Some(Rebalance { deadline: now + self.rebalance_timeout(), initial: None });
            return;
        }
        self.rebalance = None;
        self.generation_id = self.generation_id.wrapping_add(1).max(1);
        if self.members.is_empty() {
            self.protocol_name = None;
            self.transition(GroupState::Empty);
            self.persist();
            return;
        }
        self.protocol_name = self.select_protocol();
        self.transition(GroupState::CompletingRebalance);
        self.sync_deadline = Some(now + self.rebalance_timeout());
        let leader = self.leader_id();
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.joined(&id, leader.clone());
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            member.is_sync_pending = true;
            member.touch(now);
            if let Some(request) = member.awaiting_join.take() {
                self.replies.push(Reply::Join(request, answer));
            }
        }
    }

    fn elect_leader_that_joined(&mut self) -> bool {
        let joined = |id: &MemberId, group: &Self| {
            group.members.get(id).is_some_and(|member| member.awaiting_join.is_some())
        };
        if self.leader.as_ref().is_some_and(|leader| joined(leader, self)) {
            return true;
        }
        let Some(next) = self.members.keys().find(|id| joined(id, self)).cloned() else { return false };
        self.leader = Some(next);
        true
    }

    /// Of the protocols that all members support, the one that most of them like best.
    pub(super) fn select_protocol(&self) -> Option<Str> {
        let first = self.members.values().next()?;
        let is_common = |name: &Str| self.members.values().all(|member| member.supports(name));
        let candidates: Vec<&Str> =
            first.protocols.iter().map(|protocol| &protocol.name).filter(|name| is_common(name)).collect();
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(name) = member.vote(&candidates) {
                *votes.entry(name).or_default() += 1;
            }
        }
        // Among equals the first by name: Kafka leaves that to chance.
        votes.into_iter().rev().max_by_key(|(_, votes)| *votes).map(|(name, _)| name.clone())
    }

    fn refuse_waiting_syncs(&mut self) {
        for member in self.members.values_mut() {
            member.assignment = bytes::Bytes::new();
            if let Some(request) = member.awaiting_sync.take() {
                let answer = sync::refusal(ErrorCode::REBALANCE_IN_PROGRESS);
                self.replies.push(Reply::Sync(request, answer));
            }
        }
    }
}
