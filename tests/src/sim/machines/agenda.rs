//! What is to come, ordered by time; what comes at the same time comes in the order in which it was put down.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ottla_core::time::Instant;

/// The events to come.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    heap: BinaryHeap<Entry<T>>,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Instant,
    number: u64,
    event: T,
}

impl<T> Agenda<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), next: 0 }
    }

    pub(super) fn put(&mut self, at: Instant, event: T) {
        self.heap.push(Entry { at, number: self.next, event });
        self.next += 1;
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// The next event, if its time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        self.next_at().filter(|at| *at <= now)?;
        self.heap.pop().map(|entry| entry.event)
    }
}

impl<T> Ord for Entry<T> {
    /// The heap yields its greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_due_at_the_same_time_comes_in_the_order_in_which_it_was_put_down() {
        let at = |ms| Instant::from_start(Duration::from_millis(ms));
        let mut agenda = Agenda::new();
        for (ms, event) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            agenda.put(at(ms), event);
        }
        assert_eq!(agenda.pop_due(at(0)), None);
        let all: String = std::iter::from_fn(|| agenda.pop_due(at(2))).collect();
        assert_eq!(all, "abcd");
    }
}
