//! The leader epochs of a replica's log and where each began: what tells two logs apart that went different ways
//! (KIP-101, KIP-279).

/// Ascending in both; Kafka's `LeaderEpochFileCache`. As long as elections that left records in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    leader_epoch: i32,
    start_offset: i64,
}

impl LeaderEpochs {
    /// `leader_epoch` begins at `start_offset`. An epoch that left nothing in the log makes way for it.
    pub(crate) fn assign(&mut self, leader_epoch: i32, start_offset: i64) {
        if self.latest().is_some_and(|latest| latest >= leader_epoch) {
            return;
        }
        self.truncate_to(start_offset);
        self.entries.push(Entry { leader_epoch, start_offset });
    }

    /// The epoch of the log's end.
    pub(crate) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|last| last.leader_epoch)
    }

    /// The largest epoch up to `leader_epoch` and the offset behind it; `None` if the log knows none that late.
    pub(crate) fn end_of(&self, leader_epoch: i32, log_end_offset: i64) -> Option<(i32, i64)> {
        if leader_epoch < 0 {
            return None;
        }
        if self.latest() == Some(leader_epoch) {
            return Some((leader_epoch, log_end_offset));
        }
        let behind = self.entries.partition_point(|entry| entry.leader_epoch <= leader_epoch);
        let end_offset = self.entries.get(behind)?.start_offset;
        // Of an epoch from before the log's start only its end is known.
        let floor = behind.checked_sub(1).and_then(|at| self.entries.get(at));
        Some((floor.map_or(leader_epoch, |entry| entry.leader_epoch), end_offset))
    }

    /// The epoch under which `offset` was written.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let behind = self.entries.partition_point(|entry| entry.start_offset <= offset);
        self.entries.get(behind.checked_sub(1)?).map(|entry| entry.leader_epoch)
    }

    /// The log ends at `offset` now.
    pub(crate) fn truncate_to(&mut self, offset: i64) {
        while self.entries.last().is_some_and(|last| last.start_offset >= offset) {
            self.entries.pop();
        }
    }

    /// The log starts at `offset` now.
    pub(crate) fn advance_start(&mut self, offset: i64) {
        let behind = self.entries.partition_point(|entry| entry.start_offset <= offset);
        if let Some(first) = behind.checked_sub(1) {
            self.entries.drain(..first);
            if let Some(entry) = self.entries.first_mut() {
                entry.start_offset = offset;
            }
        }
    }

    /// The log is empty now.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        entries.iter().for_each(|(leader_epoch, start)| epochs.assign(*leader_epoch, *start));
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_starts() {
        let epochs = epochs(&[(1, 0), (4, 7), (6, 9)]);
        let check = |leader_epoch, expected| assert_eq!(epochs.end_of(leader_epoch, 12), expected);
        check(-1, None);
        check(0, Some((0, 0)));
        check(1, Some((1, 7)));
        check(3, Some((1, 7)));
        check(5, Some((4, 9)));
        check(6, Some((6, 12)));
        check(7, None);
    }

    #[test]
    fn an_epoch_that_wrote_nothing_leaves_no_trace() {
        let epochs = epochs(&[(1, 0), (2, 5), (3, 5)]);
        assert_eq!(epochs.end_of(2, 9), Some((1, 5)));
        assert_eq!((epochs.epoch_of(4), epochs.epoch_of(5), epochs.latest()), (Some(1), Some(3), Some(3)));
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut epochs = epochs(&[(1, 0), (4, 7), (6, 9)]);
        epochs.truncate_to(9);
        assert_eq!(epochs.latest(), Some(4));
        epochs.advance_start(8);
        assert_eq!((epochs.epoch_of(7), epochs.epoch_of(8)), (None, Some(4)));
        epochs.truncate_to(8);
        assert_eq!(epochs.latest(), None);
    }
}
