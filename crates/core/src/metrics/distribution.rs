//! How large things were: count, sum, maximum, and a histogram of a fixed size.
//!
//! A bucket is a quarter of a power of two: values below 8 have one each, and from there on the width of a bucket is a
//! quarter of its lower end or less. So a percentile is at most a quarter too large, and never too small.

use std::fmt;

use super::ratio;

/// Values of 2³² and more share the last bucket with those just below.
const BUCKETS: usize = 124;

/// Values that were counted, in a unit that the field says.
#[derive(Clone, PartialEq, Eq)]
pub struct Distribution {
    count: u64,
    sum: u64,
    max: u64,
    buckets: [u64; BUCKETS],
}

impl Default for Distribution {
    fn default() -> Self {
        Self { count: 0, sum: 0, max: 0, buckets: [0; BUCKETS] }
    }
}

impl Distribution {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
        self.buckets[bucket(value)] += 1;
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together; stops at `u64::MAX`.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest, 0 if there was none. Of a [difference](Self::since) it is exact if it is the largest so far, else at
    /// most a quarter too large.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Their mean; `None` if there was none.
    pub fn avg(&self) -> Option<f64> {
        ratio(self.sum, self.count)
    }

    /// What so many percent of the values do not exceed: at most a quarter too large. `None` if there was no value.
    /// `percent` is between 0 and 100; what lies outside counts as the nearer end.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let wanted = (self.count as f64 * percent.clamp(0.0, 100.0) / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        Some(reached.map_or(self.max, |at| largest(at).min(self.max)))
    }

    /// What was counted after `earlier`, an older snapshot of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.count = self.count.saturating_sub(earlier.count);
        since.sum = self.sum.saturating_sub(earlier.sum);
        for (bucket, before) in since.buckets.iter_mut().zip(&earlier.buckets) {
            *bucket = bucket.saturating_sub(*before);
        }
        if self.max <= earlier.max {
            let highest = since.buckets.iter().rposition(|count| *count > 0);
            since.max = highest.map_or(0, |at| largest(at).min(self.max));
        }
        since
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution")
            .field("count", &self.count)
            .field("avg", &self.avg())
            .field("p50", &self.percentile(50.0))
            .field("p99", &self.percentile(99.0))
            .field("max", &self.max)
            .finish()
    }
}

/// Where a value is counted.
fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2() as usize;
    let quarter = (value >> (power - 2)) as usize & 3;
    ((power - 1) * 4 + quarter).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn largest(at: usize) -> u64 {
    match at {
        0..4 => at as u64,
        _ if at == BUCKETS - 1 => u64::MAX,
        _ => ((at % 4 + 5) as u64) * (1 << (at / 4 - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let mut distribution = Distribution::default();
        values.iter().for_each(|value| distribution.record(*value));
        distribution
    }

    #[test]
    fn every_value_lies_in_a_bucket_that_exceeds_it_by_a_quarter_at_most() {
        let mut before = 0;
        let powers = (0..32).flat_map(|power| {
            let power = 1_u64 << power;
            [power.saturating_sub(1), power, power + 1, power + power / 3, power + power / 2]
        });
        let mut values: Vec<u64> = powers.chain(0..2000).collect();
        values.sort_unstable();
        for value in values {
            let at = bucket(value);
            assert!(at >= before, "{value}");
            assert!(largest(at) >= value, "{value}");
            assert!(at == BUCKETS - 1 || largest(at) <= value + value / 4, "{value}: {}", largest(at));
            assert!(at == 0 || largest(at - 1) < value, "{value} belongs to the bucket before");
            before = at;
        }
        assert_eq!((bucket(u64::MAX), largest(BUCKETS - 1)), (BUCKETS - 1, u64::MAX));
    }

    #[test]
    fn percentiles_are_of_the_values_that_were_counted() {
        let hundred: Vec<u64> = (1..=100).map(|n| n * 1000).collect();
        let cases: [(&[u64], f64, Option<u64>); 8] = [
            (&[], 50.0, None),
            (&[7], 0.0, Some(7)),
            (&[7], 100.0, Some(7)),
            (&[1, 2, 3], 50.0, Some(2)),
            (&[1, 2, 3], -5.0, Some(1)),
            (&[1, 2, 3], 500.0, Some(3)),
            (&hundred, 50.0, Some(57_343)),
            (&hundred, 100.0, Some(100_000)),
        ];
        for (values, percent, expected) in cases {
            assert_eq!(of(values).percentile(percent), expected, "{percent} of {values:?}");
        }
    }

    #[test]
    fn a_difference_is_what_came_in_between() {
        let cases: [(&[u64], &[u64], u64); 4] = [
            (&[5, 9], &[], 0),
            (&[5, 9], &[20], 20),
            // The largest came before: the upper end of the bucket of 100 is told.
            (&[5, 900], &[100, 3], 111),
            (&[], &[6], 6),
        ];
        for (before, after, max) in cases {
            let earlier = of(before);
            let since = of(&[before, after].concat()).since(&earlier);
            let sum = after.iter().sum::<u64>();
            assert_eq!(
                (since.count(), since.sum(), since.max()),
                (after.len() as u64, sum, max),
                "{after:?}"
            );
            assert_eq!(since.avg(), (!after.is_empty()).then(|| sum as f64 / after.len() as f64));
        }
    }

    #[test]
    fn two_together_have_counted_what_each_has() {
        let mut both = of(&[1, 50]);
        both.add(&of(&[7, 9000]));
        assert_eq!(both, of(&[7, 1, 50, 9000]));
    }
}
