//! Who has figures to show: the producers and consumers that live.
//!
//! Nobody is asked, nor dropped, while the list is locked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use ottla_core::metrics::{ConsumerMetrics, ProducerMetrics};

/// How many that ended are kept for the next report.
const MAX_ENDED: usize = 1024;

/// Someone who counts what it does.
pub(crate) trait Source<M>: Send + Sync {
    fn metrics(&self) -> M;
}

/// Those of a client.
pub(crate) struct Parts {
    pub(crate) producers: Sources<ProducerMetrics>,
    pub(crate) consumers: Sources<ConsumerMetrics>,
}

/// Those of one kind.
pub(crate) struct Sources<M> {
    inner: Mutex<Inner<M>>,
    /// Whether somebody reports, and so wants to know of those that ended.
    is_reported: bool,
}

struct Inner<M> {
    next: u64,
    living: BTreeMap<u64, Weak<dyn Source<M>>>,
    /// The last figures of those that ended since the last report.
    ended: BTreeMap<u64, M>,
}

impl Parts {
    pub(crate) fn new(is_reported: bool) -> Self {
        Self { producers: Sources::new(is_reported), consumers: Sources::new(is_reported) }
    }
}

impl<M> Sources<M> {
    fn new(is_reported: bool) -> Self {
        let inner = Inner { next: 1, living: BTreeMap::new(), ended: BTreeMap::new() };
        Self { inner: Mutex::new(inner), is_reported }
    }

    /// The number of one that is being built.
    pub(crate) fn number(&self) -> u64 {
        let mut inner = self.lock();
        inner.next += 1;
        inner.next - 1
    }

    /// It is built.
    pub(crate) fn add(&self, number: u64, source: Weak<dyn Source<M>>) {
        self.lock().living.insert(number, source);
    }

    /// It is being dropped, with these figures.
    pub(crate) fn end(&self, number: u64, last: impl FnOnce() -> M) {
        let last = self.is_reported.then(last);
        let mut inner = self.lock();
        inner.living.remove(&number);
        if let Some(last) = last {
            inner.ended.insert(number, last);
            if inner.ended.len() > MAX_ENDED {
                inner.ended.pop_first();
            }
        }
    }

    /// The figures of those that live.
    pub(crate) fn read(&self) -> BTreeMap<u64, M> {
        let living: Vec<(u64, Arc<dyn Source<M>>)> = {
            let inner = self.lock();
            inner.living.iter().filter_map(|(number, source)| Some((*number, source.upgrade()?))).collect()
        };
        living.into_iter().map(|(number, source)| (number, source.metrics())).collect()
    }

    /// The figures of those that ended since the last time.
    pub(crate) fn take_ended(&self) -> BTreeMap<u64, M> {
        std::mem::take(&mut self.lock().ended)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<M>> {
        self.inner.lock().expect("nothing panics while it holds the list")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl Source<u64> for Fixed {
        fn metrics(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn those_that_ended_are_shown_once_and_only_to_a_reporter() {
        for is_reported in [false, true] {
            let sources = Sources::new(is_reported);
            let (one, two) = (Arc::new(Fixed(10)), Arc::new(Fixed(20)));
            for source in [&one, &two] {
                let weak = Arc::downgrade(source);
                sources.add(sources.number(), weak);
            }
            assert_eq!(sources.read(), BTreeMap::from([(1, 10), (2, 20)]));
            sources.end(1, || one.metrics());
            assert_eq!(sources.read(), BTreeMap::from([(2, 20)]));
            let expected = if is_reported { BTreeMap::from([(1, 10)]) } else { BTreeMap::new() };
            assert_eq!(sources.take_ended(), expected);
            assert_eq!(sources.take_ended(), BTreeMap::new());
            drop(two);
            assert_eq!(sources.read(), BTreeMap::new());
        }
    }

    #[test]
    fn those_that_ended_are_bounded() {
        let sources = Sources::new(true);
        (0..2000).for_each(|number| sources.end(number, || number));
        assert_eq!(sources.take_ended().len(), MAX_ENDED);
    }
}
