//! One walk per struct, many visitors.
//!
//! Generated code holds, for every struct, a straight-line walk over its fields and its `&mut` twin. All that can
//! be done with a message (decode, encode, print, compare) is a visitor written once. The visitors are `dyn`:
//! a monomorphic walk per visitor was measured to cost 60 % more compile time and to decode no faster
//! (`docs/decisions/0001-generated-code.md`).

mod array;
mod field;
mod hot;
mod optional;

pub use field::Field;
pub(crate) use field::TAGGED_FIELDS;

pub(crate) use array::{Array, ArrayMut};
pub(crate) use hot::{Hot, HotArray};
#[allow(unused_imports)]
pub(crate) use optional::{Optional, nullable_name, nullable_node_ids};

use bytes::Bytes;

use crate::types::{Int32Array, Str, TaggedFields, Uuid};

/// A value whose fields a visitor can be led through, in the order of the wire. Tagged fields come last.
pub trait Walk {
    /// Leads `v` through the fields.
    fn walk(&self, v: &mut dyn Visitor);

    /// Leads `v` through the fields, which it may set.
    fn walk_mut(&mut self, v: &mut dyn VisitorMut);

    /// The array as one of [hot](Hot) structs, if it is.
    #[inline(always)]
    fn hot(_all: &Vec<Self>) -> Option<&dyn HotArray>
    where
        Self: Sized,
    {
        None
    }

    /// The array as one of [hot](Hot) structs, if it is.
    #[inline(always)]
    fn hot_mut(_all: &mut Vec<Self>) -> Option<&mut dyn HotArray>
    where
        Self: Sized,
    {
        None
    }
}

/// Sees the fields of a message. `None` is null.
#[allow(missing_docs)]
pub trait Visitor {
    /// A struct starts.
    fn begin(&mut self, name: &'static str);
    fn bool(&mut self, f: &'static Field, x: bool);
    fn int8(&mut self, f: &'static Field, x: i8);
    fn int16(&mut self, f: &'static Field, x: i16);
    fn uint16(&mut self, f: &'static Field, x: u16);
    fn uint32(&mut self, f: &'static Field, x: u32);
    fn int32(&mut self, f: &'static Field, x: i32);
    fn int64(&mut self, f: &'static Field, x: i64);
    fn float64(&mut self, f: &'static Field, x: f64);
    fn uuid(&mut self, f: &'static Field, x: &Uuid);
    fn string(&mut self, f: &'static Field, x: Option<&Str>);
    fn bytes(&mut self, f: &'static Field, x: Option<&Bytes>);
    fn records(&mut self, f: &'static Field, x: Option<&Bytes>);
    fn int32s(&mut self, f: &'static Field, x: Option<&Int32Array>);
    fn array(&mut self, f: &'static Field, x: Option<&dyn Array>);
    fn structure(&mut self, f: &'static Field, x: Option<&dyn Walk>);
    /// The fields that have a place are through; known tagged fields follow.
    fn tags(&mut self);
    /// The struct ends. `known`: [`tags`](Self::tags) was called.
    fn end(&mut self, unknown: &TaggedFields, known: bool);
}

/// Sees the fields of a message and may set them.
#[allow(missing_docs)]
pub trait VisitorMut {
    /// Sets the elements of `x`, of which there are to be `len`, by a way of its own; false where it has none.
    fn hot(&mut self, _x: &mut dyn HotArray, _len: usize) -> bool {
        false
    }
    fn bool(&mut self, f: &'static Field, x: &mut bool);
    fn int8(&mut self, f: &'static Field, x: &mut i8);
    fn int16(&mut self, f: &'static Field, x: &mut i16);
    fn uint16(&mut self, f: &'static Field, x: &mut u16);
    fn uint32(&mut self, f: &'static Field, x: &mut u32);
    fn int32(&mut self, f: &'static Field, x: &mut i32);
    fn int64(&mut self, f: &'static Field, x: &mut i64);
    fn float64(&mut self, f: &'static Field, x: &mut f64);
    fn uuid(&mut self, f: &'static Field, x: &mut Uuid);
    fn string(&mut self, f: &'static Field, x: &mut Str);
    fn nullable_string(&mut self, f: &'static Field, x: &mut Option<Str>);
    fn bytes(&mut self, f: &'static Field, x: &mut Bytes);
    fn nullable_bytes(&mut self, f: &'static Field, x: &mut Option<Bytes>);
    fn int32s(&mut self, f: &'static Field, x: &mut Int32Array);
    fn nullable_int32s(&mut self, f: &'static Field, x: &mut Option<Int32Array>);
    fn array(&mut self, f: &'static Field, x: &mut dyn ArrayMut);
    fn structure(&mut self, f: &'static Field, x: &mut dyn Walk);
    fn nullable_structure(&mut self, f: &'static Field, x: &mut dyn Optional);
    /// The fields that have a place are through; known tagged fields follow.
    fn tags(&mut self);
    /// The struct ends. `known`: [`tags`](Self::tags) was called.
    fn end(&mut self, unknown: &mut TaggedFields, known: bool);
    /// Whether the visitor gave up; what it still sees does not matter.
    fn failed(&self) -> bool;
    /// The visitor gave up inside the element at `index` of the array it was led through.
    fn failed_at(&mut self, index: usize);
}
