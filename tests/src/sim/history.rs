//! What happened in a world, on one line of time: what the workload did and was told, between what the cluster saw and
//! did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_testbroker::journal::{JournalEntry, JournalEvent};

/// A record of the workload; its value starts with this number, so that it is known wherever it turns up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// Something that the workload did or was told.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// A record was given to a producer. Of one producer to one partition they are sent one after another.
    Sent {
        /// Who sends it.
        producer: String,
        /// The record.
        id: RecordId,
        /// The topic.
        topic: String,
        /// Bytes of a batch with this record alone, at most.
        size: usize,
        /// Whether it has a key.
        has_key: bool,
    },
    /// The record is written.
    Acknowledged {
        /// Who sent it.
        producer: String,
        /// The record.
        id: RecordId,
        /// Where it is.
        place: Place,
        /// Its offset there.
        offset: i64,
    },
    /// The record was given up.
    Failed {
        /// Who sent it.
        producer: String,
        /// The record.
        id: RecordId,
        /// Whether it may be in the log all the same.
        perhaps_written: bool,
        /// What the broker said, if it did.
        code: Option<ErrorCode>,
        /// Whether its producer was closed before it was written.
        closed: bool,
        /// Why.
        error: String,
    },
    /// An application has purged its producer.
    Purged {
        /// Whose.
        producer: String,
        /// How many records it gave up.
        records: u64,
    },
    /// A producer that was closed has handed a record back.
    HandedBack {
        /// Who sent it.
        producer: String,
        /// The record.
        id: RecordId,
        /// Where it was to go.
        place: Place,
        /// Whether it may be in the log all the same.
        perhaps_written: bool,
    },
    /// A producer's memory in use, and what it may use.
    ProducerMemory {
        /// Whose.
        producer: String,
        /// In use.
        used_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// A consumer now has a partition.
    Assigned {
        /// Who.
        consumer: String,
        /// Its group.
        group: String,
        /// The partition.
        place: Place,
    },
    /// A consumer gives a partition up.
    Revoked {
        /// Who.
        consumer: String,
        /// Its group.
        group: String,
        /// The partition.
        place: Place,
        /// Whether it was taken away before it could be given up.
        lost: bool,
    },
    /// A record was handed to the application.
    HandedOut {
        /// By whom.
        consumer: String,
        /// Its group.
        group: String,
        /// Where it was read.
        place: Place,
        /// Its offset there.
        offset: i64,
        /// The record.
        id: RecordId,
    },
    /// The application is done with all that a consumer handed out to it.
    GivenBack {
        /// By whom it was handed out.
        consumer: String,
        /// Its group.
        group: String,
    },
    /// A consumer is gone, and with it what it had.
    ConsumerClosed {
        /// Who.
        consumer: String,
        /// Its group.
        group: String,
    },
    /// Nothing goes wrong from here on.
    FaultsStopped,
    /// All that was sent is resolved, and all that was acknowledged was handed out.
    Converged,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "most are of the larger variant")]
pub enum Event {
    /// To the workload.
    Client(ClientEvent),
    /// In the cluster.
    Cluster(JournalEntry),
}

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// Since the world began.
    pub at: Duration,
    /// What.
    pub event: Event,
}

/// The workload's part of a history while it is being made; clones write the same one.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Arc<Mutex<Vec<Noted>>>,
}

/// A client's event, and how long the cluster's journal was then.
#[derive(Clone, Debug)]
struct Noted {
    at: Duration,
    behind: u64,
    event: ClientEvent,
}

impl Happened {
    /// What the cluster's journal has of it.
    pub fn as_journal(&self) -> Option<&JournalEvent> {
        match &self.event {
            Event::Cluster(entry) => Some(&entry.event),
            Event::Client(_) => None,
        }
    }
}

impl History {
    /// Notes `event`, at `at` since the world began, when the cluster's journal has `journal_len` entries.
    pub fn note(&self, at: Duration, journal_len: u64, event: ClientEvent) {
        self.lock().push(Noted { at, behind: journal_len, event });
    }

    /// The whole history, the cluster's journal included.
    pub fn merge(&self, journal: &[JournalEntry]) -> Vec<Happened> {
        let noted = self.lock();
        let mut noted = noted.iter().peekable();
        let mut all = Vec::with_capacity(journal.len());
        let client = |noted: &Noted| Happened { at: noted.at, event: Event::Client(noted.event.clone()) };
        for entry in journal {
            while let Some(before) = noted.next_if(|noted| noted.behind <= entry.serial) {
                all.push(client(before));
            }
            let at = Duration::from_micros(entry.at.as_micros());
            all.push(Happened { at, event: Event::Cluster(entry.clone()) });
        }
        all.extend(noted.map(client));
        all
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.events.lock().expect("nothing panics while it holds the history")
    }
}

/// A record of the workload where it lies in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its offset.
    pub offset: i64,
    /// The record.
    pub id: RecordId,
}

/// What a world may lose: nothing of it is a client's fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Topics that were deleted, with all that was in them, and perhaps made again.
    pub topics: BTreeSet<String>,
    /// Where logs begin of which the oldest records were deleted.
    pub starts: BTreeMap<Place, i64>,
    /// Producers that did not wait for all replicas in sync.
    pub producers: BTreeSet<String>,
}

/// A world that has ended: all that the checkers may look at.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What happened, in order.
    pub history: Vec<Happened>,
    /// What consumers can read in the end, by partition in the order of the offsets.
    pub logs: Vec<(Place, Vec<Stored>)>,
    /// Whether producers were idempotent: then nothing may be there twice, or out of order.
    pub idempotent: bool,
    /// Whether nothing was to go wrong in it.
    pub is_calm: bool,
    /// Whether the networks carry at once what is sent: what is held up may arrive long after its sender has given it up.
    pub is_prompt: bool,
    /// How long after the faults have stopped all must be resolved.
    pub convergence_limit: Duration,
    /// What it may have lost.
    pub losses: Losses,
}
