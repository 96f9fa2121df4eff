//! Counts of what was tried, by kind of input, and the way to try one input.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};

use allocation_counter::measure;
use ottla_tests::oracle::hex;

/// A row for each kind of input.
#[derive(Default)]
pub struct Report(BTreeMap<&'static str, Row>);

#[derive(Clone, Copy, Default)]
struct Row {
    inputs: u64,
    decoded: u64,
    /// The largest allocation, in bytes.
    most_bytes: u64,
    /// The largest share of what was allowed, in percent.
    most_percent: u64,
}

impl Report {
    /// Reads one input, which may take `allowed` bytes of memory; `None` if it is refused. What `then` does with what
    /// was read is not counted.
    ///
    /// # Panics
    /// If one of them panics, the memory is not enough or `then` finds a rule broken.
    pub fn attempt<T>(
        &mut self,
        kind: &'static str,
        subject: &dyn fmt::Display,
        input: &[u8],
        allowed: u64,
        read: impl FnOnce() -> Option<T>,
        then: impl FnOnce(T) -> Result<(), String>,
    ) {
        let mut found = None;
        let memory = measure(|| found = Some(catch_unwind(AssertUnwindSafe(read)))).bytes_max;
        let row = self.0.entry(kind).or_default();
        row.inputs += 1;
        row.most_bytes = row.most_bytes.max(memory);
        row.most_percent = row.most_percent.max(memory.saturating_mul(100) / allowed);
        let result = match found {
            _ if memory > allowed => Err(format!("{memory} bytes of memory where {allowed} are allowed")),
            Some(Ok(Some(value))) => {
                row.decoded += 1;
                catch_unwind(AssertUnwindSafe(|| then(value))).unwrap_or_else(|_| Err("panicked".to_owned()))
            }
            Some(Ok(None)) => Ok(()),
            Some(Err(_)) | None => Err("panicked".to_owned()),
        };
        if let Err(problem) = result {
            panic!("{kind}, {subject}: {problem}: {}", hex(input));
        }
    }

    /// A run in which nearly nothing decodes tries nearly nothing.
    pub fn assert_that_enough_decodes(&self) {
        for (kind, row) in &self.0 {
            assert!(row.decoded > row.inputs / 500, "of {kind} nearly nothing decodes");
        }
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        for (kind, part) in other.0 {
            let row = self.0.entry(kind).or_default();
            row.inputs += part.inputs;
            row.decoded += part.decoded;
            row.most_bytes = row.most_bytes.max(part.most_bytes);
            row.most_percent = row.most_percent.max(part.most_percent);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["inputs", "decoded", "refused", "most bytes", "of allowed"];
        writeln!(
            f,
            "{:<24}{:>12}{:>12}{:>12}{:>12}{:>12}",
            "kind", heads[0], heads[1], heads[2], heads[3], heads[4]
        )?;
        let mut all = 0;
        for (kind, row) in &self.0 {
            let Row { inputs, decoded, most_bytes, most_percent } = row;
            let refused = inputs - decoded;
            writeln!(
                f,
                "{kind:<24}{inputs:>12}{decoded:>12}{refused:>12}{most_bytes:>12}{most_percent:>10} %"
            )?;
            all += inputs;
        }
        writeln!(f, "{:<24}{all:>12}", "all")
    }
}
