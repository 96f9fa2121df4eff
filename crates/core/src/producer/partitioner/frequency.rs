//! The odds of partitions: the fewer batches wait, the better (KIP-794).

use super::super::load::Load;
use crate::random::Jitter;

/// One of the partitions, each as likely as the longest queue is longer than its own, and one. `None` if there are none.
pub(super) fn pick(loads: &[Load], jitter: &mut Jitter) -> Option<u32> {
    let total = loads.len() * (longest(loads) + 1) - loads.iter().map(|load| load.queued).sum::<usize>();
    partition_at(loads, jitter.below(total))
}

/// The partition at a number below the sum of all frequencies.
fn partition_at(loads: &[Load], number: usize) -> Option<u32> {
    let longest = longest(loads);
    let mut below = 0;
    let found = loads.iter().find(|load| {
        below += longest + 1 - load.queued;
        number < below
    });
    found.map(|load| load.partition)
}

fn longest(loads: &[Load]) -> usize {
    loads.iter().map(|load| load.queued).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(queued: &[usize]) -> Vec<Load> {
        (10..).zip(queued).map(|(partition, &queued)| Load { partition, queued }).collect()
    }

    /// How many of the numbers below the sum each partition has.
    fn frequencies(queued: &[usize]) -> Vec<usize> {
        let loads = loads(queued);
        let numbers: Vec<u32> = (0..).map_while(|number| partition_at(&loads, number)).collect();
        assert!(numbers.is_sorted());
        loads.iter().map(|load| numbers.iter().filter(|found| **found == load.partition).count()).collect()
    }

    #[test]
    fn a_partition_is_as_likely_as_the_longest_queue_is_longer_and_one() {
        // The first is the example of KIP-794 and of Java's source.
        assert_eq!(frequencies(&[0, 3, 1]), [4, 1, 3]);
        assert_eq!(frequencies(&[0, 3, 1, 2]), [4, 1, 3, 2]);
        assert_eq!(frequencies(&[2, 2, 2]), [1, 1, 1]);
        assert_eq!(frequencies(&[7]), [1]);
        assert_eq!(frequencies(&[]), [0; 0]);
    }

    #[test]
    fn picks_are_as_frequent_as_the_table_says() {
        let loads = loads(&[0, 3, 1, 2]);
        let mut jitter = Jitter::seeded(794);
        let mut picked = [0_u32; 4];
        for _ in 0..100_000 {
            let partition = pick(&loads, &mut jitter).expect("there are some");
            picked[partition as usize - 10] += 1;
        }
        for (picked, expected) in picked.into_iter().zip([40_000_u32, 10_000, 30_000, 20_000]) {
            // Five standard deviations are below 800.
            assert!(picked.abs_diff(expected) < 800, "{picked} instead of {expected}");
        }
        assert_eq!(pick(&[], &mut jitter), None);
    }
}
