//! What `java.util.Properties` reads, we read: each row of the table was put to Java 17.

use ottla_core::random::Jitter;

use super::*;

/// A text, and the pairs that Java makes of it, sorted by key.
const JAVA: &[(&str, &[(&str, &str)])] = &[
    ("", &[]),
    ("a=b", &[("a", "b")]),
    ("a = b ", &[("a", "b ")]),
    ("a:b", &[("a", "b")]),
    ("a b", &[("a", "b")]),
    ("a\tb", &[("a", "b")]),
    ("a\u{c}b", &[("a", "b")]),
    ("a", &[("a", "")]),
    ("=b", &[("", "b")]),
    ("a==b", &[("a", "=b")]),
    ("a=:b", &[("a", ":b")]),
    ("a : = b", &[("a", "= b")]),
    ("a  =  b = c", &[("a", "b = c")]),
    ("a\\=b=c", &[("a=b", "c")]),
    ("a\\ b c", &[("a b", "c")]),
    ("a\\:b:c", &[("a:b", "c")]),
    ("a\\\\=b", &[("a\\", "b")]),
    ("# c\n! d\n  # e\na=b", &[("a", "b")]),
    ("a=b # c", &[("a", "b # c")]),
    ("a=b\\\nc", &[("a", "bc")]),
    ("a=b\\\n   c", &[("a", "bc")]),
    ("a=b \\\n   c", &[("a", "b c")]),
    ("a=b\\\n# c", &[("a", "b# c")]),
    ("a=b\\\n\nc=d", &[("a", "b"), ("c", "d")]),
    ("a=b\\\r\n c", &[("a", "bc")]),
    ("a=b\\\r c", &[("a", "bc")]),
    ("a=b\\\\\nc=d", &[("a", "b\\"), ("c", "d")]),
    ("a=b\\\\\\\nc", &[("a", "b\\c")]),
    ("# c\\\na=b", &[("a", "b")]),
    ("\\\na=b", &[("a", "b")]),
    ("\\\n# a\nb=c", &[("b", "c")]),
    ("a=b\\", &[("a", "b")]),
    ("a\\\n=b", &[("a", "b")]),
    ("a\\\n  b=c", &[("ab", "c")]),
    ("a=1\na=2", &[("a", "2")]),
    ("a=1\rb=2\r\nc=3\n\n\nd=4", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
    ("a=\\t\\n\\r\\f\\q\\\"\\'", &[("a", "\t\n\r\u{c}q\"'")]),
    ("a=\\u00e4\\u20AC", &[("a", "ä€")]),
    ("\\u0061\\u003d=b", &[("a=", "b")]),
    ("a=\\ud83d\\ude00", &[("a", "😀")]),
    ("a=\\\\u00e4", &[("a", "\\u00e4")]),
    ("a=\\u000ab", &[("a", "\nb")]),
    ("a=b\u{b}", &[("a", "b\u{b}")]),
    ("\u{a0}a=b", &[("\u{a0}a", "b")]),
    ("  \t\u{c} a=b", &[("a", "b")]),
];

fn pairs(properties: &Properties) -> Vec<(&str, &str)> {
    properties.entries().map(|(key, entry)| (key, entry.value.as_str())).collect()
}

#[test]
fn texts_are_read_as_java_reads_them() {
    for (text, expected) in JAVA {
        let properties = Properties::parse(text).expect(text);
        assert_eq!(pairs(&properties), *expected, "{text:?}");
    }
}

/// Java makes an empty key of it, in most places where it can stand.
#[test]
fn a_backslash_alone_at_the_end_is_nothing() {
    for text in ["\\", "\\\n", "a=b\n\\", "a=b\n\\\n"] {
        let properties = Properties::parse(text).expect(text);
        assert_eq!(properties.value(""), None, "{text:?}");
    }
}

#[test]
fn malformed_escapes_are_told_with_line_and_key() {
    let check = |text: &str, key: &str, line: usize| {
        let error = Properties::parse(text).expect_err(text);
        assert_eq!((error.key(), error.line()), (key, Some(line)), "{text:?}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    };
    check("a=b\n\nsasl.password=hunter2\\u12", "sasl.password", 3);
    check("sasl.password=hunter2\\uXYZW", "sasl.password", 1);
    check("sasl.password=hunter2\\u+123", "sasl.password", 1);
    check("a=hunter2\\u00e", "a", 1);
    check("\\u0=hunter2", "properties", 1);
    // Java keeps half a character; nothing good can come of it.
    check("a=hunter2\\ud83d", "a", 1);
    check("a=hunter2\\ud83dx", "a", 1);
    check("a=hunter2\\ud83d\\u0041", "a", 1);
    check("a=hunter2\\ude00", "a", 1);
}

#[test]
fn a_line_that_goes_on_counts_from_where_it_began() {
    let properties = Properties::parse("# c\n\na=b\\\n  c\nd=e").expect("it is well-formed");
    let lines: Vec<_> = properties.entries().map(|(key, entry)| (key, entry.line)).collect();
    assert_eq!(lines, [("a", Some(3)), ("d", Some(5))]);
}

#[test]
fn plain_lines_have_no_escapes() {
    let text = "# c\n a = b=\\u0041 \n\nc=\n";
    let properties = Properties::parse_plain(text).expect("it is well-formed");
    assert_eq!(pairs(&properties), [("a", "b=\\u0041"), ("c", "")]);
    let error = Properties::parse_plain("a=b\nhunter2").expect_err("no `=`");
    assert_eq!(error.to_string(), "properties (line 2): no `=` in this line, which should be key=value");
}

#[test]
fn the_later_of_two_holds() {
    let mut properties = Properties::from_pairs([("a", "1"), ("b", "2"), ("a", "3")]).expect("a few");
    assert_eq!(pairs(&properties), [("a", "3"), ("b", "2")]);
    properties.set("b", "4").expect("a few");
    assert_eq!(properties.value("b"), Some("4"));
    assert_eq!(properties.remove("a").as_deref(), Some("3"));
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn text_and_keys_are_bounded() {
    let error = Properties::parse(&" ".repeat(MAX_TEXT_BYTES + 1)).expect_err("too long");
    assert_eq!(error.to_string(), "properties: 1048577 bytes of text, at most 1048576 are read");
    let error = Properties::from_pairs((0..=MAX_KEYS).map(|n| (n.to_string(), ""))).expect_err("too many");
    assert_eq!(error.to_string(), "properties: more than 4096 keys");
    assert!(Properties::from_pairs((0..=MAX_KEYS).map(|_| ("same", ""))).is_ok());
}

#[test]
fn only_known_values_that_are_no_secret_are_shown() {
    let text =
        "client.id=me\nsasl.password=hunter2\nsasl.jaas.config=hunter2\nmy.own=hunter2\nssl.key.pem=hunter2";
    let properties = Properties::parse(text).expect("it is well-formed");
    let shown = format!("{properties:?} {properties}");
    assert!(shown.contains("me") && !shown.contains("hunter2"), "{shown}");
}

/// Characters that mean something somewhere, and some that mean nothing.
const TRICKY: [&str; 24] = [
    "\\", "\\\\", "\\u", "\\u0041", "\\ud83d", "\\ude00", "=", ":", " ", "\t", "\u{c}", "\n", "\r", "\r\n",
    "#", "!", "a", "b", "u", "0", "é", "😀", "\u{0}", ".",
];

fn tricky_text(jitter: &mut Jitter, most: usize) -> String {
    (0..jitter.below(most)).map(|_| TRICKY[jitter.below(TRICKY.len())]).collect()
}

#[test]
fn no_text_makes_the_parsers_panic() {
    let mut jitter = Jitter::seeded(1);
    for _ in 0..20_000 {
        let text = tricky_text(&mut jitter, 40);
        let _ = Properties::parse(&text);
        let _ = Properties::parse_plain(&text);
    }
}

/// As `java.util.Properties.store` escapes.
fn escape(text: &str, is_key: bool) -> String {
    let mut escaped = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            ' ' if is_key || index == 0 => escaped.push_str("\\ "),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\u{c}' => escaped.push_str("\\f"),
            '=' | ':' | '#' | '!' | '\\' => escaped.extend(['\\', c]),
            ' '..='~' => escaped.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    escaped
}

#[test]
fn what_was_escaped_is_read_back() {
    let mut jitter = Jitter::seeded(2);
    for _ in 0..5000 {
        let pairs: BTreeMap<String, String> =
            (0..4).map(|_| (tricky_text(&mut jitter, 8), tricky_text(&mut jitter, 12))).collect();
        let text: String = pairs
            .iter()
            .map(|(key, value)| format!("{}={}\n", escape(key, true), escape(value, false)))
            .collect();
        let read = Properties::parse(&text).expect("it is well-formed");
        assert_eq!(read, Properties::from_pairs_at_lines(&pairs), "{text}");
    }
}

impl Properties {
    /// As they would be read from a line each.
    fn from_pairs_at_lines(pairs: &BTreeMap<String, String>) -> Self {
        let mut properties = Self::new();
        for (index, (key, value)) in pairs.iter().enumerate() {
            properties.insert(key.clone(), value.clone(), Some(index + 1)).expect("a few");
        }
        properties
    }
}
