//! Structs that come by the thousand, whose fields are also compiled for the codec alone.
//!
//! A call by `dyn` for each field costs more than the field itself. The code generator has the list; other visitors
//! see these structs like all others.

use crate::codec::{Decoder, Encoder};

use super::VisitorMut;

/// A struct that the codec need not be led through by `dyn`.
pub trait Hot {
    /// Writes the fields.
    fn encode(&self, v: &mut Encoder<'_>);

    /// Reads the fields.
    fn decode(&mut self, v: &mut Decoder<'_>);
}

/// An array of hot structs.
pub trait HotArray {
    /// Writes the elements, until `v` has failed.
    fn encode(&self, v: &mut Encoder<'_>);

    /// Replaces the elements by `len` that are read, until `v` has failed.
    fn decode(&mut self, len: usize, v: &mut Decoder<'_>);
}

impl<T: Hot + Default> HotArray for Vec<T> {
    fn encode(&self, v: &mut Encoder<'_>) {
        for (index, element) in self.iter().enumerate() {
            element.encode(v);
            if v.failed() {
                return v.failed_at(index);
            }
        }
    }

    fn decode(&mut self, len: usize, v: &mut Decoder<'_>) {
        self.clear();
        self.reserve_exact(len);
        self.resize_with(len, T::default);
        for (index, element) in self.iter_mut().enumerate() {
            element.decode(v);
            if v.failed() {
                return v.failed_at(index);
            }
        }
    }
}
