//! Events of connections and their requests, with the payloads of KafkaJS.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_protocol::api::ApiKey;
use ottla_protocol::types::Str;

use super::{Payload, Role};
use crate::connection::{RequestTold, Told};
use crate::time::{Instant, Now};

/// A connection takes requests: the broker has said its versions and knows who this is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connect {
    /// `host:port`.
    pub broker: Str,
    /// From the first packet to here, without a wait that preceded it.
    pub duration: Duration,
}

/// A connection that took requests has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnect {
    /// `host:port`.
    pub broker: Str,
    /// Why.
    pub reason: String,
}

/// A request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkRequest {
    /// `host:port`.
    pub broker: Str,
    /// The request's number on its connection.
    pub correlation_id: i32,
    /// When it was handed in.
    pub created_at: SystemTime,
    /// When it was written.
    pub sent_at: SystemTime,
    /// From one to the other.
    pub pending_duration: Duration,
    /// Its API; the name is its `Display`.
    pub api_key: ApiKey,
    /// The version in which it was written.
    pub api_version: i16,
}

/// A request has its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The request.
    pub request: NetworkRequest,
    /// The size of the answer, in bytes.
    pub size: usize,
    /// From when it was sent to the answer.
    pub duration: Duration,
}

/// A request has no answer in time. Its connection ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestTimeout {
    /// The request.
    pub request: NetworkRequest,
}

/// The number of requests that wait to be sent has changed: for a connection that is being made, or that is throttled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestQueueSize {
    /// `host:port`.
    pub broker: Str,
    /// How many wait.
    pub queue_size: usize,
}

/// A broker asks that nothing be sent on a connection for a while (KIP-219), and nothing will be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// `host:port`.
    pub broker: Str,
    /// The API of the request in whose answer it said so.
    pub api_key: ApiKey,
    /// For how long.
    pub throttle_time: Duration,
}

impl Connect {
    /// The broker at `broker` took so long.
    pub fn new(broker: Str, duration: Duration) -> Self {
        Self { broker, duration }
    }
}

impl Disconnect {
    /// The connection to `broker` has ended.
    pub fn new(broker: Str, reason: String) -> Self {
        Self { broker, reason }
    }
}

/// What listeners see of what a connection to `broker` tells at `now`.
pub fn of_connection(told: Told, broker: &Str, now: Now) -> (Role, Payload) {
    let broker = broker.clone();
    match told {
        Told::Answered { request, at, size } => {
            let duration = at.since(request.sent);
            let role = request.role;
            let request = described(request, broker, now);
            (role, Payload::Request(Request { request, size, duration }))
        }
        Told::TimedOut(request) => {
            let role = request.role;
            (role, Payload::RequestTimeout(RequestTimeout { request: described(request, broker, now) }))
        }
        Told::Waiting { role, count } => {
            (role, Payload::RequestQueueSize(RequestQueueSize { broker, queue_size: count }))
        }
        Told::Throttled { role, api, time } => {
            (role, Payload::Throttled(Throttled { broker, api_key: api, throttle_time: time }))
        }
    }
}

fn described(told: RequestTold, broker: Str, now: Now) -> NetworkRequest {
    let at = |instant: Instant| wall(now) - now.instant.since(instant);
    NetworkRequest {
        broker,
        correlation_id: told.correlation_id,
        created_at: at(told.created),
        sent_at: at(told.sent),
        pending_duration: told.sent.since(told.created),
        api_key: told.api,
        api_version: told.version,
    }
}

/// The present as the standard library tells it.
pub(crate) fn wall(now: Now) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(now.unix_ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_become_the_wall_clock_of_that_moment() {
        let second = |n| Instant::from_start(Duration::from_secs(n));
        let told = RequestTold {
            correlation_id: 7,
            api: ApiKey::HEARTBEAT,
            version: 4,
            role: Role::Consumer,
            created: second(1),
            sent: second(3),
        };
        let now = Now { instant: second(10), unix_ms: 1_000_000 };
        let told = Told::Answered { request: told, at: second(8), size: 20 };
        let (role, payload) = of_connection(told, &"b:1".into(), now);
        let Payload::Request(Request { request, size: 20, duration }) = payload else {
            panic!("{payload:?}")
        };
        assert_eq!((role, duration), (Role::Consumer, Duration::from_secs(5)));
        assert_eq!(request.created_at, UNIX_EPOCH + Duration::from_secs(991));
        assert_eq!(request.sent_at, UNIX_EPOCH + Duration::from_secs(993));
        assert_eq!(request.pending_duration, Duration::from_secs(2));
    }
}
