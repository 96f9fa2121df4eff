//! Deadlines by key, earliest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::now::Instant;

/// At most one deadline per key.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_key: BTreeMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Clone> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Sets the deadline of `key`, or takes it away.
    pub(crate) fn set(&mut self, key: &K, at: Option<Instant>) {
        let old = match at {
            Some(at) => self.by_key.insert(key.clone(), at),
            None => self.by_key.remove(key),
        };
        if let Some(old) = old {
            self.by_time.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key.clone()));
        }
    }

    /// Whether `key` has a deadline.
    pub(crate) fn is_set(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes a key whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_set_anew_replaces_the_old_one() {
        let mut timers = Timers::new();
        timers.set(&"a", Some(Instant::from_micros(5)));
        timers.set(&"b", Some(Instant::from_micros(7)));
        timers.set(&"a", Some(Instant::from_micros(9)));
        assert_eq!(timers.next(), Some(Instant::from_micros(7)));
        assert_eq!(timers.pop_due(Instant::from_micros(6)), None);
        assert_eq!(timers.pop_due(Instant::from_micros(20)), Some("b"));
        timers.set(&"a", None);
        assert_eq!((timers.next(), timers.pop_due(Instant::from_micros(20))), (None, None));
    }
}
