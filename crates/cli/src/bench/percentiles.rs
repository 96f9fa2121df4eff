//! Percentiles of measured times, picked as the other clients' programs pick them: the element at `(len - 1) * q`.

use serde::Serialize;

/// In microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Percentiles {
    /// Of times in nanoseconds, in any order; `None` without any.
    pub fn of(mut nanos: Vec<u64>) -> Option<Self> {
        nanos.sort_unstable();
        let last = nanos.len().checked_sub(1)?;
        let at = |q: f64| (nanos[(last as f64 * q) as usize] as f64 / 100.0).round() / 10.0;
        Some(Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_elements_of_the_sorted_times() {
        let times = (1..=1001).rev().map(|us| us * 1000).collect();
        let expected = Percentiles { p50: 501.0, p99: 991.0, p999: 1000.0 };
        assert_eq!(Percentiles::of(times), Some(expected));
        let expected = Percentiles { p50: 1.2, p99: 1.2, p999: 1.2 };
        assert_eq!(Percentiles::of(vec![1234]), Some(expected));
        assert_eq!(Percentiles::of(Vec::new()), None);
    }
}
