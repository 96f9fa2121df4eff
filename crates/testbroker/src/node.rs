//! A broker of the cluster.

use ottla_protocol::types::{NodeId, Str};

use crate::listener::ListenerId;

/// A broker: its id, where it says that it can be reached, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// One for each listener of the cluster.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) rack: Option<Str>,
    /// Its process runs.
    pub(crate) is_up: bool,
    /// It does not hear from the controller, and the controller not from it.
    pub(crate) is_cut_off: bool,
}

/// An address that clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: Str,
    pub(crate) port: u16,
}

impl Node {
    pub(crate) fn endpoint(&self, listener: ListenerId) -> &Endpoint {
        &self.endpoints[listener.0]
    }
}
