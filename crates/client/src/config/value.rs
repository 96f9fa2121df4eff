//! The text of a value, read by what its key holds.

use std::time::Duration;

use ottla_core::consumer::OffsetResetPolicy;

use super::duration;
use super::key::{Key, Kind};

/// Times past this are for ever. Clocks can be added up that far.
const FOR_EVER_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
const BY_DURATION: &str = "by_duration:";

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Duration(Duration),
    List(Vec<String>),
    OffsetReset(OffsetResetPolicy),
}

/// Reads a value, without the blanks around it, as Java does. The error never has the value of a secret key.
pub(super) fn parse(key: &Key, text: &str) -> Result<Value, String> {
    let text = text.trim();
    read(key.kind(), text).map_err(|reason| match key.is_secret() {
        true => reason,
        false => format!("{reason}: {text}"),
    })
}

fn read(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Text | Kind::Class => Ok(Value::Text(text.to_owned())),
        Kind::NonEmptyText if text.is_empty() => Err("must not be empty".to_owned()),
        Kind::NonEmptyText => Ok(Value::Text(text.to_owned())),
        Kind::Boolean => boolean(text),
        Kind::Integer(min, max) => integer(text, min, max, "an integer").map(Value::Integer),
        Kind::Kibibytes(min, max) => {
            let kibibytes = integer(text, min, max, "a number of kibibytes")?;
            Ok(Value::Integer(kibibytes.saturating_mul(1024)))
        }
        Kind::Millis(min, max) => {
            let millis = integer(text, min, max, "a number of milliseconds")?;
            let millis = u64::try_from(millis).unwrap_or(0).min(FOR_EVER_MS);
            Ok(Value::Duration(Duration::from_millis(millis)))
        }
        Kind::Decimal(min, max) => match text.parse() {
            Ok(number) if (min..=max).contains(&number) => Ok(Value::Decimal(number)),
            _ => Err(format!("must be a number from {min} to {max}")),
        },
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::List(items.map(str::to_owned).collect()))
        }
        Kind::Choice(values) => choice(values, text, |value| value == text),
        Kind::ChoiceAnyCase(values) => choice(values, text, |value| value.eq_ignore_ascii_case(text)),
        Kind::OffsetReset => offset_reset(text).map(Value::OffsetReset),
    }
}

fn boolean(text: &str) -> Result<Value, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(Value::Boolean(true)),
        "false" | "f" | "0" => Ok(Value::Boolean(false)),
        _ => Err("must be true or false".to_owned()),
    }
}

fn integer(text: &str, min: i64, max: i64, what: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ if max == i64::MAX && min == i64::MIN => Err(format!("must be {what}")),
        _ if max == i64::MAX => Err(format!("must be {what}, at least {min}")),
        _ => Err(format!("must be {what} from {min} to {max}")),
    }
}

/// The value as the table spells it.
fn choice(values: &[&str], text: &str, matches: impl Fn(&str) -> bool) -> Result<Value, String> {
    let found = values.iter().find(|value| matches(value));
    found.map(|value| Value::Text((*value).to_owned())).ok_or_else(|| {
        let shown: Vec<&str> = values.iter().copied().filter(|value| !value.is_empty()).collect();
        match (text, values.contains(&"")) {
            ("", _) => format!("must not be empty: one of {}", shown.join(", ")),
            (_, true) => format!("must be empty or one of {}", shown.join(", ")),
            (_, false) => format!("must be one of {}", shown.join(", ")),
        }
    })
}

fn offset_reset(text: &str) -> Result<OffsetResetPolicy, String> {
    match text {
        "latest" | "largest" | "end" => return Ok(OffsetResetPolicy::Latest),
        "earliest" | "smallest" | "beginning" => return Ok(OffsetResetPolicy::Earliest),
        "none" | "error" => return Ok(OffsetResetPolicy::None),
        _ => {}
    }
    match text.strip_prefix(BY_DURATION).map(duration::parse) {
        Some(Some(age)) => Ok(OffsetResetPolicy::ByDuration(age)),
        Some(None) => {
            Err("needs an iso 8601 duration, as in by_duration:P1DT12H or by_duration:PT30M".to_owned())
        }
        None => Err("must be latest, earliest, none or by_duration:PnDTnHnMn.nS".to_owned()),
    }
}

#[cfg(test)]
mod tests;
