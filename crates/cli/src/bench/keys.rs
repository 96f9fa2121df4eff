//! The keys of records: a pool of numbers in decimal digits, all of one size, taken in turn.

use std::sync::Arc;

use super::producing::Producing;

/// The pool; clones share it. Empty for records without keys.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    bytes: Arc<Vec<u8>>,
    size: usize,
}

impl Keys {
    /// As the options say, which are checked.
    pub fn new(options: &Producing) -> Self {
        let Some((count, size)) = options.key_pool() else { return Self::default() };
        let size = size as usize;
        let bytes = (0..count).flat_map(|number| format!("{number:0size$}").into_bytes()).collect();
        Self { bytes: Arc::new(bytes), size }
    }

    /// That of record number `number`.
    pub fn key(&self, number: u64) -> Option<&[u8]> {
        let count = self.bytes.len().checked_div(self.size)?;
        let at = (number % count as u64) as usize * self.size;
        self.bytes.get(at..at + self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_turn_and_again() {
        let keys = Keys::new(&Producing { keys: Some(3), key_size: Some(4), ..Producing::default() });
        let found: Vec<Option<&[u8]>> = (0..4).map(|number| keys.key(number)).collect();
        assert_eq!(found, [b"0000", b"0001", b"0002", b"0000"].map(|key| Some(&key[..])));
        assert_eq!(Keys::default().key(7), None);
    }
}
