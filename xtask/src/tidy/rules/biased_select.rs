//! `biased-select`: in client and transport every `select!` starts with `biased;`. Without it tokio draws the order
//! of the branches from thread randomness, and a simulation does not repeat.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Finds unbiased selects.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust().filter(|f| matches!(f.library_crate(), Some("client" | "transport")))
    {
        for (index, token) in file.shipped_tokens().iter().enumerate() {
            let next = |ahead: usize, text: &str| file.tokens.get(index + ahead).is_some_and(|t| t.is(text));
            if !token.test && token.is("select") && next(1, "!") && !(next(3, "biased") && next(4, ";")) {
                let message = "`select!` draws its order at random: start it with `biased;`";
                violations.push(Violation::new("biased-select", &file.path, token.line, message));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_without_biased_is_found() {
        let text = "async fn f() {\n    tokio::select! {\n        biased;\n        _ = a() => {}\n    }\n    \
                    tokio::select! {\n        _ = b() => {}\n    }\n}\n";
        let found = Snapshot::violations(check, "crates/client/src/lib.rs", text);
        assert_eq!(found, ["6: `select!` draws its order at random: start it with `biased;`"]);
        assert_eq!(Snapshot::violations(check, "crates/testbroker/src/lib.rs", text), [""; 0]);
    }
}
