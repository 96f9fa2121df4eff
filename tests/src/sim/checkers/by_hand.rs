//! Outcomes written by hand, for the rules' own tests: producer `p` sends to `t-0`, which group `g` reads.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ottla_client::{Client, OffsetReset, Record};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::{NodeId, Uuid};
use ottla_testbroker::faults::{FaultAction, FaultRule};
use ottla_testbroker::journal::{BatchProducer, JournalEntry, JournalEvent, JournalMember, RequestSummary};
use ottla_testbroker::{ConnectionId, TestBroker};
use ottla_transport::Clock;

use crate::memory_network::MemoryNetwork;
use crate::sim::checkers::Checker;
use crate::sim::history::{ClientEvent, Event, Happened, Outcome, Place, RecordId, Stored};

pub(super) const TOPIC_ID: Uuid = Uuid([7; 16]);

/// An outcome in the making; a millisecond lies between any two events.
#[derive(Clone, Default)]
pub(super) struct ByHand {
    outcome: Outcome,
    now: Duration,
}

pub(super) fn idempotent() -> ByHand {
    let mut by_hand = ByHand::default();
    by_hand.outcome.idempotent = true;
    by_hand.outcome.is_prompt = true;
    by_hand.outcome.convergence_limit = Duration::from_secs(1);
    by_hand
}

pub(super) fn not_idempotent() -> ByHand {
    let mut by_hand = idempotent();
    by_hand.outcome.idempotent = false;
    by_hand
}

pub(super) fn t0() -> Place {
    Place { topic: "t".to_owned(), partition: 0 }
}

impl ByHand {
    pub(super) fn accepted_by(self, checker: Checker) {
        assert_eq!((checker.check)(&self.outcome), Ok(()), "{}", checker.name);
    }

    pub(super) fn refused_by(self, checker: Checker, because: &str) {
        match (checker.check)(&self.outcome) {
            Ok(()) => panic!("{} accepts what it should refuse: {because}", checker.name),
            Err(reason) => assert!(reason.contains(because), "{}: {reason}", checker.name),
        }
    }

    pub(super) fn with_late_arrivals(mut self) -> Self {
        self.outcome.is_prompt = false;
        self
    }

    pub(super) fn without_faults(mut self) -> Self {
        self.outcome.is_calm = true;
        self
    }

    /// What `t-0` holds in the end, as offsets and records.
    pub(super) fn log(mut self, stored: &[(i64, u64)]) -> Self {
        let stored = stored.iter().map(|&(offset, id)| Stored { offset, id: RecordId(id) }).collect();
        self.outcome.logs.push((t0(), stored));
        self
    }

    pub(super) fn after(mut self, time: Duration) -> Self {
        self.now += time;
        self
    }

    pub(super) fn client(mut self, event: ClientEvent) -> Self {
        self.now += Duration::from_millis(1);
        self.outcome.history.push(Happened { at: self.now, event: Event::Client(event) });
        self
    }

    pub(super) fn sent(self, id: u64) -> Self {
        self.sent_as(id, 100, false)
    }

    /// A record that takes up to so many bytes alone.
    pub(super) fn sent_of_size(self, id: u64, size: usize) -> Self {
        self.sent_as(id, size, false)
    }

    pub(super) fn sent_with_key(self, id: u64) -> Self {
        self.sent_as(id, 100, true)
    }

    fn sent_as(self, id: u64, size: usize, has_key: bool) -> Self {
        let (producer, id, topic) = ("p".into(), RecordId(id), "t".into());
        self.client(ClientEvent::Sent { producer, id, topic, size, has_key })
    }

    pub(super) fn acknowledged(self, id: u64, offset: i64) -> Self {
        self.client(ClientEvent::Acknowledged { producer: "p".into(), id: RecordId(id), place: t0(), offset })
    }

    pub(super) fn failed(self, id: u64, perhaps_written: bool) -> Self {
        self.client(ClientEvent::Failed {
            producer: "p".into(),
            id: RecordId(id),
            perhaps_written,
            code: None,
            closed: false,
            error: "it took too long".into(),
        })
    }

    /// The producer was closed before the record was written.
    pub(super) fn closed_before(self, id: u64) -> Self {
        self.client(ClientEvent::Failed {
            producer: "p".into(),
            id: RecordId(id),
            perhaps_written: false,
            code: None,
            closed: true,
            error: "the producer was closed".into(),
        })
    }

    pub(super) fn handed_back(self, id: u64, perhaps_written: bool) -> Self {
        let (producer, id) = ("p".into(), RecordId(id));
        self.client(ClientEvent::HandedBack { producer, id, place: t0(), perhaps_written })
    }

    /// A broker has refused a record with this code.
    pub(super) fn refused(self, id: u64, code: ErrorCode) -> Self {
        self.client(ClientEvent::Failed {
            producer: "p".into(),
            id: RecordId(id),
            perhaps_written: false,
            code: Some(code),
            closed: false,
            error: "the broker refused it".into(),
        })
    }

    /// A config of `t` gets another value.
    pub(super) fn config(self, name: &str, value: &str) -> Self {
        let (topic, name, value) = ("t".to_owned(), name.to_owned(), value.to_owned());
        let what = FaultRule::new(FaultAction::SetTopicConfig { topic, name, value });
        self.cluster(JournalEvent::FaultFired { rule: 0, request: None, api: None, what })
    }

    pub(super) fn memory(self, used_bytes: usize, limit_bytes: usize) -> Self {
        self.client(ClientEvent::ProducerMemory { producer: "p".into(), used_bytes, limit_bytes })
    }

    pub(super) fn assigned(self, consumer: &str) -> Self {
        self.client(ClientEvent::Assigned { consumer: consumer.into(), group: "g".into(), place: t0() })
    }

    pub(super) fn revoked(self, consumer: &str, lost: bool) -> Self {
        self.client(ClientEvent::Revoked { consumer: consumer.into(), group: "g".into(), place: t0(), lost })
    }

    pub(super) fn given_back(self, consumer: &str) -> Self {
        self.client(ClientEvent::GivenBack { consumer: consumer.into(), group: "g".into() })
    }

    pub(super) fn closed(self, consumer: &str) -> Self {
        self.client(ClientEvent::ConsumerClosed { consumer: consumer.into(), group: "g".into() })
    }

    pub(super) fn handed_out(self, consumer: &str, offset: i64, id: u64) -> Self {
        self.client(ClientEvent::HandedOut {
            consumer: consumer.into(),
            group: "g".into(),
            place: t0(),
            offset,
            id: RecordId(id),
        })
    }

    pub(super) fn calm(self) -> Self {
        self.client(ClientEvent::FaultsStopped)
    }

    pub(super) fn converged(self) -> Self {
        self.client(ClientEvent::Converged)
    }

    pub(super) fn cluster(mut self, event: JournalEvent) -> Self {
        self.now += Duration::from_millis(1);
        let mut entry = models().entry.clone();
        entry.event = event;
        self.outcome.history.push(Happened { at: self.now, event: Event::Cluster(entry) });
        self
    }

    /// A generation that is stable, with its members by `client.id` and their partitions of `t`.
    pub(super) fn generation(self, generation_id: i32, members: &[(&str, &[i32])]) -> Self {
        self.group("Stable", generation_id, members)
    }

    /// A group that waits for its members to join.
    pub(super) fn preparing(self, generation_id: i32, members: &[(&str, &[i32])]) -> Self {
        self.group("PreparingRebalance", generation_id, members)
    }

    fn group(self, state: &'static str, generation_id: i32, members: &[(&str, &[i32])]) -> Self {
        let member = |&(client_id, partitions): &(&str, &[i32])| {
            let mut member = models().member.clone();
            member.member_id = format!("{client_id}-id");
            member.client_id = client_id.to_owned();
            member.assignment = vec![("t".to_owned(), partitions.to_vec())];
            member
        };
        self.cluster(JournalEvent::GroupChanged {
            group: "g".into(),
            state,
            generation_id,
            protocol: "range".into(),
            members: members.iter().map(member).collect(),
        })
    }

    pub(super) fn committed(self, member: &str, generation_id: i32, offset: i64) -> Self {
        self.cluster(JournalEvent::OffsetCommitted {
            group: "g".into(),
            member_id: format!("{member}-id"),
            generation_id,
            topic: "t".into(),
            partition: 0,
            offset,
        })
    }

    /// A member asks for a commit.
    pub(super) fn commits(self, member: &str, generation_id: i32, offset: i64) -> Self {
        let mut event = models().commit.clone();
        if let JournalEvent::RequestReceived { client_id, summary, .. } = &mut event
            && let RequestSummary::OffsetCommit { member_id, generation_id: generation, partitions, .. } =
                summary
        {
            (*member_id, *generation) = (format!("{member}-id"), generation_id);
            *client_id = member.to_owned();
            partitions[0].offset = offset;
        }
        self.cluster(event)
    }

    /// A consumer asks to join, by the nth of its connections.
    pub(super) fn joins(self, consumer: &str, nth: usize) -> Self {
        let mut event = models().join.clone();
        if let JournalEvent::RequestReceived { client_id, request, .. } = &mut event {
            *client_id = consumer.to_owned();
            request.connection = models().connections[nth];
        }
        self.cluster(event)
    }

    /// The producer sends to a node.
    pub(super) fn produces(self, to: i32) -> Self {
        let mut event = models().produce.clone();
        if let JournalEvent::RequestReceived { client_id, node, .. } = &mut event {
            (*client_id, *node) = ("p".to_owned(), NodeId(to));
        }
        self.cluster(event)
    }

    /// It is answered that all is written.
    pub(super) fn answered(self) -> Self {
        self.cluster(models().produced.clone())
    }

    pub(super) fn elected(self, leader: i32, leader_epoch: i32) -> Self {
        self.cluster(JournalEvent::LeaderElected {
            topic_id: TOPIC_ID,
            topic: "t".into(),
            partition: 0,
            leader: NodeId(leader),
            leader_epoch,
            isr: vec![NodeId(leader)],
        })
    }

    /// Records at `first..=last`, by producer 1 with this epoch and base sequence.
    pub(super) fn appended(
        self,
        leader_epoch: i32,
        (first, last): (i64, i64),
        (epoch, sequence): (i16, i32),
    ) -> Self {
        let mut producer = models().producer;
        (producer.producer_id, producer.producer_epoch, producer.base_sequence) = (1, epoch, sequence);
        self.cluster(JournalEvent::BatchAppended {
            topic_id: TOPIC_ID,
            topic: "t".into(),
            partition: 0,
            base_offset: first,
            last_offset: last,
            leader_epoch,
            producer: Some(producer),
        })
    }
}

/// What only the test broker can make, taken from a journal of its own and changed where it matters.
struct Models {
    entry: JournalEntry,
    producer: BatchProducer,
    member: JournalMember,
    /// A producer asks for it.
    produce: JournalEvent,
    /// The answer to it.
    produced: JournalEvent,
    /// A member asks for it.
    commit: JournalEvent,
    /// Likewise.
    join: JournalEvent,
    /// In the order in which they were made.
    connections: Vec<ConnectionId>,
}

fn models() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let journal = runtime.expect("a runtime").block_on(record_and_member());
        let producer = journal.iter().find_map(|entry| match &entry.event {
            JournalEvent::BatchAppended { producer, .. } => *producer,
            _ => None,
        });
        let member = journal.iter().find_map(|entry| match &entry.event {
            JournalEvent::GroupChanged { members, .. } => members.first().cloned(),
            _ => None,
        });
        let request = |wanted: ApiKey| {
            let is_it = |event: &&JournalEvent| {
                matches!(event, JournalEvent::RequestReceived { api, .. } if *api == wanted)
            };
            journal.iter().map(|entry| &entry.event).find(is_it).cloned().expect("a member asks for it")
        };
        let is_answer = |event: &&JournalEvent| {
            matches!(event, JournalEvent::ResponseSent { api: ApiKey::PRODUCE, .. })
        };
        let answer = journal.iter().map(|entry| &entry.event).find(is_answer);
        let connection = |entry: &JournalEntry| match &entry.event {
            JournalEvent::ClientConnected { connection, .. } => Some(*connection),
            _ => None,
        };
        Models {
            produce: request(ApiKey::PRODUCE),
            produced: answer.cloned().expect("a broker answers it"),
            commit: request(ApiKey::OFFSET_COMMIT),
            join: request(ApiKey::JOIN_GROUP),
            connections: journal.iter().filter_map(connection).collect(),
            entry: journal[0].clone(),
            producer: producer.expect("an idempotent batch"),
            member: member.expect("a group with a member"),
        }
    })
}

/// The journal of a cluster that was sent a record, which a group has read and committed.
async fn record_and_member() -> Vec<JournalEntry> {
    let broker = TestBroker::builder().cluster(|cluster| cluster.journal(true)).start_in_memory();
    let broker = Arc::new(broker.expect("settings that can be"));
    broker.create_topic("t", 1).expect("a new topic");
    let client = Client::builder(broker.bootstrap_servers())
        .connector(MemoryNetwork::new(Arc::clone(&broker)))
        .deterministic(Clock::starting_at(1_700_000_000_000), 7);
    let client = client.connect().await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value(b"0")).await.expect("a broker that works");
    let consumer = client.consumer("g").subscribe(["t"]).auto_offset_reset(OffsetReset::Earliest).build();
    let consumer = consumer.expect("a consumer");
    consumer.next_batch().await.expect("a batch");
    consumer.commit().await.expect("a commit");
    broker
        .with_cluster(|cluster, _| cluster.journal().map(|journal| journal.entries().to_vec()))
        .expect("a journal")
}
