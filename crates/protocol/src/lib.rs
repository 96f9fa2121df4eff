//! Skeleton.

pub mod varint;
