//! Output that grows with what is really produced and never past a limit.
//!
//! Decoders ask for room before they produce; a declared size is at most a hint that is capped by what
//! the input could expand to. One byte past the limit is allowed for, so that a decoder can tell "ends
//! exactly at the limit" from "has more".

// Each codec uses its own part of this, and each can be switched off.
#![allow(dead_code)]

use super::{Compression, CompressionError};

/// Small outputs get one allocation of this size at once.
const SMALLEST_ROOM: usize = 1024;

pub(super) struct BoundedOutput {
    bytes: Vec<u8>,
    limit: usize,
    codec: Compression,
}

impl BoundedOutput {
    pub(super) fn new(codec: Compression, limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, codec }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for up to `hint` more bytes, at least doubling what there is, never past the limit and
    /// its one byte. Does nothing while there is room for `hint`.
    ///
    /// # Errors
    /// `LimitExceeded` if the output is already past the limit.
    pub(super) fn reserve(&mut self, hint: usize) -> Result<(), CompressionError> {
        self.check()?;
        if self.bytes.capacity() - self.bytes.len() >= hint.max(1) {
            return Ok(());
        }
        let wanted = self.bytes.len().saturating_add(hint).max(self.bytes.capacity().saturating_mul(2));
        let target = wanted.max(SMALLEST_ROOM).min(self.limit.saturating_add(1));
        self.bytes.reserve_exact(target.saturating_sub(self.bytes.len()));
        Ok(())
    }

    /// Appends up to `most` zeroed bytes for a decoder to write into and returns them beside what came
    /// before; [`Self::commit`] cuts off what was not used. Fewer than `most` only at the limit.
    pub(super) fn space(&mut self, most: usize) -> Result<(&mut [u8], &mut [u8]), CompressionError> {
        self.reserve(most)?;
        let filled = self.bytes.len();
        let end = filled.saturating_add(most).min(self.limit.saturating_add(1));
        self.bytes.resize(end, 0);
        Ok(self.bytes.split_at_mut(filled))
    }

    pub(super) fn commit(&mut self, end: usize) {
        self.bytes.truncate(end);
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) -> Result<(), CompressionError> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            return Err(self.exceeded());
        }
        self.reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The vector itself, for decoders that fill its spare capacity.
    pub(super) fn vec(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn exceeded(&self) -> CompressionError {
        CompressionError::LimitExceeded { codec: self.codec, limit: self.limit }
    }

    pub(super) fn check(&self) -> Result<(), CompressionError> {
        if self.bytes.len() > self.limit { Err(self.exceeded()) } else { Ok(()) }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, CompressionError> {
        self.check()?;
        Ok(self.bytes)
    }
}
