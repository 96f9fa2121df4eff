//! The cluster's listeners by name: where nodes say they are, who comes in, whom they let in.

use ottla_protocol::types::NodeId;

use crate::cluster::Cluster;
use crate::connection::ConnectionId;
use crate::control::ControlError;
use crate::listener::{Listener, ListenerId};
use crate::node::{Endpoint, Node};
use crate::now::Now;
use crate::sasl::{Authority, SaslConfig};

impl Cluster {
    /// The names of the listeners, in their order.
    pub fn listeners(&self) -> impl Iterator<Item = &str> + '_ {
        self.listeners.iter().map(|listener| listener.name.as_str())
    }

    /// The node that says it is to be reached at `host` and `port`, by whatever listener.
    pub fn node_at(&self, host: &str, port: u16) -> Option<NodeId> {
        self.endpoint_at(host, port).map(|(node, _)| node)
    }

    /// The node, and the listener, that are said to be at `host` and `port`.
    pub fn endpoint_at(&self, host: &str, port: u16) -> Option<(NodeId, &str)> {
        let (node, listener) = self.find_endpoint(host, port)?;
        Some((node, &self.listeners[listener.0].name))
    }

    pub(crate) fn find_endpoint(&self, host: &str, port: u16) -> Option<(NodeId, ListenerId)> {
        self.nodes.values().find_map(|node| {
            let is_it = |at: &Endpoint| at.port == port && at.host.as_str() == host;
            node.endpoints.iter().position(is_it).map(|index| (node.id, ListenerId(index)))
        })
    }

    /// Where a node says that it can be reached by the first listener (`advertised.listeners`). Until told otherwise,
    /// node 1 is at `node-1:9092`, node 2 at `node-2:9093` and so on. An unknown node is ignored.
    pub fn advertise(&mut self, node: NodeId, host: &str, port: u16) {
        self.set_endpoint(node, ListenerId::default(), host, port);
    }

    /// The same for any listener. Until told otherwise, each one's ports begin 1000 behind those of the one before it.
    ///
    /// # Errors
    /// There is no such listener.
    pub fn advertise_by(
        &mut self,
        listener: &str,
        node: NodeId,
        host: &str,
        port: u16,
    ) -> Result<(), ControlError> {
        let listener = self.listener_named(listener)?;
        self.set_endpoint(node, listener, host, port);
        Ok(())
    }

    pub(crate) fn set_endpoint(&mut self, node: NodeId, listener: ListenerId, host: &str, port: u16) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.endpoints[listener.0] = Endpoint { host: host.into(), port };
        }
    }

    /// `host:port` of every node by the first listener, with commas between: what clients call bootstrap servers.
    pub fn bootstrap_servers(&self) -> String {
        self.addresses(ListenerId::default())
    }

    /// The same by any listener; `None` if there is no such one.
    pub fn bootstrap_servers_by(&self, listener: &str) -> Option<String> {
        self.listener_named(listener).ok().map(|listener| self.addresses(listener))
    }

    /// A client connects to `node` by a listener, as with [`connect`](Self::connect). `None` also if there is no such
    /// listener.
    pub fn connect_by_listener(
        &mut self,
        now: Now,
        node: NodeId,
        listener: &str,
        client_host: &str,
    ) -> Option<ConnectionId> {
        let listener = self.listener_named(listener).ok()?;
        self.connect_by(now, node, listener, client_host)
    }

    /// Changes who may log in, from the next token on. Those who have are not asked again.
    ///
    /// # Errors
    /// There is no such listener, or it has no SASL.
    pub fn set_sasl(&mut self, listener: &str, sasl: &SaslConfig) -> Result<(), ControlError> {
        let id = self.listener_named(listener)?;
        let seed = self.settings.seed;
        match &mut self.listeners[id.0].authority {
            Some(authority) => *authority = Authority::new(sasl, seed),
            None => return Err(ControlError::UnknownListener(listener.to_owned())),
        }
        Ok(())
    }

    pub(crate) fn listener_named(&self, name: &str) -> Result<ListenerId, ControlError> {
        let is_it = |listener: &Listener| listener.name == name;
        let found = self.listeners.iter().position(is_it).map(ListenerId);
        found.ok_or_else(|| ControlError::UnknownListener(name.to_owned()))
    }

    fn addresses(&self, listener: ListenerId) -> String {
        let address = |node: &Node| {
            let Endpoint { host, port } = node.endpoint(listener);
            format!("{host}:{port}")
        };
        self.nodes.values().map(address).collect::<Vec<_>>().join(",")
    }
}
