//! What a process has exercised of the machines: how often each edge of each state table was taken, and how often each
//! machine was told which error code. For the simulation, which says what it has not reached.
//!
//! Without the private feature `__coverage` all of this is nothing. With it the counters are static atomics: a machine
//! neither waits for them nor decides by them, so that core stays without locks and its runs repeat; and a machine needs
//! no handle to count, which in normal builds would be a field for nothing.

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;

/// A machine was told `code` by an answer to `api`. [`ErrorCode::NONE`] is not counted.
#[cfg(not(feature = "__coverage"))]
#[inline(always)]
pub(crate) fn told(_api: ApiKey, _code: ErrorCode) {}

#[cfg(feature = "__coverage")]
pub use counters::{Edge, Told, codes, edges};
#[cfg(feature = "__coverage")]
pub(crate) use counters::{EdgeHits, told};

#[cfg(feature = "__coverage")]
mod counters {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{ApiKey, ErrorCode};
    #[cfg(feature = "sasl")]
    use crate::sasl;
    use crate::{connection, consumer, groups, metadata, producer, reconnect};

    /// The most states that a machine has.
    const MAX_STATES: usize = 16;
    /// Codes are counted from -1 up to this one.
    const MAX_CODE: usize = 254;

    /// A legal edge of a machine.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Edge {
        /// The machine.
        pub machine: &'static str,
        /// The state that it leads from.
        pub from: String,
        /// The state that it leads to.
        pub to: String,
        /// How often it was taken.
        pub hits: u64,
    }

    /// An error code in the answers to an API.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Told {
        /// The API.
        pub api: ApiKey,
        /// The code.
        pub code: ErrorCode,
        /// Whether it is retriable and brokers answer so.
        pub is_expected: bool,
        /// How often a machine was told so.
        pub hits: u64,
    }

    /// Counters of a table's edges.
    pub(crate) struct EdgeHits([AtomicU64; MAX_STATES * MAX_STATES]);

    impl EdgeHits {
        pub(crate) const fn new() -> Self {
            Self([const { AtomicU64::new(0) }; MAX_STATES * MAX_STATES])
        }

        pub(crate) fn count(&self, from: usize, to: usize) {
            if let Some(hits) = self.0.get(from * MAX_STATES + to) {
                hits.fetch_add(1, Ordering::Relaxed);
            }
        }

        pub(crate) fn of(&self, from: usize, to: usize) -> u64 {
            self.0.get(from * MAX_STATES + to).map_or(0, |hits| hits.load(Ordering::Relaxed))
        }
    }

    struct Codes {
        api: ApiKey,
        expected: &'static [ErrorCode],
        hits: [AtomicU64; MAX_CODE + 2],
    }

    impl Codes {
        const fn new(api: ApiKey, expected: &'static [ErrorCode]) -> Self {
            Self { api, expected, hits: [const { AtomicU64::new(0) }; MAX_CODE + 2] }
        }
    }

    /// The APIs whose answers machines judge, each with the retriable codes that brokers of Kafka 4.3 answer it with.
    static CODES: [Codes; 11] = {
        use ErrorCode as E;
        const COORDINATOR: &[ErrorCode] =
            &[E::COORDINATOR_LOAD_IN_PROGRESS, E::COORDINATOR_NOT_AVAILABLE, E::NOT_COORDINATOR];
        [
            Codes::new(ApiKey::METADATA, &[E::UNKNOWN_TOPIC_OR_PARTITION, E::LEADER_NOT_AVAILABLE]),
            Codes::new(
                ApiKey::PRODUCE,
                &[
                    E::CORRUPT_MESSAGE,
                    E::UNKNOWN_TOPIC_OR_PARTITION,
                    E::NOT_LEADER_OR_FOLLOWER,
                    E::REQUEST_TIMED_OUT,
                    E::NOT_ENOUGH_REPLICAS,
                    E::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                    E::KAFKA_STORAGE_ERROR,
                ],
            ),
            // While the broker waits for its next block of ids.
            Codes::new(
                ApiKey::INIT_PRODUCER_ID,
                &[E::COORDINATOR_LOAD_IN_PROGRESS, E::COORDINATOR_NOT_AVAILABLE],
            ),
            // Without those of fetch sessions, which the consumer does not use.
            Codes::new(
                ApiKey::FETCH,
                &[
                    E::CORRUPT_MESSAGE,
                    E::UNKNOWN_TOPIC_OR_PARTITION,
                    E::NOT_LEADER_OR_FOLLOWER,
                    E::REPLICA_NOT_AVAILABLE,
                    E::KAFKA_STORAGE_ERROR,
                    E::FENCED_LEADER_EPOCH,
                    E::UNKNOWN_LEADER_EPOCH,
                    E::OFFSET_NOT_AVAILABLE,
                    E::UNKNOWN_TOPIC_ID,
                    E::INCONSISTENT_TOPIC_ID,
                ],
            ),
            Codes::new(
                ApiKey::LIST_OFFSETS,
                &[
                    E::UNKNOWN_TOPIC_OR_PARTITION,
                    E::LEADER_NOT_AVAILABLE,
                    E::NOT_LEADER_OR_FOLLOWER,
                    E::REPLICA_NOT_AVAILABLE,
                    E::KAFKA_STORAGE_ERROR,
                    E::FENCED_LEADER_EPOCH,
                    E::UNKNOWN_LEADER_EPOCH,
                    E::OFFSET_NOT_AVAILABLE,
                ],
            ),
            Codes::new(ApiKey::FIND_COORDINATOR, &[E::COORDINATOR_NOT_AVAILABLE]),
            Codes::new(ApiKey::JOIN_GROUP, COORDINATOR),
            Codes::new(ApiKey::SYNC_GROUP, COORDINATOR),
            Codes::new(ApiKey::HEARTBEAT, COORDINATOR),
            Codes::new(
                ApiKey::OFFSET_COMMIT,
                &[
                    E::UNKNOWN_TOPIC_OR_PARTITION,
                    E::REQUEST_TIMED_OUT,
                    E::COORDINATOR_LOAD_IN_PROGRESS,
                    E::COORDINATOR_NOT_AVAILABLE,
                    E::NOT_COORDINATOR,
                ],
            ),
            Codes::new(
                ApiKey::OFFSET_FETCH,
                &[
                    E::COORDINATOR_LOAD_IN_PROGRESS,
                    E::COORDINATOR_NOT_AVAILABLE,
                    E::NOT_COORDINATOR,
                    E::UNSTABLE_OFFSET_COMMIT,
                ],
            ),
        ]
    };

    /// A machine was told `code` by an answer to `api`. [`ErrorCode::NONE`] is not counted.
    pub(crate) fn told(api: ApiKey, code: ErrorCode) {
        if !code.is_error() {
            return;
        }
        let of_api = CODES.iter().find(|codes| codes.api == api);
        debug_assert!(of_api.is_some(), "{api} is not in the table");
        if let Some(hits) = of_api.and_then(|codes| codes.hits.get(place(code))) {
            hits.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every legal edge of every machine.
    pub fn edges() -> Vec<Edge> {
        [
            connection::EDGES.edges(),
            connection::LOGIN_EDGES.edges(),
            reconnect::EDGES.edges(),
            metadata::EDGES.edges(),
            metadata::RECOVERY_EDGES.edges(),
            producer::identity_edges(),
            producer::batch_edges(),
            consumer::position_edges(),
            consumer::seek_edges(),
            groups::coordinator_edges(),
            groups::classic_edges(),
            #[cfg(feature = "sasl")]
            sasl::token_refresh::EDGES.edges(),
        ]
        .concat()
    }

    /// Of every API whose answers machines judge: the codes that are expected, told or not, and others that were told.
    pub fn codes() -> Vec<Told> {
        let mut all = Vec::new();
        for codes in &CODES {
            let told = |code| codes.hits.get(place(code)).map_or(0, |hits| hits.load(Ordering::Relaxed));
            let row = |code, is_expected| Told { api: codes.api, code, is_expected, hits: told(code) };
            all.extend(codes.expected.iter().map(|code| row(*code, true)));
            let others = (-1..=MAX_CODE as i16).map(ErrorCode);
            let others = others.filter(|code| told(*code) > 0 && !codes.expected.contains(code));
            all.extend(others.map(|code| row(code, false)));
        }
        all
    }

    fn place(code: ErrorCode) -> usize {
        usize::try_from(i32::from(code.0) + 1).unwrap_or(usize::MAX)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_expected_is_retriable_and_named_once() {
            for codes in &CODES {
                assert!(codes.expected.iter().all(|code| code.is_retriable()), "{}", codes.api);
                let mut seen = codes.expected.to_vec();
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), codes.expected.len(), "{}", codes.api);
                assert_eq!(CODES.iter().filter(|other| other.api == codes.api).count(), 1);
            }
        }

        #[test]
        fn every_edge_is_listed_once_and_its_table_is_not_too_large() {
            let all = edges();
            assert!(all.len() > 80, "{}", all.len());
            let name = |edge: &Edge| (edge.machine, edge.from.clone(), edge.to.clone());
            let distinct: std::collections::BTreeSet<_> = all.iter().map(name).collect();
            assert_eq!(distinct.len(), all.len());
            for machine in all.iter().map(|edge| edge.machine) {
                let of_machine = all.iter().filter(|edge| edge.machine == machine);
                let states: std::collections::BTreeSet<_> =
                    of_machine.flat_map(|edge| [&edge.from, &edge.to]).collect();
                assert!(states.len() <= MAX_STATES, "{machine}");
            }
        }

        #[test]
        fn codes_are_counted_by_api() {
            let hits = || {
                let all = codes();
                let told = all.iter().find(|told| told.code == ErrorCode(77) && told.api == ApiKey::FETCH);
                told.map_or(0, |told| told.hits)
            };
            let before = hits();
            told(ApiKey::FETCH, ErrorCode(77));
            told(ApiKey::FETCH, ErrorCode::NONE);
            told(ApiKey::FETCH, ErrorCode(i16::MIN));
            told(ApiKey::FETCH, ErrorCode(i16::MAX));
            told(ApiKey::PRODUCE, ErrorCode(77));
            assert_eq!(hits(), before + 1);
        }
    }
}
