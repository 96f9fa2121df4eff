//! What a client has done so far, as plain figures.
//!
//! Totals count from the start and only grow; gauges (`…_in_flight`, `buffer_used`, …) are of the moment. Rates are for
//! the reader: the difference of two snapshots ([`ProducerMetrics::since`] and its siblings) over the time between them.
//! Each field's doc gives Java's name of it and its unit.
//!
//! Everything is counted per batch, request or fetch; nothing per record.
//!
//! Not here: the counting, which each machine does beside its work; labels and formats, which are an exporter's.

mod client;
mod connection;
mod consumer;
mod distribution;
mod producer;
mod timing;
mod topic;

pub use client::{ClientMetrics, MetricsSnapshot};
pub use connection::ConnectionMetrics;
pub use consumer::ConsumerMetrics;
pub use distribution::Distribution;
pub use producer::ProducerMetrics;
pub use timing::Timing;
pub use topic::TopicMetrics;

/// `part` of `whole`; `None` of nothing.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
