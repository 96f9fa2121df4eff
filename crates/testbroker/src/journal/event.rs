//! What a journal has entries of.

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_codes::FoundErrorCode;
use ottla_protocol::types::{NodeId, Uuid};

use super::RequestSummary;
use crate::connection::{CloseReason, ConnectionId};
use crate::faults::FaultRule;

/// Something that the cluster saw or did. Names are Kafka's, and copies: an entry keeps no frame in memory.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JournalEvent {
    /// A client has connected.
    ClientConnected {
        /// The connection.
        connection: ConnectionId,
        /// The node it is to.
        node: NodeId,
        /// The client's address.
        client_host: String,
    },
    /// A client's connection is gone; or the cluster has closed it, for a reason.
    ClientDisconnected {
        /// The connection.
        connection: ConnectionId,
        /// Why the cluster closed it; `None` if it did not.
        reason: Option<CloseReason>,
    },
    /// A request that the cluster serves has come in.
    RequestReceived {
        /// Where it came from.
        request: RequestPlace,
        /// The node that got it.
        node: NodeId,
        /// The client's `client.id`.
        client_id: String,
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// Its correlation id.
        correlation_id: i32,
        /// What it asks for, in short.
        summary: RequestSummary,
    },
    /// An answer is on its way.
    ResponseSent {
        /// The request it is for.
        request: RequestPlace,
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// The error codes in it.
        errors: Vec<FoundErrorCode>,
        /// The size of its frame.
        bytes: usize,
    },
    /// A batch is in the log.
    BatchAppended {
        /// The topic's id.
        topic_id: Uuid,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset of its first record.
        base_offset: i64,
        /// The offset of its last record.
        last_offset: i64,
        /// The leader epoch it was appended in.
        leader_epoch: i32,
        /// Its producer, if that is idempotent.
        producer: Option<BatchProducer>,
    },
    /// A batch was in the log already: a retry.
    DuplicateRecognised {
        /// The topic's id.
        topic_id: Uuid,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset at which it is.
        base_offset: i64,
        /// Its producer.
        producer: Option<BatchProducer>,
    },
    /// A classic group has changed its state or begun a generation.
    GroupChanged {
        /// The group.
        group: String,
        /// Its state, by Kafka's name.
        state: &'static str,
        /// Its generation.
        generation_id: i32,
        /// The assignor that was chosen; empty without one.
        protocol: String,
        /// Its members.
        members: Vec<JournalMember>,
    },
    /// A group has committed an offset.
    OffsetCommitted {
        /// The group.
        group: String,
        /// The member; empty for a consumer that is in no group.
        member_id: String,
        /// Its generation; -1 for a consumer that is in no group.
        generation_id: i32,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// A topic was made.
    TopicCreated {
        /// Its id.
        topic_id: Uuid,
        /// Its name.
        topic: String,
        /// How many partitions it has.
        partitions: usize,
    },
    /// A topic was deleted.
    TopicDeleted {
        /// Its id.
        topic_id: Uuid,
        /// Its name.
        topic: String,
    },
    /// A partition has another leader, or the same one in another leader epoch.
    LeaderElected {
        /// The topic's id.
        topic_id: Uuid,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The leader; -1 for none.
        leader: NodeId,
        /// Its leader epoch.
        leader_epoch: i32,
        /// The replicas in sync.
        isr: Vec<NodeId>,
    },
    /// Other replicas of a partition are in sync.
    IsrChanged {
        /// The topic's id.
        topic_id: Uuid,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The replicas in sync.
        isr: Vec<NodeId>,
    },
    /// A follower gave up the end of its log, because its leader's is another one; or all of it, because its leader's
    /// begins behind it.
    LogTruncated {
        /// The follower.
        node: NodeId,
        /// The topic's id.
        topic_id: Uuid,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where its log ended.
        from: i64,
        /// Where it ends now; behind `from` if it gave up all and begins anew there.
        to: i64,
    },
    /// A leader has another high watermark than before, or than it was known to have: what is before it is committed.
    /// One that has just been elected may know less than the one before it.
    HighWatermarkMoved {
        /// The topic's id.
        topic_id: Uuid,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Who leads, or still believes that it does.
        node: NodeId,
        /// The high watermark.
        offset: i64,
    },
    /// The groups of a partition of `__consumer_offsets` have another coordinator.
    CoordinatorMoved {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// The coordinator; -1 for none.
        node: NodeId,
    },
    /// A node went down.
    NodeDown {
        /// The node.
        node: NodeId,
    },
    /// A node is up again, or known to the controller again.
    NodeUp {
        /// The node.
        node: NodeId,
    },
    /// The controller gave a node up.
    NodeFenced {
        /// The node.
        node: NodeId,
    },
    /// A fault rule has fired.
    FaultFired {
        /// The rule, counted from the first that was ever in force.
        rule: u64,
        /// The request; `None` for a rule that fires by itself.
        request: Option<RequestPlace>,
        /// The API.
        api: Option<ApiKey>,
        /// The rule itself.
        what: FaultRule,
    },
    /// What a rule that has fired would have done to the cluster could not be done: its node is no replica in sync, its
    /// topic is not there.
    FaultUndone {
        /// The rule, as in the entry that says that it fired.
        rule: u64,
        /// Why.
        reason: String,
    },
}

/// A request: the connection it came by, and which of the connection's requests it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RequestPlace {
    /// The connection.
    pub connection: ConnectionId,
    /// The connection's nth request, from 0.
    pub request: u64,
}

/// The producer of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchProducer {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The sequence of the batch's first record.
    pub base_sequence: i32,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalMember {
    /// Its id.
    pub member_id: String,
    /// Its `client.id`.
    pub client_id: String,
    /// What it was assigned, if the members are consumers: topics with their partitions.
    pub assignment: Vec<(String, Vec<i32>)>,
}
