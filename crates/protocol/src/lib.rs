//! Skeleton.

pub mod compression;
pub mod murmur2;
pub mod records;
pub mod varint;
