//! Tests of `jaas.rs`.

use ottla_core::random::Jitter;

use super::*;

fn options(text: &str) -> Vec<(String, String)> {
    let entry = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    entry.options.into_iter().map(|(key, value)| (key, value.expose().to_owned())).collect()
}

#[test]
fn options_are_read_as_java_reads_them() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(options(text), expected, "{text}");
    };
    check("a.B required;", &[]);
    check("a.B REQUIRED ;", &[]);
    check("  a.B optional c=\"d\" ;  ", &[("c", "d")]);
    check("a.B required c=d e=\"f\";", &[("c", "d"), ("e", "f")]);
    check("a.B required\n  c = \"d\"\n  e=f\n;\n", &[("c", "d"), ("e", "f")]);
    check("a.B required c=\"d e;f=g\";", &[("c", "d e;f=g")]);
    check("a.B required c='d \"e\"';", &[("c", "d \"e\"")]);
    check("a.B required c=\"a \\\"quote\\\" and a \\\\\";", &[("c", "a \"quote\" and a \\")]);
    check("a.B required c=\"\\t\\n\\101\\60x\\q\";", &[("c", "\t\nA0xq")]);
    check("a.B required c=\"\";", &[("c", "")]);
    check("a.B required // a comment\n c=d /* and\n another */ e=f;", &[("c", "d"), ("e", "f")]);
    check("a.B required c=\"\\8\\400\\377\";", &[("c", "8 0ÿ")]);
    // Java takes neither without quotes.
    check("a.B required c=d==;", &[("c", "d==")]);
    check("a.B required c=3600;", &[("c", "3600")]);
    check("a.B required unsecuredLoginStringClaim_sub=\"ä\";", &[("unsecuredLoginStringClaim_sub", "ä")]);
}

#[test]
fn what_is_wrong_is_told_and_nothing_of_the_text() {
    let check = |text: &str, expected: &str| {
        let problem = parse(text).expect_err(text);
        assert!(problem.contains(expected), "{text}: {problem}");
    };
    check("", "no login module");
    check(";", "no login module");
    check("hunter2", "comes a flag");
    check("a.B username=\"x\";", "comes a flag");
    check("a.B necessary c=d;", "comes a flag");
    check("a.B required", "no `;` at its end");
    check("a.B required c=d", "no `;` at its end");
    check("a.B required c=\"d;", "no quote at its end");
    check("a.B required c=\"d\ne\";", "no quote at its end");
    check("a.B required c=;", "no value");
    check("a.B required c;", "no value");
    check("a.B required c=d e;", "no value");
    check("a.B required =d;", "no name");
    check("a.B required c=\"d\"\"e\";", "no name");
    check("a.B required; a.C required;", "something follows");
    check(&format!("a.B required {};", "c=d ".repeat(101)), "too many options");
}

#[test]
fn no_text_makes_the_parser_panic() {
    let parts = [
        "a.B", " ", "required", "=", "\"", "'", "\\", "\\8", "\\377", ";", "//", "/*", "*/", "\n", "c", "é",
        "7",
    ];
    let mut jitter = Jitter::seeded(3);
    for _ in 0..20_000 {
        let start = if jitter.below(2) == 0 { "" } else { "a.B required " };
        let rest: String = (0..jitter.below(20)).map(|_| parts[jitter.below(parts.len())]).collect();
        let _ = parse(&format!("{start}{rest}"));
    }
}

#[test]
fn any_password_can_be_written_in_quotes() {
    let parts = ["\\", "\"", "'", ";", "=", " ", "/*", "//", "n", "1", "é", "\u{1}"];
    let mut jitter = Jitter::seeded(4);
    for _ in 0..5000 {
        let password: String = (0..jitter.below(12)).map(|_| parts[jitter.below(parts.len())]).collect();
        let escaped = password.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("a.B required password=\"{escaped}\";");
        assert_eq!(options(&text), [("password".to_owned(), password)]);
    }
}
