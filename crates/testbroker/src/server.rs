//! The cluster behind real connections: a lock around it, a clock for it, and the tasks that feed it.

mod accept;
mod connection;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ottla_protocol::frame::FrameBuf;
use tokio::sync::{Notify, mpsc, watch};
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

use crate::cluster::Cluster;
use crate::connection::{Action, CloseReason, ConnectionId};
#[cfg(feature = "tls")]
use crate::listener::{ListenerConfig, ListenerId};
use crate::now::{Instant, Now};
#[cfg(feature = "tls")]
use crate::tls::InvalidTls;

pub(crate) use accept::accept;
pub(crate) use connection::{Way, serve};

/// What a connection's task is to do next.
#[derive(Debug)]
pub(crate) enum Output {
    Send(FrameBuf),
    Proceed,
    Close(CloseReason),
    /// Send these bytes and close the connection.
    Cut(Bytes),
    Mute,
}

/// What all tasks of a server share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The cluster wants to be woken earlier than before.
    earlier: Notify,
    started: tokio::time::Instant,
    started_unix_ms: i64,
    pub(crate) max_frame_size: usize,
    /// One for each listener of the cluster that speaks TLS.
    #[cfg(feature = "tls")]
    acceptors: BTreeMap<ListenerId, TlsAcceptor>,
}

#[derive(Debug)]
struct State {
    cluster: Cluster,
    /// One output per request, and a connection has one request at a time: the channels stay short.
    outputs: BTreeMap<ConnectionId, mpsc::UnboundedSender<Output>>,
    /// What the timer task sleeps until.
    armed: Option<Instant>,
}

/// Held by every task: tells it to end, and tells the server that it has.
#[derive(Clone, Debug)]
pub(crate) struct Lifeline {
    pub(crate) ended: watch::Receiver<()>,
    /// Dropped with the task.
    pub(crate) _alive: mpsc::Sender<()>,
}

impl Lifeline {
    /// Completes when the server ends.
    pub(crate) async fn ended(&mut self) {
        // Nothing is ever sent: an error means that the server dropped the other end.
        while self.ended.changed().await.is_ok() {}
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(cluster: Cluster, max_frame_size: usize, start_unix_ms: Option<i64>) -> Self {
        let machine = || {
            let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
            i64::try_from(unix.as_millis()).unwrap_or(i64::MAX)
        };
        Self {
            state: Mutex::new(State { cluster, outputs: BTreeMap::new(), armed: None }),
            earlier: Notify::new(),
            started: tokio::time::Instant::now(),
            started_unix_ms: start_unix_ms.unwrap_or_else(machine),
            max_frame_size,
            #[cfg(feature = "tls")]
            acceptors: BTreeMap::new(),
        }
    }

    /// Does something with the cluster and then what the cluster wants done.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Cluster, Now) -> R) -> R {
        let now = self.now();
        let mut state = self.lock();
        let result = act(&mut state.cluster, now);
        state.deliver();
        let next = state.cluster.next_timeout();
        if next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            self.earlier.notify_one();
        }
        result
    }

    /// `None`: the node is down.
    fn connect(
        &self,
        way: Way,
        client_host: &str,
    ) -> Option<(ConnectionId, mpsc::UnboundedReceiver<Output>)> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.lock();
        let now = self.now();
        let id = state.cluster.connect_by(now, way.node, way.listener, client_host)?;
        state.outputs.insert(id, sender);
        Some((id, receiver))
    }

    /// Makes ready for TLS where listeners want it.
    #[cfg(feature = "tls")]
    pub(crate) fn speak_tls(&mut self, listeners: &[ListenerConfig]) -> Result<(), InvalidTls> {
        for (index, listener) in listeners.iter().enumerate() {
            if let Some(tls) = &listener.tls {
                let acceptor = TlsAcceptor::from(Arc::new(tls.server_config()?));
                self.acceptors.insert(ListenerId(index), acceptor);
            }
        }
        Ok(())
    }

    fn disconnect(&self, connection: ConnectionId) {
        let mut state = self.lock();
        let now = self.now();
        state.cluster.disconnect(now, connection);
        state.outputs.remove(&connection);
    }

    fn handle(&self, connection: ConnectionId, frame: Bytes) {
        self.with(|cluster, now| cluster.handle(now, connection, frame));
    }

    fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        Now::new(Instant::default(), self.started_unix_ms) + elapsed
    }

    /// Notes what the timer task will sleep until, and says it.
    fn arm(&self) -> Option<tokio::time::Instant> {
        let mut state = self.lock();
        state.armed = state.cluster.next_timeout();
        state.armed.map(|at| self.started + Duration::from_micros(at.as_micros()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a bug of the test broker; the others should still be able to see what happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver(&mut self) {
        while let Some(action) = self.cluster.poll_action() {
            let (connection, output) = match action {
                Action::Respond(connection, frame) => (connection, Output::Send(frame)),
                Action::Proceed(connection) => (connection, Output::Proceed),
                Action::Close(connection, reason) => (connection, Output::Close(reason)),
                Action::Cut(connection, bytes) => (connection, Output::Cut(bytes)),
                Action::Mute(connection) => (connection, Output::Mute),
            };
            if let Some(sender) = self.outputs.get(&connection) {
                // Without a receiver the connection is ending already.
                let _ = sender.send(output);
            }
        }
    }
}

/// Wakes the cluster when it wants to be.
pub(crate) async fn drive(shared: Arc<Shared>, mut lifeline: Lifeline) {
    loop {
        let next = shared.arm();
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = lifeline.ended() => return,
            () = shared.earlier.notified() => {}
            () = due => shared.with(Cluster::handle_timeout),
        }
    }
}
