//! Answers that rules change on their way out: sent twice, and with a throttle time (KIP-219).

use bytes::BytesMut;
use ottla_protocol::frame::{FrameBuf, decode_response_header};

use super::{Fate, Reply};

/// Bytes of a frame's size.
const SIZE_BYTES: usize = 4;

impl Fate {
    /// What is sent for this answer.
    pub(crate) fn rewrite(&self, reply: Reply) -> FrameBuf {
        let throttle_ms = i32::try_from(self.throttle.as_millis()).unwrap_or(i32::MAX);
        if throttle_ms == 0 && !self.repeats {
            return reply.frame;
        }
        let Some(api) = reply.api.api() else { return reply.frame };
        let answer = reply.frame.into_bytes().slice(SIZE_BYTES..);
        let header = decode_response_header(&answer, api.response_header_version(reply.version));
        let body_at = header.map_or(answer.len(), |(_, body)| answer.len() - body.len());
        let mut answer = BytesMut::from(answer);
        if throttle_ms > 0 {
            // An answer that has no room for it is sent as it is; the connection is not read all the same.
            reply.api.set_throttle_time_ms_in(reply.version, &mut answer[body_at..], throttle_ms);
        }
        let answer = answer.freeze();
        let mut out = FrameBuf::new();
        for _ in 0..1 + usize::from(self.repeats) {
            out.put_token(&answer);
        }
        out
    }
}
