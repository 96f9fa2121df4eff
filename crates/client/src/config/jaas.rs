//! The grammar of `sasl.jaas.config`: `LoginModuleClass flag key=value key="value" … ;`, as Kafka's `JaasConfig` reads it
//! with Java's `StreamTokenizer`, comments and escapes included.
//!
//! More lenient than Java in one point: a value without quotes may hold anything but blanks, quotes and `;`, where Java
//! takes no numbers and few signs.
//!
//! Errors show nothing of the text: with a quote too few, anything may be a part of a password.
//!
//! Not here: what modules and options mean.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_until, take_while_m_n, take_while1};
use nom::character::complete::{anychar, char, multispace1, not_line_ending, satisfy};
use nom::combinator::{map, recognize, value};
use nom::error::{ErrorKind, ParseError};
use nom::multi::{fold_many0, many0_count};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::password::Password;

/// More options than this no module has.
const MAX_OPTIONS: usize = 100;

/// What was written, not understood yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoginEntry {
    pub(super) module: String,
    pub(super) options: Vec<(String, Password)>,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
struct Problem(&'static str);

impl<'a> ParseError<&'a str> for Problem {
    fn from_error_kind(_: &'a str, _: ErrorKind) -> Self {
        Self("malformed")
    }

    fn append(_: &'a str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a str, T, Problem>;

/// Reads an entry, the only one in the text.
pub(super) fn parse(text: &str) -> Result<LoginEntry, &'static str> {
    match entry(text) {
        Ok((_, entry)) => Ok(entry),
        Err(nom::Err::Error(Problem(problem)) | nom::Err::Failure(Problem(problem))) => Err(problem),
        Err(nom::Err::Incomplete(_)) => Err("it is cut off"),
    }
}

fn entry(text: &str) -> Parsed<'_, LoginEntry> {
    let (text, _) = blanks(text)?;
    let (text, module) = expect(text, word, "it names no login module")?;
    let (text, _) = blanks(text)?;
    let flags = "after the login module comes a flag: required, requisite, sufficient or optional";
    let (text, flag) = expect(text, word, flags)?;
    let known = ["required", "requisite", "sufficient", "optional"];
    if !known.iter().any(|known| known.eq_ignore_ascii_case(flag)) {
        return Err(failure(flags));
    }
    let mut options = Vec::new();
    let (mut text, _) = blanks(text)?;
    loop {
        if let Some(rest) = text.strip_prefix(';') {
            let (rest, _) = blanks(rest)?;
            return match rest {
                "" => Ok((rest, LoginEntry { module: module.to_owned(), options })),
                _ => Err(failure("something follows the `;`: one login module is all there can be")),
            };
        }
        if text.is_empty() {
            return Err(failure("no `;` at its end (in a file, a line that goes on ends with a backslash)"));
        }
        if options.len() == MAX_OPTIONS {
            return Err(failure("too many options"));
        }
        let (rest, option) = option(text)?;
        options.push(option);
        (text, _) = blanks(rest)?;
    }
}

fn option(text: &str) -> Parsed<'_, (String, Password)> {
    let (text, key) = expect(text, word, "an option has no name: write name=\"value\"")?;
    let (text, _) = blanks(text)?;
    let (text, _) = expect(text, char('='), "an option has no value: write name=\"value\", with quotes")?;
    let (text, _) = blanks(text)?;
    let (text, value) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(text, quote)?,
        _ => {
            let bare = take_while1(|c: char| !c.is_whitespace() && !";\"'".contains(c));
            expect(text, map(bare, str::to_owned), "an option has no value: write name=\"value\"")?
        }
    };
    Ok((text, (key.to_owned(), Password::new(value))))
}

fn quoted(text: &str, quote: char) -> Parsed<'_, String> {
    let plain = satisfy(move |c| c != quote && !"\\\r\n".contains(c));
    let inner = fold_many0(alt((preceded(char('\\'), escape), plain)), String::new, |mut text, c| {
        text.push(c);
        text
    });
    let (text, value) = preceded(char(quote), inner).parse(text)?;
    let (text, _) = expect(text, char(quote), "a quoted value has no quote at its end")?;
    Ok((text, value))
}

/// What may follow a backslash; other characters stand for themselves.
fn escape(text: &str) -> Parsed<'_, char> {
    let digits = if text.starts_with(['0', '1', '2', '3']) { 3 } else { 2 };
    let octal = map(take_while_m_n(1, digits, |c: char| c.is_digit(8)), |digits: &str| {
        char::from(u8::from_str_radix(digits, 8).unwrap_or(b'?'))
    });
    alt((
        octal,
        value('\u{7}', char('a')),
        value('\u{8}', char('b')),
        value('\u{c}', char('f')),
        value('\n', char('n')),
        value('\r', char('r')),
        value('\t', char('t')),
        value('\u{b}', char('v')),
        anychar,
    ))
    .parse(text)
}

fn word(text: &str) -> Parsed<'_, &str> {
    take_while1(|c: char| !c.is_whitespace() && !"=;\"'".contains(c)).parse(text)
}

/// White space and comments.
fn blanks(text: &str) -> Parsed<'_, usize> {
    many0_count(alt((
        multispace1,
        recognize((tag("//"), not_line_ending)),
        recognize((tag("/*"), take_until("*/"), tag("*/"))),
    )))
    .parse(text)
}

fn expect<'a, T>(
    text: &'a str,
    mut parser: impl Parser<&'a str, Output = T, Error = Problem>,
    problem: &'static str,
) -> Parsed<'a, T> {
    parser.parse(text).map_err(|_| failure(problem))
}

fn failure(problem: &'static str) -> nom::Err<Problem> {
    nom::Err::Failure(Problem(problem))
}

#[cfg(test)]
mod tests;
