//! What a mistyped name may have meant.

/// Longer names are not compared; no known one is as long.
const MAX_LENGTH: usize = 80;

/// The nearest of `known`, if it is near: at most a third of the letters differ, and at most four.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(MAX_LENGTH + 1).map(|c| c.to_ascii_lowercase()).collect();
    if name.len() > MAX_LENGTH {
        return None;
    }
    let most = (name.len() / 3).min(4);
    known
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|&(distance, _)| distance <= most)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters were left out, put in, mistaken or swapped with their neighbour.
fn distance(name: &[char], other: &str) -> usize {
    let other: Vec<char> = other.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before_last: Vec<usize> = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, &a) in name.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in other.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == other[j - 1] && name[i - 1] == b {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;

    #[test]
    fn a_mistyped_key_finds_the_one_that_was_meant() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(nearest(name, keys::names()), expected, "{name}");
        };
        check("boostrap.servers", Some("bootstrap.servers"));
        check("bootstrap.server", Some("bootstrap.servers"));
        check("Group.ID", Some("group.id"));
        check("linger_ms", Some("linger.ms"));
        check("auto.ofset.rest", Some("auto.offset.reset"));
        check("sasl.mechansim", Some("sasl.mechanism"));
        check("max.inflight", Some("max.in.flight"));
        check("ssl.trustore.location", Some("ssl.truststore.location"));
        check("process.roles", None);
        check("x", None);
        check("", None);
        check(&"long".repeat(1000), None);
    }
}
