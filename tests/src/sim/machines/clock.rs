//! One virtual clock, as the client's machines and the cluster read it.

use std::time::Duration;

use ottla_core::time::{Instant, Now};

/// What the wall clock shows when the world begins: 2023-11-14T22:13:20Z.
const BEGIN_UNIX_MS: i64 = 1_700_000_000_000;

/// The present for a client.
pub(super) fn to_client(at: Instant) -> Now {
    Now { instant: at, unix_ms: unix_ms(at) }
}

/// The present for the cluster.
pub(super) fn to_cluster(at: Instant) -> ottla_testbroker::Now {
    let micros = u64::try_from(at.since_start().as_micros()).unwrap_or(u64::MAX);
    ottla_testbroker::Now::new(ottla_testbroker::Instant::from_micros(micros), unix_ms(at))
}

/// A time of the cluster's.
pub(super) fn from_cluster(at: ottla_testbroker::Instant) -> Instant {
    Instant::from_start(Duration::from_micros(at.as_micros()))
}

fn unix_ms(at: Instant) -> i64 {
    BEGIN_UNIX_MS + i64::try_from(at.since_start().as_millis()).unwrap_or(i64::MAX - BEGIN_UNIX_MS)
}
