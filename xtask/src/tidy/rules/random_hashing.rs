//! `random-hashing`: nothing in core, client and transport uses a map whose order changes from run to run. A line
//! that names a fixed hasher (an identifier ending in `Hasher`, `BuildHasherDefault` included) may.

use crate::tidy::paths::paths;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::source::SourceFile;
use crate::tidy::tokens::{Kind, Token};
use crate::tidy::violation::Violation;

/// Finds maps and sets with the standard library's random hasher.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust().filter(|file| file.library_crate().is_some_and(is_simulated)) {
        for path in paths(file.shipped_tokens()).iter().filter(|path| !path.test) {
            let found = ["HashMap", "HashSet", "RandomState"].into_iter().find(|name| path.contains(name));
            if let Some(name) = found.filter(|_| !names_hasher(file, path.line)) {
                let message = format!(
                    "`{name}` hashes at random, so its order changes from run to run: use `BTreeMap`, `BTreeSet` \
                     or an ordered map, or name a fixed hasher in the same line"
                );
                violations.push(Violation::new("random-hashing", &file.path, path.line, message));
            }
        }
    }
    violations
}

fn is_simulated(crate_folder: &str) -> bool {
    ["core", "client", "transport"].contains(&crate_folder)
}

fn names_hasher(file: &SourceFile, line: usize) -> bool {
    let fixed = |token: &Token| {
        token.line == line
            && token.kind == Kind::Word
            && (token.text.ends_with("Hasher") || token.text == "BuildHasherDefault")
    };
    file.tokens.iter().any(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_maps_are_found() {
        for text in [
            "use std::collections::{HashMap, VecDeque};",
            "struct S { s: std::collections::HashSet<u8> }",
            "fn f() { let map = HashMap::new(); }",
        ] {
            assert_eq!(Snapshot::violations(check, "crates/client/src/lib.rs", text).len(), 1, "{text}");
            assert_eq!(Snapshot::violations(check, "crates/testbroker/src/lib.rs", text), [""; 0]);
        }
    }

    #[test]
    fn a_fixed_hasher_is_fine() {
        let text = "type Map<V> = std::collections::HashMap<u8, V, BuildHasherDefault<FxHasher>>;";
        assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", text), [""; 0]);
    }
}
