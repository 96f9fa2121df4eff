//! ISO 8601 durations as `java.time.Duration` reads them, but not below zero: `P2DT3H4M5.5S`.

use std::time::Duration;

use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while_m_n};
use nom::character::complete::{char, u64 as whole};
use nom::combinator::{all_consuming, opt, verify};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// The duration; `None` if it is malformed, or longer than can be counted.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (_, (days, time)) =
        all_consuming(preceded(tag_no_case("P"), (opt(unit("D")), opt(time)))).parse(text).ok()?;
    if days.is_none() && time.is_none() {
        return None;
    }
    let (seconds, nanos) = time.unwrap_or((Some(0), 0));
    let seconds = days.unwrap_or_default().checked_mul(86_400)?.checked_add(seconds?)?;
    Some(Duration::new(seconds, nanos))
}

fn unit<'a>(name: &'static str) -> impl Parser<&'a str, Output = u64, Error = nom::error::Error<&'a str>> {
    terminated(whole, tag_no_case(name))
}

/// What follows `T`: seconds (`None` if they are too many) and their fraction.
fn time(text: &str) -> IResult<&str, (Option<u64>, u32)> {
    let parts = (opt(unit("H")), opt(unit("M")), opt(terminated((whole, opt(fraction)), tag_no_case("S"))));
    let (rest, (hours, minutes, seconds)) = preceded(
        tag_no_case("T"),
        verify(parts, |(hours, minutes, seconds)| hours.is_some() || minutes.is_some() || seconds.is_some()),
    )
    .parse(text)?;
    let (seconds, nanos) = seconds.unwrap_or_default();
    let total = hours
        .unwrap_or_default()
        .checked_mul(3600)
        .and_then(|total| total.checked_add(minutes.unwrap_or_default().checked_mul(60)?))
        .and_then(|total| total.checked_add(seconds));
    Ok((rest, (total, nanos.unwrap_or_default())))
}

/// Up to nine digits of a second, as nanoseconds.
fn fraction(text: &str) -> IResult<&str, u32> {
    let point = alt((char('.'), char(',')));
    let (rest, digits) = preceded(point, take_while_m_n(0, 9, |c: char| c.is_ascii_digit())).parse(text)?;
    let nanos = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Ok((rest, nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_java_reads_them() {
        let check = |text: &str, seconds: u64, nanos: u32| {
            assert_eq!(parse(text), Some(Duration::new(seconds, nanos)), "{text}");
        };
        check("PT1H", 3600, 0);
        check("pt1h", 3600, 0);
        check("P2D", 172_800, 0);
        check("P2DT3H4M5.5S", 172_800 + 10_800 + 240 + 5, 500_000_000);
        check("PT0.000000001S", 0, 1);
        check("PT0,25S", 0, 250_000_000);
        check("PT15M", 900, 0);
        check("PT90S", 90, 0);
        check("PT5.S", 5, 0);
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1H",
            "PT1",
            "PT-1H",
            "-PT1H",
            "P1Y",
            "P1H",
            "PT1M1H",
            "PT1HX",
            "PT.5S",
            "PT0.0000000001S",
            "P99999999999999999999D",
            "P999999999999999999D",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
