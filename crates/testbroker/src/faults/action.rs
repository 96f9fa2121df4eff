//! What a fault does.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;

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
}

impl FaultAction {
    /// Whether it decides how the request ends, which only one action can.
    pub(crate) fn ends(&self) -> bool {
        matches!(self, Self::Drop { .. } | Self::Close { .. } | Self::Cut { .. } | Self::Hang { .. })
    }
}
