//! `left-behind`: what one writes while working and takes out before committing: notes to oneself and `dbg!`
//! everywhere, printing in libraries.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::source::{Role, SourceFile};
use crate::tidy::violation::Violation;

/// In two parts, so that this file does not break its own rule.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const PRINTING: [&str; 4] = ["println", "eprintln", "print", "eprint"];

/// Finds them.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    snapshot.written_rust().flat_map(|file| notes(file).into_iter().chain(macros(file))).collect()
}

fn notes(file: &SourceFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(note) = words.find(|word| NOTES.contains(word)) {
            let message = format!("`{note}`: do it, or write an issue and say here why it is as it is");
            violations.push(Violation::new("left-behind", &file.path, line, message));
        }
    }
    violations
}

fn macros(file: &SourceFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    for pair in file.tokens.windows(2).filter(|pair| pair[1].is("!")) {
        let name = pair[0].text.as_str();
        let prints = PRINTING.contains(&name) && file.role() == Role::Library && !pair[0].test;
        let message = match name {
            "dbg" => "`dbg!` is for the desk: take it out".to_owned(),
            _ if prints => format!("`{name}!` in a library: return it, or use `tracing`"),
            _ => continue,
        };
        violations.push(Violation::new("left-behind", &file.path, pair[0].line, message));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_in_a_library_is_found() {
        let text = "//! Doc: println!(1)\nfn f() { println!(\"x\"); eprint!(\"x\"); }\n#[cfg(test)] mod t { fn f() { print!(\"x\"); } }\n";
        assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", text).len(), 2);
        for program in
            ["crates/cli/src/main.rs", "xtask/src/main.rs", "tests/src/lib.rs", "crates/core/examples/a.rs"]
        {
            assert_eq!(Snapshot::violations(check, program, text), [""; 0], "{program}");
        }
    }

    #[test]
    fn dbg_is_found_everywhere() {
        let text = "fn f() { dbg!(1); }\n";
        for path in ["crates/core/src/lib.rs", "crates/cli/src/main.rs", "tests/tests/sim.rs"] {
            assert_eq!(Snapshot::violations(check, path, text).len(), 1, "{path}");
        }
    }

    #[test]
    fn notes_to_oneself_are_found_as_words() {
        for note in NOTES {
            let text = format!("fn f() {{}} // {note}: later\n// a{note} is no note\n");
            assert_eq!(Snapshot::violations(check, "xtask/src/main.rs", &text).len(), 1, "{text}");
        }
    }
}
