//! Panics of a world: tasks that panic do not end it, so each is caught where it happens.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// What panicked on this thread; `None` while no world runs on it.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs a world. `Err`: what panicked in it, on whatever task.
pub(super) fn catch<R>(world: impl FnOnce() -> R) -> Result<R, String> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_noted = PANICS.with_borrow_mut(|panics| match panics {
                Some(panics) => {
                    panics.push(info.to_string());
                    true
                }
                None => false,
            });
            if !is_noted {
                before(info);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(world));
    let panics = PANICS.take().unwrap_or_default();
    match (result, panics.first()) {
        (Ok(result), None) => Ok(result),
        (_, first) => Err(first.cloned().unwrap_or_else(|| "a panic without a message".to_owned())),
    }
}
