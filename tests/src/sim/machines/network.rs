//! The links between clients and the cluster's nodes: pipes of bytes with latency, which deliver in pieces, stall and
//! break. The cluster stands behind them, as a server would serve it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_core::time::Instant;
use ottla_protocol::frame::{DEFAULT_MAX_FRAME_SIZE, split_frame};
use ottla_protocol::types::NodeId;
use ottla_testbroker::{Action, Cluster, ConnectionId};

use super::agenda::Agenda;
use super::clock;
use crate::random::Random;

/// A link, by its number from the beginning of the world.
pub(super) type LinkId = usize;

/// Pieces that a frame arrives in, at most.
const MAX_PIECES: usize = 4;

/// Something on its way through a link.
#[derive(Debug)]
enum Parcel {
    /// The client connects.
    Dial,
    ToNode(Bytes),
    /// The client's end is closed.
    NodeEnd,
    Connected,
    Refused,
    ToClient(Bytes),
    /// The node's end is closed.
    ClientEnd,
}

/// What a link brings to its client.
#[derive(Debug)]
pub(super) enum Arrival {
    Connected,
    Refused,
    Bytes(Bytes),
    End,
}

#[derive(Debug)]
struct Link {
    /// Whose it is: a client, by its place.
    client: usize,
    host: String,
    node: Option<NodeId>,
    /// The cluster's end, while it is open.
    connection: Option<ConnectionId>,
    /// What the node has not made a frame of.
    input: BytesMut,
    /// What is on its way is lost.
    is_cut: bool,
    latency: Duration,
    /// When the last parcel of each direction arrives: the next is not before it.
    to_node: Instant,
    to_client: Instant,
}

/// All links.
#[derive(Debug)]
pub(super) struct Network {
    random: Random,
    agenda: Agenda<(LinkId, Parcel)>,
    links: BTreeMap<LinkId, Link>,
    by_connection: BTreeMap<ConnectionId, LinkId>,
    next: LinkId,
    /// Nodes that nothing reaches or leaves before a time.
    stalled: BTreeMap<NodeId, Instant>,
    /// Nodes that refuse connections until a time, although they are up.
    refusing: BTreeMap<NodeId, Instant>,
    /// Parcels delivered.
    pub(super) delivered: u64,
    pub(super) is_calm: bool,
}

impl Network {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            agenda: Agenda::new(),
            links: BTreeMap::new(),
            by_connection: BTreeMap::new(),
            next: 0,
            stalled: BTreeMap::new(),
            refusing: BTreeMap::new(),
            delivered: 0,
            is_calm: false,
        }
    }

    /// A client dials `address` at `at`.
    pub(super) fn open(&mut self, client: usize, host: &str, address: (&str, u16), at: Instant) -> LinkId {
        let id = self.next;
        self.next += 1;
        let latency = Duration::from_micros(50 + self.random.below(2_000) as u64);
        // Nodes are where the cluster puts them: `node-1:9092`, `node-2:9093`, …
        let number: Option<i32> = address.0.strip_prefix("node-").and_then(|number| number.parse().ok());
        let node = number.map(NodeId).filter(|node| 9_091 + node.0 == i32::from(address.1));
        let link = Link {
            client,
            host: host.to_owned(),
            node,
            connection: None,
            input: BytesMut::new(),
            is_cut: false,
            latency,
            to_node: at,
            to_client: at,
        };
        self.links.insert(id, link);
        self.post(id, at, Parcel::Dial);
        id
    }

    /// The client writes.
    pub(super) fn write(&mut self, now: Instant, id: LinkId, bytes: Bytes) {
        for piece in self.cut_up(bytes) {
            self.post(id, now, Parcel::ToNode(piece));
        }
    }

    /// The client closes its end.
    pub(super) fn close(&mut self, now: Instant, id: LinkId) {
        self.post(id, now, Parcel::NodeEnd);
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.agenda.next_at()
    }

    /// Breaks a link: both ends see it close, and what is on its way is lost.
    pub(super) fn cut_one(&mut self, now: Instant) {
        let open: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.connection.is_some()).map(|(id, _)| *id).collect();
        if open.is_empty() {
            return;
        }
        let id = open[self.random.below(open.len())];
        if let Some(link) = self.links.get_mut(&id) {
            link.is_cut = true;
        }
        self.post(id, now, Parcel::NodeEnd);
        self.post(id, now, Parcel::ClientEnd);
    }

    /// Nothing reaches or leaves a node before `until`; then all of it does.
    pub(super) fn stall(&mut self, node: NodeId, until: Instant) {
        self.stalled.insert(node, until);
    }

    /// A node refuses new connections before `until`.
    pub(super) fn refuse(&mut self, node: NodeId, until: Instant) {
        self.refusing.insert(node, until);
    }

    /// Delivers the next parcel that is due: to the cluster, or to the client that comes back.
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        cluster: &mut Cluster,
    ) -> Option<Option<(usize, LinkId, Arrival)>> {
        let (id, parcel) = self.agenda.pop_due(now)?;
        self.delivered += 1;
        let Some(link) = self.links.get_mut(&id) else { return Some(None) };
        let client = link.client;
        match parcel {
            Parcel::Dial => self.dial(now, id, cluster),
            Parcel::ToNode(bytes) if !link.is_cut => {
                let Some(connection) = link.connection else { return Some(None) };
                link.input.extend_from_slice(&bytes);
                while let Ok(Some(frame)) = split_frame(&mut link.input, DEFAULT_MAX_FRAME_SIZE) {
                    cluster.handle(clock::to_cluster(now), connection, frame);
                }
            }
            Parcel::ToNode(_) => {}
            Parcel::NodeEnd => {
                if let Some(connection) = link.connection.take() {
                    self.by_connection.remove(&connection);
                    cluster.disconnect(clock::to_cluster(now), connection);
                }
            }
            Parcel::Connected => return Some(Some((client, id, Arrival::Connected))),
            Parcel::Refused => {
                self.links.remove(&id);
                return Some(Some((client, id, Arrival::Refused)));
            }
            Parcel::ToClient(bytes) if !link.is_cut => {
                return Some(Some((client, id, Arrival::Bytes(bytes))));
            }
            Parcel::ToClient(_) => {}
            Parcel::ClientEnd => {
                if link.connection.is_none() {
                    self.links.remove(&id);
                }
                return Some(Some((client, id, Arrival::End)));
            }
        }
        Some(None)
    }

    /// Takes up what the cluster wants done.
    pub(super) fn drain(&mut self, now: Instant, cluster: &mut Cluster) {
        while let Some(action) = cluster.poll_action() {
            match action {
                Action::Respond(connection, frame) => self.answer(now, connection, frame.into_bytes()),
                Action::Close(connection, _) => self.hang_up(now, connection),
                Action::Cut(connection, bytes) => {
                    self.answer(now, connection, bytes);
                    self.hang_up(now, connection);
                }
                // Requests are handed over as they come, and the cluster keeps them in line; what it is deaf to it
                // drops itself.
                _ => {}
            }
        }
    }

    fn dial(&mut self, now: Instant, id: LinkId, cluster: &mut Cluster) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let node = link.node.filter(|node| self.refusing.get(node).is_none_or(|until| *until <= now));
        match node.and_then(|node| cluster.connect(clock::to_cluster(now), node, &link.host)) {
            Some(connection) => {
                link.connection = Some(connection);
                self.by_connection.insert(connection, id);
                self.post(id, now, Parcel::Connected);
            }
            None => self.post(id, now, Parcel::Refused),
        }
    }

    fn answer(&mut self, now: Instant, connection: ConnectionId, bytes: Bytes) {
        let Some(id) = self.by_connection.get(&connection).copied() else { return };
        for piece in self.cut_up(bytes) {
            self.post(id, now, Parcel::ToClient(piece));
        }
    }

    fn hang_up(&mut self, now: Instant, connection: ConnectionId) {
        let Some(id) = self.by_connection.remove(&connection) else { return };
        if let Some(link) = self.links.get_mut(&id) {
            link.connection = None;
        }
        self.post(id, now, Parcel::ClientEnd);
    }

    /// Sends a parcel on its way, behind what is under way in the same direction.
    fn post(&mut self, id: LinkId, now: Instant, parcel: Parcel) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let mut at = now + link.latency + Duration::from_micros(self.random.below(300) as u64);
        if !self.is_calm && self.random.below(500) == 0 {
            at = at + Duration::from_millis(self.random.below(400) as u64);
        }
        if let Some(until) = link.node.and_then(|node| self.stalled.get(&node)) {
            at = at.max(*until);
        }
        let last = match parcel {
            Parcel::Dial | Parcel::ToNode(_) | Parcel::NodeEnd => &mut link.to_node,
            _ => &mut link.to_client,
        };
        at = at.max(*last);
        *last = at;
        self.agenda.put(at, (id, parcel));
    }

    /// Frames arrive in pieces that end anywhere, in their sizes too.
    fn cut_up(&mut self, mut bytes: Bytes) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        let more = if self.random.below(4) == 0 { self.random.below(MAX_PIECES) } else { 0 };
        for _ in 0..more {
            if bytes.len() < 2 {
                break;
            }
            // Half of the cuts fall into the size or close behind it.
            let end = if self.random.below(2) == 0 { bytes.len().min(8) } else { bytes.len() };
            pieces.push(bytes.split_to(1 + self.random.below(end - 1)));
        }
        pieces.push(bytes);
        pieces
    }
}
