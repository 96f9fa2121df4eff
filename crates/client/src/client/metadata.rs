//! The task that keeps the picture of the cluster fresh, and the handle to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use ottla_core::connection::ConnectErrorKind;
use ottla_core::metadata::{ClusterSnapshot, LeaderHints, Metadata, Recovery, Topic};
use ottla_core::request::RequestError;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::Message;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::types::TopicName;
use ottla_transport::Clock;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};
use tracing::debug;

use super::pool::{Lane, Peer, Pool};
use super::published::{Follower, Publisher, publish};
use crate::error::{BootstrapFailure, ClientError, ClientErrorKind};

/// Answers that say "unknown topic" in a row before that is believed: a new topic spreads over the brokers in a moment.
const UNKNOWN_TOPIC_ANSWERS: u32 = 5;

/// The handle to the task.
pub(crate) struct MetadataHandle {
    state: Arc<State>,
    snapshots: Follower<Arc<ClusterSnapshot>>,
    /// Why asking failed, when trying again would not help.
    refusals: Follower<Option<RequestError>>,
    /// Ends with the task.
    outlet: Weak<Outlet>,
    task: JoinHandle<()>,
}

struct State {
    machine: Mutex<Metadata>,
    wake: Notify,
    clock: Clock,
}

/// Where new pictures are made known: to the pool, which must know addresses first, and to everybody.
struct Outlet {
    state: Arc<State>,
    pool: Arc<Pool>,
    publisher: Publisher<Arc<ClusterSnapshot>>,
}

impl MetadataHandle {
    /// Asks the bootstrap servers until one answers, then keeps on in a task.
    pub(crate) async fn start(
        metadata: Metadata,
        recovery: Recovery,
        pool: Arc<Pool>,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let state = Arc::new(State { machine: Mutex::new(metadata), wake: Notify::new(), clock });
        let mut failures = Vec::new();
        for (at, address) in pool.bootstrap().iter().enumerate() {
            let due = state.lock().next_timeout().unwrap_or_default();
            sleep_until(clock.deadline(due)).await;
            let Some(request) = state.due() else { continue };
            match state.send(request, &pool, Peer::Bootstrap(at)).await {
                Ok(()) => {
                    let snapshot = Arc::clone(state.lock().snapshot());
                    pool.on_snapshot(&snapshot);
                    let (publisher, snapshots) = publish(snapshot);
                    let (refusal, refusals) = publish(None);
                    let outlet = Arc::new(Outlet { state: Arc::clone(&state), pool, publisher });
                    let weak = Arc::downgrade(&outlet);
                    let task = tokio::spawn(keep_fresh(outlet, recovery, refusal));
                    return Ok(Self { state, snapshots, refusals, outlet: weak, task });
                }
                Err(error) => {
                    let is_of_all = is_of_all_brokers(&error);
                    failures.push(BootstrapFailure { server: address.to_string(), error });
                    if is_of_all {
                        break;
                    }
                }
            }
        }
        match failures.iter().find(|failure| !failure.error.is_retriable()) {
            Some(fatal) => Err(fatal.error.clone().into()),
            None => Err(ClientError::new(ClientErrorKind::Unreachable(failures))),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<ClusterSnapshot> {
        self.snapshots.latest()
    }

    pub(crate) fn watch(&self) -> Follower<Arc<ClusterSnapshot>> {
        self.snapshots.clone()
    }

    /// Asks again soon.
    pub(crate) fn refresh(&self) {
        let now = self.state.clock.instant();
        self.state.lock().refresh(now);
        self.state.wake.notify_one();
    }

    /// Takes over leaders that an answer named (KIP-951), and tells everybody if they are new. Returns the latest picture
    /// if any were named: the caller may not have seen it.
    pub(crate) fn on_leader_hints(&self, hints: &LeaderHints) -> Option<Arc<ClusterSnapshot>> {
        if hints.is_empty() {
            return None;
        }
        if self.state.lock().on_leader_hints(hints) {
            self.outlet.upgrade()?.publish();
        }
        Some(self.snapshot())
    }

    /// Keeps these topics in the picture from now on.
    pub(crate) fn want(&self, topics: &BTreeSet<TopicName>) {
        let now = self.state.clock.instant();
        let mut machine = self.state.lock();
        topics.iter().for_each(|topic| machine.want(now, topic));
        drop(machine);
        self.state.wake.notify_one();
    }

    /// The topic, asked for unless it is known.
    pub(crate) async fn topic(&self, name: &TopicName, limit: Duration) -> Result<Arc<Topic>, ClientError> {
        let mut snapshots = self.watch();
        let first = snapshots.see();
        if let Some(topic) = usable(&first, name) {
            return Ok(topic);
        }
        let mut answers = first.answers();
        let mut refusals = self.refusals.clone();
        _ = refusals.see();
        let interest = Interest::start(&self.state, name);
        let wait = async {
            let mut unknown = 0;
            loop {
                let changed = tokio::select! {
                    biased;
                    changed = snapshots.changed() => changed,
                    Ok(()) = refusals.changed() => match refusals.see() {
                        Some(error) => return Err(error.into()),
                        None => continue,
                    },
                };
                if changed.is_err() {
                    return Err(ClientError::new(ClientErrorKind::Closed));
                }
                let snapshot = snapshots.see();
                if let Some(topic) = usable(&snapshot, name) {
                    return Ok(topic);
                }
                if snapshot.answers() == answers {
                    // Only leaders have changed: nobody was asked again.
                    continue;
                }
                answers = snapshot.answers();
                match snapshot.topic(name).and_then(|topic| topic.error) {
                    Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => unknown += 1,
                    Some(code) if !code.is_retriable() => {
                        return Err(ClientError::refused(format!("topic {name}"), code));
                    }
                    _ => {}
                }
                if unknown == UNKNOWN_TOPIC_ANSWERS {
                    return Err(ClientError::new(ClientErrorKind::UnknownTopic(name.clone())));
                }
            }
        };
        let result = timeout(limit, wait)
            .await
            .unwrap_or_else(|_| Err(ClientError::timed_out(format!("metadata of topic {name}"))));
        if result.is_ok() {
            interest.keep();
        }
        result
    }

    /// Ends the task.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

/// An interest in a topic, which ends with this unless it is kept: a caller that gives up must not have the brokers
/// asked for ever for what does not exist.
struct Interest<'a> {
    state: &'a State,
    topic: Option<&'a TopicName>,
}

impl<'a> Interest<'a> {
    fn start(state: &'a State, topic: &'a TopicName) -> Self {
        let now = state.clock.instant();
        state.lock().want(now, topic);
        state.wake.notify_one();
        Self { state, topic: Some(topic) }
    }

    fn keep(mut self) {
        self.topic = None;
    }
}

impl Drop for Interest<'_> {
    fn drop(&mut self) {
        if let Some(topic) = self.topic {
            self.state.lock().forget(topic);
        }
    }
}

fn usable(snapshot: &ClusterSnapshot, name: &str) -> Option<Arc<Topic>> {
    snapshot.topic(name).filter(|topic| topic.error.is_none() && !topic.partitions.is_empty()).cloned()
}

/// Whether the other brokers would say the same: credentials are those of the cluster, and those that were refused too
/// often may be locked.
fn is_of_all_brokers(error: &RequestError) -> bool {
    matches!(error, RequestError::Connect(error)
        if matches!(error.kind(), ConnectErrorKind::Authentication(_)) && !error.is_retriable())
}

impl Outlet {
    /// Makes the latest picture known; false if nobody follows.
    ///
    /// Connections' tasks do so too. Whoever was overtaken between looking and telling has told something old, and tells
    /// again: so the last one has always told the latest.
    fn publish(&self) -> bool {
        loop {
            let snapshot = Arc::clone(self.state.lock().snapshot());
            self.pool.on_snapshot(&snapshot);
            let is_followed = self.publisher.send(Arc::clone(&snapshot));
            if Arc::ptr_eq(&snapshot, self.state.lock().snapshot()) {
                return is_followed;
            }
        }
    }
}

async fn keep_fresh(outlet: Arc<Outlet>, mut recovery: Recovery, refusal: Publisher<Option<RequestError>>) {
    let Outlet { state, pool, .. } = &*outlet;
    loop {
        let due = state.lock().next_timeout().unwrap_or_else(|| state.clock.instant());
        tokio::select! {
            biased;
            () = sleep_until(state.clock.deadline(due)) => {}
            () = state.wake.notified() => continue,
        }
        let Some(request) = state.due() else { continue };
        let result = state.send(request, pool, pool.whom(&mut recovery)).await;
        match &result {
            Ok(()) => recovery.on_answer(),
            Err(RequestError::Closed) => return,
            Err(RequestError::Refused(ErrorCode::REBOOTSTRAP_REQUIRED)) => recovery.on_rebootstrap_required(),
            Err(_) => recovery.on_failure(state.clock.instant()),
        }
        if let Err(error) = result {
            debug!(%error, "metadata request failed");
            if !error.is_retriable() {
                refusal.send(Some(error));
            }
            continue;
        }
        if !outlet.publish() {
            return;
        }
    }
}

impl State {
    /// The request that is due, if one is.
    fn due(&self) -> Option<MetadataRequest> {
        self.lock().poll_request(self.clock.instant())
    }

    async fn send(&self, request: MetadataRequest, pool: &Pool, peer: Peer) -> Result<(), RequestError> {
        let result = pool.call(peer, Lane::Control, request, MetadataRequest::VERSIONS).await;
        let now = self.clock.instant();
        match result {
            Ok(answer) => self.lock().on_answer(now, &answer),
            Err(error) => {
                self.lock().on_failure(now, &error);
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Metadata> {
        self.machine.lock().expect("nothing panics while it holds the metadata")
    }
}
