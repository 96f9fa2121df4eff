//! Seeded walks through failures, elections and traffic, and what must hold at every step: nothing acknowledged is lost,
//! logs agree on what is committed, high watermarks never go back under a leader, and the same seed does the same.

mod rig;

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::records::RecordSet;
use ottla_protocol::types::NodeId;
use ottla_testbroker::{Cluster, ClusterBuilder, ConnectionId, ReplicationScope};
use rig::{Rig, Sent, batch, fetch_request, produce_request};

const PARTITIONS: i32 = 2;
const STEPS: usize = 250;
const SEEDS: u64 = 60;

/// Offset and value.
type Record = (i64, String);

/// Small and seeded: what fails must fail again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A produce whose answer is awaited.
struct InFlight {
    partition: i32,
    value: String,
    sent: Sent,
    connection: ConnectionId,
}

struct Walk {
    rig: Rig,
    dice: Dice,
    produced: u64,
    in_flight: Vec<InFlight>,
    /// By partition.
    acknowledged: BTreeMap<i32, Vec<Record>>,
    /// What a consumer has read, by partition and offset.
    seen: BTreeMap<(i32, i64), String>,
    /// By partition, leader epoch and leader.
    high_watermarks: BTreeMap<(i32, i32, NodeId), i64>,
}

fn records(batches: &[Bytes]) -> Vec<Record> {
    let mut found = Vec::new();
    for batch in batches.iter().flat_map(|bytes| RecordSet::new(bytes.clone())) {
        let records = batch.and_then(|batch| batch.records(1 << 20)).expect("readable");
        found.extend(records.iter().map(|record| {
            let record = record.expect("well formed");
            (record.offset, String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned())
        }));
    }
    found
}

/// Records that one log has, up to where both know them to be committed, and the other has not.
fn disagreement(one: &(i64, Vec<Record>), other: &(i64, Vec<Record>)) -> Option<Record> {
    let committed = one.0.min(other.0);
    let below =
        |log: &[Record]| log.iter().filter(|(offset, _)| *offset < committed).cloned().collect::<Vec<_>>();
    let (one, other) = (below(&one.1), below(&other.1));
    let missing = one.iter().find(|record| !other.contains(record));
    missing.or_else(|| other.iter().find(|record| !one.contains(record))).cloned()
}

impl Walk {
    fn new(builder: ClusterBuilder, seed: u64, configs: &[(&str, &str)]) -> Self {
        let ms = Duration::from_millis;
        let mut dice = Dice(seed);
        let hears_after = ms(dice.roll(3) * 40);
        // None at all in one of four.
        let longest = ms(dice.roll(4) * 10);
        let builder = builder
            .nodes(3)
            .seed(seed)
            .replica_fetch_delay(Duration::ZERO, longest)
            .replica_lag_time_max(Duration::from_secs(3))
            .broker_session_timeout(Duration::from_secs(2))
            .metadata_propagation_delay(hears_after);
        let mut rig = Rig::new(builder);
        rig.create_replicated("t", PARTITIONS, configs);
        Self {
            rig,
            dice,
            produced: 0,
            in_flight: Vec::new(),
            acknowledged: BTreeMap::new(),
            seen: BTreeMap::new(),
            high_watermarks: BTreeMap::new(),
        }
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.dice.roll(3) as i32 + 1)
    }

    fn step(&mut self) -> Result<(), String> {
        let node = self.node();
        let partition = self.dice.roll(PARTITIONS as u64) as i32;
        let scope = ReplicationScope::Node(node);
        match self.dice.roll(36) {
            0 => drop(self.rig.control(|cluster, now| cluster.kill_node(now, node))),
            1 => drop(self.rig.control(|cluster, now| cluster.stop_node(now, node))),
            2 => drop(self.rig.control(|cluster, now| cluster.fence_node(now, node))),
            26..=35 => drop(self.rig.control(|cluster, now| cluster.start_node(now, node))),
            6 => drop(self.rig.control(|cluster, now| cluster.move_leader(now, "t", partition, node))),
            7 => drop(self.rig.control(|cluster, now| cluster.pause_replication(now, &scope))),
            4 | 5 | 8 | 9 => drop(self.rig.control(|cluster, now| cluster.resume_replication(now, &scope))),
            10 => self.rig.control(Cluster::elect_preferred_leaders),
            11 => self.rig.run_for(Duration::from_millis(500 * self.dice.roll(8))),
            12..=15 => self.rig.run_for(Duration::from_millis(self.dice.roll(60))),
            3 | 16..=18 => self.fetch(node, partition)?,
            _ => self.produce(node, partition),
        }
        self.take_answers();
        self.check()
    }

    fn produce(&mut self, node: NodeId, partition: i32) {
        let leader = self.rig.cluster.partition_status("t", partition).and_then(|found| found.leader);
        let node = if self.dice.roll(4) > 0 { leader.unwrap_or(node) } else { node };
        let Some(connection) = self.rig.cluster.connect(self.rig.now, node, "/10.0.0.1") else { return };
        let value = format!("v{}", self.produced);
        self.produced += 1;
        let acks = if self.dice.roll(3) > 0 { -1 } else { 1 };
        let mut request = produce_request("t", partition, acks, batch(&[&value]));
        request.timeout_ms = 2000;
        let sent = self.rig.send(connection, 12, &request);
        if acks == -1 {
            self.in_flight.push(InFlight { partition, value, sent, connection });
        }
    }

    fn take_answers(&mut self) {
        for waiting in std::mem::take(&mut self.in_flight) {
            if let Some(answer) = self.rig.answer::<ProduceRequest>(&waiting.sent) {
                let row = &answer.responses[0].partition_responses[0];
                if row.error_code == 0 {
                    let acknowledged = self.acknowledged.entry(waiting.partition).or_default();
                    acknowledged.push((row.base_offset, waiting.value));
                }
            } else if !self.rig.closed.contains_key(&waiting.connection) {
                self.in_flight.push(waiting);
            }
        }
    }

    /// Reads a partition as a consumer does: what it sees it must see again.
    fn fetch(&mut self, node: NodeId, partition: i32) -> Result<(), String> {
        let Some(connection) = self.rig.cluster.connect(self.rig.now, node, "/10.0.0.1") else {
            return Ok(());
        };
        let request = fetch_request("t", partition, 0, Duration::ZERO);
        let answer = self.rig.call::<FetchRequest>(connection, 12, &request);
        let row = &answer.responses[0].partitions[0];
        for (offset, value) in records(&[row.records.clone().unwrap_or_default()]) {
            if offset >= row.high_watermark {
                return Err(format!("{partition}: read {offset} beyond {}", row.high_watermark));
            }
            let seen = self.seen.entry((partition, offset)).or_insert_with(|| value.clone());
            if *seen != value {
                return Err(format!("{partition}: read {seen} and then {value} at {offset}"));
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        for partition in 0..PARTITIONS {
            let status = self.rig.cluster.partition_status("t", partition).expect("it stays");
            let mut logs = Vec::new();
            for replica in &status.replicas {
                let batches =
                    self.rig.cluster.replica_batches("t", partition, replica.node).expect("it stays");
                logs.push((replica.high_watermark, records(&batches)));
            }
            for (index, one) in logs.iter().enumerate() {
                if let Some(record) = logs[..index].iter().find_map(|other| disagreement(one, other)) {
                    return Err(format!("{partition}: committed and not everywhere: {record:?}"));
                }
            }
            let Some(leader) = status.leader else { continue };
            let at = status.replicas.iter().position(|replica| replica.node == leader).expect("a replica");
            let acknowledged = self.acknowledged.get(&partition).into_iter().flatten();
            if let Some(lost) = acknowledged.into_iter().find(|record| !logs[at].1.contains(record)) {
                return Err(format!("{partition}: acknowledged and lost: {lost:?}"));
            }
            if status.replicas[at].is_leading {
                let known = self.high_watermarks.entry((partition, status.leader_epoch, leader)).or_insert(0);
                if logs[at].0 < *known {
                    return Err(format!("{partition}: high watermark from {known} to {}", logs[at].0));
                }
                *known = logs[at].0;
            }
        }
        Ok(())
    }

    /// Everything works again: all replicas come to hold the same, and nothing is left to be done.
    fn heal(&mut self) -> Result<(), String> {
        for node in 1..=3 {
            let node = NodeId(node);
            let scope = ReplicationScope::Node(node);
            drop(self.rig.control(|cluster, now| cluster.start_node(now, node)));
            drop(self.rig.control(|cluster, now| cluster.resume_replication(now, &scope)));
        }
        self.rig.run_for(Duration::from_secs(10));
        self.take_answers();
        self.check()?;
        for partition in 0..PARTITIONS {
            let status = self.rig.cluster.partition_status("t", partition).expect("it stays");
            let ends: Vec<i64> = status.replicas.iter().map(|replica| replica.log_end_offset).collect();
            let is_even = ends.iter().all(|end| Some(*end) == status.high_watermark());
            if status.isr.len() != 3 || !is_even {
                return Err(format!("{partition}: not healed: {status:?}"));
            }
        }
        match (self.rig.cluster.next_timeout(), self.in_flight.len()) {
            (None, 0) => Ok(()),
            (next, waiting) => Err(format!("something is left: {next:?}, {waiting} unanswered")),
        }
    }

    /// The trace of a whole walk, and how many records were acknowledged on it.
    fn run(mut self) -> Result<(u64, usize), String> {
        for _ in 0..STEPS {
            self.step()?;
        }
        self.heal()?;
        Ok((self.rig.trace.finish(), self.acknowledged.values().map(Vec::len).sum()))
    }
}

fn walk(seed: u64) -> Result<(u64, usize), String> {
    Walk::new(Cluster::builder(), seed, &[("min.insync.replicas", "2")]).run()
}

#[test]
fn what_is_acknowledged_survives_every_walk() {
    let mut all = 0;
    for seed in 0..SEEDS {
        match walk(seed) {
            Ok((_, acknowledged)) => all += acknowledged,
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    assert!(all as u64 > SEEDS * 5, "hardly anything was acknowledged: {all}");
}

#[test]
fn the_same_seed_walks_the_same_way() {
    assert_eq!(walk(7), walk(7));
    assert_ne!(walk(7), walk(8));
}

/// The checks above would notice.
#[test]
fn where_losing_records_is_allowed_walks_find_losses() {
    let configs = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")];
    let mut violations =
        (0..SEEDS).filter_map(|seed| Walk::new(Cluster::builder(), seed, &configs).run().err());
    assert!(violations.any(|violation| violation.contains("lost")));
}

#[test]
fn logs_that_differ_below_both_high_watermarks_disagree() {
    let log =
        |values: &[&str]| (0..).zip(values.iter().map(|value| (*value).to_owned())).collect::<Vec<Record>>();
    let check = |one: (i64, &[&str]), other: (i64, &[&str]), expected: Option<&str>| {
        let found = disagreement(&(one.0, log(one.1)), &(other.0, log(other.1)));
        assert_eq!(found.map(|(_, value)| value).as_deref(), expected);
    };
    check((2, &["a", "b"]), (2, &["a", "b", "c"]), None);
    check((2, &["a", "b"]), (1, &["a", "x"]), None);
    check((2, &["a", "b"]), (2, &["a", "x"]), Some("b"));
    check((2, &["a", "b"]), (2, &["a"]), Some("b"));
}
