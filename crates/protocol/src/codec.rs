//! The visitors that turn messages into bytes and back, print and compare them.

mod debug;
mod decoder;
mod encoder;
mod equal;
mod is_default;

pub(crate) use debug::debug;
pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub(crate) use equal::equal;
pub(crate) use is_default::is_default;
