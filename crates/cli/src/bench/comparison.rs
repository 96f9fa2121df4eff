//! Several settings, measured in turns, side by side: medians over the rounds, and their ratios to the first setting's.

use std::io::{self, Write};

use anstyle::Style;
use serde::Serialize;

use super::arguments::{Arguments, Operation};
use super::report::Report;
use super::setting::Setting;
use crate::numbers::{counted, grouped};

/// A measurement, which of the settings it is of, and in which round.
#[derive(Debug, Serialize)]
pub struct Run {
    pub round: u64,
    #[serde(skip)]
    pub at: usize,
    #[serde(flatten)]
    pub setting: Setting,
    #[serde(flatten)]
    pub report: Report,
}

/// The runs to be made: round, and which setting. Every other round goes backwards, so that what drifts on the machine
/// meets all settings alike.
pub fn turns(settings: usize, rounds: u64) -> impl Iterator<Item = (u64, usize)> {
    (1..=rounds).flat_map(move |round| {
        let backwards = round.is_multiple_of(2);
        (0..settings).map(move |at| (round, if backwards { settings - 1 - at } else { at }))
    })
}

impl Run {
    /// One line of JSON.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }
}

/// A figure that is compared.
struct Column {
    title: &'static str,
    value: fn(&Report) -> f64,
    show: fn(f64) -> String,
}

const RATE: Column = Column {
    title: "records/s",
    value: |report| report.n as f64 / report.secs,
    show: |rate| grouped(rate.round() as u64),
};

const MEDIAN_TIME: Column = Column {
    title: "p50 us",
    value: |report| report.percentiles.map_or(f64::NAN, |times| times.p50),
    show: |micros| format!("{micros:.0}"),
};

const P99_TIME: Column = Column {
    title: "p99 us",
    value: |report| report.percentiles.map_or(f64::NAN, |times| times.p99),
    show: |micros| format!("{micros:.0}"),
};

const P999_TIME: Column = Column {
    title: "p99.9 us",
    value: |report| report.percentiles.map_or(f64::NAN, |times| times.p999),
    show: |micros| format!("{micros:.0}"),
};

const PROCESSOR: Column = Column {
    title: "CPU us a record",
    value: |report| report.cpu / report.n as f64 * 1e6,
    show: |micros| format!("{micros:.3}"),
};

const WIRE: Column = Column {
    title: "wire bytes a record",
    value: |report| report.wire_bytes as f64 / report.n as f64,
    show: |bytes| format!("{bytes:.1}"),
};

/// What people want to know first comes first.
fn columns(operation: Operation) -> &'static [Column] {
    match operation {
        Operation::Produce | Operation::Consume => &[RATE, PROCESSOR, WIRE],
        Operation::Latency => &[MEDIAN_TIME, P99_TIME, P999_TIME, RATE, PROCESSOR],
        Operation::E2e => &[MEDIAN_TIME, P99_TIME, P999_TIME, PROCESSOR],
    }
}

/// The table for people.
pub fn write_table(
    arguments: &Arguments,
    settings: &[Setting],
    runs: &[Run],
    out: &mut impl Write,
) -> io::Result<()> {
    let Some(first) = runs.first() else { return Ok(()) };
    let bold = Style::new().bold();
    let rounds = counted(arguments.rounds, "round");
    writeln!(out, "{bold}{} {}, {rounds}{bold:#}\n", counted(first.report.n, "record"), first.report.title)?;
    let mut rows = vec![vec![String::new()]];
    rows.extend(settings.iter().map(|setting| vec![setting.to_string()]));
    for column in columns(arguments.operation) {
        rows[0].extend([column.title.to_owned(), String::new()]);
        let mut before = None;
        for (at, row) in rows[1..].iter_mut().enumerate() {
            let found = median(values(runs, at, column));
            row.push((column.show)(found));
            row.push(before.map_or(String::new(), |before| format!("x{:.2}", found / before)));
            before = before.or(Some(found));
        }
    }
    if arguments.rounds > 1 {
        rows[0].push("spread".to_owned());
        for (at, row) in rows[1..].iter_mut().enumerate() {
            row.push(format!("{:.1} %", spread(values(runs, at, &columns(arguments.operation)[0]))));
        }
    }
    write_aligned(&rows, out)?;
    if arguments.rounds > 1 {
        let title = columns(arguments.operation)[0].title;
        let ratios = if settings.len() > 1 { ", and their ratios to the first row's" } else { "" };
        writeln!(out, "\nMedians{ratios}. Spread: how far the rounds' {title} lie apart.")?;
    }
    Ok(())
}

fn values(runs: &[Run], at: usize, column: &Column) -> Vec<f64> {
    runs.iter().filter(|run| run.at == at).map(|run| (column.value)(&run.report)).collect()
}

/// The first column to the left, the rest to the right; columns without any text are left out.
fn write_aligned(rows: &[Vec<String>], out: &mut impl Write) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &'_ Vec<String>, at: usize| row.get(at).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|at| rows.iter().map(|row| cell(row, at)).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (at, (text, width)) in row.iter().zip(&widths).enumerate() {
            match at {
                0 => line.push_str(&format!("  {text:<width$}")),
                _ if *width == 0 => {}
                _ => line.push_str(&format!("  {text:>width$}")),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The one in the middle, or between the two in the middle; not a number without any.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// From the least to the most, in percent of the median.
fn spread(values: Vec<f64>) -> f64 {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (most - least) / median(values) * 100.0
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn run(round: u64, at: usize, setting: Setting, secs: f64, cpu: f64) -> Run {
        let report = Report {
            n: 1000,
            secs,
            cpu,
            errs: 0,
            bytes: 100_000,
            checksum: "00".to_owned(),
            wire_bytes: 50_000,
            rss_mb: None,
            percentiles: None,
            failure: None,
            title: "produced to t, 1 partition".to_owned(),
        };
        Run { round, at, setting, report }
    }

    #[test]
    fn every_other_round_goes_backwards() {
        let found: Vec<_> = turns(3, 2).collect();
        assert_eq!(found, [(1, 0), (1, 1), (1, 2), (2, 2), (2, 1), (2, 0)]);
    }

    #[test]
    fn the_middle_is_told_and_how_far_apart_the_rest_is() {
        let check = |values: &[f64], expected: f64, apart: f64| {
            assert!((median(values.to_vec()) - expected).abs() < 1e-9, "{values:?}");
            assert!((spread(values.to_vec()) - apart).abs() < 1e-9, "{values:?}");
        };
        check(&[3.0, 1.0, 2.0], 2.0, 100.0);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5, 120.0);
        check(&[5.0], 5.0, 0.0);
    }

    #[test]
    fn settings_stand_under_one_another_with_their_ratios() {
        let line = "bench produce --topic t --linger-ms 0,15 --rounds 3";
        let arguments = Line::try_parse_from(line.split(' ')).expect("sound").arguments;
        let settings = arguments.settings();
        let times = [(1, 0, 0.5), (1, 1, 0.25), (2, 1, 0.2), (2, 0, 0.4), (3, 0, 0.6), (3, 1, 0.3)];
        let runs: Vec<Run> =
            times.iter().map(|(round, at, secs)| run(*round, *at, settings[*at], *secs, 0.001)).collect();
        let mut out = Vec::new();
        write_table(&arguments, &settings, &runs, &mut out).expect("memory takes everything");
        let text = String::from_utf8(out).expect("text");
        for part in [
            "1,000 records produced to t, 1 partition, 3 rounds",
            "                records/s         CPU us a record         wire bytes a record         spread",
            "  linger 0 ms       2,000                   1.000                        50.0         41.7 %",
            "  linger 15 ms      4,000  x2.00            1.000  x1.00                 50.0  x1.00  41.7 %",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }

    #[test]
    fn a_line_says_what_was_told_and_what_was_found() {
        let setting = Setting { linger_ms: Some(15), ..Setting::default() };
        let mut out = Vec::new();
        run(2, 1, setting, 0.5, 0.1).write_json(&mut out).expect("memory takes everything");
        let text = String::from_utf8(out).expect("text");
        assert!(text.starts_with("{\"round\":2,\"linger_ms\":15,\"n\":1000,\"secs\":0.5,"), "{text}");
    }
}
