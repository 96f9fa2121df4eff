//! What is compared: the same work for `ottla-protocol` and for `kafka-protocol`, on the same bytes.
//!
//! `cargo bench -p ottla-benches --bench codec` times it with Criterion and prints ratios;
//! `cargo bench -p ottla-benches --bench allocations` counts allocations. Two programs, because counting needs an
//! allocator of its own and times are wanted with the system's.
//!
//! Not here: whole clients side by side, which is the work of `ottla bench` and of the programs it is measured with.

mod batches;
mod fetches;
mod groups;
mod messages;
mod metadata;
mod produce;

use std::fmt;

/// Something that both crates do.
pub struct Case {
    /// What is done, and to how much.
    pub name: &'static str,
    /// The bytes that are read or written.
    pub size_bytes: usize,
    /// By us.
    pub ottla: Box<dyn FnMut()>,
    /// By `kafka-protocol`.
    pub kafka_protocol: Box<dyn FnMut()>,
}

impl Case {
    fn new(
        name: &'static str,
        size_bytes: usize,
        ottla: impl FnMut() + 'static,
        kafka_protocol: impl FnMut() + 'static,
    ) -> Self {
        Self { name, size_bytes, ottla: Box::new(ottla), kafka_protocol: Box::new(kafka_protocol) }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All cases. Making them checks that both crates write the same bytes.
#[must_use]
pub fn cases() -> Vec<Case> {
    let groups = [metadata::cases, produce::cases, fetches::cases, groups::cases, batches::cases];
    groups.into_iter().flat_map(|cases| cases()).collect()
}
