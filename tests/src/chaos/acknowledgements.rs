//! When acknowledgements came: the longest times without one, of all partitions together and of each, and how long
//! records waited for theirs.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Shorter pauses are not kept one by one.
const NOTEWORTHY: Duration = Duration::from_millis(100);

/// Notes acknowledgements as they come.
#[derive(Debug)]
pub struct Acknowledgements {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    count: u64,
    last: Instant,
    pauses: Vec<Pause>,
    /// Of each partition, when its last came, and its longest pause.
    partitions: Vec<(Instant, Pause)>,
}

/// A time without acknowledgements, since the load began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// When the last one before it came.
    pub from: Duration,
    /// How long it took until the next.
    pub length: Duration,
}

impl Acknowledgements {
    /// Starts to count now.
    #[must_use]
    pub fn begin(partitions: i32) -> Self {
        let began = Instant::now();
        let partitions = vec![(began, Pause::default()); usize::try_from(partitions).unwrap_or(0)];
        let state = State { count: 0, last: began, pauses: Vec::new(), partitions };
        Self { began, state: Mutex::new(state) }
    }

    /// When this began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// One came just now.
    pub fn on_acknowledged(&self, partition: i32) {
        let mut state = self.lock();
        let now = Instant::now();
        let pause = Pause { from: state.last - self.began, length: now - state.last };
        if pause.length >= NOTEWORTHY {
            state.pauses.push(pause);
        }
        state.count += 1;
        state.last = now;
        let of_partition = usize::try_from(partition).ok().and_then(|index| state.partitions.get_mut(index));
        if let Some((last, longest)) = of_partition {
            if now - *last > longest.length {
                *longest = Pause { from: *last - self.began, length: now - *last };
            }
            *last = now;
        }
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// The longest pause that touches this stretch of time; `None` if none was noteworthy.
    #[must_use]
    pub fn longest_pause(&self, from: Duration, to: Duration) -> Option<Pause> {
        let state = self.lock();
        let touches = |pause: &&Pause| pause.from <= to && pause.from + pause.length >= from;
        state.pauses.iter().filter(touches).max_by_key(|pause| pause.length).copied()
    }

    /// The longest pause of each partition.
    #[must_use]
    pub fn longest_pauses(&self) -> Vec<Pause> {
        self.lock().partitions.iter().map(|(_, longest)| *longest).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the acknowledgements")
    }
}

/// How long records waited, from their enqueueing to their acknowledgement.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    sorted: Vec<u32>,
}

impl Waits {
    /// Of these, in microseconds.
    #[must_use]
    pub fn new(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        Self { sorted: micros }
    }

    /// So many thousandths of the records waited no longer.
    #[must_use]
    pub fn thousandths(&self, thousandths: usize) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let micros = self.sorted.get(last * thousandths / 1000).copied().unwrap_or_default();
        Duration::from_micros(micros.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_in_thousandths() {
        let waits = Waits::new((0..=1000).rev().collect());
        for (thousandths, micros) in [(0, 0), (500, 500), (990, 990), (1000, 1000)] {
            assert_eq!(waits.thousandths(thousandths), Duration::from_micros(micros));
        }
        assert_eq!(Waits::default().thousandths(500), Duration::ZERO);
    }
}
