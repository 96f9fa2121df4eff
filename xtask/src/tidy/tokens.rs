//! A Rust file as a flat list of tokens with lines. Lexed by `proc-macro2`, which clap's macros build anyway: it
//! knows strings, comments, lifetimes and raw strings as rustc does, and needs none of `syn`'s grammar, which
//! costs seconds to build and refuses syntax that is newer than itself.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::str::FromStr;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Word,
    /// One character of punctuation.
    Sign,
    /// A string, character or number.
    Literal,
    /// An opening bracket of any kind.
    Open,
    /// A closing bracket of any kind.
    Close,
}

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text; empty for a bracket that is not there, as around macro arguments.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
}

impl Token {
    /// Whether it is this word, sign or bracket.
    pub fn is(&self, text: &str) -> bool {
        self.text == text && self.kind != Kind::Literal
    }
}

/// The tokens of a file.
pub fn tokens(text: &str) -> Result<Vec<Token>> {
    // A shebang is not Rust; `#![…]` is.
    let rust = match text.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => format!("// {rest}"),
        _ => text.to_owned(),
    };
    let stream = TokenStream::from_str(&rust).map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, false, &mut tokens);
    Ok(tokens)
}

/// The index of the bracket that closes the one at `open`.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len().saturating_sub(1)
}

fn flatten(stream: TokenStream, test: bool, out: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    // Everything from a test attribute to the end of the item below it.
    let mut in_item = false;
    let mut whole = test;
    for (index, tree) in trees.iter().enumerate() {
        match test_attribute(&trees[index..]) {
            Some(Reach::Item) => in_item = true,
            Some(Reach::Enclosing) => whole = true,
            None => {}
        }
        let test = whole || in_item;
        match tree {
            TokenTree::Group(group) => {
                flatten_group(group, test, out);
                if group.delimiter() == Delimiter::Brace {
                    in_item = false;
                }
            }
            TokenTree::Ident(word) => push(out, Kind::Word, word.to_string(), word.span(), test),
            TokenTree::Literal(literal) => {
                push(out, Kind::Literal, literal.to_string(), literal.span(), test)
            }
            TokenTree::Punct(sign) => {
                push(out, Kind::Sign, sign.as_char().to_string(), sign.span(), test);
                if sign.as_char() == ';' {
                    in_item = false;
                }
            }
        }
    }
}

fn flatten_group(group: &Group, test: bool, out: &mut Vec<Token>) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    };
    push(out, Kind::Open, open.to_owned(), group.span_open(), test);
    flatten(group.stream(), test, out);
    push(out, Kind::Close, close.to_owned(), group.span_close(), test);
}

fn push(out: &mut Vec<Token>, kind: Kind, text: String, span: proc_macro2::Span, test: bool) {
    out.push(Token { kind, text, line: span.start().line, test });
}

enum Reach {
    Item,
    Enclosing,
}

/// `#[test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`, and the inner form of the latter two.
fn test_attribute(trees: &[TokenTree]) -> Option<Reach> {
    let sign =
        |tree: Option<&TokenTree>, wanted| matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == wanted);
    if !sign(trees.first(), '#') {
        return None;
    }
    let inner = sign(trees.get(1), '!');
    let Some(TokenTree::Group(group)) = trees.get(1 + usize::from(inner)) else { return None };
    let mut attribute: String = group.stream().to_string();
    attribute.retain(|c| !c.is_whitespace());
    let for_tests = attribute == "test"
        || attribute == "cfg(test)"
        || attribute.starts_with("cfg(all(test,")
        || attribute.ends_with("::test");
    for_tests.then_some(if inner { Reach::Enclosing } else { Reach::Item })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_words(text: &str) -> Vec<String> {
        let tokens = tokens(text).expect("Rust");
        tokens.into_iter().filter(|t| t.test && t.kind == Kind::Word).map(|t| t.text).collect()
    }

    #[test]
    fn a_test_attribute_reaches_to_the_end_of_its_item() {
        assert_eq!(
            test_words("fn a() {} #[cfg(test)] mod b { fn c() {} } fn d() {}")[2..],
            ["mod", "b", "fn", "c"]
        );
        assert_eq!(test_words("#[cfg(test)] use a::b; fn c() {}")[2..], ["use", "a", "b"]);
        assert_eq!(test_words("#[test] #[ignore] fn a() {} fn b() {}"), ["test", "ignore", "fn", "a"]);
        assert_eq!(test_words("#[cfg(not(test))] fn a() {}"), [""; 0]);
        assert_eq!(test_words("#![cfg(test)] fn a() {}")[2..], ["fn", "a"]);
    }

    #[test]
    fn strings_and_comments_are_not_words() {
        let text = "// unwrap()\nfn a() { /* unwrap */ \"unwrap\"; r#\"unwrap\"#; 'u' }";
        assert!(!tokens(text).expect("Rust").iter().any(|token| token.is("unwrap")));
    }

    #[test]
    fn a_shebang_keeps_the_lines() {
        let tokens = tokens("#!/usr/bin/env run-cargo-script\nfn a() {}\n").expect("Rust");
        assert_eq!(tokens[0].line, 2);
    }
}
