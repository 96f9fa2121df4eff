//! Nullable structs and nullable names, for visitors that set them.

use super::{Field, VisitorMut, Walk};
use crate::types::{Name, NodeIds};

/// A struct that may be null.
pub trait Optional {
    /// Makes it null.
    fn set_null(&mut self);
    /// Makes it a fresh struct and leads `v` through that.
    fn fill(&mut self, v: &mut dyn VisitorMut);
}

impl<T: Walk + Default> Optional for Option<T> {
    fn set_null(&mut self) {
        *self = None;
    }

    fn fill(&mut self, v: &mut dyn VisitorMut) {
        self.insert(T::default()).walk_mut(v);
    }
}

/// A nullable name, which the visitor sees as text.
pub(crate) fn nullable_name<N: Name, V: VisitorMut + ?Sized>(
    v: &mut V,
    f: &'static Field,
    x: &mut Option<N>,
) {
    let mut text = x.take().map(N::into_text);
    v.nullable_string(f, &mut text);
    *x = text.map(N::from);
}

/// A nullable list of nodes, which the visitor sees as numbers.
#[allow(dead_code, reason = "only messages of the feature `admin` have such a list")]
pub(crate) fn nullable_node_ids<V: VisitorMut + ?Sized>(
    v: &mut V,
    f: &'static Field,
    x: &mut Option<NodeIds>,
) {
    let mut ids = x.take().map(|ids| ids.0);
    v.nullable_int32s(f, &mut ids);
    *x = ids.map(NodeIds);
}
