//! Smaller things than messages: frames and their headers, the blobs of classic groups, variable-length integers.

use bytes::{Bytes, BytesMut};
use ottla_protocol::consumer_protocol::{decode_assignment, decode_subscription};
use ottla_protocol::frame::{decode_request_header, decode_response_header, split_frame};
use ottla_protocol::varint;
use ottla_tests::random::Random;

use crate::Share;
use crate::damage::{Bodies, damaged};
use crate::report::Report;

/// As for messages, which these hold.
fn allowed(input: &[u8]) -> u64 {
    (input.len() as u64 * 64).max(64 * 1024) + 1024
}

/// Of each kind, round and worker.
const INPUTS: usize = 5000;
/// The largest frame that is taken, in bytes.
const LARGEST_FRAME: usize = 3000;

/// This worker's share.
pub fn attack(share: Share, bodies: &Bodies, report: &mut Report) {
    frames(share, bodies, report);
    groups(share, bodies, report);
    numbers(share, report);
}

fn frames(share: Share, bodies: &Bodies, report: &mut Report) {
    let mut random = Random(share.seed("frames"));
    for _ in 0..INPUTS {
        let input = damaged(&mut random, &bodies.frames);
        let mut buffer = BytesMut::from(&input[..]);
        let mut frame = Bytes::new();
        let split = || split_frame(&mut buffer, LARGEST_FRAME).ok().flatten();
        report.attempt("frames", &"split", &input, allowed(&input), split, |found| {
            frame = found;
            if frame.len() > LARGEST_FRAME { Err("it is too large".to_owned()) } else { Ok(()) }
        });
        let whole = |body: Bytes| {
            if body.len() > frame.len() { Err("the body is too long".to_owned()) } else { Ok(()) }
        };
        let header = || decode_request_header(&frame).ok().map(|(_, body)| body);
        report.attempt("request headers", &"header", &frame, allowed(&frame), header, whole);
        let version = random.below(3) as i16;
        let header = || decode_response_header(&frame, version).ok().map(|(_, body)| body);
        report.attempt("response headers", &version, &frame, allowed(&frame), header, whole);
    }
}

fn groups(share: Share, bodies: &Bodies, report: &mut Report) {
    let mut random = Random(share.seed("group blobs"));
    for at in 0..INPUTS {
        let version = random.below(4) as i16;
        let name = ["ConsumerProtocolSubscription", "ConsumerProtocolAssignment"][at % 2];
        let body = damaged(&mut random, bodies.of(name, version));
        let written = if random.below(20) == 0 { random.bits() as i16 } else { version };
        let blob = Bytes::from([&written.to_be_bytes()[..], &body].concat());
        let read = || {
            if at % 2 == 0 { decode_subscription(&blob).is_ok() } else { decode_assignment(&blob).is_ok() }
        };
        report.attempt("group blobs", &name, &blob, allowed(&blob), || read().then_some(()), Ok);
    }
}

fn numbers(share: Share, report: &mut Report) {
    let mut random = Random(share.seed("varints"));
    // Bytes that ask for another one.
    let mostly = [0x80, 0x80, 0x80, 0];
    for _ in 0..INPUTS {
        let input: Vec<u8> =
            (0..random.below(13)).map(|_| random.bits() as u8 | mostly[random.below(4)]).collect();
        let read = || {
            let ends = [
                varint::read_varint(&input).map(|(_, used)| (used, varint::MAX_VARINT_SIZE)),
                varint::read_unsigned_varint(&input).map(|(_, used)| (used, varint::MAX_VARINT_SIZE)),
                varint::read_varlong(&input).map(|(_, used)| (used, varint::MAX_VARLONG_SIZE)),
                varint::read_unsigned_varlong(&input).map(|(_, used)| (used, varint::MAX_VARLONG_SIZE)),
            ];
            ends.iter().any(Result::is_ok).then_some(ends)
        };
        // Numbers allocate nothing.
        report.attempt("varints", &"all four", &input, 1, read, |ends| {
            let past = ends.into_iter().flatten().any(|(used, most)| used > input.len().min(most));
            if past { Err("it takes more bytes than there are".to_owned()) } else { Ok(()) }
        });
    }
}
