//! `cargo xtask tidy`: the rules of the workspace that a machine can check, one rule a file in `tidy/rules`.
//! Not a linter for Rust: clippy is that.

mod exceptions;
mod layers;
mod manifest;
mod packages;
mod paths;
mod rules;
mod snapshot;
mod source;
mod tokens;
mod violation;

use anyhow::Result;
use exceptions::Exceptions;
use rules::RULES;
use snapshot::Snapshot;
use std::process::ExitCode;
use violation::Violation;

/// Checks every rule on the workspace.
pub fn run() -> Result<ExitCode> {
    let snapshot = Snapshot::of_workspace()?;
    let violations = violations(&snapshot, Exceptions::load()?);
    for violation in &violations {
        println!("{violation}");
    }
    println!("tidy: {} rules, {} files, {} violations", RULES.len(), snapshot.files.len(), violations.len());
    Ok(ExitCode::from(u8::from(!violations.is_empty())))
}

/// What is left after the exceptions, and the exceptions that nothing needs any more: their list only shrinks.
fn violations(snapshot: &Snapshot, mut exceptions: Exceptions) -> Vec<Violation> {
    let mut violations: Vec<_> = RULES
        .iter()
        .flat_map(|rule| rule(snapshot))
        .filter(|violation| !exceptions.allow(violation))
        .collect();
    violations.extend(exceptions.unused());
    violations.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_hides_its_violation_and_an_unused_one_is_a_violation() {
        let snapshot = Snapshot::sample(&[("crates/core/src/lib.rs", "fn f() {}\n")]);
        let check = |exceptions: &str| {
            let exceptions = Exceptions::parse(exceptions).expect("well formed");
            violations(&snapshot, exceptions).iter().map(Violation::to_string).collect::<Vec<_>>()
        };
        assert_eq!(check("").len(), 1);
        assert_eq!(check("file-opening crates/core/src/lib.rs # old\n"), [""; 0]);
        let unused =
            check("file-opening crates/core/src/lib.rs # old\nunwrap crates/core/src/lib.rs # old\n");
        assert_eq!(unused.len(), 1, "{unused:?}");
        assert!(unused[0].starts_with("xtask/tidy-exceptions.txt:2: exceptions: "), "{unused:?}");
    }
}
