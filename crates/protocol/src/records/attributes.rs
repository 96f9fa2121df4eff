//! The attribute bits of batches, and of the messages of magic 0 and 1 that have the lowest four.

use std::fmt;

use crate::compression::Compression;

const COMPRESSION: u16 = 0b111;
const LOG_APPEND_TIME: u16 = 1 << 3;
const TRANSACTIONAL: u16 = 1 << 4;
const CONTROL: u16 = 1 << 5;
const DELETE_HORIZON: u16 = 1 << 6;

/// The attributes of a batch; bits that Kafka does not use are kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attributes(u16);

impl Attributes {
    /// From the wire's 16 bits (8 in magic 0 and 1).
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The wire's 16 bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The compression, unless the batch names one that does not exist.
    #[must_use]
    pub const fn compression(self) -> Option<Compression> {
        Compression::from_id(self.compression_id())
    }

    /// The number that names the compression: 0 to 7.
    #[must_use]
    pub const fn compression_id(self) -> u8 {
        (self.0 & COMPRESSION) as u8
    }

    /// Whether the broker stamped the records (KIP-32); otherwise the producer did.
    #[must_use]
    pub const fn is_log_append_time(self) -> bool {
        self.0 & LOG_APPEND_TIME != 0
    }

    /// Whether the batch belongs to a transaction (KIP-98).
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records rather than an application's.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Whether the base timestamp is the time from which compaction may drop the batch's tombstones
    /// (KIP-534).
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }

    /// With this compression.
    #[must_use]
    pub const fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !COMPRESSION | compression.id() as u16)
    }

    /// With or without log append time.
    #[must_use]
    pub const fn with_log_append_time(self, on: bool) -> Self {
        self.with(LOG_APPEND_TIME, on)
    }

    /// With or without the transactional flag.
    #[must_use]
    pub const fn with_transactional(self, on: bool) -> Self {
        self.with(TRANSACTIONAL, on)
    }

    /// With or without the control flag.
    #[must_use]
    pub const fn with_control(self, on: bool) -> Self {
        self.with(CONTROL, on)
    }

    /// With or without a delete horizon in place of the base timestamp.
    #[must_use]
    pub const fn with_delete_horizon(self, on: bool) -> Self {
        self.with(DELETE_HORIZON, on)
    }

    const fn with(self, flag: u16, on: bool) -> Self {
        Self(if on { self.0 | flag } else { self.0 & !flag })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attributes")
            .field("compression", &self.compression())
            .field("log_append_time", &self.is_log_append_time())
            .field("transactional", &self.is_transactional())
            .field("control", &self.is_control())
            .field("delete_horizon", &self.has_delete_horizon())
            .field("bits", &self.0)
            .finish()
    }
}

/// Who stamped the records of a batch (KIP-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// Nobody: magic 0 has no timestamps.
    NoTimestamp,
    /// The producer or its application.
    CreateTime,
    /// The broker, when it appended the batch: one time for all records.
    LogAppendTime,
}

impl TimestampType {
    /// Kafka's name: `NoTimestampType`, `CreateTime`, `LogAppendTime`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTimestamp => "NoTimestampType",
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
