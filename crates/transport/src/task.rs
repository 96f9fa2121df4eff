//! The task of one connection: carries out what the machine of `ottla_core::connection` decides.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ottla_core::connection::{
    self as machine, Action, ConnectError, ConnectErrorKind, Login, Outgoing, Told, not_frames,
};
use ottla_core::events::{self, Connect, Disconnect, Event, Events, Payload, Role};
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;
use ottla_core::request::RequestError;
use ottla_core::sasl::{Mechanism, SaslError};
use ottla_core::time::Instant;
use ottla_protocol::types::Str;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, sleep_until, timeout};
use tracing::{Instrument, Level, debug, debug_span, enabled};

use crate::clock::Clock;
use crate::connection::{Command, Shared, Waiter};
use crate::connector::Stream;
use crate::credentials::CredentialsProvider;
use crate::dialer::Dialer;
use crate::entropy::EntropySource;
use crate::input::Input;
use crate::replies::Replies;
use crate::traffic::{Traffic, Unreported};
use crate::write_queue::WriteQueue;

/// How long a peer may take to read what is left when a connection ends well.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
/// Reads in a row before the task lets others run.
const MAX_READS: usize = 16;

/// Where to connect, and when.
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) attempt: Attempt,
    pub(crate) jitter: Jitter,
}

/// Connects and serves requests until the end.
pub(crate) fn serve(
    dialer: Dialer,
    target: Target,
    commands: mpsc::UnboundedReceiver<Command>,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> + Send {
    let span = debug_span!(
        "connection",
        broker = %format_args!("{}:{}", target.host, target.port),
        client_id = %dialer.connection.client_id,
    );
    connect_and_run(dialer, target, commands, shared).instrument(span)
}

async fn connect_and_run(
    dialer: Dialer,
    target: Target,
    mut commands: mpsc::UnboundedReceiver<Command>,
    shared: Arc<Shared>,
) {
    sleep(target.attempt.delay).await;
    let begun = dialer.clock.instant();
    let traffic = dialer.traffic.clone();
    let error = match connect(&dialer, &target).await {
        Ok(stream) => {
            let mut task = Task::new(dialer, target, stream, commands, Arc::clone(&shared), begun);
            let reason = task.run().await;
            if reason == RequestError::Closed {
                task.flush().await;
            }
            shared.close();
            return task.finish(reason);
        }
        Err(error) => error,
    };
    debug!(%error, "cannot connect");
    shared.close();
    commands.close();
    let mut unreported = Unreported::default();
    unreported.on_connect_failed();
    unreported.report(&traffic);
    while let Ok(command) = commands.try_recv() {
        command.waiter.complete(Err(RequestError::Connect(error.clone())));
    }
}

async fn connect(dialer: &Dialer, target: &Target) -> Result<Box<dyn Stream>, ConnectError> {
    let Target { host, port, attempt: Attempt { timeout: limit, .. }, .. } = target;
    let error = match timeout(*limit, dialer.connector.connect(host, *port)).await {
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
    stream: Box<dyn Stream>,
    machine: machine::Connection,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Whether handles are left.
    wanted: bool,
    clock: Clock,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    entropy: EntropySource,
    choosing: Option<Choosing>,
    shared: Arc<Shared>,
    replies: Replies<Waiter>,
    output: WriteQueue,
    input: Input,
    /// When the timer fires, unless it has.
    timer_due: Option<Instant>,
    listeners: Listeners,
    /// Whether the broker has taken requests.
    is_ready: bool,
    begun: Instant,
    /// The latest look at the clock.
    seen: Instant,
    traffic: Traffic,
    unreported: Unreported,
}

impl Task {
    fn new(
        dialer: Dialer,
        target: Target,
        stream: Box<dyn Stream>,
        commands: mpsc::UnboundedReceiver<Command>,
        shared: Arc<Shared>,
        begun: Instant,
    ) -> Self {
        let Dialer { connection: mut config, clock, credentials, entropy, events, traffic, .. } = dialer;
        config.authentication_timeout = config.authentication_timeout.filter(|_| credentials.is_some());
        let broker = Str::from(format!("{}:{}", target.host, target.port));
        let listeners = Listeners { broker, client_id: config.client_id.clone(), clock, events };
        let mut machine = machine::Connection::new(config, target.jitter, clock.instant());
        if listeners.are_there() {
            machine.tell();
        }
        Self {
            host: target.host,
            stream,
            machine,
            commands,
            wanted: true,
            clock,
            credentials,
            entropy,
            choosing: None,
            shared,
            replies: Replies::default(),
            output: WriteQueue::default(),
            input: Input::default(),
            timer_due: None,
            listeners,
            is_ready: false,
            begun,
            seen: begun,
            traffic,
            unreported: Unreported::default(),
        }
    }

    /// Serves until the stream ends or nobody needs it; says why.
    async fn run(&mut self) -> RequestError {
        let mut timer = pin!(sleep_until(self.clock.deadline(Instant::ZERO)));
        poll_fn(|cx| self.poll(cx, timer.as_mut())).await
    }

    /// Sends what the stream holds back: TLS keeps records that the socket did not take. Nobody waits for an answer to
    /// them, so nothing else would.
    async fn flush(&mut self) {
        let stream = &mut self.stream;
        _ = timeout(FLUSH_LIMIT, poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx))).await;
    }

    /// Ends what is still open.
    fn finish(mut self, reason: RequestError) {
        debug!(%reason, "connection ended");
        if self.is_ready {
            self.unreported.on_disconnect();
            self.listeners
                .hear(Role::Client, |broker| Payload::Disconnect(Disconnect::new(broker, shown(&reason))));
        } else if reason != RequestError::Closed {
            self.unreported.on_connect_failed();
        }
        self.machine.on_broken(reason);
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            self.submit(command.created, command);
        }
        self.perform();
        self.report();
    }

    fn poll(&mut self, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<RequestError> {
        let end = self.advance(cx, timer);
        self.report();
        end
    }

    fn report(&mut self) {
        self.unreported.on_throttled(self.machine.throttle_time());
        self.unreported.report(&self.traffic);
    }

    fn advance(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<RequestError> {
        loop {
            let is_held_back = self.take_commands(cx);
            self.perform();
            self.choose(cx);
            if let Poll::Ready(Err(error)) = self.output.poll_write(&mut *self.stream, cx) {
                return Poll::Ready(broken_by("write", &error));
            }
            if is_held_back && !self.output.is_full() {
                continue;
            }
            let read = match self.read(cx) {
                Ok(read) => read,
                Err(reason) => return Poll::Ready(reason),
            };
            self.keep_time(cx, timer.as_mut());
            self.perform();
            self.choose(cx);
            if self.machine.is_closed() {
                return Poll::Ready(self.machine.ended().clone());
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

    /// Takes what handles send; says whether some was left because there is enough to write.
    fn take_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut now = None;
        while self.wanted {
            if self.output.is_full() {
                return true;
            }
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => {
                    // One look at the clock for all that are sent at a time.
                    let now = *now.get_or_insert_with(|| self.clock.instant());
                    self.seen = now;
                    self.submit(now, command);
                }
                Poll::Ready(None) => self.wanted = false,
                Poll::Pending => break,
            }
        }
        false
    }

    fn submit(&mut self, now: Instant, command: Command) {
        let Command { request, options, created, waiter } = command;
        self.unreported.on_request();
        let token = self.replies.add(waiter);
        let outgoing = Outgoing {
            token,
            request,
            versions: options.versions,
            expects_answer: options.expects_answer,
            deadline: created + options.timeout,
            created,
            role: options.role,
        };
        self.machine.submit(now, outgoing);
    }

    fn perform(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Write(frames) => {
                    self.unreported.on_written(frames.total_len());
                    self.output.push(frames);
                }
                Action::Complete(token, result) => {
                    if let Some(waiter) = self.replies.take(token) {
                        self.unreported.on_end(&result, self.seen.since(waiter.created));
                        waiter.complete(result.map_err(|error| self.placed(error)));
                    }
                }
                Action::Authenticate => self.start_choosing(),
                Action::Ready => self.become_ready(),
                Action::Tell(told) => self.listeners.tell(told),
            }
        }
    }

    /// The error, with the broker's address where it is about the way to it.
    fn placed(&self, error: RequestError) -> RequestError {
        match error {
            RequestError::Connect(error) => RequestError::Connect(error.at(&self.listeners.broker)),
            other => other,
        }
    }

    fn become_ready(&mut self) {
        self.shared.become_ready();
        if !std::mem::replace(&mut self.is_ready, true) {
            self.unreported.on_connect();
            let duration = self.clock.instant().since(self.begun);
            debug!(?duration, "connected");
            self.listeners.hear(Role::Client, |broker| Payload::Connect(Connect::new(broker, duration)));
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
            let count = match self.input.poll_read(&mut *self.stream, cx) {
                Poll::Pending if reads == 0 => return Ok(Read::Pending),
                Poll::Pending => return Ok(Read::Some),
                Poll::Ready(count) => count.map_err(|error| broken_by("read", &error))?,
            };
            if count == 0 {
                return Err(broken("the broker closed the connection".to_owned()));
            }
            self.unreported.on_read(count);
            let now = self.clock.instant();
            self.seen = now;
            loop {
                match self.input.next_frame(self.machine.max_frame_size()) {
                    Ok(Some(frame)) => self.machine.on_frame(now, &frame),
                    Ok(None) => break,
                    Err(error) => return Err(not_frames(self.input.rest(), error)),
                }
            }
            self.perform();
        }
        Ok(Read::Enough)
    }

    /// Lets the machine do what is due, until its next deadline is one to come: nothing else would wake the task for it.
    /// Deadlines mostly move on with every answer, the timer only when one is earlier or it has fired.
    fn keep_time(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) {
        while let Some(due) = self.machine.next_timeout() {
            if self.timer_due.is_none_or(|at| due < at) {
                timer.as_mut().reset(self.clock.deadline(due));
                self.timer_due = Some(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.timer_due = None;
            self.machine.handle_timeout(self.clock.instant());
        }
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

/// Those who want to know what happens on a connection.
struct Listeners {
    broker: Str,
    client_id: Str,
    clock: Clock,
    events: Events,
}

impl Listeners {
    fn are_there(&self) -> bool {
        self.events.is_heard() || enabled!(Level::DEBUG)
    }

    fn hear(&self, role: Role, payload: impl FnOnce(Str) -> Payload) {
        self.events.tell(|| {
            Event::new(self.clock.now(), role, self.client_id.clone(), payload(self.broker.clone()))
        });
    }

    fn tell(&self, told: Told) {
        trace(&told);
        let now = self.clock.now();
        self.events.tell(|| {
            let (role, payload) = events::of_connection(told, &self.broker, now);
            Event::new(now, role, self.client_id.clone(), payload)
        });
    }
}

fn trace(told: &Told) {
    match told {
        Told::Answered { request, at, size } => {
            let (pending, duration) = (request.sent.since(request.created), at.since(request.sent));
            let (api, version, id) = (request.api, request.version, request.correlation_id);
            debug!(%api, version, id, size, ?pending, ?duration, "request answered");
        }
        Told::TimedOut(request) => {
            let (api, version, id) = (request.api, request.version, request.correlation_id);
            debug!(%api, version, id, "request timed out");
        }
        Told::Waiting { count, .. } => debug!(count, "requests wait"),
        Told::Throttled { api, time, .. } => debug!(%api, ?time, "the broker throttles"),
    }
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

/// What listeners are told of the end.
fn shown(reason: &RequestError) -> String {
    match reason {
        RequestError::Disconnected { reason, .. } => reason.clone(),
        RequestError::Connect(error) => error.to_string(),
        RequestError::Closed => "nobody needs it any more".to_owned(),
        other => other.to_string(),
    }
}
