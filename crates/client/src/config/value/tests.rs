//! Tests of `value.rs`.

use super::super::key::Role;
use super::*;

fn read(kind: Kind, text: &str) -> Result<Value, String> {
    parse(&Key::new("a.key", &[Role::Client], kind, None), text)
}

#[test]
fn values_are_read_without_the_blanks_around_them() {
    let check = |kind, text: &str, expected: Value| assert_eq!(read(kind, text), Ok(expected), "{text}");
    check(Kind::Text, " a b ", Value::Text("a b".to_owned()));
    check(Kind::Boolean, " TRUE", Value::Boolean(true));
    check(Kind::Boolean, "f", Value::Boolean(false));
    check(Kind::Integer(0, 10), "+10 ", Value::Integer(10));
    check(Kind::Integer(-1, 10), "-1", Value::Integer(-1));
    check(Kind::Kibibytes(1, 10), "10", Value::Integer(10_240));
    check(Kind::Millis(0, i64::MAX), "1500", Value::Duration(Duration::from_millis(1500)));
    check(Kind::Decimal(0.5, 1.0), "0.75", Value::Decimal(0.75));
    check(Kind::List, " a , b,,c ", Value::List(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    check(Kind::List, "", Value::List(Vec::new()));
    check(Kind::ChoiceAnyCase(&["SASL_SSL"]), "sasl_ssl", Value::Text("SASL_SSL".to_owned()));
    check(Kind::Choice(&["gzip"]), "gzip", Value::Text("gzip".to_owned()));
}

#[test]
fn what_does_not_fit_is_told_with_what_would() {
    let check = |kind, text: &str, expected: &str| {
        assert_eq!(read(kind, text), Err(format!("{expected}: {text}")), "{text}");
    };
    check(Kind::NonEmptyText, "", "must not be empty");
    check(Kind::Boolean, "yes", "must be true or false");
    check(Kind::Integer(0, 10), "11", "must be an integer from 0 to 10");
    check(Kind::Integer(0, 10), "0x1", "must be an integer from 0 to 10");
    check(Kind::Integer(0, i64::MAX), "1_000", "must be an integer, at least 0");
    check(Kind::Integer(0, i64::MAX), "99999999999999999999", "must be an integer, at least 0");
    check(Kind::Millis(0, i64::MAX), "5s", "must be a number of milliseconds, at least 0");
    check(Kind::Decimal(0.5, 1.0), "NaN", "must be a number from 0.5 to 1");
    check(Kind::Decimal(0.5, 1.0), "0.4", "must be a number from 0.5 to 1");
    check(Kind::Choice(&["none", "gzip"]), "GZIP", "must be one of none, gzip");
    check(Kind::ChoiceAnyCase(&["https", ""]), "http", "must be empty or one of https");
    check(Kind::OffsetReset, "now", "must be latest, earliest, none or by_duration:PnDTnHnMn.nS");
}

#[test]
fn a_secret_that_does_not_fit_is_not_told() {
    let key = Key::new("a.key", &[Role::Client], Kind::Boolean, None).secret();
    assert_eq!(parse(&key, "hunter2"), Err("must be true or false".to_owned()));
}

#[test]
fn a_time_that_cannot_be_counted_is_for_ever() {
    let Ok(Value::Duration(duration)) = read(Kind::Millis(0, i64::MAX), "9223372036854775807") else {
        panic!("a duration");
    };
    assert!(std::time::Instant::now().checked_add(duration).is_some());
    assert!(duration > Duration::from_secs(90 * 365 * 86_400));
}

#[test]
fn offsets_are_reset_by_either_clients_names() {
    let check = |text: &str, expected| {
        assert_eq!(read(Kind::OffsetReset, text), Ok(Value::OffsetReset(expected)), "{text}");
    };
    for text in ["latest", "largest", "end"] {
        check(text, OffsetResetPolicy::Latest);
    }
    for text in ["earliest", "smallest", "beginning"] {
        check(text, OffsetResetPolicy::Earliest);
    }
    for text in ["none", "error"] {
        check(text, OffsetResetPolicy::None);
    }
    check("by_duration:P1DT30M", OffsetResetPolicy::ByDuration(Duration::from_secs(86_400 + 1800)));
    let error = read(Kind::OffsetReset, "by_duration:1h").expect_err("no duration");
    assert!(error.starts_with("needs an iso 8601 duration, as in by_duration:P1DT12H"), "{error}");
}
