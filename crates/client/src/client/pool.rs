//! Connections by node and lane.
//!
//! A broker answers one connection in order, so what may wait long (a fetch, a join) must not stand before what may
//! not (a heartbeat): each kind of request has its lane, and so has each consumer where its requests wait. Connections
//! are opened when they are first used.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ottla_core::connection::{Answer, Encodable};
use ottla_core::events::{Event, Payload, Role};
use ottla_core::metadata::{ClusterSnapshot, Recovery, Whom};
use ottla_core::metrics::ClientMetrics;
use ottla_core::random::Jitter;
use ottla_core::reconnect::{Reconnect, ReconnectConfig};
use ottla_core::request::RequestError;
use ottla_protocol::message::{Request, VersionRange};
use ottla_protocol::types::NodeId;
use ottla_transport::{Clock, Connection, Dialer, Reply, SendOptions};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::traffic::BrokerTraffic;
use crate::address::Address;

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Metadata and whatever answers at once.
    Control,
    /// A consumer's requests to its group's coordinator. A join waits for the other members, which may be consumers of
    /// the same client.
    Coordinator(Owner),
    /// Produce.
    Produce,
    /// A consumer's fetches, which wait for data.
    Fetch(Owner),
}

/// Who has lanes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner(u64);

pub(crate) struct PoolConfig {
    pub(crate) dialer: Dialer,
    pub(crate) request_timeout: Duration,
    pub(crate) reconnect: ReconnectConfig,
}

/// The connections of one client.
pub(crate) struct Pool {
    config: PoolConfig,
    bootstrap: Vec<Address>,
    inner: Mutex<Inner>,
}

struct Inner {
    connections: BTreeMap<(Peer, Lane), Entry>,
    traffic: BrokerTraffic,
    addresses: BTreeMap<NodeId, Address>,
    jitter: Jitter,
    /// For the connections.
    connection_jitter: Jitter,
    next_owner: u64,
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// One of the bootstrap servers, by its place in the list.
    Bootstrap(usize),
    Node(NodeId),
}

struct Entry {
    address: Address,
    connection: Connection,
    reconnect: Reconnect,
}

impl Pool {
    pub(crate) fn new(config: PoolConfig, bootstrap: Vec<Address>, jitter: Jitter) -> Self {
        let inner = Inner {
            connections: BTreeMap::new(),
            traffic: BrokerTraffic::default(),
            addresses: BTreeMap::new(),
            connection_jitter: jitter.clone().fork(),
            jitter,
            next_owner: 0,
            closed: false,
        };
        Self { config, bootstrap, inner: Mutex::new(inner) }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.config.dialer.clock
    }

    pub(crate) fn bootstrap(&self) -> &[Address] {
        &self.bootstrap
    }

    /// What went over the connections so far.
    pub(crate) fn metrics(&self) -> ClientMetrics {
        let traffic = self.lock().traffic.clone();
        traffic.metrics()
    }

    /// Tells those who listen of something that happened in a part of the client.
    pub(crate) fn tell(&self, role: Role, payload: impl FnOnce() -> Payload) {
        let dialer = &self.config.dialer;
        let client_id = &dialer.connection.client_id;
        dialer.events.tell(|| Event::new(dialer.clock.now(), role, client_id.clone(), payload()));
    }

    /// Takes over where the brokers listen, and forgets connections to those that are gone.
    pub(crate) fn on_snapshot(&self, snapshot: &ClusterSnapshot) {
        let address = |broker: &ottla_core::metadata::Broker| Address {
            host: broker.host.to_string(),
            port: broker.port,
        };
        let mut inner = self.lock();
        inner.addresses = snapshot.brokers.values().map(|broker| (broker.node_id, address(broker))).collect();
        let Inner { connections, addresses, .. } = &mut *inner;
        connections.retain(|(peer, _), _| match peer {
            Peer::Node(node) => addresses.contains_key(node),
            // From now on the brokers are asked by their own addresses.
            Peer::Bootstrap(_) => addresses.is_empty(),
        });
    }

    /// Ends all connections; what is sent from now on fails.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.connections.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Someone who may have lanes, until [`forget`](Self::forget).
    pub(crate) fn new_owner(&self) -> Owner {
        let mut inner = self.lock();
        inner.next_owner += 1;
        Owner(inner.next_owner)
    }

    /// Closes the connections of lanes that nobody will use any more, once what is under way is done.
    pub(crate) fn forget(&self, owner: Owner) {
        self.lock()
            .connections
            .retain(|(_, lane), _| !matches!(lane, Lane::Coordinator(of) | Lane::Fetch(of) if *of == owner));
    }

    /// Who is to be asked for metadata.
    pub(crate) fn whom(&self, recovery: &mut Recovery) -> Peer {
        let inner = self.lock();
        let nodes: Vec<NodeId> = inner.addresses.keys().copied().collect();
        match recovery.whom(self.clock().instant(), &nodes, |node| inner.is_connected(node)) {
            Whom::Node(node) => Peer::Node(node),
            Whom::Bootstrap(at) => Peer::Bootstrap(at),
        }
    }

    /// A broker to ask what any broker knows: one that is connected rather than one that is not, else one at random.
    /// Where none of them answers, new metadata brings others.
    pub(crate) fn any_peer(&self, attempt: usize) -> Peer {
        let mut inner = self.lock();
        let nodes: Vec<NodeId> = inner.addresses.keys().copied().collect();
        if nodes.is_empty() {
            return Peer::Bootstrap(attempt % self.bootstrap.len());
        }
        match nodes.iter().find(|node| inner.is_connected(**node)) {
            Some(node) if attempt == 0 => Peer::Node(*node),
            _ => Peer::Node(nodes[inner.jitter.below(nodes.len())]),
        }
    }

    /// Sends a request and calls `reply` with what comes of it. The connection must have room for it: for machines, which
    /// have few requests under way at a time.
    pub(crate) fn send(
        &self,
        peer: Peer,
        lane: Lane,
        request: Box<dyn Encodable>,
        options: SendOptions,
        reply: Reply,
    ) {
        match self.connection(peer, lane) {
            Ok(connection) => connection.send(request, options, reply),
            Err(error) => reply(Err(error)),
        }
    }

    /// Sends a request, as soon as the connection has room for it, and waits for its answer.
    pub(crate) async fn call<R: Request + Send + 'static>(
        &self,
        peer: Peer,
        lane: Lane,
        request: R,
        versions: VersionRange,
    ) -> Result<Answer, RequestError> {
        let (sender, receiver) = oneshot::channel();
        let limit = self.config.request_timeout;
        let options = SendOptions::new(versions, limit);
        let reply: Reply = Box::new(move |result| {
            // The caller may have given up.
            _ = sender.send(result);
        });
        let connection = self.connection(peer, lane)?;
        let slot = match connection.try_reserve() {
            Err(RequestError::NotSent { reason }) => {
                timeout(limit, connection.reserve()).await.unwrap_or(Err(RequestError::NotSent { reason }))
            }
            other => other,
        };
        connection.send_in(slot?, Box::new(request), options, reply);
        receiver.await.unwrap_or(Err(RequestError::Closed))
    }

    fn connection(&self, peer: Peer, lane: Lane) -> Result<Connection, RequestError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(RequestError::Closed);
        }
        let address = match peer {
            Peer::Bootstrap(at) => self.bootstrap.get(at).cloned(),
            Peer::Node(node) => inner.addresses.get(&node).cloned(),
        };
        let address = address.ok_or(RequestError::UnknownNode)?;
        let mut reconnect = Reconnect::default();
        if let Some(entry) = inner.connections.get_mut(&(peer, lane)) {
            let gone = entry.connection.is_closed();
            if entry.address == address {
                if !gone {
                    return Ok(entry.connection.clone());
                }
                entry.reconnect.on_end(entry.connection.was_ready());
                reconnect = entry.reconnect.clone();
            }
        }
        let now = self.clock().instant();
        let attempt = reconnect.dial(now, &self.config.reconnect, &mut inner.jitter);
        let jitter = inner.connection_jitter.fork();
        let mut dialer = self.config.dialer.clone();
        let Inner { traffic, connections, .. } = &mut *inner;
        dialer.traffic =
            traffic.of(&address, |name| connections.values().any(|entry| entry.address.to_string() == name));
        let connection = dialer.open(&address.host, address.port, attempt, jitter);
        let entry = Entry { address, connection: connection.clone(), reconnect };
        inner.connections.insert((peer, lane), entry);
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds the pool")
    }
}

impl Inner {
    /// Whether a broker takes requests of the control lane.
    fn is_connected(&self, node: NodeId) -> bool {
        let entry = self.connections.get(&(Peer::Node(node), Lane::Control));
        entry.is_some_and(|entry| entry.connection.was_ready() && !entry.connection.is_closed())
    }
}
