//! `file-length`: a file is at most 600 lines without its tests. One concept fits; more is two files.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::source::{Role, SourceFile};
use crate::tidy::violation::Violation;

const MOST_LINES: usize = 600;

/// Finds long files.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust().filter(|file| !is_only_tests(file)) {
        let lines = lines_before_tests(file);
        if lines > MOST_LINES {
            let message = format!("{lines} lines without tests, at most {MOST_LINES}: split it by concept");
            violations.push(Violation::new("file-length", &file.path, lines, message));
        }
    }
    violations
}

/// `name/tests.rs`: the tests that were moved out of `name.rs`. The tests package is held to the limit.
fn is_only_tests(file: &SourceFile) -> bool {
    file.role() == Role::Test && file.path.ends_with("/tests.rs")
}

/// Up to the test module with a body; `mod tests;` is a line like others.
fn lines_before_tests(file: &SourceFile) -> usize {
    let tokens = &file.tokens;
    let is_module = |index: &usize| {
        tokens[*index].test
            && tokens[*index].is("mod")
            && tokens.get(index + 2).is_some_and(|token| token.is("{"))
    };
    match (0..tokens.len()).find(is_module) {
        Some(module) => {
            let first = (0..module).rev().take_while(|&index| tokens[index].test).last().unwrap_or(module);
            tokens[first].line.saturating_sub(1)
        }
        None => file.text.lines().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(before: usize, after: &str) -> Vec<String> {
        let text = format!("{}{after}", "fn f() {}\n".repeat(before));
        Snapshot::violations(check, "crates/core/src/lib.rs", &text)
    }

    #[test]
    fn a_file_of_601_lines_is_too_long() {
        assert_eq!(check_lines(600, ""), [""; 0]);
        assert_eq!(check_lines(601, ""), ["601: 601 lines without tests, at most 600: split it by concept"]);
    }

    #[test]
    fn tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn t() {}\n".repeat(500));
        assert_eq!(check_lines(600, &tests), [""; 0]);
        assert_eq!(check_lines(600, "#[cfg(test)]\nmod tests;\n").len(), 1);
    }

    #[test]
    fn generated_files_may_be_long() {
        let text = format!("// @generated\n//! Doc.\n{}", "fn f() {}\n".repeat(700));
        assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", &text), [""; 0]);
    }
}
