//! Every message in every version: random bytes, damaged bytes of Kafka's own, and lengths far too large at every
//! position, with and without bytes to fill them. What decodes and can be written is read and written again to the
//! same bytes.

use bytes::Bytes;
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::varint;
use ottla_tests::random::Random;

use crate::Share;
use crate::damage::{Bodies, damaged};
use crate::report::Report;

const KIND: &str = "messages";
/// What `Message::decode` promises: this much per byte of input, …
const MEMORY_PER_BYTE: u64 = 64;
/// … this much at least, …
const LEAST_MEMORY: u64 = 64 * 1024;
/// … and this much for the decoder and its error.
const OWN_MEMORY: u64 = 1024;
const RANDOM_INPUTS: usize = 60;
const DAMAGED_INPUTS: usize = 150;
/// The longest body in which each position gets a large length, in bytes.
const LONGEST_LENGTH_BODY: usize = 150;
/// What follows a length that is not too large, in bytes: enough to pass `LEAST_MEMORY`.
const FILLING: usize = 1200;

struct Subject {
    name: &'static str,
    versions: VersionRange,
    flexible_from: i16,
    read: fn(&mut Report, i16, Vec<u8>),
}

macro_rules! subjects {
    ($($module:ident::$name:ident;)*) => {
        static SUBJECTS: &[Subject] = &[$(Subject {
            name: stringify!($name),
            versions: <ottla_protocol::messages::$module::$name as Message>::VERSIONS,
            flexible_from: <ottla_protocol::messages::$module::$name as Message>::FLEXIBLE_FROM,
            read: read::<ottla_protocol::messages::$module::$name>,
        },)*];
    };
}

ottla_protocol::__each_message!(subjects);

fn read<M: Message>(report: &mut Report, version: i16, input: Vec<u8>) {
    let input = Bytes::from(input);
    let allowed = (input.len() as u64 * MEMORY_PER_BYTE).max(LEAST_MEMORY) + OWN_MEMORY;
    let subject = format_args!("{} version {version}", M::NAME);
    let decode = || M::decode_prefix(&input, version).ok();
    report.attempt(KIND, &subject, &input, allowed, decode, |(message, read)| {
        if read > input.len() {
            return Err(format!("{read} of {} bytes read", input.len()));
        }
        // An unknown tagged field may be there twice, which cannot be written; writing puts them in order.
        let Ok(written) = message.to_bytes(version) else { return Ok(()) };
        match M::decode(&written, version).map(|again| again.to_bytes(version)) {
            Ok(Ok(again)) if again == written => Ok(()),
            Ok(_) => Err("written, read and written again it is other bytes".to_owned()),
            Err(error) => Err(format!("what it is written as cannot be read: {error}")),
        }
    });
}

/// This worker's messages, in every version.
pub fn attack(share: Share, bodies: &Bodies, report: &mut Report) {
    for subject in SUBJECTS.iter().skip(share.worker).step_by(share.workers) {
        for version in subject.versions.min..=subject.versions.max {
            attack_version(share, subject, version, bodies.of(subject.name, version), report);
        }
    }
}

fn attack_version(share: Share, subject: &Subject, version: i16, bodies: &[Vec<u8>], report: &mut Report) {
    let mut random = Random(share.seed(subject.name) ^ (version as u64) << 48);
    for _ in 0..RANDOM_INPUTS {
        (subject.read)(report, version, random.bytes(250));
    }
    for _ in 0..DAMAGED_INPUTS {
        (subject.read)(report, version, damaged(&mut random, bodies));
    }
    let richest =
        bodies.iter().filter(|body| body.len() <= LONGEST_LENGTH_BODY).max_by_key(|body| body.len());
    let body = richest.map_or(&[][..], Vec::as_slice);
    let flexible = version >= subject.flexible_from;
    // The same in every round.
    if share.round == 0 {
        huge_lengths(flexible, body, |input| (subject.read)(report, version, input));
    }
    fitting_lengths(&mut random, flexible, body, |input| (subject.read)(report, version, input));
}

/// Lengths far too large at each position.
fn huge_lengths(flexible: bool, body: &[u8], mut try_one: impl FnMut(Vec<u8>)) {
    let classic: &[&[u8]] = &[&[0x7f, 0xff, 0xff, 0xff], &[0x7f, 0xff], &[0, 0, 0x7f, 0xff]];
    let compact: &[&[u8]] =
        &[&[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff, 0xff, 0xff, 0xff, 0x07], &[0xff, 0x7f]];
    for at in 0..=body.len() {
        for length in if flexible { compact } else { classic } {
            let rest = body.get(at + length.len()..).unwrap_or_default();
            try_one([&body[..at], length, rest].concat());
        }
    }
}

/// At each position a length that what follows can bear, at elements of some size.
fn fitting_lengths(random: &mut Random, flexible: bool, body: &[u8], mut try_one: impl FnMut(Vec<u8>)) {
    for at in 0..=body.len() {
        let length = (FILLING / [1, 4, 9, 20][random.below(4)]) as u32;
        let mut form = Vec::new();
        if flexible {
            varint::put_unsigned_varint(&mut form, length + 1);
        } else {
            form.extend_from_slice(&length.to_be_bytes());
        }
        // Zero is a null or empty, one in compact form an empty; lengths make arrays in arrays.
        let filling = [&[0][..], &[1], &form][random.below(3)];
        let mut input = [&body[..at], &form].concat();
        input.extend(filling.iter().cycle().take(FILLING));
        try_one(input);
    }
}
