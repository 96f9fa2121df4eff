//! The paths that a file names, `use` trees spelled out: `use std::{sync::Mutex, net}` names `std::sync::Mutex` and
//! `std::net`. Aliases are not followed.

use super::tokens::{Kind, Token};

/// A path with its segments joined by `::`.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// Such as `std::sync::Mutex`.
    pub text: String,
    /// The line of its last segment.
    pub line: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
}

impl NamedPath {
    /// Whether the wanted segments occur in it, one after the other.
    pub fn contains(&self, wanted: &str) -> bool {
        format!("::{}::", self.text).contains(&format!("::{wanted}::"))
    }

    /// Whether it starts with the wanted segments.
    pub fn starts_with(&self, wanted: &str) -> bool {
        format!("{}::", self.text).starts_with(&format!("{wanted}::"))
    }
}

/// Every path in a file, those of one segment included.
pub fn paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut paths = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if tokens[index].kind == Kind::Word {
            index = path(tokens, index, "", &mut paths);
        } else {
            index += 1;
        }
    }
    paths
}

/// Reads the path at `index`, which is a word, and returns where it ends.
fn path(tokens: &[Token], mut index: usize, prefix: &str, out: &mut Vec<NamedPath>) -> usize {
    let mut text = prefix.to_owned();
    loop {
        let token = &tokens[index];
        if !text.is_empty() {
            text.push_str("::");
        }
        text.push_str(&token.text);
        index += 1;
        let separated =
            [0, 1].iter().all(|ahead| tokens.get(index + ahead).is_some_and(|token| token.is(":")));
        match tokens.get(index + 2).filter(|_| separated) {
            Some(next) if next.kind == Kind::Word => index += 2,
            Some(next) if next.is("{") => return tree(tokens, index + 3, &text, out),
            _ => {
                out.push(NamedPath { text, line: token.line, test: token.test });
                return index;
            }
        }
    }
}

/// Reads the branches of a `use` tree up to its closing brace.
fn tree(tokens: &[Token], mut index: usize, prefix: &str, out: &mut Vec<NamedPath>) -> usize {
    while let Some(token) = tokens.get(index) {
        if token.kind == Kind::Close {
            return index + 1;
        }
        index = if token.kind == Kind::Word { path(tokens, index, prefix, out) } else { index + 1 };
    }
    index
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &[&str]) {
        let found: Vec<_> = paths(&tokens(text).expect("Rust")).into_iter().map(|path| path.text).collect();
        assert_eq!(found, wanted, "{text}");
    }

    #[test]
    fn use_trees_are_spelled_out() {
        check(
            "use std::{net, sync::{Arc, Mutex}};",
            &["use", "std::net", "std::sync::Arc", "std::sync::Mutex"],
        );
        check("use std::{self, io::*};", &["use", "std::self", "std::io"]);
        check("x(std::time::Instant::now())", &["x", "std::time::Instant::now"]);
        check("Vec::<u8>::new()", &["Vec", "u8", "new"]);
    }

    #[test]
    fn segments_are_compared_whole() {
        let path = NamedPath { text: "std::sync::Mutex".into(), line: 1, test: false };
        assert!(path.contains("sync::Mutex") && path.starts_with("std::sync"));
        assert!(!path.contains("sync::Mut") && !path.starts_with("std::s"));
    }
}
