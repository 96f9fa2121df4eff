//! The types that fields of messages have: text, names, ids, small arrays and tagged fields.

mod int32_array;
mod names;
mod str;
mod tagged;
mod uuid;

pub use int32_array::{Int32Array, NodeIds};
pub use names::{GroupId, NodeId, ProducerId, TopicName, TransactionalId};
pub use str::Str;
pub use tagged::{TaggedField, TaggedFields};
pub use uuid::{Uuid, UuidError};

pub(crate) use names::Name;
