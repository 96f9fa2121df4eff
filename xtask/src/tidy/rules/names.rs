//! `names`: no `get_` before a function's name, and no module that is named after being useful: a name says what a
//! thing is.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::tokens::Kind;
use crate::tidy::violation::Violation;

const NO_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// Finds such names.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust() {
        let mut report = |line, message: String, name: &str| {
            violations.push(Violation::new("names", &file.path, line, message).of_item(name));
        };
        let parts = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
        if let Some(name) = parts.into_iter().find(|part| NO_NAMES.contains(part)) {
            report(1, format!("a file or folder called {name}: name it after what it holds"), name);
        }
        for pair in file.tokens.windows(2).filter(|pair| pair[1].kind == Kind::Word) {
            let (keyword, name) = (&pair[0], pair[1].text.as_str());
            if keyword.is("fn") && name.starts_with("get_") {
                report(pair[1].line, format!("`{name}`: leave out `get_`"), name);
            }
            if keyword.is("mod") && NO_NAMES.contains(&name) {
                report(pair[1].line, format!("a module called {name}: name it after what it holds"), name);
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found() {
        for (path, text) in [
            ("crates/core/src/lib.rs", "fn get_topic() {}"),
            ("crates/core/src/lib.rs", "mod utils { }"),
            ("crates/core/src/lib.rs", "pub mod common;"),
            ("crates/core/src/helpers.rs", ""),
            ("crates/core/src/misc/topics.rs", ""),
        ] {
            assert_eq!(Snapshot::violations(check, path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn calling_someone_elses_getter_is_fine() {
        let text = "fn target() { map.get_mut(1); widget(); }";
        assert_eq!(Snapshot::violations(check, "crates/core/src/commons.rs", text), [""; 0]);
    }
}
