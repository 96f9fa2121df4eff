//! Sequence numbers of idempotent producers (KIP-98): 0 to `i32::MAX`, then 0 again.

/// The sequence `count` records after `sequence`, as Java's `DefaultRecordBatch.incrementSequence`.
#[must_use]
pub const fn increment_sequence(sequence: i32, count: i32) -> i32 {
    if sequence > i32::MAX.wrapping_sub(count) {
        count.wrapping_sub(i32::MAX.wrapping_sub(sequence)).wrapping_sub(1)
    } else {
        sequence.wrapping_add(count)
    }
}

/// The sequence `count` records before `sequence`, as Java's `DefaultRecordBatch.decrementSequence`.
#[must_use]
pub const fn decrement_sequence(sequence: i32, count: i32) -> i32 {
    if sequence < count {
        i32::MAX.wrapping_sub(count.wrapping_sub(sequence)).wrapping_add(1)
    } else {
        sequence.wrapping_sub(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_after_the_largest_is_zero() {
        assert_eq!(increment_sequence(0, 5), 5);
        assert_eq!(increment_sequence(i32::MAX, 0), i32::MAX);
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 1, 5), 3);
    }

    #[test]
    fn decrementing_undoes_incrementing() {
        for (sequence, count) in [(0, 0), (0, 1), (7, 3), (3, 7), (i32::MAX, 9), (i32::MAX - 2, i32::MAX)] {
            assert_eq!(decrement_sequence(increment_sequence(sequence, count), count), sequence);
        }
    }
}
