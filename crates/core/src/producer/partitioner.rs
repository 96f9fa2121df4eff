//! Which partition a record goes to.
//!
//! A record's own partition comes first, then the application's [`Partitioner`] if there is one, then one of the rules
//! of [`BuiltInPartitioner`], which [`TopicPartitioner`] carries out.
//!
//! Not here: what the machine knows of queues and brokers (`load.rs`).

mod built_in;
mod frequency;
mod sticky;
mod topic;

use ottla_protocol::records::Header;

pub use built_in::{BuiltInPartitioner, UnknownPartitioner};
pub use topic::{Choice, PartitionerConfig, TopicPartitioner};

/// An application's own rule, for one topic.
///
/// Records of one key should go to one partition whether or not it has a leader now, so take a hash over
/// [`Partitions::count`]; records without a key had better go to one of [`Partitions::available`]. Neither needs much:
/// [`BuiltInPartitioner::partition_of_key`] has the hashes of Kafka's clients, and `None` leaves a record to the built-in
/// partitioner, which fills batches.
///
/// ```
/// use ottla_core::producer::{BuiltInPartitioner, Partitioner, Partitions, Unplaced};
///
/// /// Orders of our largest customer have the last partition for themselves.
/// struct Reserved;
///
/// impl Partitioner for Reserved {
///     fn partition(&mut self, record: &Unplaced<'_>, partitions: &Partitions<'_>) -> Option<u32> {
///         let last = partitions.count() - 1;
///         match record.key? {
///             b"largest" => Some(last),
///             key => BuiltInPartitioner::Murmur2Random.partition_of_key(Some(key), last),
///         }
///     }
/// }
/// ```
pub trait Partitioner: Send {
    /// The partition for a record, below [`Partitions::count`]; `None` leaves the record to the built-in partitioner.
    ///
    /// Asked once for each record that does not name its partition; again only if the answer was `None` and the record
    /// had to wait. It runs in the call that sends, before the producer is locked, and for one record at a time: it must
    /// be quick, and must not send by the same producer. If it panics, so does that call, and the producer goes on; a
    /// partition that does not exist is an error of that record.
    fn partition(&mut self, record: &Unplaced<'_>, partitions: &Partitions<'_>) -> Option<u32>;
}

/// A record that has no partition yet.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Unplaced<'a> {
    /// The key, or null.
    pub key: Option<&'a [u8]>,
    /// The value, or null: a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header<'a>],
}

impl<'a> Unplaced<'a> {
    /// A record with these parts.
    pub const fn new(key: Option<&'a [u8]>, value: Option<&'a [u8]>, headers: &'a [Header<'a>]) -> Self {
        Self { key, value, headers }
    }

    /// About what it takes in a batch, in bytes. Where that is too little, a partition may get a second batch at a time.
    #[inline]
    fn size(&self) -> usize {
        /// Lengths, deltas and attributes of a small record take 7 to 12 bytes.
        const OVERHEAD: usize = 12;
        const HEADER_OVERHEAD: usize = 4;
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let header =
            |header: &Header<'_>| header.key_bytes().len() + length(header.value()) + HEADER_OVERHEAD;
        let headers: usize = self.headers.iter().map(header).sum();
        OVERHEAD + length(self.key) + length(self.value) + headers
    }
}

/// The partitions of a topic.
#[derive(Clone, Copy, Debug)]
pub struct Partitions<'a> {
    count: u32,
    available: &'a [u32],
}

impl<'a> Partitions<'a> {
    /// These many, of which these have a leader, in ascending order.
    pub const fn new(count: u32, available: &'a [u32]) -> Self {
        Self { count, available }
    }

    /// How many there are, at least one: they are numbered from 0.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Those that have a leader now, as far as the client knows, in ascending order. May be empty.
    pub const fn available(&self) -> &'a [u32] {
        self.available
    }

    /// Whether a partition has a leader now.
    pub fn is_available(&self, partition: u32) -> bool {
        self.available.binary_search(&partition).is_ok()
    }
}
