//! Bytes that are not shown, and are overwritten when they are dropped.
//!
//! Not a guarantee: without `unsafe` the compiler can only be asked not to leave the writes out, and copies that were
//! made on the way (the caller's string, the message to the broker, the state of a hash) are not reached.

use std::fmt;
use std::hint::black_box;

/// A password, a token, a key.
#[derive(Clone)]
pub(super) struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the bytes over. A `Vec` with spare capacity is copied, so give the exact size where it matters.
    pub(super) fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}
