//! The task of one connection, and the handle to it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use ottla_core::connection::{self as machine, Action, Answer, ConnectionConfig, Encodable, Outgoing};
use ottla_core::request::{RequestError, Token};
use ottla_core::time::Instant;
use ottla_protocol::frame::{DEFAULT_MAX_FRAME_SIZE, split_frame};
use ottla_protocol::message::VersionRange;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, sleep_until, timeout};
use tracing::debug;

use crate::clock::Clock;
use crate::connector::{Connector, Stream};
use crate::write_queue::WriteQueue;

/// Room that is made before each read, in bytes: a small answer needs one read, a large one grows from here.
const READ_CHUNK: usize = 64 * 1024;
/// Reads in a row before the task lets others run.
const MAX_READS: usize = 16;

/// What to do with the answer; called on the connection's task, so it must be quick.
pub type Reply = Box<dyn FnOnce(Result<Answer, RequestError>) + Send>;

/// How a request is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct SendOptions {
    /// The versions in which it may be written.
    pub versions: VersionRange,
    /// Whether the broker answers it.
    pub expects_answer: bool,
    /// How long it may take from now on, connecting included.
    pub timeout: Duration,
}

/// A handle to a connection's task. The task ends when the last handle is gone and nothing is under way, or when the
/// stream does; dropping never blocks.
#[derive(Clone)]
pub struct Connection {
    commands: mpsc::UnboundedSender<Command>,
    flags: Arc<Flags>,
    clock: Clock,
}

#[derive(Default)]
struct Flags {
    ready: AtomicBool,
    closed: AtomicBool,
}

struct Command {
    request: Box<dyn Encodable>,
    versions: VersionRange,
    expects_answer: bool,
    deadline: Instant,
    reply: Reply,
}

/// Where and how to connect.
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) delay: Duration,
    pub(crate) connect_timeout: Duration,
}

impl Connection {
    /// Starts a task that, after `delay`, connects to `host` and `port` and then serves requests. Requests can be
    /// sent at once; they wait.
    pub fn open(
        connector: Arc<dyn Connector>,
        host: &str,
        port: u16,
        delay: Duration,
        connect_timeout: Duration,
        config: ConnectionConfig,
        clock: Clock,
    ) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let flags = Arc::new(Flags::default());
        let target = Target { host: host.to_owned(), port, delay, connect_timeout };
        tokio::spawn(serve(connector, target, config, clock, receiver, Arc::clone(&flags)));
        Self { commands, flags, clock }
    }

    /// Whether the stream has ended; what is sent now fails.
    pub fn is_closed(&self) -> bool {
        self.flags.closed.load(Ordering::Acquire)
    }

    /// Whether the broker has said its versions: a Kafka broker listens there.
    pub fn was_ready(&self) -> bool {
        self.flags.ready.load(Ordering::Acquire)
    }

    /// Sends a request. `reply` is called exactly once, unless the runtime itself ends.
    pub fn send(&self, request: Box<dyn Encodable>, options: SendOptions, reply: Reply) {
        let SendOptions { versions, expects_answer, timeout } = options;
        let deadline = self.clock.instant() + timeout;
        let command = Command { request, versions, expects_answer, deadline, reply };
        if let Err(mpsc::error::SendError(command)) = self.commands.send(command) {
            (command.reply)(Err(unsent("the connection is closed")));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

fn unsent(reason: &str) -> RequestError {
    RequestError::Disconnected { sent: false, reason: reason.to_owned() }
}

fn broken(reason: String) -> RequestError {
    RequestError::Disconnected { sent: true, reason }
}

async fn serve(
    connector: Arc<dyn Connector>,
    target: Target,
    config: ConnectionConfig,
    clock: Clock,
    mut commands: mpsc::UnboundedReceiver<Command>,
    flags: Arc<Flags>,
) {
    sleep(target.delay).await;
    let failure = match timeout(target.connect_timeout, connector.connect(&target.host, target.port)).await {
        Ok(Ok(stream)) => {
            let machine = machine::Connection::new(config, clock.instant());
            let mut task = Task::new(stream, machine, commands, clock, Arc::clone(&flags));
            let reason = task.run().await;
            debug!(host = target.host, port = target.port, %reason, "connection ended");
            flags.closed.store(true, Ordering::Release);
            return task.finish(reason);
        }
        Ok(Err(error)) => format!("cannot connect to {}:{}: {error}", target.host, target.port),
        Err(_) => {
            let waited = target.connect_timeout;
            format!("cannot connect to {}:{}: no answer within {waited:?}", target.host, target.port)
        }
    };
    debug!(failure, "connection failed");
    flags.closed.store(true, Ordering::Release);
    refuse_all(&mut commands, &failure);
}

fn refuse_all(commands: &mut mpsc::UnboundedReceiver<Command>, reason: &str) {
    commands.close();
    while let Ok(command) = commands.try_recv() {
        (command.reply)(Err(unsent(reason)));
    }
}

struct Task {
    stream: Box<dyn Stream>,
    machine: machine::Connection,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Whether handles are left.
    wanted: bool,
    clock: Clock,
    flags: Arc<Flags>,
    next_token: u64,
    replies: BTreeMap<Token, Reply>,
    output: WriteQueue,
    input: BytesMut,
}

impl Task {
    fn new(
        stream: Box<dyn Stream>,
        machine: machine::Connection,
        commands: mpsc::UnboundedReceiver<Command>,
        clock: Clock,
        flags: Arc<Flags>,
    ) -> Self {
        Self {
            stream,
            machine,
            commands,
            wanted: true,
            clock,
            flags,
            next_token: 0,
            replies: BTreeMap::new(),
            output: WriteQueue::default(),
            input: BytesMut::new(),
        }
    }

    /// Serves until the stream ends or nobody needs it; says why.
    async fn run(&mut self) -> RequestError {
        let mut timer = pin!(sleep_until(self.clock.deadline(Instant::ZERO)));
        poll_fn(|cx| self.poll(cx, timer.as_mut())).await
    }

    /// Ends what is still open.
    fn finish(mut self, reason: RequestError) {
        let text = reason.to_string();
        self.machine.on_broken(reason);
        self.perform();
        refuse_all(&mut self.commands, &text);
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<RequestError> {
        loop {
            self.take_commands(cx);
            self.perform();
            if let Poll::Ready(Err(error)) = self.output.poll_write(&mut *self.stream, cx) {
                return Poll::Ready(broken(format!("cannot write: {error}")));
            }
            let read = match self.read(cx) {
                Ok(read) => read,
                Err(reason) => return Poll::Ready(reason),
            };
            // Until the next deadline is one to come: nothing else would wake the task for it.
            while let Some(due) = self.machine.next_timeout() {
                timer.as_mut().reset(self.clock.deadline(due));
                if timer.as_mut().poll(cx).is_pending() {
                    break;
                }
                self.machine.handle_timeout(self.clock.instant());
            }
            self.perform();
            if self.machine.is_closed() {
                return Poll::Ready(RequestError::Closed);
            }
            if !self.wanted && self.machine.is_empty() && self.output.is_empty() {
                return Poll::Ready(RequestError::Closed);
            }
            match read {
                Read::Pending if self.output.is_empty() || !self.has_room(cx) => return Poll::Pending,
                Read::Pending | Read::Some => {}
                Read::Enough => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Whether more can be written right now.
    fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        self.output.poll_write(&mut *self.stream, cx).is_ready()
    }

    fn take_commands(&mut self, cx: &mut Context<'_>) {
        while self.wanted {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.submit(command),
                Poll::Ready(None) => self.wanted = false,
                Poll::Pending => return,
            }
        }
    }

    fn submit(&mut self, command: Command) {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.replies.insert(token, command.reply);
        self.machine.submit(Outgoing {
            token,
            request: command.request,
            versions: command.versions,
            expects_answer: command.expects_answer,
            deadline: command.deadline,
        });
    }

    fn perform(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Write(frame) => self.output.push(frame),
                Action::Complete(token, result) => {
                    if let Some(reply) = self.replies.remove(&token) {
                        reply(result);
                    }
                }
                Action::Ready => self.flags.ready.store(true, Ordering::Release),
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Read, RequestError> {
        for reads in 0..MAX_READS {
            self.input.reserve(READ_CHUNK);
            let count = match pin!(self.stream.read_buf(&mut self.input)).poll(cx) {
                Poll::Pending if reads == 0 => return Ok(Read::Pending),
                Poll::Pending => return Ok(Read::Some),
                Poll::Ready(count) => {
                    count.map_err(|error: io::Error| broken(format!("cannot read: {error}")))?
                }
            };
            if count == 0 {
                return Err(broken("the broker closed the connection".to_owned()));
            }
            let now = self.clock.instant();
            loop {
                match split_frame(&mut self.input, DEFAULT_MAX_FRAME_SIZE) {
                    Ok(Some(frame)) => self.machine.on_frame(now, &frame),
                    Ok(None) => break,
                    Err(error) => return Err(RequestError::NotKafka { reason: error.to_string() }),
                }
            }
            self.perform();
        }
        Ok(Read::Enough)
    }
}

enum Read {
    /// Nothing has come.
    Pending,
    /// Something came, and for now no more.
    Some,
    /// So much came that others should have their turn.
    Enough,
}
