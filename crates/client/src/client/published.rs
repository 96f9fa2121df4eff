//! A value that one task publishes and others follow.
//!
//! Much like tokio's watch channel, which wakes those who wait in random order: runs with one seed would differ. Here
//! they are woken in the order in which they began to wait.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// Where it is published; when this is dropped, nothing will come any more.
pub(crate) struct Publisher<T>(Arc<Shared<T>>);

/// Where it is read. Clones have seen what this one has.
#[derive(Clone)]
pub(crate) struct Follower<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// Nothing will be published any more.
#[derive(Debug)]
pub(crate) struct Ended;

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    latest: T,
    /// How many values came before.
    version: u64,
    ended: bool,
}

/// Publishes `first`.
pub(crate) fn publish<T>(first: T) -> (Publisher<T>, Follower<T>) {
    let state = Mutex::new(State { latest: first, version: 0, ended: false });
    let shared = Arc::new(Shared { state, changed: Notify::new() });
    (Publisher(Arc::clone(&shared)), Follower { shared, seen: 0 })
}

impl<T> Publisher<T> {
    /// Replaces the value; false if nobody follows.
    pub(crate) fn send(&self, next: T) -> bool {
        let mut state = self.0.lock();
        state.latest = next;
        state.version += 1;
        drop(state);
        self.0.changed.notify_waiters();
        Arc::strong_count(&self.0) > 1
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_waiters();
    }
}

impl<T: Clone> Follower<T> {
    /// The latest value.
    pub(crate) fn latest(&self) -> T {
        self.shared.lock().latest.clone()
    }

    /// The latest value, which then counts as seen.
    pub(crate) fn see(&mut self) -> T {
        let state = self.shared.lock();
        self.seen = state.version;
        state.latest.clone()
    }

    /// Waits for a value that was not seen.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub(crate) async fn changed(&mut self) -> Result<(), Ended> {
        loop {
            // Made before the look, it hears of all that comes after.
            let changed = self.shared.changed.notified();
            {
                let state = self.shared.lock();
                if state.version != self.seen {
                    return Ok(());
                }
                if state.ended {
                    return Err(Ended);
                }
            }
            changed.await;
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("nothing panics while it holds a published value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_follower_hears_of_each_change_once_and_of_the_end() {
        let (publisher, mut follower) = publish(1);
        assert_eq!(follower.latest(), 1);
        assert!(publisher.send(2) && publisher.send(3));
        follower.changed().await.expect("a change");
        assert_eq!(follower.see(), 3);
        drop(publisher);
        assert!(follower.changed().await.is_err());
        assert_eq!(follower.latest(), 3);
    }

    #[tokio::test]
    async fn a_publisher_learns_that_nobody_follows() {
        let (publisher, follower) = publish(1);
        drop(follower);
        assert!(!publisher.send(2));
    }

    #[tokio::test]
    async fn those_who_wait_are_woken_in_the_order_in_which_they_began() {
        let (publisher, follower) = publish(0);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..20 {
            let (mut follower, order) = (follower.clone(), Arc::clone(&order));
            tasks.spawn(async move {
                follower.changed().await.expect("a change");
                order.lock().expect("no panic").push(nth);
            });
        }
        tokio::task::yield_now().await;
        publisher.send(1);
        while tasks.join_next().await.is_some() {}
        assert_eq!(*order.lock().expect("no panic"), (0..20).collect::<Vec<_>>());
    }
}
