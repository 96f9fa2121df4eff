//! A broker of the cluster.

use ottla_protocol::types::{NodeId, Str};

/// A broker: its id and where it says that it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) host: Str,
    pub(crate) port: u16,
    pub(crate) rack: Option<Str>,
}
