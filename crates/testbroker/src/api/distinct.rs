//! Requests that name the same thing again and again: a few bytes each, answered with a whole topic or group each,
//! would make a small request fill the memory. Kafka answers each thing once as well.

use std::collections::BTreeSet;

/// `items` without those whose key was there before.
pub(crate) fn distinct<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_stays_in_its_place() {
        assert_eq!(distinct(vec![3, 1, 3, 2, 1], |n| *n), [3, 1, 2]);
    }
}
