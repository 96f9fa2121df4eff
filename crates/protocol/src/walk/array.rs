//! Arrays as visitors see them: of structs and of scalars alike.

use std::mem::size_of;

use super::{Field, HotArray, Visitor, VisitorMut, Walk};
use crate::types::{GroupId, Name, ProducerId, Str, TopicName, TransactionalId, Uuid};

static ELEMENT: Field = Field::ELEMENT;

/// An array that can be read.
pub trait Array {
    /// How many elements there are.
    fn len(&self) -> usize;
    /// Leads `v` through the element at `index`.
    fn walk_element(&self, index: usize, v: &mut dyn Visitor);
    /// The array as one of hot structs, if it is.
    fn hot(&self) -> Option<&dyn HotArray>;
}

/// An array that can be set; null where it may be.
pub trait ArrayMut {
    /// Makes it null; `false` where it cannot be.
    fn set_null(&mut self) -> bool;
    /// Replaces what it holds by `len` elements that `v` is led through, until `v` has failed.
    fn fill(&mut self, len: usize, v: &mut dyn VisitorMut);
    /// The memory of one element itself, in bytes.
    fn element_size(&self) -> usize;
}

impl<T: Walk> Array for Vec<T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn walk_element(&self, index: usize, v: &mut dyn Visitor) {
        self[index].walk(v);
    }

    fn hot(&self) -> Option<&dyn HotArray> {
        T::hot(self)
    }
}

impl<T: Walk + Default> ArrayMut for Vec<T> {
    fn set_null(&mut self) -> bool {
        false
    }

    fn fill(&mut self, len: usize, v: &mut dyn VisitorMut) {
        if T::hot_mut(self).is_some_and(|all| v.hot(all, len)) {
            return;
        }
        self.clear();
        self.reserve_exact(len);
        // In place: elements that are made elsewhere and then moved cost more than all their fields.
        self.resize_with(len, T::default);
        for (index, element) in self.iter_mut().enumerate() {
            element.walk_mut(v);
            if v.failed() {
                return v.failed_at(index);
            }
        }
    }

    fn element_size(&self) -> usize {
        size_of::<T>()
    }
}

impl<T: Walk + Default> ArrayMut for Option<Vec<T>> {
    fn set_null(&mut self) -> bool {
        *self = None;
        true
    }

    fn fill(&mut self, len: usize, v: &mut dyn VisitorMut) {
        self.insert(Vec::new()).fill(len, v);
    }

    fn element_size(&self) -> usize {
        size_of::<T>()
    }
}

macro_rules! scalar {
    ($($ty:ty, $visit:ident;)*) => {$(
        impl Walk for $ty {
            fn walk(&self, v: &mut dyn Visitor) {
                v.$visit(&ELEMENT, *self);
            }

            fn walk_mut(&mut self, v: &mut dyn VisitorMut) {
                v.$visit(&ELEMENT, self);
            }
        }
    )*};
}

scalar! { i8, int8; i16, int16; i64, int64; }

impl Walk for Uuid {
    fn walk(&self, v: &mut dyn Visitor) {
        v.uuid(&ELEMENT, self);
    }

    fn walk_mut(&mut self, v: &mut dyn VisitorMut) {
        v.uuid(&ELEMENT, self);
    }
}

impl Walk for ProducerId {
    fn walk(&self, v: &mut dyn Visitor) {
        v.int64(&ELEMENT, self.0);
    }

    fn walk_mut(&mut self, v: &mut dyn VisitorMut) {
        v.int64(&ELEMENT, &mut self.0);
    }
}

impl Walk for Str {
    fn walk(&self, v: &mut dyn Visitor) {
        v.string(&ELEMENT, Some(self));
    }

    fn walk_mut(&mut self, v: &mut dyn VisitorMut) {
        v.string(&ELEMENT, self);
    }
}

macro_rules! names {
    ($($name:ty)*) => {$(
        impl Walk for $name {
            fn walk(&self, v: &mut dyn Visitor) {
                v.string(&ELEMENT, Some(self.as_text()));
            }

            fn walk_mut(&mut self, v: &mut dyn VisitorMut) {
                v.string(&ELEMENT, self.as_text_mut());
            }
        }
    )*};
}

names! { TopicName GroupId TransactionalId }
