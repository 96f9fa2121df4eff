//! Control records: what brokers write among an application's records (KIP-98, KIP-595, KIP-853).
//!
//! The key names the type; the body of all but transaction markers is one of Kafka's data messages
//! (`LeaderChangeMessage`, `SnapshotHeaderRecord`, …), which is handed on as bytes.

use super::Record;

/// A control record by its type. Bodies are the record's whole value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlRecord<'a> {
    /// The producer's transaction was aborted.
    Abort {
        /// The epoch of the transaction coordinator that wrote the marker.
        coordinator_epoch: i32,
    },
    /// The producer's transaction was committed.
    Commit {
        /// The epoch of the transaction coordinator that wrote the marker.
        coordinator_epoch: i32,
    },
    /// A Raft leader took over.
    LeaderChange {
        /// A `LeaderChangeMessage`.
        body: &'a [u8],
    },
    /// A metadata snapshot starts.
    SnapshotHeader {
        /// A `SnapshotHeaderRecord`.
        body: &'a [u8],
    },
    /// A metadata snapshot ends.
    SnapshotFooter {
        /// A `SnapshotFooterRecord`.
        body: &'a [u8],
    },
    /// The Raft protocol's version.
    KRaftVersion {
        /// A `KRaftVersionRecord`.
        body: &'a [u8],
    },
    /// The Raft voters.
    KRaftVoters {
        /// A `VotersRecord`.
        body: &'a [u8],
    },
    /// A type that this crate does not know; consumers skip it.
    Unknown {
        /// The type's number.
        type_id: i16,
        /// The key's version.
        version: i16,
        /// The value, empty if null.
        body: &'a [u8],
    },
}

impl<'a> ControlRecord<'a> {
    /// Reads a record of a control batch.
    ///
    /// # Errors
    /// The reason, if the key is no control key or a transaction marker's value is cut. As in Java, a
    /// version that is not known is read as the last known one.
    pub fn parse(record: &Record<'a>) -> Result<Self, &'static str> {
        let key = record.key.and_then(<[u8]>::first_chunk::<4>).ok_or("control record without a type")?;
        let (version, type_id) = (i16::from_be_bytes([key[0], key[1]]), i16::from_be_bytes([key[2], key[3]]));
        if version < 0 {
            return Err("control record with a negative version");
        }
        let body = record.value.unwrap_or_default();
        Ok(match type_id {
            0 => Self::Abort { coordinator_epoch: coordinator_epoch(body)? },
            1 => Self::Commit { coordinator_epoch: coordinator_epoch(body)? },
            2 => Self::LeaderChange { body },
            3 => Self::SnapshotHeader { body },
            4 => Self::SnapshotFooter { body },
            5 => Self::KRaftVersion { body },
            6 => Self::KRaftVoters { body },
            _ => Self::Unknown { type_id, version, body },
        })
    }

    /// The type's number on the wire.
    #[must_use]
    pub const fn type_id(&self) -> i16 {
        match self {
            Self::Abort { .. } => 0,
            Self::Commit { .. } => 1,
            Self::LeaderChange { .. } => 2,
            Self::SnapshotHeader { .. } => 3,
            Self::SnapshotFooter { .. } => 4,
            Self::KRaftVersion { .. } => 5,
            Self::KRaftVoters { .. } => 6,
            Self::Unknown { type_id, .. } => *type_id,
        }
    }

    /// Kafka's name of the type; `UNKNOWN` for all that this crate does not know.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Abort { .. } => "ABORT",
            Self::Commit { .. } => "COMMIT",
            Self::LeaderChange { .. } => "LEADER_CHANGE",
            Self::SnapshotHeader { .. } => "SNAPSHOT_HEADER",
            Self::SnapshotFooter { .. } => "SNAPSHOT_FOOTER",
            Self::KRaftVersion { .. } => "KRAFT_VERSION",
            Self::KRaftVoters { .. } => "KRAFT_VOTERS",
            Self::Unknown { .. } => "UNKNOWN",
        }
    }

    /// The record's key: version 0 and the type.
    #[must_use]
    pub const fn key(&self) -> [u8; 4] {
        let [high, low] = self.type_id().to_be_bytes();
        [0, 0, high, low]
    }
}

/// The value of a commit or abort marker: version 0 and the epoch of the transaction coordinator.
#[must_use]
pub const fn end_txn_marker_value(coordinator_epoch: i32) -> [u8; 6] {
    let [a, b, c, d] = coordinator_epoch.to_be_bytes();
    [0, 0, a, b, c, d]
}

fn coordinator_epoch(body: &[u8]) -> Result<i32, &'static str> {
    match body.first_chunk::<6>() {
        Some([high, _, ..]) if *high & 0x80 != 0 => Err("transaction marker with a negative version"),
        Some([_, _, a, b, c, d]) => Ok(i32::from_be_bytes([*a, *b, *c, *d])),
        None => Err("transaction marker ends early"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::NO_HEADERS;

    fn parse<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> Result<ControlRecord<'a>, &'static str> {
        ControlRecord::parse(&Record { offset: 0, timestamp: 0, key: Some(key), value, headers: NO_HEADERS })
    }

    #[test]
    fn what_is_written_is_read_back() {
        let commit = ControlRecord::Commit { coordinator_epoch: 7 };
        assert_eq!(parse(&commit.key(), Some(&end_txn_marker_value(7))), Ok(commit));
        let abort = ControlRecord::Abort { coordinator_epoch: -1 };
        assert_eq!(parse(&abort.key(), Some(&end_txn_marker_value(-1))), Ok(abort));
    }

    #[test]
    fn a_type_not_known_is_no_error() {
        let unknown = parse(&[0, 9, 0, 77], None).expect("unknown type");
        assert_eq!(unknown, ControlRecord::Unknown { type_id: 77, version: 9, body: b"" });
        assert_eq!(unknown.type_name(), "UNKNOWN");
    }

    #[test]
    fn a_cut_marker_is_an_error() {
        assert!(parse(&[0, 0, 0], None).is_err());
        assert!(parse(&[0xff, 0xff, 0, 1], Some(&end_txn_marker_value(1))).is_err());
        assert!(parse(&[0, 0, 0, 1], Some(&[0, 0, 0])).is_err());
        assert!(parse(&[0, 0, 0, 1], None).is_err());
    }
}
