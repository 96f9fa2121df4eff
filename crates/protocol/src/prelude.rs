//! What generated code names.

pub(crate) use bytes::Bytes;

pub(crate) use crate::api::ApiKey;
pub(crate) use crate::codec::{Decoder, Encoder};
pub(crate) use crate::message::{Message, Request, Response, VersionRange};
pub(crate) use crate::types::{
    GroupId, Int32Array, Name, NodeId, NodeIds, ProducerId, Str, TaggedFields, TopicName, TransactionalId,
    Uuid,
};
// Some only with all features.
#[allow(unused_imports)]
pub(crate) use crate::walk::{
    Field, Hot, HotArray, Visitor, VisitorMut, Walk, nullable_name, nullable_node_ids,
};

/// `Debug` and `PartialEq` by visitor: derived ones would cost a third of the crate's compile time.
macro_rules! visited {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::codec::debug(self, f)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                crate::codec::equal(self, other)
            }
        }
    };
}

pub(crate) use visited;
