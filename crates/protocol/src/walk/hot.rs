//! Structs whose fields are also compiled for the codec alone.
//!
//! A call by `dyn` for each field costs more than the field where structs come by the thousand. The code generator has
//! the list.

use crate::codec::{Decoder, Encoder};

/// A struct that the codec need not be led through by `dyn`.
pub trait Hot {
    /// Writes the fields.
    fn encode(&self, v: &mut Encoder<'_>);

    /// Reads the fields.
    fn decode(&mut self, v: &mut Decoder<'_>);
}
