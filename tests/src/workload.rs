//! Records to send, and the check that what came back is what was sent: every record once, each key's in order, all of
//! a key in one partition, no gap in the offsets.
//!
//! Everything is text without tabs and line breaks, as console clients read and print lines.

use std::collections::BTreeMap;
use std::fmt;

/// What a record is made of.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Its key.
    pub key: String,
    /// Its value; `None` for a tombstone.
    pub value: Option<String>,
    /// Its headers in their order, with duplicates.
    pub headers: Vec<(String, String)>,
    /// Its timestamp in milliseconds since 1970; `None` where the client sets one of its own.
    pub timestamp: Option<i64>,
}

/// A record that was read.
#[derive(Clone, Debug)]
pub struct Received {
    /// The partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// What it is made of.
    pub content: Content,
}

/// 2023-11-14T22:13:20Z.
const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;

/// `count` records with about a fifth as many keys: keys of all lengths and some outside ASCII, headers on every
/// seventh, now and then an empty value or a tombstone, and values that are worth compressing.
#[must_use]
pub fn keyed(count: usize) -> Vec<Content> {
    let keys = (count / 5).max(1);
    (0..count).map(|number| content(number, number.wrapping_mul(7919) % keys)).collect()
}

fn content(number: usize, key: usize) -> Content {
    let key = match key % 4 {
        0 => format!("{key}"),
        1 => format!("customer-{key}"),
        2 => format!("{key}-żółć-{}", "x".repeat(key % 23)),
        _ => format!("客户{key}"),
    };
    let value = match number % 50 {
        11 => None,
        37 => Some(String::new()),
        _ => Some(format!("number {number} of this run; {}{number:x}", "lorem ipsum ".repeat(number % 9))),
    };
    let headers = match number % 7 {
        3 => vec![
            ("source".to_owned(), "workload".to_owned()),
            ("number".to_owned(), number.to_string()),
            ("source".to_owned(), "again".to_owned()),
        ],
        _ => Vec::new(),
    };
    Content { key, value, headers, timestamp: Some(FIRST_TIMESTAMP + number as i64) }
}

/// How many records a comparison with other clients takes: `OTTLA_INTEROP_RECORDS`, or 20,000.
///
/// # Panics
/// If the variable is no number.
#[must_use]
pub fn interop_records() -> usize {
    std::env::var("OTTLA_INTEROP_RECORDS")
        .map_or(20_000, |count| count.parse().expect("OTTLA_INTEROP_RECORDS is a number"))
}

/// Which partition each key is in.
pub type KeyPartitions = BTreeMap<String, i32>;

/// Compares what was read with what was sent.
///
/// # Panics
/// With the first difference.
pub fn check(sent: &[Content], received: &[Received]) -> KeyPartitions {
    check_offsets(received);
    let partitions = check_one_partition_a_key(received);
    let mut expected: BTreeMap<&str, Vec<&Content>> = BTreeMap::new();
    for content in sent {
        expected.entry(&content.key).or_default().push(content);
    }
    let mut found: BTreeMap<&str, Vec<&Content>> = BTreeMap::new();
    for received in received {
        found.entry(&received.content.key).or_default().push(&received.content);
    }
    for (key, expected) in &expected {
        let found = found.remove(key).unwrap_or_default();
        let pairs = expected.iter().zip(&found);
        for (at, (expected, found)) in pairs.enumerate() {
            assert_eq!(without_own_timestamp(found, expected), **expected, "record {at} of key {key}");
        }
        assert_eq!(found.len(), expected.len(), "how many records of key {key} were read");
    }
    assert!(found.is_empty(), "keys that nobody sent: {:?}", found.keys().take(3).collect::<Vec<_>>());
    assert_eq!(received.len(), sent.len());
    partitions
}

/// Likewise, where several readers shared the partitions: what each has read of a partition is put together.
///
/// # Panics
/// With the first difference.
pub fn check_sorted(sent: &[Content], mut received: Vec<Received>) -> KeyPartitions {
    received.sort_by_key(|received| (received.partition, received.offset));
    check(sent, &received)
}

/// A timestamp that the sender's client has chosen is only checked for being one.
fn without_own_timestamp(found: &Content, expected: &Content) -> Content {
    let mut found = found.clone();
    if expected.timestamp.is_none() {
        assert!(found.timestamp.is_none_or(|timestamp| timestamp > FIRST_TIMESTAMP), "{found:?}");
        found.timestamp = None;
    }
    found
}

fn check_offsets(received: &[Received]) {
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    for received in received {
        let next = next.entry(received.partition).or_default();
        assert_eq!(received.offset, *next, "the next offset of partition {}", received.partition);
        *next += 1;
    }
}

fn check_one_partition_a_key(received: &[Received]) -> KeyPartitions {
    let mut partitions = KeyPartitions::new();
    for Received { partition, content, .. } in received {
        let first = partitions.entry(content.key.clone()).or_insert(*partition);
        assert_eq!(first, partition, "two partitions for key {}", content.key);
    }
    partitions
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}={:?} {:?} at {:?}", self.key, self.value, self.headers, self.timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sent: &[Content]) -> Vec<Received> {
        let mut next = [0; 3];
        let read = |content: &Content| {
            let partition = content.key.len() % 3;
            next[partition] += 1;
            Received { partition: partition as i32, offset: next[partition] - 1, content: content.clone() }
        };
        sent.iter().map(read).collect()
    }

    #[track_caller]
    fn refuses(what: &str, change: impl FnOnce(&mut Vec<Received>) + std::panic::UnwindSafe) {
        let sent = keyed(500);
        let mut received = read(&sent);
        let result = std::panic::catch_unwind(move || {
            change(&mut received);
            check(&sent, &received)
        });
        assert!(result.is_err(), "{what} went unnoticed");
    }

    #[test]
    fn what_was_sent_is_accepted() {
        let sent = keyed(500);
        check(&sent, &read(&sent));
    }

    #[test]
    fn every_kind_of_damage_is_noticed() {
        refuses("a lost record", |received| drop(received.pop()));
        refuses("a gap in the offsets", |received| received[490].offset += 1);
        refuses("another value", |received| received[9].content.value = Some("9".into()));
        refuses("a tombstone turned into an empty value", |received| {
            received[11].content.value = Some(String::new());
        });
        refuses("another timestamp", |received| received[9].content.timestamp = Some(9));
        refuses("a lost duplicate header", |received| drop(received[3].content.headers.pop()));
        refuses("headers out of order", |received| received[3].content.headers.swap(0, 1));
        refuses("a key in two partitions", |received| received[0].partition += 3);
        refuses("a record that is read twice", |received| {
            let mut twice = received[499].clone();
            twice.offset += 1;
            received.push(twice);
        });
        refuses("records of a key out of order", |received| {
            let key = received[0].content.key.clone();
            let same: Vec<usize> = (0..500).filter(|at| received[*at].content.key == key).collect();
            let content = received[same[0]].content.clone();
            received[same[0]].content = received[same[1]].content.clone();
            received[same[1]].content = content;
        });
    }
}
