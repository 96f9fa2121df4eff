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

/// An array that can be set; null where it may be. What is done with all elements stands in [`fill`], once: what each
/// type of element has of its own is what compiling costs.
pub trait ArrayMut {
    /// Makes it null; `false` where it cannot be.
    fn set_null(&mut self) -> bool;
    /// Makes it an array, if it is null, with room for `len` more elements.
    fn reserve(&mut self, len: usize);
    /// Adds an element that nothing has been set of.
    fn add(&mut self) -> &mut dyn Walk;
    /// The element that was added last is set.
    fn added(&mut self) {}
    /// The memory of one element itself, in bytes.
    fn element_size(&self) -> usize;
    /// The array as one of hot structs, if it is.
    fn hot(&mut self) -> Option<&mut dyn HotArray>;
}

/// Adds `len` elements to `x`, which has none yet, and leads `v` through them, until `v` has failed.
pub(crate) fn fill(x: &mut dyn ArrayMut, len: usize, v: &mut dyn VisitorMut) {
    x.reserve(len);
    for index in 0..len {
        x.add().walk_mut(v);
        if v.failed() {
            return v.failed_at(index);
        }
        x.added();
    }
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

impl<T: Walk + Default + 'static> ArrayMut for Vec<T> {
    fn set_null(&mut self) -> bool {
        false
    }

    fn reserve(&mut self, len: usize) {
        self.reserve_exact(len);
    }

    fn add(&mut self) -> &mut dyn Walk {
        self.push(T::default());
        let last = self.len() - 1;
        &mut self[last]
    }

    fn element_size(&self) -> usize {
        size_of::<T>()
    }

    fn hot(&mut self) -> Option<&mut dyn HotArray> {
        T::hot_mut(self)
    }
}

impl<T: Walk + Default + 'static> ArrayMut for Option<Vec<T>> {
    fn set_null(&mut self) -> bool {
        *self = None;
        true
    }

    fn reserve(&mut self, len: usize) {
        self.get_or_insert_default().reserve_exact(len);
    }

    fn add(&mut self) -> &mut dyn Walk {
        self.get_or_insert_default().add()
    }

    fn element_size(&self) -> usize {
        size_of::<T>()
    }

    fn hot(&mut self) -> Option<&mut dyn HotArray> {
        self.as_mut().and_then(T::hot_mut)
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
