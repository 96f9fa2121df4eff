//! Frames: a size, a header, a body.
//!
//! Writing builds a frame in a [`FrameBuf`], whose record batches are shared rather than copied. Reading cuts frames
//! off the bytes that have arrived; it does no IO.
//!
//! A proxy need not read more than it wants to know: [`RequestStart`] is the part of a request that all versions share,
//! [`relay_request`] and [`relay_response`] give a frame another correlation id and nothing else, and
//! [`encode_request_around`] and [`encode_response_around`] put another header in front of a body that they do not look
//! at.

mod relay;

pub use relay::{
    RequestStart, encode_request_around, encode_response_around, relay_request, relay_response,
    response_correlation_id,
};

use bytes::{Buf, Bytes, BytesMut};

use crate::api::ApiKey;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::{Message, Request, Response};
use crate::messages::request_header::RequestHeader;
use crate::messages::response_header::ResponseHeader;
use crate::types::Str;

/// Batches and bodies below this many bytes are copied: a piece of its own costs more than that.
const SHARE_FROM: usize = 1024;

/// The largest frame that Java's clients and brokers accept unless told otherwise
/// (`socket.request.max.bytes`), in bytes.
pub const DEFAULT_MAX_FRAME_SIZE: usize = 100 * 1024 * 1024;

/// Bytes of a message being written. Large record batches, and bodies that are passed on, stay where they are and are
/// referred to.
#[derive(Clone, Debug, Default)]
pub struct FrameBuf {
    bytes: Vec<u8>,
    /// What is to be put in before the byte at each position.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
}

impl FrameBuf {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// All bytes in it, shared ones included.
    pub fn total_len(&self) -> usize {
        self.bytes.len() + self.shared_len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.total_len() == 0
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.shared.clear();
        self.shared_len = 0;
    }

    /// The pieces in their order, for a vectored write.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let shared = self.shared.iter().flat_map(move |(at, part)| {
            let own = &self.bytes[from..*at];
            from = *at;
            [own, part]
        });
        let last = self.shared.last().map_or(0, |(at, _)| *at);
        shared.chain([&self.bytes[last..]]).filter(|piece| !piece.is_empty())
    }

    /// The pieces in their order, owned: shared batches are not copied.
    pub fn into_pieces(self) -> Vec<Bytes> {
        let mut own = Bytes::from(self.bytes);
        let mut pieces = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut from = 0;
        for (at, part) in self.shared {
            pieces.push(own.split_to(at - from));
            pieces.push(part);
            from = at;
        }
        pieces.push(own);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// Everything in one piece; copies what was shared.
    pub fn into_bytes(self) -> Bytes {
        if self.shared.is_empty() {
            return self.bytes.into();
        }
        let mut all = Vec::with_capacity(self.total_len());
        self.pieces().for_each(|piece| all.extend_from_slice(piece));
        all.into()
    }

    /// Appends a frame: what `content` writes, with its size in front. For content that no function here writes, such as
    /// a header as it came and a message of any API.
    ///
    /// # Errors
    /// Those of `content`; the buffer is then as it was before.
    pub fn put_frame(
        &mut self,
        content: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let (start, before) = (self.bytes.len(), self.total_len());
        let (shared, shared_len) = (self.shared.len(), self.shared_len);
        self.put(&[0; 4]);
        if let Err(error) = content(self) {
            self.bytes.truncate(start);
            self.shared.truncate(shared);
            self.shared_len = shared_len;
            return Err(error);
        }
        let size = (self.total_len() - before - 4) as u32;
        self.bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
        Ok(())
    }

    /// Appends bytes as a frame: a SASL token, which has no header after SaslHandshake v0.
    pub fn put_token(&mut self, token: &Bytes) {
        self.put(&(token.len() as u32).to_be_bytes());
        self.put_shared(token);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn put_shared(&mut self, part: &Bytes) {
        if part.len() < SHARE_FROM {
            return self.put(part);
        }
        self.shared_len += part.len();
        self.shared.push((self.bytes.len(), part.clone()));
    }

    pub(crate) fn split_off(&mut self, at: usize) -> Vec<u8> {
        self.bytes.split_off(at)
    }
}

/// Appends a request with its header and size.
///
/// # Errors
/// As [`Message::encode`]; the buffer is then as it was before.
pub fn encode_request<R: Request>(
    out: &mut FrameBuf,
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Str>,
) -> Result<(), EncodeError> {
    let api = R::API_KEY.api().expect("the specs have the API of every request");
    let header = RequestHeader {
        request_api_key: R::API_KEY.0,
        request_api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
        ..RequestHeader::default()
    };
    out.put_frame(|out| {
        header.encode(api.request_header_version(version), out)?;
        request.encode(version, out)
    })
}

/// Appends a response with its header and size.
///
/// # Errors
/// As [`Message::encode`]; the buffer is then as it was before.
pub fn encode_response<R: Response>(
    out: &mut FrameBuf,
    response: &R,
    version: i16,
    correlation_id: i32,
) -> Result<(), EncodeError> {
    let header = ResponseHeader { correlation_id, ..ResponseHeader::default() };
    out.put_frame(|out| {
        header.encode(R::header_version(version), out)?;
        response.encode(version, out)
    })
}

/// Reads the header of a request's frame (without its size); returns it with the body.
///
/// # Errors
/// A header that cannot be read. An API that the specs do not know is none: its header is read as version 1, which is
/// where all versions agree, up to the client id.
pub fn decode_request_header(frame: &Bytes) -> Result<(RequestHeader, Bytes), DecodeError> {
    let start = RequestStart::read(frame)?;
    let (header, read) =
        RequestHeader::decode_prefix(frame, request_header_version(start.api_key, start.version))?;
    Ok((header, frame.slice(read..)))
}

/// Where the specs do not know the API: 1, which all versions begin with. What a later one adds is then taken for the
/// start of the body, and so passes through.
fn request_header_version(api_key: ApiKey, version: i16) -> i16 {
    api_key.api().map_or(1, |api| api.request_header_version(version))
}

/// Reads the header of a response's frame (without its size), in the version that
/// [`Api::response_header_version`](crate::api::Api::response_header_version) says; returns its correlation id with
/// the body.
///
/// # Errors
/// A header that cannot be read.
pub fn decode_response_header(frame: &Bytes, header_version: i16) -> Result<(i32, Bytes), DecodeError> {
    let (header, read) = ResponseHeader::decode_prefix(frame, header_version)?;
    Ok((header.correlation_id, frame.slice(read..)))
}

/// Cuts the first frame, without its size, off what has arrived; `None` until it is complete.
///
/// # Errors
/// A size below zero or over `max_size`: the peer does not speak Kafka, or the stream is out of step. Nothing was
/// consumed and the connection is of no more use.
pub fn split_frame(buffer: &mut BytesMut, max_size: usize) -> Result<Option<Bytes>, DecodeError> {
    let Some(size) = buffer.first_chunk::<4>() else { return Ok(None) };
    let size = i32::from_be_bytes(*size);
    let len = match usize::try_from(size) {
        Ok(len) if len <= max_size => len,
        _ => return Err(DecodeError::new(DecodeErrorKind::FrameTooLarge(i64::from(size)), 0)),
    };
    if buffer.len() < 4 + len {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(len).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EncodeErrorKind;

    #[test]
    fn a_token_is_a_frame_without_a_header() {
        let mut out = FrameBuf::new();
        out.put_token(&Bytes::from_static(b"v=x"));
        out.put_token(&Bytes::new());
        assert_eq!(out.into_bytes(), &b"\0\0\0\x03v=x\0\0\0\0"[..]);
    }

    #[test]
    fn a_large_batch_is_shared_and_all_ways_out_agree() {
        let batch = Bytes::from(vec![7; SHARE_FROM]);
        let mut out = FrameBuf::new();
        out.put(b"ab");
        out.put_shared(&batch);
        out.put_shared(&Bytes::from_static(b"small"));
        out.put_shared(&batch);
        let expected = [b"ab".as_slice(), &batch, b"small", &batch].concat();
        assert_eq!(out.total_len(), expected.len());
        assert_eq!(out.pieces().collect::<Vec<_>>().concat(), expected);
        let pieces = out.clone().into_pieces();
        assert_eq!(pieces.len(), 4);
        assert_eq!(pieces[1].as_ptr(), batch.as_ptr());
        assert_eq!(pieces.concat(), expected);
        assert_eq!(out.into_bytes(), expected);
    }

    #[test]
    fn a_frame_that_cannot_be_written_leaves_those_before_it_as_they_were() {
        let batch = Bytes::from(vec![7; SHARE_FROM]);
        let mut out = FrameBuf::new();
        let put = |out: &mut FrameBuf| {
            out.put_shared(&batch);
            Ok(())
        };
        out.put_frame(put).expect("it can be written");
        let before = out.clone().into_bytes();
        let refused = out.put_frame(|out| {
            out.put(b"half");
            out.put_shared(&batch);
            Err(EncodeError::new(EncodeErrorKind::TooLong(9), 0, String::new()))
        });
        assert!(refused.is_err());
        assert_eq!((out.total_len(), out.into_bytes()), (before.len(), before));
    }

    #[test]
    fn a_frame_is_cut_off_once_it_is_complete() {
        let mut buffer = BytesMut::from(&[0, 0, 0, 2, 1][..]);
        assert_eq!(split_frame(&mut buffer, 10), Ok(None));
        buffer.extend_from_slice(&[2, 0, 0]);
        assert_eq!(split_frame(&mut buffer, 10), Ok(Some(Bytes::from_static(&[1, 2]))));
        assert_eq!(&buffer[..], [0, 0]);
    }

    #[test]
    fn a_size_that_no_broker_sends_is_an_error() {
        for size in [-1, 11, i32::MAX, i32::from_be_bytes(*b"HTTP")] {
            let mut buffer = BytesMut::from(&size.to_be_bytes()[..]);
            let error = split_frame(&mut buffer, 10).expect_err("too large");
            assert_eq!(error.kind(), DecodeErrorKind::FrameTooLarge(i64::from(size)));
        }
    }
}
