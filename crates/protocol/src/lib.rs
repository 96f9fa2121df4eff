//! Skeleton.

pub mod compression;
pub mod murmur2;
pub mod varint;
