//! Frames that wait to be written, and the vectored writes that take several of them at once.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use ottla_protocol::frame::FrameBuf;
use tokio::io::AsyncWrite;

/// Pieces that one system call takes. Linux takes 1024; a few suffice to make calls rare.
const MAX_PIECES: usize = 64;

/// From so many bytes on it is full, so that a peer that does not read makes senders wait. Kernels take some megabytes
/// by themselves.
const FULL_BYTES: usize = 1 << 20;

/// Bytes on their way out, in order.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    pieces: VecDeque<Bytes>,
    /// In all pieces.
    bytes: usize,
}

impl WriteQueue {
    /// Appends frames; their record batches are not copied.
    pub(crate) fn push(&mut self, frames: FrameBuf) {
        self.bytes += frames.total_len();
        self.pieces.extend(frames.into_pieces());
    }

    /// Whether nothing should be added for now.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }

    /// Whether everything was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Writes until the stream takes no more or nothing is left.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin + ?Sized>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written.min(self.bytes);
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len() > written {
                return piece.advance(written);
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}
