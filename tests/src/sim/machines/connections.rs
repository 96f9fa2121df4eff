//! A client's connections by broker and lane, each with its machine; and which request asked for what.
//!
//! What `ottla-client` decides in its pool, and `ottla-transport` in the task of a connection, is decided here once
//! more: it is in no machine.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_core::backoff::Backoff;
use ottla_core::connection::{Action, Answer, Connection, ConnectionConfig, Encodable, Outgoing};
use ottla_core::events::Role;
use ottla_core::metadata::ClusterSnapshot;
use ottla_core::random::Jitter;
use ottla_core::request::{RequestError, Token};
use ottla_core::time::{Instant, earliest};
use ottla_protocol::api::ApiKey;
use ottla_protocol::frame::split_frame;
use ottla_protocol::message::VersionRange;
use ottla_protocol::types::NodeId;

use super::network::{Arrival, LinkId, Network};

/// What a connection is used for: a long poll must not stand before a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Control,
    Coordinator,
    Produce,
    Fetch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// One of the servers that the client began with, by its place.
    Bootstrap(usize),
    Node(NodeId),
}

/// Who asked, and under which token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Metadata,
    ProducerId(Token),
    Produce(Token),
    Coordinator(Token),
    Group(Token, ApiKey),
    Offsets(Token),
    Fetch(Token),
}

/// How long what may take.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) connection_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) backoff: Backoff,
}

/// A request on its way out.
pub(super) struct Request {
    pub(super) purpose: Purpose,
    pub(super) body: Box<dyn Encodable>,
    pub(super) versions: VersionRange,
    pub(super) timeout: Duration,
}

pub(super) struct Connections {
    /// Its place among the clients.
    client: usize,
    host: String,
    config: ConnectionConfig,
    limits: Limits,
    bootstrap: Vec<(String, u16)>,
    addresses: BTreeMap<NodeId, (String, u16)>,
    jitter: Jitter,
    lanes: BTreeMap<(Peer, Lane), Entry>,
    streams: BTreeMap<LinkId, Stream>,
    next_token: u64,
    pub(super) done: VecDeque<(Purpose, Result<Answer, RequestError>)>,
}

struct Entry {
    address: (String, u16),
    link: LinkId,
    /// Attempts in a row after which no broker had answered.
    failures: u32,
    was_ready: bool,
    is_closed: bool,
}

struct Stream {
    lane: (Peer, Lane),
    state: State,
    purposes: BTreeMap<Token, Purpose>,
    /// Whether new requests may still come: what replaced it has taken its lane.
    is_wanted: bool,
}

enum State {
    Dialling { until: Instant, waiting: Vec<Outgoing> },
    Standing { machine: Box<Connection>, input: BytesMut },
}

impl Connections {
    pub(super) fn new(client: usize, host: &str, nodes: usize, limits: Limits, jitter: Jitter) -> Self {
        let mut config = ConnectionConfig::new(host);
        config.negotiation_timeout = limits.request_timeout;
        Self {
            client,
            host: host.to_owned(),
            config,
            limits,
            bootstrap: (1..=nodes as u16).map(|node| (format!("node-{node}"), 9_091 + node)).collect(),
            addresses: BTreeMap::new(),
            jitter,
            lanes: BTreeMap::new(),
            streams: BTreeMap::new(),
            next_token: 0,
            done: VecDeque::new(),
        }
    }

    /// Takes over where the brokers listen, and lets go of connections to those that are gone.
    pub(super) fn on_snapshot(&mut self, now: Instant, snapshot: &ClusterSnapshot, network: &mut Network) {
        let brokers = snapshot.brokers.values();
        self.addresses =
            brokers.map(|broker| (broker.node_id, (broker.host.to_string(), broker.port))).collect();
        let addresses = &self.addresses;
        let mut gone = Vec::new();
        self.lanes.retain(|(peer, _), entry| {
            let stays = match peer {
                Peer::Node(node) => addresses.contains_key(node),
                Peer::Bootstrap(_) => addresses.is_empty(),
            };
            if !stays {
                gone.push(entry.link);
            }
            stays
        });
        for link in gone {
            self.let_go(now, link, network);
        }
    }

    /// A broker to ask what any broker knows: one that is connected rather than one that is not, else one at random.
    pub(super) fn any_peer(&mut self, attempt: usize) -> Peer {
        let nodes: Vec<NodeId> = self.addresses.keys().copied().collect();
        if nodes.is_empty() || attempt % (nodes.len() + 1) == nodes.len() {
            return Peer::Bootstrap(attempt % self.bootstrap.len());
        }
        let is_connected = |node: &&NodeId| {
            let entry = self.lanes.get(&(Peer::Node(**node), Lane::Control));
            entry.is_some_and(|entry| entry.was_ready && !entry.is_closed)
        };
        match nodes.iter().find(is_connected) {
            Some(node) if attempt == 0 => Peer::Node(*node),
            _ => Peer::Node(nodes[self.jitter.below(nodes.len())]),
        }
    }

    /// Sends a request; what comes of it will be [`done`](Self::done).
    pub(super) fn send(&mut self, now: Instant, to: (Peer, Lane), request: Request, network: &mut Network) {
        let Request { purpose, body, versions, timeout } = request;
        let Some(link) = self.connection(now, to, network) else {
            return self.done.push_back((purpose, Err(RequestError::UnknownNode)));
        };
        let token = Token(self.next_token);
        self.next_token += 1;
        let deadline = now + timeout;
        let outgoing = Outgoing {
            token,
            request: body,
            versions,
            expects_answer: true,
            deadline,
            created: now,
            role: Role::Client,
        };
        let Some(stream) = self.streams.get_mut(&link) else {
            return self.done.push_back((purpose, Err(unsent("the connection is closed"))));
        };
        stream.purposes.insert(token, purpose);
        match &mut stream.state {
            State::Dialling { waiting, .. } => waiting.push(outgoing),
            State::Standing { machine, .. } => machine.submit(now, outgoing),
        }
        self.perform(now, link, network);
    }

    /// A link has brought something.
    pub(super) fn on_arrival(&mut self, now: Instant, link: LinkId, arrival: Arrival, network: &mut Network) {
        let Some(stream) = self.streams.get_mut(&link) else {
            // Given up meanwhile.
            if matches!(arrival, Arrival::Connected) {
                network.close(now, link);
            }
            return;
        };
        match (arrival, &mut stream.state) {
            (Arrival::Connected, State::Dialling { waiting, .. }) => {
                let waiting = std::mem::take(waiting);
                let mut machine = Box::new(Connection::new(self.config.clone(), Jitter::seeded(0), now));
                waiting.into_iter().for_each(|outgoing| machine.submit(now, outgoing));
                stream.state = State::Standing { machine, input: BytesMut::new() };
                self.perform(now, link, network);
            }
            (Arrival::Bytes(bytes), State::Standing { machine, input }) => {
                take_in(now, machine, input, &bytes);
                self.perform(now, link, network);
            }
            (Arrival::End, State::Standing { machine, .. }) => {
                let reason = "the broker closed the connection".to_owned();
                machine.on_broken(RequestError::Disconnected { sent: true, reason });
                self.perform(now, link, network);
            }
            (Arrival::Refused | Arrival::End, State::Dialling { .. }) => {
                self.give_up(link, "cannot connect");
            }
            (Arrival::Connected | Arrival::Refused, _) | (Arrival::Bytes(_), _) => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, network: &mut Network) {
        let is_due = |stream: &Stream| stream.next_timeout().is_some_and(|due| due <= now);
        let due: Vec<LinkId> =
            self.streams.iter().filter(|(_, stream)| is_due(stream)).map(|(link, _)| *link).collect();
        for link in due {
            match self.streams.get_mut(&link).map(|stream| &mut stream.state) {
                Some(State::Standing { machine, .. }) => {
                    machine.handle_timeout(now);
                    self.perform(now, link, network);
                }
                Some(State::Dialling { .. }) => {
                    self.give_up(link, "cannot connect in time");
                    network.close(now, link);
                }
                None => {}
            }
        }
    }

    /// Ends all connections.
    pub(super) fn close(&mut self, now: Instant, network: &mut Network) {
        for link in std::mem::take(&mut self.streams).into_keys() {
            network.close(now, link);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.streams.values().map(Stream::next_timeout).fold(None, earliest)
    }

    fn connection(&mut self, now: Instant, to: (Peer, Lane), network: &mut Network) -> Option<LinkId> {
        let address = match to.0 {
            Peer::Bootstrap(at) => self.bootstrap.get(at).cloned(),
            Peer::Node(node) => self.addresses.get(&node).cloned(),
        }?;
        let (mut failures, mut delay) = (0, Duration::ZERO);
        let mut replaced = None;
        if let Some(entry) = self.lanes.get(&to) {
            if !entry.is_closed && entry.address == address {
                return Some(entry.link);
            }
            failures = if entry.was_ready || !entry.is_closed { 0 } else { entry.failures + 1 };
            if failures > 0 {
                delay = self.limits.backoff.delay(failures - 1, &mut self.jitter);
            }
            replaced = Some(entry.link);
        }
        if let Some(replaced) = replaced {
            self.let_go(now, replaced, network);
        }
        let link = network.open(self.client, &self.host, (&address.0, address.1), now + delay);
        let entry = Entry { address, link, failures, was_ready: false, is_closed: false };
        self.lanes.insert(to, entry);
        let until = now + delay + self.limits.connection_timeout;
        let state = State::Dialling { until, waiting: Vec::new() };
        self.streams.insert(link, Stream { lane: to, state, purposes: BTreeMap::new(), is_wanted: true });
        Some(link)
    }

    /// Does what the machine of a connection wants done.
    fn perform(&mut self, now: Instant, link: LinkId, network: &mut Network) {
        let Some(stream) = self.streams.get_mut(&link) else { return };
        let State::Standing { machine, .. } = &mut stream.state else { return };
        while let Some(action) = machine.poll_action() {
            match action {
                // Its brokers let everybody in.
                Action::Authenticate => {}
                // Nobody listens.
                Action::Tell(_) => {}
                Action::Write(frame) => network.write(now, link, frame.into_bytes()),
                Action::Complete(token, result) => {
                    if let Some(purpose) = stream.purposes.remove(&token) {
                        self.done.push_back((purpose, result));
                    }
                }
                Action::Ready => {
                    if let Some(entry) = self.lanes.get_mut(&stream.lane).filter(|entry| entry.link == link) {
                        entry.was_ready = true;
                    }
                }
            }
        }
        if machine.is_closed() || (!stream.is_wanted && machine.is_empty()) {
            network.close(now, link);
            self.forget(link);
        }
    }

    /// No new request goes over this connection.
    fn let_go(&mut self, now: Instant, link: LinkId, network: &mut Network) {
        if let Some(stream) = self.streams.get_mut(&link) {
            stream.is_wanted = false;
            self.perform(now, link, network);
        }
    }

    /// No stream came of it.
    fn give_up(&mut self, link: LinkId, reason: &str) {
        if let Some(stream) = self.streams.get_mut(&link) {
            // In the order in which they were sent.
            for purpose in std::mem::take(&mut stream.purposes).into_values() {
                self.done.push_back((purpose, Err(unsent(reason))));
            }
        }
        self.forget(link);
    }

    fn forget(&mut self, link: LinkId) {
        let Some(stream) = self.streams.remove(&link) else { return };
        if let Some(entry) = self.lanes.get_mut(&stream.lane).filter(|entry| entry.link == link) {
            entry.is_closed = true;
        }
    }
}

impl Stream {
    fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Dialling { until, .. } => Some(*until),
            State::Standing { machine, .. } => machine.next_timeout(),
        }
    }
}

fn take_in(now: Instant, machine: &mut Connection, input: &mut BytesMut, bytes: &Bytes) {
    input.extend_from_slice(bytes);
    loop {
        match split_frame(input, machine.max_frame_size()) {
            Ok(Some(frame)) => machine.on_frame(now, &frame),
            Ok(None) => return,
            Err(error) => return machine.on_broken(RequestError::NotKafka { reason: error.to_string() }),
        }
    }
}

fn unsent(reason: &str) -> RequestError {
    RequestError::Disconnected { sent: false, reason: reason.to_owned() }
}
