//! The grammar of Java's `.properties` files: lines that go on, keys and values, escapes.

/// Lines that were joined, without what does not count.
pub(super) struct LogicalLine {
    /// Of the first natural line, from 1 on.
    pub(super) number: usize,
    pub(super) text: String,
}

/// White space within a line; Java knows no other.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// The lines that hold something: comments and empty lines left out, joined where a backslash ends one. A line that is
/// joined loses its white space in front, and may begin with `#`.
pub(super) fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut lines: Vec<LogicalLine> = Vec::new();
    let mut open: Option<LogicalLine> = None;
    for (index, natural) in natural_lines(text).enumerate() {
        let natural = natural.trim_start_matches(is_blank);
        let mut line = match open.take() {
            // Java takes a line of nothing but a backslash for no line at all.
            Some(line) if !line.text.is_empty() => line,
            _ if natural.is_empty() || natural.starts_with(['#', '!']) => continue,
            _ => LogicalLine { number: index + 1, text: String::new() },
        };
        let backslashes = natural.len() - natural.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            line.text.push_str(&natural[..natural.len() - 1]);
            open = Some(line);
        } else {
            line.text.push_str(natural);
            lines.push(line);
        }
    }
    lines.extend(open.filter(|line| !line.text.is_empty()));
    lines
}

/// Lines that end with `\n`, `\r` or both.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some(&text[..end])
    })
}

/// Key and value, both still escaped: the first `=`, `:` or blank that no backslash stands before ends the key; blanks,
/// and one `=` or `:`, may follow.
pub(super) fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line.find(|c: char| {
        let ends = !is_escaped && (is_blank(c) || c == '=' || c == ':');
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let Some(end) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

/// Resolves escapes. A backslash before any other character is dropped.
pub(super) fn unescape(text: &str) -> Result<String, &'static str> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut plain = String::with_capacity(text.len());
    let mut high: Option<u16> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let unit = match c {
            '\\' => match rest.next() {
                Some('u') => {
                    let unit = hex(rest.as_str())?;
                    rest = rest.as_str()[4..].chars();
                    Some(unit)
                }
                Some(escaped) => {
                    push(&mut plain, &mut high, simple(escaped))?;
                    None
                }
                None => None,
            },
            other => {
                push(&mut plain, &mut high, other)?;
                None
            }
        };
        if let Some(unit) = unit {
            push_unit(&mut plain, &mut high, unit)?;
        }
    }
    if high.is_some() {
        return Err(HALF);
    }
    Ok(plain)
}

const HALF: &str =
    "a \\u escape is half of a character: both halves must stand together, as in \\ud83d\\ude00";

fn simple(escaped: char) -> char {
    match escaped {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{c}',
        other => other,
    }
}

/// The UTF-16 unit in the next four characters.
fn hex(text: &str) -> Result<u16, &'static str> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .ok_or("malformed escape: \\u needs four hexadecimal digits; write \\\\u for a backslash and a u")
}

fn push(plain: &mut String, high: &mut Option<u16>, c: char) -> Result<(), &'static str> {
    if high.is_some() {
        return Err(HALF);
    }
    plain.push(c);
    Ok(())
}

fn push_unit(plain: &mut String, high: &mut Option<u16>, unit: u16) -> Result<(), &'static str> {
    let decoded = match high.take() {
        Some(first) => char::decode_utf16([first, unit]).next(),
        None if (0xd800..0xdc00).contains(&unit) => {
            *high = Some(unit);
            return Ok(());
        }
        None => char::decode_utf16([unit]).next(),
    };
    match decoded {
        Some(Ok(c)) => {
            plain.push(c);
            Ok(())
        }
        _ => Err(HALF),
    }
}
