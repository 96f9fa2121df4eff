//! Skeleton.

pub mod murmur2;
pub mod varint;
