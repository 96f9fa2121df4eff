//! `function-length`: a function is at most 70 lines, its signature included.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::tokens::{Kind, Token, closing};
use crate::tidy::violation::Violation;

const MOST_LINES: usize = 70;

/// Finds long functions.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust() {
        let tokens = &file.tokens;
        for (index, pair) in tokens.windows(2).enumerate() {
            if !pair[0].is("fn") || pair[1].kind != Kind::Word {
                continue;
            }
            let Some(open) = body(tokens, index) else { continue };
            let lines = tokens[closing(tokens, open)].line - pair[0].line + 1;
            if lines > MOST_LINES {
                let name = &pair[1].text;
                let message = format!("`{name}` has {lines} lines, at most {MOST_LINES}: name its parts");
                violations
                    .push(Violation::new("function-length", &file.path, pair[0].line, message).of_item(name));
            }
        }
    }
    violations
}

/// The opening brace of the function at `start`; none for one that is only declared.
fn body(tokens: &[Token], start: usize) -> Option<usize> {
    let mut index = start;
    loop {
        let token = tokens.get(index)?;
        match token.kind {
            Kind::Open if token.text == "{" => return Some(index),
            Kind::Open => index = closing(tokens, index) + 1,
            Kind::Close => return None,
            _ if token.is(";") => return None,
            _ => index += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        let body = "    let brace = \"}\"; // }\n".repeat(lines - 2);
        format!("trait T {{ fn declared(a: [u8; 3]) -> u8; }}\nfn f<T>(t: T) -> [u8; 2] {{\n{body}}}\n")
    }

    #[test]
    fn a_function_of_71_lines_is_too_long() {
        assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", &function(70)), [""; 0]);
        let found = Snapshot::violations(check, "crates/core/src/lib.rs", &function(71));
        assert_eq!(found, ["2: `f` has 71 lines, at most 70: name its parts"]);
    }

    #[test]
    fn a_function_type_is_no_function() {
        let text = format!("type F = fn(u8) -> u8;\nconst C: [u8; 1] = [\n{}];\n", "1,\n".repeat(80));
        assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", &text), [""; 0]);
    }
}
