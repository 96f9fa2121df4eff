//! What a fault does.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

/// On which side of the request's effect a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub enum When {
    /// The request has no effect.
    #[default]
    BeforeApply,
    /// The request has its effect, and the client does not learn of it.
    AfterApply,
}

#[cfg(feature = "json")]
impl When {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to a request that a rule has selected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)
)]
pub enum FaultAction {
    /// An error code, where the API reports it: for the selected partitions, topics or groups, or for the request.
    /// What is not selected is served.
    Error {
        /// The code, as a client gets it.
        #[cfg_attr(feature = "json", serde(with = "super::json::error_code"))]
        code: ErrorCode,
        /// Whether what gets the error is applied all the same.
        #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "When::is_default"))]
        when: When,
    },
    /// The request is taken up later (before), or its answer is sent later (after). What the client sends behind it
    /// waits too: brokers serve a connection in order.
    Delay {
        /// How long, in whole milliseconds; at most [`MAX_DELAY`](super::MAX_DELAY).
        #[cfg_attr(feature = "json", serde(rename = "ms", with = "super::json::millis"))]
        by: Duration,
        /// The request or the answer.
        #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "When::is_default"))]
        when: When,
    },
    /// The request is never answered, and what comes behind it on the connection is. No TCP connection loses one
    /// request; a broker that forgets one does.
    Drop {
        /// Whether it is applied.
        #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "When::is_default"))]
        when: When,
    },
    /// The connection is closed without an answer.
    Close {
        /// Whether the request is applied.
        #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "When::is_default"))]
        when: When,
    },
    /// The request is applied, and the connection closed after so many bytes of the answer's frame, the four of its
    /// size included. Frames that are shorter arrive whole.
    Cut {
        /// How many bytes arrive.
        bytes: u32,
    },
    /// From this request on the connection is open and mute.
    Hang {
        /// Whether the request is applied.
        #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "When::is_default"))]
        when: When,
    },
    /// The answer is sent twice: a second frame with the same correlation id follows the first.
    Repeat,
    /// The answer says that the client is throttled, where it can, and for so long nothing more is read from the
    /// connection, as by a broker since 2.0 (KIP-219).
    Throttle {
        /// How long, in whole milliseconds; at most [`MAX_DELAY`](super::MAX_DELAY).
        #[cfg_attr(feature = "json", serde(rename = "ms", with = "super::json::millis"))]
        by: Duration,
    },
    /// Produce alone: the selected partitions are refused with NOT_LEADER_OR_FOLLOWER, and the answer names another
    /// leader than there is (KIP-951), in the versions that name one.
    Misdirect {
        /// Who leads, it says. For a node that is not there it makes up an address.
        #[cfg_attr(feature = "json", serde(with = "super::json::node"))]
        node: NodeId,
        /// So many leader epochs before the one that the broker knows.
        #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "super::json::is_zero"))]
        epochs_back: u32,
    },
    /// A node is shut down: what it leads moves first. This and what follows is done before the request is applied.
    StopNode {
        /// The node.
        #[cfg_attr(feature = "json", serde(with = "super::json::node"))]
        node: NodeId,
        /// When it comes back; at most [`MAX_DELAY`](super::MAX_DELAY). Default: not by itself.
        #[cfg_attr(
            feature = "json",
            serde(
                default,
                rename = "downMs",
                with = "super::json::optional_millis",
                skip_serializing_if = "Option::is_none"
            )
        )]
        down_for: Option<Duration>,
    },
    /// A node crashes; the controller notices when its session is over.
    KillNode {
        /// The node.
        #[cfg_attr(feature = "json", serde(with = "super::json::node"))]
        node: NodeId,
        /// When it comes back; at most [`MAX_DELAY`](super::MAX_DELAY). Default: not by itself.
        #[cfg_attr(
            feature = "json",
            serde(
                default,
                rename = "downMs",
                with = "super::json::optional_millis",
                skip_serializing_if = "Option::is_none"
            )
        )]
        down_for: Option<Duration>,
    },
    /// Another replica in sync leads a partition.
    MoveLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The next leader.
        #[cfg_attr(feature = "json", serde(with = "super::json::node"))]
        node: NodeId,
    },
    /// Another node coordinates a group.
    MoveCoordinator {
        /// The group.
        group: String,
        /// The next coordinator.
        #[cfg_attr(feature = "json", serde(with = "super::json::node"))]
        node: NodeId,
    },
    /// The followers of a partition stop fetching for a while.
    PauseReplication {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// For how long; at most [`MAX_DELAY`](super::MAX_DELAY).
        #[cfg_attr(feature = "json", serde(rename = "ms", with = "super::json::millis"))]
        by: Duration,
    },
    /// A topic is deleted, with all that groups committed for it.
    DeleteTopic {
        /// The topic.
        topic: String,
        /// When it is made again, with as many partitions and replicas and another id; at most
        /// [`MAX_DELAY`](super::MAX_DELAY). Default: not by itself.
        #[cfg_attr(
            feature = "json",
            serde(
                default,
                rename = "goneMs",
                with = "super::json::optional_millis",
                skip_serializing_if = "Option::is_none"
            )
        )]
        gone_for: Option<Duration>,
    },
    /// A partition's oldest records are deleted, as by DeleteRecords or by what is retained.
    DeleteRecords {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// So many offsets below the high watermark stay.
        left: u32,
    },
    /// A config of a topic gets another value, as by IncrementalAlterConfigs.
    SetTopicConfig {
        /// The topic.
        topic: String,
        /// The config: `max.message.bytes`.
        name: String,
        /// Its value.
        value: String,
    },
}

impl FaultAction {
    /// Whether it is done to the cluster, and so needs no request.
    pub(crate) fn is_control(&self) -> bool {
        matches!(
            self,
            Self::StopNode { .. }
                | Self::KillNode { .. }
                | Self::MoveLeader { .. }
                | Self::MoveCoordinator { .. }
                | Self::PauseReplication { .. }
                | Self::DeleteTopic { .. }
                | Self::DeleteRecords { .. }
                | Self::SetTopicConfig { .. }
        )
    }

    /// The time that it takes, if it takes any.
    pub(crate) fn time(&self) -> Option<Duration> {
        match self {
            Self::Delay { by, .. } | Self::PauseReplication { by, .. } | Self::Throttle { by } => Some(*by),
            Self::StopNode { down_for, .. } | Self::KillNode { down_for, .. } => *down_for,
            Self::DeleteTopic { gone_for, .. } => *gone_for,
            _ => None,
        }
    }

    /// The name in it, if there is one.
    pub(crate) fn name(&self) -> Option<&String> {
        match self {
            Self::MoveLeader { topic, .. }
            | Self::PauseReplication { topic, .. }
            | Self::DeleteTopic { topic, .. }
            | Self::DeleteRecords { topic, .. }
            | Self::SetTopicConfig { topic, .. } => Some(topic),
            Self::MoveCoordinator { group, .. } => Some(group),
            _ => None,
        }
    }

    /// Whether it decides how the request ends, which only one action can.
    pub(crate) fn ends(&self) -> bool {
        matches!(self, Self::Drop { .. } | Self::Close { .. } | Self::Cut { .. } | Self::Hang { .. })
    }
}
