//! Frames that are passed on: no more of them is read than is needed, and what is not read is not copied.
//!
//! "Not copied" is: a body of 1 KiB or more is shared, a smaller one is copied, because a piece of its own costs more.
//! Nothing here looks at a body, so the API and its version need not be known; nothing here allocates by what a peer
//! claims. Not here: which request a response answers. A response does not say it; who sent the request must remember
//! its API and version by the correlation id.

use bytes::Bytes;

use super::{FrameBuf, request_header_version};
use crate::api::ApiKey;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::Message;
use crate::messages::request_header::RequestHeader;
use crate::messages::response_header::ResponseHeader;

/// Where the correlation id of a request ends.
const REQUEST_START: usize = 8;
/// Where the correlation id of a response ends.
const RESPONSE_START: usize = 4;

/// The start of a request's header, which is the same for every API in every version, unknown ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestStart {
    /// The API.
    pub api_key: ApiKey,
    /// The version of the request and of its response.
    pub version: i16,
    /// What the response will carry.
    pub correlation_id: i32,
}

impl RequestStart {
    /// Reads the first eight bytes of a frame (without its size), and only these.
    ///
    /// # Errors
    /// A frame of fewer bytes.
    pub fn read(frame: &[u8]) -> Result<Self, DecodeError> {
        let Some(&[k0, k1, v0, v1, c0, c1, c2, c3]) = frame.first_chunk::<REQUEST_START>() else {
            return Err(truncated(frame));
        };
        Ok(Self {
            api_key: ApiKey(i16::from_be_bytes([k0, k1])),
            version: i16::from_be_bytes([v0, v1]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
        })
    }
}

/// Reads the correlation id of a response's frame (without its size), which is where every header version has it.
///
/// # Errors
/// A frame of fewer than four bytes.
pub fn response_correlation_id(frame: &[u8]) -> Result<i32, DecodeError> {
    let id = frame.first_chunk::<RESPONSE_START>().ok_or_else(|| truncated(frame))?;
    Ok(i32::from_be_bytes(*id))
}

/// Appends a request's frame (given without its size) with another correlation id. Everything else, the rest of the
/// header included, is as it came.
///
/// # Errors
/// A frame without a whole [`RequestStart`]; nothing was written.
pub fn relay_request(out: &mut FrameBuf, frame: &Bytes, correlation_id: i32) -> Result<(), DecodeError> {
    relay(out, frame, REQUEST_START, correlation_id)
}

/// Appends a response's frame (given without its size) with another correlation id. Everything else, the rest of the
/// header included, is as it came.
///
/// # Errors
/// A frame without a whole correlation id; nothing was written.
pub fn relay_response(out: &mut FrameBuf, frame: &Bytes, correlation_id: i32) -> Result<(), DecodeError> {
    relay(out, frame, RESPONSE_START, correlation_id)
}

/// Appends a request with its size: `header`, in the version that its API and version ask for, and a body that was
/// encoded elsewhere. With the two halves of [`decode_request_header`](super::decode_request_header) that is the frame
/// that came; so a client id is changed without a look at the body.
///
/// # Errors
/// A header that cannot be written; the buffer then holds a broken frame and must be cleared.
pub fn encode_request_around(
    out: &mut FrameBuf,
    header: &RequestHeader,
    body: &Bytes,
) -> Result<(), EncodeError> {
    let version = request_header_version(ApiKey(header.request_api_key), header.request_api_version);
    around(out, header, version, body)
}

/// Appends a response with its size: `header`, in the version that
/// [`Api::response_header_version`](crate::api::Api::response_header_version) says, and a body that was encoded
/// elsewhere. A message that is yet to be encoded is better written by [`FrameBuf::put_frame`], which shares its batches.
///
/// # Errors
/// A header that cannot be written; the buffer then holds a broken frame and must be cleared.
pub fn encode_response_around(
    out: &mut FrameBuf,
    header: &ResponseHeader,
    header_version: i16,
    body: &Bytes,
) -> Result<(), EncodeError> {
    around(out, header, header_version, body)
}

fn relay(out: &mut FrameBuf, frame: &Bytes, start: usize, correlation_id: i32) -> Result<(), DecodeError> {
    if frame.len() < start {
        return Err(truncated(frame));
    }
    out.put(&(frame.len() as u32).to_be_bytes());
    out.put(&frame[..start - size_of::<i32>()]);
    out.put(&correlation_id.to_be_bytes());
    out.put_shared(&frame.slice(start..));
    Ok(())
}

fn around<H: Message>(
    out: &mut FrameBuf,
    header: &H,
    header_version: i16,
    body: &Bytes,
) -> Result<(), EncodeError> {
    out.put_frame(|out| {
        header.encode(header_version, out)?;
        out.put_shared(body);
        Ok(())
    })
}

fn truncated(frame: &[u8]) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Truncated, frame.len())
}

#[cfg(test)]
mod tests {
    use super::super::{SHARE_FROM, decode_request_header};
    use super::*;

    /// Key, version, correlation id 7, client id "me", what comes after it.
    fn request(key: i16, version: i16, rest: &[u8]) -> Bytes {
        let numbers = [&key.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 7], &[0, 2]].concat();
        [&numbers, b"me".as_slice(), rest].concat().into()
    }

    fn sized(frame: &[u8]) -> Vec<u8> {
        [&(frame.len() as u32).to_be_bytes(), frame].concat()
    }

    #[test]
    fn the_start_of_a_request_is_read_whatever_its_api_and_version() {
        for (key, version) in [(0, 9), (3, i16::MAX), (-1, -1), (7, 0), (i16::MAX, 3)] {
            let start = RequestStart::read(&request(key, version, b"?")).expect("it is long enough");
            assert_eq!(start, RequestStart { api_key: ApiKey(key), version, correlation_id: 7 });
        }
    }

    #[test]
    fn a_frame_too_short_for_a_header_is_an_error_and_writes_nothing() {
        let frame = request(0, 9, &[]);
        let mut out = FrameBuf::new();
        for len in 0..8 {
            let frame = frame.slice(..len);
            assert!(RequestStart::read(&frame).is_err(), "{len}");
            assert!(relay_request(&mut out, &frame, 1).is_err(), "{len}");
            if len < 4 {
                assert!(response_correlation_id(&frame).is_err(), "{len}");
                assert!(relay_response(&mut out, &frame, 1).is_err(), "{len}");
            }
        }
        assert!(out.is_empty());
    }

    #[test]
    fn a_relayed_frame_differs_by_its_correlation_id_alone() {
        let frame = request(i16::MAX, 3, b"a body");
        let mut out = FrameBuf::new();
        relay_request(&mut out, &frame, 0x0102_0304).expect("it has a header");
        let mut expected = sized(&frame);
        expected[8..12].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(out.into_bytes(), expected);

        let mut out = FrameBuf::new();
        relay_response(&mut out, &frame, 0x0102_0304).expect("it has a header");
        let mut expected = sized(&frame);
        expected[4..8].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(out.into_bytes(), expected);
    }

    #[test]
    fn a_header_goes_around_a_body_of_any_api_and_any_version() {
        // Classic and flexible header, a version to come, an API to come with a flexible header.
        let cases: [(i16, i16, &[u8]); 4] =
            [(0, 8, b"body"), (0, 9, &[0, 1, 2]), (0, 999, &[0, 1, 2]), (i16::MAX, 0, &[1, 5, 1, 9, 7])];
        for (key, version, rest) in cases {
            let frame = request(key, version, rest);
            let (mut header, body) = decode_request_header(&frame).expect("a header");
            let mut out = FrameBuf::new();
            encode_request_around(&mut out, &header, &body).expect("a header");
            assert_eq!(out.into_bytes(), sized(&frame));

            header.client_id = Some("you".into());
            let mut out = FrameBuf::new();
            encode_request_around(&mut out, &header, &body).expect("a header");
            let (again, same_body) = decode_request_header(&out.into_bytes().slice(4..)).expect("a header");
            assert_eq!((again, same_body), (header, body));
        }
    }

    #[test]
    fn unknown_tagged_fields_of_a_response_header_stay() {
        let frame = Bytes::from_static(&[0, 0, 0, 7, 1, 5, 1, 9, b'b']);
        let (header, read) = ResponseHeader::decode_prefix(&frame, 1).expect("a header");
        let mut out = FrameBuf::new();
        encode_response_around(&mut out, &header, 1, &frame.slice(read..)).expect("a header");
        assert_eq!(out.into_bytes(), sized(&frame));
    }

    #[test]
    fn a_large_body_is_shared() {
        let frame = request(1, 4, &[7; 2 * SHARE_FROM]);
        let (header, body) = decode_request_header(&frame).expect("a header");
        let mut out = FrameBuf::new();
        encode_request_around(&mut out, &header, &body).expect("a header");
        relay_request(&mut out, &frame, 9).expect("a header");
        relay_response(&mut out, &frame, 9).expect("a header");
        let pieces = out.into_pieces();
        let at = |from: usize| frame[from..].as_ptr();
        let shared = [&pieces[1], &pieces[3], &pieces[5]].map(|piece| piece.as_ptr());
        assert_eq!(shared, [body.as_ptr(), at(8), at(4)]);
    }
}
