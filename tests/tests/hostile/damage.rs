//! Kafka's own bytes, and ways to damage them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use ottla_tests::oracle::unhex;
use ottla_tests::random::Random;
use serde_json::Value;

/// The longest body that is damaged, in bytes.
const LONGEST_BODY: usize = 4000;

/// The lines of a committed fixture file.
pub fn lines(file: &str) -> impl Iterator<Item = Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle").join(file);
    let lines = BufReader::new(MultiGzDecoder::new(File::open(path).expect("it is there"))).lines();
    lines.map(|line| serde_json::from_str(&line.expect("it is UTF-8")).expect("it is JSON"))
}

/// Bodies and their JSON by message and version, and whole frames.
#[derive(Default)]
pub struct Bodies {
    bodies: HashMap<(String, i16), Vec<Vec<u8>>>,
    json: HashMap<(String, i16), Vec<Value>>,
    pub frames: Vec<Vec<u8>>,
}

impl Bodies {
    pub fn load() -> Self {
        let mut all = Self::default();
        for mut line in lines("fixtures.jsonl.gz") {
            let bytes = unhex(line["hex"].as_str().expect("it has bytes")).expect("it is hex");
            let version = line["version"].as_i64().expect("it has a version") as i16;
            let key = (line["name"].as_str().expect("it has a name").to_owned(), version);
            if line["case"] == "frame" {
                all.frames.push(bytes);
            } else if bytes.len() <= LONGEST_BODY {
                all.json.entry(key.clone()).or_default().push(line["json"].take());
                all.bodies.entry(key).or_default().push(bytes);
            }
        }
        all
    }

    /// Empty for messages of newer specs, which have no fixtures yet.
    pub fn of(&self, name: &str, version: i16) -> &[Vec<u8>] {
        self.bodies.get(&(name.to_owned(), version)).map_or(&[], Vec::as_slice)
    }

    pub fn json_of(&self, name: &str, version: i16) -> &[Value] {
        self.json.get(&(name.to_owned(), version)).map_or(&[], Vec::as_slice)
    }
}

/// One of `bodies` with up to four damages: bytes set, flipped, taken out, put in, cut, or the rest of another body.
pub fn damaged(random: &mut Random, bodies: &[Vec<u8>]) -> Vec<u8> {
    if bodies.is_empty() {
        return random.bytes(250);
    }
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
