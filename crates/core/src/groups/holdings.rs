//! What the application holds of its group's partitions, as it was told, and what it is to be told next.
//!
//! The group decides at any time; the application hears of it when it asks, one call after the other. Between the two
//! this keeps the order, by the rules of Java's `ConsumerCoordinator`:
//!
//! - A partition is told in turn: that the application has it, then once that it has it no longer, as revoked or as
//!   lost, never as both.
//! - What is lost before it was told to be revoked is told as lost. A call that has begun is not taken back.
//! - What the application was never told to have, it is not told to give up.
//! - The group hears that the application has let go ([`Holdings::poll_answer`]) when the last of these calls has
//!   returned: only then may its member join again.
//!
//! Not here: the calls themselves and the commits before them (the driver), and why partitions come and go
//! ([`ClassicGroup`](super::ClassicGroup)).

use std::collections::{BTreeSet, VecDeque};

use crate::consumer::TopicPartition;

/// Something that the application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// It has these partitions, beside those that it had.
    Assigned(Vec<TopicPartition>),
    /// These go to other members; what it did of them could be committed before.
    Revoked(Vec<TopicPartition>),
    /// These may be other members' already.
    Lost(Vec<TopicPartition>),
}

/// What the application was told, and is to be told.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Told to be the application's, and not told otherwise.
    held: BTreeSet<TopicPartition>,
    /// A partition is in one of each kind at most, so that there are no more than twice as many as partitions, and one.
    notices: VecDeque<Notice>,
    /// A call is under way.
    is_telling: bool,
    /// The group waits to hear that the application has let go.
    is_awaited: bool,
}

impl Holdings {
    /// The group's member has these partitions now, beside those that it had.
    pub fn on_assigned(&mut self, mut added: Vec<TopicPartition>) {
        match self.notices.back_mut() {
            Some(Notice::Assigned(untold)) => untold.append(&mut added),
            _ => self.notices.push_back(Notice::Assigned(added)),
        }
    }

    /// The group wants these back, and waits.
    pub fn on_revoke(&mut self, partitions: &[TopicPartition]) {
        self.is_awaited = true;
        let partitions = partitions.iter().collect();
        self.withdraw(&partitions, |notice| matches!(notice, Notice::Assigned(_)));
        let told = self.to_be_told(&partitions);
        if !told.is_empty() {
            self.notices.push_back(Notice::Revoked(told));
        }
    }

    /// These are lost; the group waits until the application knows.
    pub fn on_lost(&mut self, partitions: &[TopicPartition]) {
        self.is_awaited = true;
        let partitions = partitions.iter().collect();
        self.withdraw(&partitions, |notice| matches!(notice, Notice::Assigned(_) | Notice::Revoked(_)));
        let told = self.to_be_told(&partitions);
        if !told.is_empty() {
            self.notices.push_back(Notice::Lost(told));
        }
    }

    /// What the application is told next.
    pub fn next(&self) -> Option<&Notice> {
        self.notices.front()
    }

    /// The call with what is next begins: from here on it counts as told.
    pub fn begin(&mut self) -> Option<Notice> {
        let notice = self.notices.pop_front()?;
        self.is_telling = true;
        match &notice {
            Notice::Assigned(partitions) => self.held.extend(partitions.iter().cloned()),
            Notice::Revoked(partitions) | Notice::Lost(partitions) => {
                partitions.iter().for_each(|partition| _ = self.held.remove(partition));
            }
        }
        Some(notice)
    }

    /// The call has returned.
    pub fn on_told(&mut self) {
        self.is_telling = false;
    }

    /// Whether the group is to be told now that the application has let go of all that it was to: true once.
    pub fn poll_answer(&mut self) -> bool {
        let is_open = |notice: &Notice| !matches!(notice, Notice::Assigned(_));
        let has_let_go = !self.is_telling && !self.notices.iter().any(is_open);
        has_let_go && std::mem::replace(&mut self.is_awaited, false)
    }

    /// Takes partitions out of what the application was not told yet. A notice that loses all it had is none.
    fn withdraw(&mut self, partitions: &BTreeSet<&TopicPartition>, is_void: fn(&Notice) -> bool) {
        self.notices.retain_mut(|notice| {
            if !is_void(notice) {
                return true;
            }
            let (Notice::Assigned(untold) | Notice::Revoked(untold) | Notice::Lost(untold)) = notice;
            let before = untold.len();
            untold.retain(|partition| !partitions.contains(partition));
            untold.len() == before || !untold.is_empty()
        });
    }

    /// Those that the application was told to have, and is not about to be told otherwise.
    fn to_be_told(&self, partitions: &BTreeSet<&TopicPartition>) -> Vec<TopicPartition> {
        let goes = |partition: &TopicPartition| {
            self.notices.iter().any(|notice| match notice {
                Notice::Assigned(_) => false,
                Notice::Revoked(going) | Notice::Lost(going) => going.contains(partition),
            })
        };
        let partitions = partitions.iter().copied();
        partitions.filter(|partition| self.held.contains(*partition) && !goes(partition)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(list: &[i32]) -> Vec<TopicPartition> {
        list.iter().map(|&partition| TopicPartition::new("t", partition)).collect()
    }

    fn assigned(list: &[i32]) -> Notice {
        Notice::Assigned(partitions(list))
    }

    fn revoked(list: &[i32]) -> Notice {
        Notice::Revoked(partitions(list))
    }

    fn lost(list: &[i32]) -> Notice {
        Notice::Lost(partitions(list))
    }

    /// All that there is to tell, told.
    fn tell(holdings: &mut Holdings) -> Vec<Notice> {
        let mut told = Vec::new();
        while let Some(notice) = holdings.begin() {
            holdings.on_told();
            told.push(notice);
        }
        told
    }

    fn holding(list: &[i32]) -> Holdings {
        let mut holdings = Holdings::default();
        holdings.on_assigned(partitions(list));
        assert_eq!(tell(&mut holdings), [assigned(list)]);
        assert!(!holdings.poll_answer(), "nobody asked");
        holdings
    }

    #[test]
    fn the_group_is_answered_once_when_the_call_has_returned() {
        let mut holdings = holding(&[0, 1]);
        holdings.on_revoke(&partitions(&[0]));
        assert!(!holdings.poll_answer(), "it was not told");
        assert_eq!(holdings.begin(), Some(revoked(&[0])));
        assert!(!holdings.poll_answer(), "it may not have let go yet");
        holdings.on_told();
        assert!(holdings.poll_answer());
        assert!(!holdings.poll_answer(), "once is enough");
    }

    #[test]
    fn what_is_lost_before_it_was_told_to_be_revoked_is_told_as_lost_alone() {
        let mut holdings = holding(&[0, 1, 2]);
        holdings.on_revoke(&partitions(&[0, 1]));
        holdings.on_lost(&partitions(&[0, 1, 2]));
        assert_eq!(tell(&mut holdings), [lost(&[0, 1, 2])]);
        assert!(holdings.poll_answer());
    }

    #[test]
    fn what_is_lost_while_it_is_told_to_be_revoked_is_not_told_again() {
        let mut holdings = holding(&[0, 1, 2]);
        holdings.on_revoke(&partitions(&[0, 1]));
        assert_eq!(holdings.begin(), Some(revoked(&[0, 1])));
        holdings.on_lost(&partitions(&[0, 1, 2]));
        holdings.on_told();
        assert!(!holdings.poll_answer(), "one is left");
        assert_eq!(tell(&mut holdings), [lost(&[2])]);
        assert!(holdings.poll_answer());
        holdings.on_lost(&partitions(&[0, 1, 2]));
        assert_eq!((tell(&mut holdings), holdings.poll_answer()), (vec![], true));
    }

    #[test]
    fn what_the_application_was_never_told_to_have_it_does_not_give_up() {
        for is_lost in [false, true] {
            let mut holdings = holding(&[0]);
            holdings.on_assigned(partitions(&[1]));
            holdings.on_assigned(partitions(&[2, 3]));
            let gone = partitions(&[1, 2]);
            if is_lost {
                holdings.on_lost(&gone)
            } else {
                holdings.on_revoke(&gone)
            }
            assert!(holdings.poll_answer(), "it has none of them");
            assert_eq!(tell(&mut holdings), [assigned(&[3])]);
        }
    }

    #[test]
    fn what_is_lost_twice_or_revoked_when_it_is_lost_is_told_once() {
        let mut holdings = holding(&[0, 1]);
        holdings.on_lost(&partitions(&[0]));
        holdings.on_revoke(&partitions(&[0, 1]));
        holdings.on_lost(&partitions(&[0]));
        assert_eq!(tell(&mut holdings), [lost(&[0]), revoked(&[1])]);
        assert!(holdings.poll_answer());
    }

    #[test]
    fn an_assignment_without_anything_new_is_told_too() {
        let mut holdings = holding(&[0]);
        holdings.on_assigned(Vec::new());
        holdings.on_revoke(&partitions(&[0]));
        assert_eq!(tell(&mut holdings), [assigned(&[]), revoked(&[0])]);
    }
}
