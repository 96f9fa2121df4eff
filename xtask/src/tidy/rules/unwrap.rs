//! `unwrap`: none outside tests. `expect("…")` states why it cannot fail; everything else is an error to return.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Finds them.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust() {
        for three in file.shipped_tokens().windows(3) {
            if three[0].is(".") && three[1].is("unwrap") && three[2].is("(") && !three[1].test {
                let message = "`unwrap`: return an error, or state the invariant with `expect(\"…\")`";
                violations.push(Violation::new("unwrap", &file.path, three[1].line, message));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unwrap_outside_tests_is_found() {
        let text = "//! ```\n//! a.unwrap()\n//! ```\nfn f() {\n    a\n        .unwrap();\n    a.unwrap_or(1);\n}\n\
                    #[cfg(test)]\nmod tests {\n    fn f() { a.unwrap(); }\n}\n";
        let found = Snapshot::violations(check, "xtask/src/main.rs", text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("6: "), "{found:?}");
        assert_eq!(Snapshot::violations(check, "tests/tests/kafka.rs", text), [""; 0]);
    }
}
