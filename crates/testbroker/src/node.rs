//! A broker of the cluster.

use ottla_protocol::types::{NodeId, Str};

/// A broker: its id, where it says that it can be reached, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) host: Str,
    pub(crate) port: u16,
    pub(crate) rack: Option<Str>,
    /// Its process runs.
    pub(crate) is_up: bool,
    /// It does not hear from the controller, and the controller not from it.
    pub(crate) is_cut_off: bool,
}
