//! `file-size`: no file over 2 MiB. History keeps everything for ever.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// Finds large files.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let large = snapshot.files.iter().filter(|file| file.size_bytes > MOST_BYTES);
    let violation = |file: &crate::tidy::source::SourceFile| {
        let message =
            format!("{} bytes, at most {MOST_BYTES}: keep a small, compressed set", file.size_bytes);
        Violation::new("file-size", &file.path, 1, message)
    };
    large.map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::SourceFile;

    #[test]
    fn a_large_file_is_found() {
        let file = |bytes| SourceFile::new("tests/data/all.bin", bytes, String::new()).expect("no Rust");
        let snapshot =
            Snapshot { files: vec![file(MOST_BYTES), file(MOST_BYTES + 1)], ..Snapshot::default() };
        assert_eq!(check(&snapshot).len(), 1);
    }
}
