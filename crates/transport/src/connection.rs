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
use ottla_core::connection::{
    self as machine, Action, Answer, ConnectError, ConnectErrorKind, Encodable, Login, Outgoing,
};
use ottla_core::random::Jitter;
use ottla_core::request::{RequestError, Token};
use ottla_core::sasl::{Mechanism, SaslError};
use ottla_core::time::Instant;
use ottla_protocol::frame::{DEFAULT_MAX_FRAME_SIZE, split_frame};
use ottla_protocol::message::VersionRange;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, sleep_until, timeout};
use tracing::debug;

use crate::clock::Clock;
use crate::connector::Stream;
use crate::credentials::CredentialsProvider;
use crate::dialer::Dialer;
use crate::entropy::EntropySource;
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

/// Where to connect, and when.
struct Target {
    host: String,
    port: u16,
    delay: Duration,
    jitter: Jitter,
}

impl Connection {
    pub(crate) fn open(dialer: Dialer, host: String, port: u16, delay: Duration, jitter: Jitter) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let flags = Arc::new(Flags::default());
        let clock = dialer.clock;
        let target = Target { host, port, delay, jitter };
        tokio::spawn(serve(dialer, target, receiver, Arc::clone(&flags)));
        Self { commands, flags, clock }
    }

    /// Whether the stream has ended; what is sent now fails.
    pub fn is_closed(&self) -> bool {
        self.flags.closed.load(Ordering::Acquire)
    }

    /// Whether the broker has taken requests: it is one, and it knows who we are.
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

fn broken_by(what: &str, error: &io::Error) -> RequestError {
    match ConnectError::within(error) {
        Some(known) => RequestError::Connect(known.clone()),
        None => broken(format!("cannot {what}: {error}")),
    }
}

async fn serve(
    dialer: Dialer,
    target: Target,
    mut commands: mpsc::UnboundedReceiver<Command>,
    flags: Arc<Flags>,
) {
    sleep(target.delay).await;
    let error = match connect(&dialer, &target).await {
        Ok(stream) => {
            let mut task = Task::new(dialer, target, stream, commands, Arc::clone(&flags));
            let reason = task.run().await;
            debug!(host = task.host, port = task.port, %reason, "connection ended");
            flags.closed.store(true, Ordering::Release);
            return task.finish(reason);
        }
        Err(error) => error,
    };
    debug!(%error, "connection failed");
    flags.closed.store(true, Ordering::Release);
    commands.close();
    while let Ok(command) = commands.try_recv() {
        (command.reply)(Err(RequestError::Connect(error.clone())));
    }
}

async fn connect(dialer: &Dialer, target: &Target) -> Result<Box<dyn Stream>, ConnectError> {
    let Target { host, port, .. } = target;
    let limit = dialer.connection_timeout;
    let error = match timeout(limit, dialer.connector.connect(host, *port)).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => ConnectError::from_io(&error),
        Err(_) => ConnectError::new(ConnectErrorKind::TimedOut, format!("no answer within {limit:?}")),
    };
    Err(error.at(format_args!("{host}:{port}")))
}

/// Credentials on their way.
type Choosing = Pin<Box<dyn Future<Output = Result<Arc<dyn Mechanism>, SaslError>> + Send>>;

struct Task {
    host: String,
    port: u16,
    stream: Box<dyn Stream>,
    machine: machine::Connection,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Whether handles are left.
    wanted: bool,
    clock: Clock,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    entropy: EntropySource,
    choosing: Option<Choosing>,
    flags: Arc<Flags>,
    next_token: u64,
    replies: BTreeMap<Token, Reply>,
    output: WriteQueue,
    input: BytesMut,
}

impl Task {
    fn new(
        dialer: Dialer,
        target: Target,
        stream: Box<dyn Stream>,
        commands: mpsc::UnboundedReceiver<Command>,
        flags: Arc<Flags>,
    ) -> Self {
        let Dialer { connection: mut config, clock, credentials, entropy, .. } = dialer;
        config.authentication_timeout = config.authentication_timeout.filter(|_| credentials.is_some());
        Self {
            host: target.host,
            port: target.port,
            stream,
            machine: machine::Connection::new(config, target.jitter, clock.instant()),
            commands,
            wanted: true,
            clock,
            credentials,
            entropy,
            choosing: None,
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
        self.machine.on_broken(reason);
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            self.submit(command);
        }
        self.perform();
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<RequestError> {
        loop {
            self.take_commands(cx);
            self.perform();
            self.choose(cx);
            if let Poll::Ready(Err(error)) = self.output.poll_write(&mut *self.stream, cx) {
                return Poll::Ready(broken_by("write", &error));
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
            self.choose(cx);
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
                        reply(result.map_err(|error| self.placed(error)));
                    }
                }
                Action::Authenticate => self.start_choosing(),
                Action::Ready => self.flags.ready.store(true, Ordering::Release),
            }
        }
    }

    /// The error, with the broker's address where it is about the way to it.
    fn placed(&self, error: RequestError) -> RequestError {
        match error {
            RequestError::Connect(error) => {
                RequestError::Connect(error.at(format_args!("{}:{}", self.host, self.port)))
            }
            other => other,
        }
    }

    fn start_choosing(&mut self) {
        let Some(credentials) = self.credentials.clone() else { return };
        let host = self.host.clone();
        self.choosing = Some(Box::pin(async move { credentials.mechanism(&host).await }));
    }

    /// Hands the credentials over once they are there.
    fn choose(&mut self, cx: &mut Context<'_>) {
        let Some(choosing) = &mut self.choosing else { return };
        let Poll::Ready(mechanism) = choosing.as_mut().poll(cx) else { return };
        self.choosing = None;
        match self.entropy.draw() {
            Ok(entropy) => {
                let login = Login { host: &self.host, now: self.clock.now(), entropy };
                self.machine.authenticate(mechanism, login);
            }
            Err(error) => {
                let text = format!("the operating system has no randomness: {error}");
                let error = ConnectError::new(ConnectErrorKind::Unreachable, text);
                self.machine.on_broken(RequestError::Connect(error));
            }
        }
        self.perform();
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Read, RequestError> {
        for reads in 0..MAX_READS {
            self.input.reserve(READ_CHUNK);
            let count = match pin!(self.stream.read_buf(&mut self.input)).poll(cx) {
                Poll::Pending if reads == 0 => return Ok(Read::Pending),
                Poll::Pending => return Ok(Read::Some),
                Poll::Ready(count) => count.map_err(|error| broken_by("read", &error))?,
            };
            if count == 0 {
                return Err(broken("the broker closed the connection".to_owned()));
            }
            let now = self.clock.instant();
            loop {
                let limit = self.machine.max_frame_size(DEFAULT_MAX_FRAME_SIZE);
                match split_frame(&mut self.input, limit) {
                    Ok(Some(frame)) => self.machine.on_frame(now, &frame),
                    Ok(None) => break,
                    Err(error) => return Err(machine::not_frames(&self.input, error)),
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
