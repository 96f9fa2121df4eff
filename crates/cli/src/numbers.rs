//! Numbers, sizes and times as people read and write them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 message`, `2 messages`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Three significant digits or so: `0.42 ms`, `8.1 ms`, `3.05 s`.
pub fn elapsed(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..1.0 => format!("{ms:.2} ms"),
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

/// `1536.0` as `1.5 KiB`.
pub fn bytes(number: f64) -> String {
    let mut rest = number;
    for unit in ["B", "KiB", "MiB"] {
        if rest < 1024.0 {
            let decimals = usize::from(unit != "B");
            return format!("{rest:.decimals$} {unit}");
        }
        rest /= 1024.0;
    }
    format!("{rest:.2} GiB")
}

/// Reads a count; underscores and commas may group its digits.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    match digits.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

/// Reads a number of bytes; lengths are 32 bits wide in Kafka.
pub fn parse_size(text: &str) -> Result<u64, String> {
    match parse_count(text)? {
        size if i32::try_from(size).is_ok() => Ok(size),
        _ => Err(format!("at most {} is possible", i32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(1_234_567, "1,234,567");
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(2000, "message"), "2,000 messages");
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(bytes(12.0), "12 B");
        assert_eq!(bytes(1536.0), "1.5 KiB");
        assert_eq!(bytes(3.0 * 1024.0 * 1024.0 * 1024.0), "3.00 GiB");
        assert_eq!(elapsed(Duration::from_micros(420)), "0.42 ms");
        assert_eq!(elapsed(Duration::from_micros(8120)), "8.1 ms");
        assert_eq!(elapsed(Duration::from_millis(3050)), "3.05 s");
    }

    #[test]
    fn counts_may_be_grouped() {
        assert_eq!(parse_count("1_000,000"), Ok(1_000_000));
        for text in ["0", "", "-1", "ten"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
