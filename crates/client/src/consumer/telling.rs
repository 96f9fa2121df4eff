//! How the application's listener is told of rebalances: one call at a time, by whoever asks for a batch, and by the
//! driver once the consumer is closed or dropped.
//!
//! What is told, and in which order, is `Holdings`' matter.

use std::sync::{MutexGuard, PoisonError, TryLockError};

use ottla_core::groups::Notice;

use super::Shared;
use super::listener::RebalanceListener;

type Listener<'a> = MutexGuard<'a, Box<dyn RebalanceListener>>;

impl Shared {
    /// Tells the listener what is next, if it is what `is_it` says.
    pub(super) fn tell_if(&self, is_it: impl FnOnce(&Notice) -> bool) {
        // The driver may be telling it: a consumer can be closed while somebody asks for a batch.
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(listener, is_it);
    }

    /// Tells the listener what is left to tell, if the consumer is closed or dropped, and says whether there was
    /// something.
    pub(super) fn tell_at_the_end(&self) -> bool {
        if !self.lock().is_winding_up() {
            return false;
        }
        let listener = match self.listener.try_lock() {
            Ok(listener) => listener,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Whoever is telling it has the driver come back.
            Err(TryLockError::WouldBlock) => return false,
        };
        self.tell(listener, |_| true)
    }

    fn tell(&self, mut listener: Listener<'_>, is_it: impl FnOnce(&Notice) -> bool) -> bool {
        let notice = {
            let mut engine = self.lock();
            // A listener that panicked has been told all the same.
            engine.holdings.on_told();
            if !engine.holdings.next().is_some_and(is_it) {
                return false;
            }
            engine.holdings.begin()
        };
        match &notice {
            Some(Notice::Assigned(partitions)) => listener.on_assigned(partitions),
            Some(Notice::Revoked(partitions)) => listener.on_revoked(partitions),
            Some(Notice::Lost(partitions)) => listener.on_lost(partitions),
            _ => {}
        }
        let mut engine = self.lock();
        engine.holdings.on_told();
        engine.let_go(self.now());
        drop(engine);
        drop(listener);
        self.work.notify_one();
        notice.is_some()
    }
}
