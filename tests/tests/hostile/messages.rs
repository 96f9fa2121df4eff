//! Whatever bytes a peer sends, decoding a message does not panic and keeps to its memory.
//!
//! Every message in every version reads random bytes, damaged bytes of Kafka's own, and lengths far too
//! large at every position, with and without bytes to fill them. Memory is counted by the allocator, for
//! each thread on its own. What decodes and can be written is read and written again to the same bytes.
//!
//! `OTTLA_HOSTILE_ROUNDS=100` runs a hundred times as many. Seeded: a failure names its message, version
//! and bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;

use allocation_counter::measure;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::varint;
use ottla_tests::oracle::{hex, unhex};
use ottla_tests::random::Random;
use serde_json::Value;

/// What `Message::decode` promises: this much per byte of input, …
const MEMORY_PER_BYTE: u64 = 64;
/// … this much at least, …
const LEAST_MEMORY: u64 = 64 * 1024;
/// … and this much for the decoder and its error.
const OWN_MEMORY: u64 = 1024;
const RANDOM_INPUTS: usize = 60;
const DAMAGED_INPUTS: usize = 150;
/// The longest body that is damaged, in bytes.
const LONGEST_BODY: usize = 2000;
/// The longest body in which each position gets a large length, in bytes.
const LONGEST_LENGTH_BODY: usize = 150;
/// What follows a length that is not too large, in bytes: enough to pass `LEAST_MEMORY`.
const FILLING: usize = 1200;

static NO_BODY: [Vec<u8>; 1] = [Vec::new()];

struct Subject {
    name: &'static str,
    versions: VersionRange,
    flexible_from: i16,
    decode: fn(&Bytes, i16) -> Result<Outcome, String>,
}

macro_rules! subjects {
    ($($module:ident::$name:ident;)*) => {
        static SUBJECTS: &[Subject] = &[$(Subject {
            name: stringify!($name),
            versions: <ottla_protocol::messages::$module::$name as Message>::VERSIONS,
            flexible_from: <ottla_protocol::messages::$module::$name as Message>::FLEXIBLE_FROM,
            decode: decode::<ottla_protocol::messages::$module::$name>,
        },)*];
    };
}

ottla_protocol::__each_message!(subjects);

struct Outcome {
    decoded: bool,
    /// Of what was allowed.
    memory_percent: u64,
}

/// Decodes; what breaks a rule is an error.
fn decode<M: Message>(input: &Bytes, version: i16) -> Result<Outcome, String> {
    let mut decoded = None;
    let memory = measure(|| decoded = Some(M::decode_prefix(input, version))).bytes_max;
    let allowed = (input.len() as u64 * MEMORY_PER_BYTE).max(LEAST_MEMORY) + OWN_MEMORY;
    if memory > allowed {
        return Err(format!("{memory} bytes of memory for {} of input", input.len()));
    }
    let outcome = |decoded| Outcome { decoded, memory_percent: memory * 100 / allowed };
    let Some(Ok((message, read))) = decoded else { return Ok(outcome(false)) };
    if read > input.len() {
        return Err(format!("{read} of {} bytes read", input.len()));
    }
    // A tagged field may be there twice, which cannot be written; writing puts them in order.
    let Ok(written) = message.to_bytes(version) else { return Ok(outcome(true)) };
    match M::decode(&written, version).map(|again| again.to_bytes(version)) {
        Ok(Ok(again)) if again == written => Ok(outcome(true)),
        Ok(_) => Err("written, read and written again it is other bytes".to_owned()),
        Err(error) => Err(format!("what it is written as cannot be read: {error}")),
    }
}

#[derive(Default)]
struct Count {
    inputs: usize,
    decoded: usize,
    most_memory: (u64, &'static str),
}

/// The bodies of Kafka's own by message and version.
fn bodies() -> HashMap<(String, i16), Vec<Vec<u8>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle/fixtures.jsonl.gz");
    let mut bodies: HashMap<_, Vec<_>> = HashMap::new();
    for line in BufReader::new(MultiGzDecoder::new(File::open(path).expect("it is there"))).lines() {
        let line: Value = serde_json::from_str(&line.expect("it is UTF-8")).expect("it is JSON");
        let body = line["hex"].as_str().expect("it has bytes");
        if line["case"] != "frame" && body.len() <= 2 * LONGEST_BODY {
            let version = line["version"].as_i64().expect("it has a version") as i16;
            let name = line["name"].as_str().expect("it has a name").to_owned();
            bodies.entry((name, version)).or_default().push(unhex(body).expect("it is hex"));
        }
    }
    bodies
}

fn try_input(subject: &Subject, version: i16, input: Vec<u8>, count: &mut Count) {
    let input = Bytes::from(input);
    let result = catch_unwind(AssertUnwindSafe(|| (subject.decode)(&input, version)));
    count.inputs += 1;
    match result.unwrap_or_else(|_| Err("panicked".to_owned())) {
        Ok(outcome) => {
            count.decoded += usize::from(outcome.decoded);
            count.most_memory = count.most_memory.max((outcome.memory_percent, subject.name));
        }
        Err(problem) => panic!("{} version {version}: {problem}: {}", subject.name, hex(&input)),
    }
}

fn damaged(random: &mut Random, bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = bodies[random.below(bodies.len())].clone();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let edge = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff][random.below(7)];
        match (random.below(8), bytes.get_mut(at)) {
            (0 | 1, Some(byte)) => *byte = edge,
            (2, Some(byte)) => *byte = random.bits() as u8,
            (3, Some(byte)) => *byte ^= 1 << random.below(8),
            (4, Some(_)) => drop(bytes.remove(at)),
            (5, _) => bytes.insert(at, edge),
            (6, _) => bytes.truncate(at),
            _ => {
                let other = &bodies[random.below(bodies.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
        }
    }
    bytes
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

fn attack(subject: &Subject, bodies: &HashMap<(String, i16), Vec<Vec<u8>>>, rounds: usize) -> Count {
    let mut count = Count::default();
    for version in subject.versions.min..=subject.versions.max {
        let mut random = Random(u64::from(crc32c::crc32c(subject.name.as_bytes())) << 16 | version as u64);
        for _ in 0..RANDOM_INPUTS * rounds {
            let input = random.bytes(250);
            try_input(subject, version, input, &mut count);
        }
        // Messages of newer specs have no fixtures yet.
        let bodies = bodies.get(&(subject.name.to_owned(), version)).map_or(&NO_BODY[..], Vec::as_slice);
        for _ in 0..DAMAGED_INPUTS * rounds {
            let input = damaged(&mut random, bodies);
            try_input(subject, version, input, &mut count);
        }
        let richest =
            bodies.iter().filter(|body| body.len() <= LONGEST_LENGTH_BODY).max_by_key(|body| body.len());
        let body = richest.map_or(&[][..], Vec::as_slice);
        let flexible = version >= subject.flexible_from;
        huge_lengths(flexible, body, |input| try_input(subject, version, input, &mut count));
        for _ in 0..rounds {
            let try_one = |input| try_input(subject, version, input, &mut count);
            fitting_lengths(&mut random, flexible, body, try_one);
        }
    }
    count
}

#[test]
fn no_bytes_make_a_message_panic_or_take_more_memory_than_it_may() {
    let rounds = std::env::var("OTTLA_HOSTILE_ROUNDS").ok().map_or(1, |text| text.parse().expect("a number"));
    let bodies = &bodies();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = Count::default();
    thread::scope(|scope| {
        let run = move |at: usize| {
            let mut part = Count::default();
            for subject in SUBJECTS.iter().skip(at).step_by(threads) {
                let count = attack(subject, bodies, rounds);
                part.inputs += count.inputs;
                part.decoded += count.decoded;
                part.most_memory = part.most_memory.max(count.most_memory);
            }
            part
        };
        let workers: Vec<_> = (0..threads).map(|at| scope.spawn(move || run(at))).collect();
        for worker in workers {
            let part = worker.join().expect("the first failure is printed above");
            all.inputs += part.inputs;
            all.decoded += part.decoded;
            all.most_memory = all.most_memory.max(part.most_memory);
        }
    });
    let (percent, name) = all.most_memory;
    println!("{} messages, {} inputs, of which {} decode", SUBJECTS.len(), all.inputs, all.decoded);
    println!("{name} came closest to the allowed memory: {percent} %");
    assert!(all.decoded > all.inputs / 50, "nearly nothing decodes, so that nearly nothing is tried");
}
