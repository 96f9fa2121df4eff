//! Bytes that have come, and the frames that are cut off them without a copy.
//!
//! A frame shares its memory with those that came with it. So reads of small answers share a chunk, of which a new one is
//! made when it is nearly full; and a large answer gets memory of its own size, because what is kept of it is kept for
//! long.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use ottla_protocol::error::DecodeError;
use ottla_protocol::frame::split_frame;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Memory that is made at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// Less room than this is not worth a read, in bytes.
const MIN_ROOM: usize = 4 * 1024;
/// Memory that is made for a frame because of the size that the peer announces, in bytes. It doubles as the frame comes.
const MAX_ANNOUNCED: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: BytesMut,
}

impl Input {
    /// Reads once; zero is the end of the stream.
    pub(crate) fn poll_read<S: AsyncRead + Unpin + ?Sized>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let room = self.bytes.capacity() - self.bytes.len();
        let missing = self.missing();
        if room < missing.max(MIN_ROOM) {
            let wanted = missing.min(self.bytes.len().max(MAX_ANNOUNCED));
            self.bytes.reserve(if wanted < CHUNK { CHUNK } else { wanted });
        }
        pin!(stream.read_buf(&mut self.bytes)).poll(cx)
    }

    /// The next frame, once it is complete.
    pub(crate) fn next_frame(&mut self, max_size: usize) -> Result<Option<Bytes>, DecodeError> {
        split_frame(&mut self.bytes, max_size)
    }

    /// What has come and was not cut off.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes that the frame that has begun to come still lacks. What cannot be one lacks nothing.
    fn missing(&self) -> usize {
        let Some(size) = self.bytes.first_chunk::<4>() else { return 0 };
        let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(0);
        (4 + size).saturating_sub(self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn read(input: &mut Input, mut bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        while !bytes.is_empty() {
            assert!(matches!(input.poll_read(&mut bytes, &mut cx), Poll::Ready(Ok(1..))));
        }
    }

    fn frame(size: u32) -> Vec<u8> {
        [&size.to_be_bytes()[..], &vec![7; size as usize]].concat()
    }

    #[test]
    fn small_answers_share_a_chunk_though_their_frames_are_kept() {
        let mut input = Input::default();
        let kept: Vec<Bytes> = (0..100)
            .map(|_| {
                read(&mut input, &frame(200));
                input.next_frame(1000).expect("a frame").expect("a whole one")
            })
            .collect();
        let addresses = kept.iter().map(|frame| frame.as_ptr() as usize);
        assert!(addresses.clone().max() < addresses.min().map(|first| first + CHUNK));
    }

    #[test]
    fn a_large_answer_gets_memory_of_its_size_and_an_announced_one_not_too_much() {
        for (size, most) in [(500_000u32, 600_000), (100 << 20, 2 * MAX_ANNOUNCED)] {
            let mut input = Input::default();
            read(&mut input, &size.to_be_bytes());
            read(&mut input, &[0; 1000]);
            assert!((size as usize).min(MAX_ANNOUNCED) <= input.bytes.capacity());
            assert!(input.bytes.capacity() < most, "{}", input.bytes.capacity());
        }
    }

    #[test]
    fn a_frame_comes_as_it_was_sent_however_it_is_cut() {
        for size in [0, 1, 5000, 70_000, 3_000_000] {
            let sent = frame(size);
            for step in [1 + sent.len() / 7, 4096, sent.len()] {
                let mut input = Input::default();
                for part in sent.chunks(step) {
                    assert_eq!(input.next_frame(1 << 30), Ok(None));
                    read(&mut input, part);
                }
                let frame = input.next_frame(1 << 30).expect("a frame").expect("a whole one");
                assert!(frame[..] == sent[4..]);
                assert!(input.rest().is_empty());
            }
        }
    }

    #[test]
    fn what_is_no_size_asks_for_no_memory() {
        let mut input = Input::default();
        read(&mut input, &[0xff; 100]);
        assert!(input.bytes.capacity() <= 2 * CHUNK);
        assert!(input.next_frame(1 << 20).is_err());
    }
}
