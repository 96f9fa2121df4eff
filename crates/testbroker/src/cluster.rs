//! The cluster: every decision of its brokers, without IO and without a clock.
//!
//! Requests and time go in ([`Cluster::handle`], [`Cluster::handle_timeout`]), [`Action`]s come out
//! ([`Cluster::poll_action`]). After each call: drain the actions, then ask [`Cluster::next_timeout`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_codes::error_codes_in;
use ottla_protocol::frame::{FrameBuf, decode_request_header, encode_response};
use ottla_protocol::message::Response;
use ottla_protocol::types::{NodeId, Str, Uuid};

use crate::api;
use crate::config::{ClusterBuilder, MAX_NODES, Settings};
use crate::connection::{Action, CloseReason, Connection, ConnectionId, Current, MAX_QUEUED, RequestId};
use crate::controller::Controller;
use crate::coordinators::Coordinators;
use crate::faults::{ArmedRules, Fate, Faults, HeldUp, Place, Recoveries, Reply};
use crate::fetch_session::FetchSessions;
use crate::fetching::WaitingFetches;
use crate::groups::Groups;
use crate::image::Image;
use crate::journal::{Journal, JournalEvent};
use crate::listener::{Listener, ListenerId};
use crate::node::{Endpoint, Node};
use crate::now::{Instant, Now};
use crate::random::Random;
use crate::replication::Replication;
use crate::retention::Retention;
use crate::sasl::{Authority, Failure, Session};
use crate::topic::Topics;
use crate::waiting_produce::WaitingProduces;

/// The port of the first node until [`Cluster::advertise`] names another.
const FIRST_PORT: u16 = 9092;
/// How far the ports of listeners are apart: there are not more nodes than that.
const LISTENER_PORTS: u16 = MAX_NODES as u16;

/// A Kafka cluster as a state machine.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) settings: Settings,
    pub(crate) cluster_id: Str,
    /// The present, as it was handed in last.
    pub(crate) now: Now,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    /// The nodes that the controller takes for alive.
    pub(crate) brokers: Image<BTreeSet<NodeId>>,
    pub(crate) controller: Controller,
    pub(crate) coordinators: Coordinators,
    pub(crate) replication: Replication,
    pub(crate) retention: Retention,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
    pub(crate) produces: WaitingProduces,
    pub(crate) fetches: WaitingFetches,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) random: Random,
    pub(crate) listeners: Vec<Listener>,
    /// For logins alone, so that nothing else depends on who logs in.
    sasl_random: Random,
    pub(crate) next_producer_id: i64,
    /// Bytes of all logs.
    pub(crate) log_bytes: u64,
    /// Partitions whose waiting requests are to be looked at.
    pub(crate) touched: BTreeSet<(Uuid, i32)>,
    pub(crate) armed_rules: ArmedRules,
    pub(crate) held_up: HeldUp,
    pub(crate) recoveries: Recoveries,
    pub(crate) journal: Option<Journal>,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    /// Connections that may have become free for their next request.
    freed: VecDeque<ConnectionId>,
    pub(crate) actions: VecDeque<Action>,
}

/// A request being handled: who sent what to whom, and when.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) now: Now,
    pub(crate) node: NodeId,
    pub(crate) listener: ListenerId,
    pub(crate) id: RequestId,
    pub(crate) version: i16,
    pub(crate) client_id: Str,
    pub(crate) client_host: Str,
    /// What fault rules make of it, if one fired.
    pub(crate) fate: Option<Arc<Fate>>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Answer<R> {
    Now(R),
    /// [`Cluster::respond`] will be called for it.
    Later,
    /// The request wants no answer.
    Never,
    Close(CloseReason),
}

impl Cluster {
    /// Settings for a new cluster.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::new()
    }

    pub(crate) fn new(settings: Settings) -> Self {
        let mut random = Random::new(settings.seed);
        let cluster_id = settings.cluster_id.clone().unwrap_or_else(|| random.uuid().to_string().into());
        let nodes = (0..settings.nodes as u16).map(|n| {
            let id = NodeId(i32::from(n) + 1);
            let host: Str = format!("node-{id}").into();
            let listeners = 0..settings.listeners.len() as u16;
            let port = |listener| FIRST_PORT + listener * LISTENER_PORTS + n;
            let endpoints = listeners.map(|l| Endpoint { host: host.clone(), port: port(l) }).collect();
            (id, Node { id, endpoints, rack: None, is_up: true, is_cut_off: false })
        });
        let nodes: BTreeMap<NodeId, Node> = nodes.collect();
        let ids: Vec<NodeId> = nodes.keys().copied().collect();
        let coordinators = Coordinators::new(
            &ids,
            settings.offsets_topic_replication_factor,
            settings.transaction_state_log_replication_factor,
        );
        Self {
            cluster_id,
            now: Now::default(),
            nodes,
            brokers: Image::new(ids.into_iter().collect()),
            controller: Controller::new(),
            coordinators,
            replication: Replication::new(settings.seed),
            retention: Retention::new(),
            topics: Topics::default(),
            groups: Groups::new(),
            produces: WaitingProduces::new(),
            fetches: WaitingFetches::new(),
            fetch_sessions: FetchSessions::default(),
            random,
            listeners: settings.listeners.iter().map(|config| Listener::new(config, settings.seed)).collect(),
            sasl_random: Authority::random(settings.seed),
            next_producer_id: 1000,
            log_bytes: 0,
            touched: BTreeSet::new(),
            armed_rules: ArmedRules::default(),
            held_up: HeldUp::default(),
            recoveries: Recoveries::default(),
            journal: settings.journal.then(Journal::default),
            connections: BTreeMap::new(),
            next_connection: 0,
            freed: VecDeque::new(),
            actions: VecDeque::new(),
            settings,
        }
    }

    /// The ids of the nodes, from 1.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.keys().copied()
    }

    /// The node that clients take for the controller: the first one that is alive.
    pub(crate) fn controller(&self) -> NodeId {
        self.brokers.current().first().copied().unwrap_or(NodeId(-1))
    }

    /// A client connects to `node` by the first listener; `client_host` is its address as groups show it. `None`: the
    /// connection is refused, since the node is down or does not exist.
    pub fn connect(&mut self, now: Now, node: NodeId, client_host: &str) -> Option<ConnectionId> {
        self.connect_by(now, node, ListenerId::default(), client_host)
    }

    pub(crate) fn connect_by(
        &mut self,
        now: Now,
        node: NodeId,
        listener: ListenerId,
        client_host: &str,
    ) -> Option<ConnectionId> {
        self.now = now;
        if !self.is_up(node) {
            return None;
        }
        let needs_login = self.listeners[listener.0].authority.is_some();
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let connection = Connection {
            node,
            listener,
            session: if needs_login { Session::Fresh } else { Session::Open },
            client_host: client_host.into(),
            current: None,
            queued: VecDeque::new(),
            requests: 0,
            is_mute: false,
        };
        self.connections.insert(id, connection);
        self.note(|_| JournalEvent::ClientConnected {
            connection: id,
            node,
            client_host: client_host.to_owned(),
        });
        Some(id)
    }

    /// The connection is gone; answers to it will not be made.
    pub fn disconnect(&mut self, now: Now, connection: ConnectionId) {
        self.now = now;
        self.forget(connection, None);
    }

    pub(crate) fn forget(&mut self, connection: ConnectionId, reason: Option<&CloseReason>) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        self.note_disconnected(connection, reason);
        self.held_up.forget(connection);
        if let Some(current) = gone.current {
            let request = RequestId { connection, sequence: current.sequence };
            self.fetches.remove(request);
            self.held_up.remove(request);
            self.produces.remove(request);
        }
    }

    /// A request, without its size, has come in. Behind another one that is not answered yet it waits in line.
    pub fn handle(&mut self, now: Now, connection: ConnectionId, frame: Bytes) {
        self.now = now;
        let Some(state) = self.connections.get_mut(&connection) else { return };
        if state.is_mute {
            return;
        }
        if state.queued.len() == MAX_QUEUED {
            self.close(connection, CloseReason::TooManyRequests);
            return;
        }
        state.queued.push_back(frame);
        self.freed.push_back(connection);
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = now;
        self.handle_fault_timeouts();
        self.release_held_up();
        self.handle_controller_timeouts();
        self.handle_replication_timeouts();
        self.handle_retention_timeouts();
        // What has become true by now is answered before what has timed out.
        self.settle(now);
        while let Some(request) = self.produces.pop_due(now.instant) {
            api::produce::finish(self, request);
        }
        while let Some(request) = self.fetches.pop_due(now.instant) {
            api::fetch::finish(self, request);
        }
        self.handle_group_timeouts(now);
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let all = [
            self.held_up.next_timeout(),
            self.armed_rules.next_timeout(),
            self.recoveries.next_timeout(),
            self.controller.next_timeout(),
            self.replication.next_timeout(),
            self.retention.next_timeout(),
            self.produces.next_timeout(),
            self.fetches.next_timeout(),
            self.groups.next_timeout(),
        ];
        all.into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Answers a request, unless its connection is gone.
    pub(crate) fn respond<R: Response>(&mut self, request: RequestId, response: &R) {
        if let Some(version) = self.version_of(request) {
            self.respond_as(request, version, response);
        }
    }

    /// Answers a request in another version than its own.
    pub(crate) fn respond_as<R: Response>(&mut self, request: RequestId, version: i16, response: &R) {
        let Some(current) = self.current(request).filter(|current| !current.is_answered) else { return };
        let mut out = FrameBuf::new();
        match encode_response(&mut out, response, version, current.correlation_id) {
            Ok(()) => {
                // Only a journal wants to know.
                let errors = self.journal.as_ref().map(|_| error_codes_in(response)).unwrap_or_default();
                self.answer(request, Reply { api: R::API_KEY, version, frame: out, errors });
            }
            Err(error) => {
                let reason = CloseReason::Unencodable(format!("{}: {error}", R::NAME));
                self.close(request.connection, reason);
            }
        }
    }

    /// Finishes what a request has started, until nothing can go on without time or new requests.
    pub(crate) fn settle(&mut self, now: Now) {
        loop {
            if let Some(partition) = self.replication.dirty.pop_first() {
                self.replicate(partition);
            } else if let Some(connection) = self.freed.pop_front() {
                self.start_next(now, connection);
            } else if let Some((topic, partition)) = self.touched.pop_first() {
                for request in self.produces.watching((topic, partition)) {
                    api::produce::reconsider(self, request);
                }
                for request in self.fetches.watching(topic, partition) {
                    api::fetch::reconsider(self, request);
                }
            } else {
                return;
            }
        }
    }

    /// Starts the next request of a connection that is free.
    fn start_next(&mut self, now: Now, connection: ConnectionId) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        if state.current.is_some() || self.held_up.is_paused(connection) {
            return;
        }
        let Some(frame) = state.queued.pop_front() else { return };
        let sequence = state.requests;
        state.requests += 1;
        state.current = Some(Current::new(sequence));
        let mut call = Call {
            now,
            node: state.node,
            listener: state.listener,
            id: RequestId { connection, sequence },
            version: 0,
            client_id: Str::default(),
            client_host: state.client_host.clone(),
            fate: None,
        };
        // Not everything that comes before a login is over has a header.
        if !self.takes_frame(&call, &frame) {
            return;
        }
        let (header, body) = match decode_request_header(&frame) {
            Ok(decoded) => decoded,
            Err(error) => return self.close(connection, CloseReason::Undecodable(error)),
        };
        call.version = header.request_api_version;
        call.client_id = header.client_id.unwrap_or_default();
        if let Some(current) = self.current_mut(call.id) {
            current.correlation_id = header.correlation_id;
            current.version = call.version;
        }
        let key = ApiKey(header.request_api_key);
        if self.lets_in(&call, key) {
            api::dispatch(self, call, key, &body);
        }
    }

    /// Ends a request with what its handler answered.
    pub(crate) fn finish<R: Response>(&mut self, request: RequestId, answer: Answer<R>) {
        match answer {
            Answer::Now(response) => self.respond(request, &response),
            Answer::Later => {}
            Answer::Never => self.end_without_answer(request),
            Answer::Close(reason) => self.close(request.connection, reason),
        }
    }

    /// Closes all connections to a node.
    pub(crate) fn close_connections(&mut self, node: NodeId) {
        let to_node = self.connections.iter().filter(|(_, connection)| connection.node == node);
        let ids: Vec<ConnectionId> = to_node.map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.close(id, CloseReason::NodeDown));
    }

    pub(crate) fn close(&mut self, connection: ConnectionId, reason: CloseReason) {
        self.forget(connection, Some(&reason));
        self.actions.push_back(Action::Close(connection, reason));
    }

    /// The version of a request that is still to be answered.
    pub(crate) fn version_of(&self, request: RequestId) -> Option<i16> {
        self.current(request).filter(|current| !current.is_answered).map(|current| current.version)
    }

    /// What fault rules make of a request that is not answered yet.
    pub(crate) fn fate_of(&self, request: RequestId) -> Option<&Fate> {
        self.current(request)?.fate.as_deref()
    }

    pub(crate) fn correlation_id_of(&self, request: RequestId) -> i32 {
        self.current(request).map_or(-1, |current| current.correlation_id)
    }

    pub(crate) fn set_fate(&mut self, request: RequestId, fate: Arc<Fate>) {
        if let Some(current) = self.current_mut(request) {
            current.fate = Some(fate);
        }
    }

    /// The request's answer, if it gets one, is the last thing on its connection.
    pub(crate) fn set_failure(&mut self, request: RequestId, failure: Failure) {
        if let Some(current) = self.current_mut(request) {
            current.failure = Some(failure);
        }
    }

    /// The end that a request's answer comes with.
    pub(crate) fn failure_of(&self, request: RequestId) -> Option<&Failure> {
        self.current(request)?.failure.as_ref()
    }

    pub(crate) fn session(&self, connection: ConnectionId) -> Option<&Session> {
        self.connections.get(&connection).map(|connection| &connection.session)
    }

    pub(crate) fn session_mut(&mut self, connection: ConnectionId) -> Option<&mut Session> {
        self.connections.get_mut(&connection).map(|connection| &mut connection.session)
    }

    /// Who lets in those that come by the connection's listener; `None` if all are.
    pub(crate) fn authority(&self, connection: ConnectionId) -> Option<&Authority> {
        let listener = self.connections.get(&connection)?.listener;
        self.listeners[listener.0].authority.as_ref()
    }

    pub(crate) fn authority_and_random(
        &mut self,
        connection: ConnectionId,
    ) -> Option<(&Authority, &mut Random)> {
        let listener = self.connections.get(&connection)?.listener;
        Some((self.listeners[listener.0].authority.as_ref()?, &mut self.sasl_random))
    }

    /// The answer to a request is made, though it is not sent yet.
    pub(crate) fn mark_answered(&mut self, request: RequestId) {
        if let Some(current) = self.current_mut(request) {
            current.is_answered = true;
        }
    }

    /// Neither reads nor sends anything more on a connection, and leaves it open.
    pub(crate) fn mute(&mut self, connection: ConnectionId) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        state.is_mute = true;
        state.queued.clear();
        self.actions.push_back(Action::Mute(connection));
    }

    /// The faults that requests meet with.
    pub fn faults(&mut self) -> Faults<'_> {
        Faults::new(Place::Cluster(self))
    }

    /// A connection that was not read is read again.
    pub(crate) fn read_on(&mut self, connection: ConnectionId) {
        self.freed.push_back(connection);
    }

    fn current(&self, request: RequestId) -> Option<&Current> {
        let current = self.connections.get(&request.connection)?.current.as_ref()?;
        (current.sequence == request.sequence).then_some(current)
    }

    fn current_mut(&mut self, request: RequestId) -> Option<&mut Current> {
        let current = self.connections.get_mut(&request.connection)?.current.as_mut()?;
        (current.sequence == request.sequence).then_some(current)
    }

    /// Takes the request off its connection, which is then free for the next one.
    pub(crate) fn take_current(&mut self, request: RequestId) -> Option<Current> {
        let state = self.connections.get_mut(&request.connection)?;
        let current = state.current.take_if(|current| current.sequence == request.sequence)?;
        if !state.queued.is_empty() {
            self.freed.push_back(request.connection);
        }
        Some(current)
    }
}
