//! The handle to a connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_core::connection::{Answer, Encodable};
use ottla_core::events::Role;
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;
use ottla_core::request::RequestError;
use ottla_core::time::Instant;
use ottla_protocol::message::VersionRange;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};

use crate::clock::Clock;
use crate::dialer::Dialer;
use crate::task::{self, Target};

/// What to do with the answer; called on the connection's task, so it must be quick.
pub type Reply = Box<dyn FnOnce(Result<Answer, RequestError>) + Send>;

/// How a request is to be sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SendOptions {
    /// The versions in which it may be written.
    pub versions: VersionRange,
    /// Whether the broker answers it. Default: yes.
    pub expects_answer: bool,
    /// How long it may take from now on, connecting included.
    pub timeout: Duration,
    /// Who asks. Default: the client.
    pub role: Role,
}

impl SendOptions {
    /// A request that can be written in these versions and is answered within `timeout`, or fails.
    pub fn new(versions: VersionRange, timeout: Duration) -> Self {
        Self { versions, expects_answer: true, timeout, role: Role::Client }
    }
}

/// A handle to a connection's task. The task ends when the last handle is gone and nothing is under way, or when the
/// stream does, or when nobody has used it for long; dropping never blocks.
///
/// It takes a limited number of requests at a time, those under way included ([`Dialer::max_requests`]). Whoever can
/// wait for its turn [reserves](Self::reserve) a slot before it sends.
#[derive(Clone)]
pub struct Connection {
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
    clock: Clock,
}

/// Room for one request. It is free again once the request is complete.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// What handles and task share.
pub(crate) struct Shared {
    ready: AtomicBool,
    closed: AtomicBool,
    /// For requests that were not completed yet.
    room: Arc<Semaphore>,
}

/// A request on its way to the task.
pub(crate) struct Command {
    pub(crate) request: Box<dyn Encodable>,
    pub(crate) options: SendOptions,
    pub(crate) created: Instant,
    pub(crate) waiter: Waiter,
}

/// Who waits for an answer.
pub(crate) struct Waiter {
    reply: Reply,
    /// When it was handed in.
    pub(crate) created: Instant,
    /// Held until then.
    slot: Slot,
}

impl Connection {
    pub(crate) fn open(dialer: Dialer, host: String, port: u16, attempt: Attempt, jitter: Jitter) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(dialer.max_requests.min(Semaphore::MAX_PERMITS)));
        let shared = Arc::new(Shared { ready: AtomicBool::new(false), closed: AtomicBool::new(false), room });
        let clock = dialer.clock;
        let target = Target { host, port, attempt, jitter };
        tokio::spawn(task::serve(dialer, target, receiver, Arc::clone(&shared)));
        Self { commands, shared, clock }
    }

    /// Whether the stream has ended; what is sent now fails.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Whether the broker has taken requests: it is one, and it knows who we are.
    pub fn was_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// Sends a request. `reply` is called exactly once, unless the runtime itself ends; with
    /// [`RequestError::NotSent`], at once, where the connection has as many requests as it may.
    pub fn send(&self, request: Box<dyn Encodable>, options: SendOptions, reply: Reply) {
        match self.try_reserve() {
            Ok(slot) => self.send_in(slot, request, options, reply),
            Err(error) => reply(Err(error)),
        }
    }

    /// Room for a request, if there is some right now.
    ///
    /// # Errors
    /// [`RequestError::NotSent`] where there is none; the connection has ended.
    pub fn try_reserve(&self) -> Result<Slot, RequestError> {
        match Arc::clone(&self.shared.room).try_acquire_owned() {
            Ok(permit) => Ok(Slot { _permit: permit }),
            Err(TryAcquireError::NoPermits) => Err(RequestError::NotSent {
                reason: "the connection has as many requests as it may (max requests per connection)",
            }),
            Err(TryAcquireError::Closed) => Err(unsent()),
        }
    }

    /// Waits for room for a request, behind those who wait already.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Cancel safety
    /// May be dropped at any time, which gives up the place in the queue.
    pub async fn reserve(&self) -> Result<Slot, RequestError> {
        let permit = Arc::clone(&self.shared.room).acquire_owned().await;
        permit.map(|permit| Slot { _permit: permit }).map_err(|_| unsent())
    }

    /// Sends a request for which there is room. `reply` is called exactly once, unless the runtime itself ends.
    pub fn send_in(&self, slot: Slot, request: Box<dyn Encodable>, options: SendOptions, reply: Reply) {
        let created = self.clock.instant();
        let command = Command { request, options, created, waiter: Waiter { reply, created, slot } };
        if let Err(mpsc::error::SendError(command)) = self.commands.send(command) {
            command.waiter.complete(Err(unsent()));
        }
    }
}

impl Waiter {
    pub(crate) fn complete(self, result: Result<Answer, RequestError>) {
        // Whoever is told may send the next one.
        drop(self.slot);
        (self.reply)(result);
    }
}

impl Shared {
    pub(crate) fn become_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// From here on nothing is taken, and nobody waits to be.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.room.close();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

fn unsent() -> RequestError {
    RequestError::Disconnected { sent: false, reason: "the connection is closed".to_owned() }
}
