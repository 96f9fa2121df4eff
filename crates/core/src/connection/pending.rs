//! Requests in their order, with the earliest of their deadlines at hand: whoever serves a connection asks for it after
//! every step.

use std::collections::VecDeque;

use crate::time::Instant;

/// Something that must be done by then.
pub(super) trait Due {
    fn deadline(&self) -> Instant;
}

/// A queue. Everything but [`take_overdue`](Self::take_overdue) takes constant time, on average.
#[derive(Debug)]
pub(super) struct Pending<T> {
    requests: VecDeque<T>,
    /// The deadlines that will once be the earliest of those left: rising, and the first is that of all.
    earliest: VecDeque<Instant>,
}

impl<T: Due> Pending<T> {
    pub(super) const fn new() -> Self {
        Self { requests: VecDeque::new(), earliest: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push(&mut self, request: T) {
        let deadline = request.deadline();
        while self.earliest.back().is_some_and(|last| *last > deadline) {
            self.earliest.pop_back();
        }
        self.earliest.push_back(deadline);
        self.requests.push_back(request);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let request = self.requests.pop_front()?;
        if self.earliest.front() == Some(&request.deadline()) {
            self.earliest.pop_front();
        }
        Some(request)
    }

    pub(super) fn first(&self) -> Option<&T> {
        self.requests.front()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.earliest.front().copied()
    }

    /// Whether a deadline has passed.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn find_overdue(&self, now: Instant) -> Option<&T> {
        self.requests.iter().find(|request| request.deadline() <= now)
    }

    /// Takes out those whose deadline has passed.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<T> {
        if !self.is_overdue(now) {
            return Vec::new();
        }
        let all = self.take_all();
        let (overdue, left): (Vec<T>, Vec<T>) =
            all.into_iter().partition(|request| request.deadline() <= now);
        left.into_iter().for_each(|request| self.push(request));
        overdue
    }

    pub(super) fn take_all(&mut self) -> VecDeque<T> {
        self.earliest.clear();
        std::mem::take(&mut self.requests)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::random::Jitter;

    impl Due for u64 {
        fn deadline(&self) -> Instant {
            Instant::from_start(Duration::from_secs(*self))
        }
    }

    #[test]
    fn the_earliest_deadline_is_known_whatever_comes_and_goes() {
        let mut jitter = Jitter::seeded(3);
        let (mut pending, mut model) = (Pending::new(), VecDeque::new());
        for step in 0..5000 {
            match jitter.below(if step % 1000 < 500 { 4 } else { 2 }) {
                0 => assert_eq!(pending.pop(), model.pop_front()),
                1 if jitter.below(10) == 0 => {
                    let limit = jitter.below(30) as u64;
                    let overdue = pending.take_overdue(limit.deadline());
                    assert_eq!(overdue, model.iter().copied().filter(|d| *d <= limit).collect::<Vec<_>>());
                    model.retain(|deadline| *deadline > limit);
                }
                _ => {
                    let deadline = jitter.below(30) as u64;
                    pending.push(deadline);
                    model.push_back(deadline);
                }
            }
            assert_eq!(pending.next_deadline(), model.iter().map(Due::deadline).min());
            assert_eq!((pending.len(), pending.first()), (model.len(), model.front()));
        }
    }
}
