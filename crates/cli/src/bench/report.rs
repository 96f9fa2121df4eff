//! What a measurement found, as a line of JSON and as a summary for people.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::Style;
use serde::Serialize;

use super::arguments::Operation;
use super::checksum::Checksum;
use super::meter::Measured;
use super::percentiles::Percentiles;
use super::process_usage::peak_memory;
use super::session::Session;
use crate::numbers::{bytes, counted, grouped};

/// The fields of the JSON line, and what the summary needs beside them.
#[derive(Debug, Serialize)]
pub struct Report {
    pub n: u64,
    pub secs: f64,
    pub cpu: f64,
    pub errs: u64,
    pub bytes: u64,
    pub checksum: String,
    pub wire_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_mb: Option<f64>,
    #[serde(flatten)]
    pub percentiles: Option<Percentiles>,
    /// Printed as an error when all else is printed.
    #[serde(skip)]
    pub failure: Option<String>,
    /// What was done with the records, and where.
    #[serde(skip)]
    pub title: String,
}

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub n: u64,
    pub errs: u64,
    pub bytes: u64,
    pub checksum: Checksum,
}

/// The error text for records that something became of, if there are any.
pub fn failure(what: &str, errs: u64, first: Option<&impl Display>) -> Option<String> {
    let text = format!("{} {what}", counted(errs, "record"));
    match first {
        _ if errs == 0 => None,
        Some(first) => Some(format!("{text}, the first because: {first}")),
        None => Some(text),
    }
}

impl Report {
    /// Without percentiles and failure.
    pub fn new(session: &Session<'_>, measured: Measured, counts: Counts) -> Self {
        let (partitions, topic) = (session.partitions as u64, &session.arguments.topic);
        let did = match session.arguments.operation {
            Operation::Produce => "produced to",
            Operation::Consume => "consumed from",
            Operation::Latency => "sent one at a time to",
            Operation::E2e => "produced to and consumed from",
        };
        let mut title = format!("{did} {topic}, {}", counted(partitions, "partition"));
        let tasks = session.arguments.producing.tasks;
        if tasks > 1 && matches!(session.arguments.operation, Operation::Produce | Operation::Latency) {
            title.push_str(&format!(", {tasks} tasks"));
        }
        let micros = |secs: f64| (secs * 1e6).round() / 1e6;
        Self {
            n: counts.n,
            secs: micros(measured.secs),
            cpu: micros(measured.cpu),
            errs: counts.errs,
            bytes: counts.bytes,
            checksum: counts.checksum.to_hex(),
            wire_bytes: measured.wire_bytes,
            rss_mb: peak_memory(),
            percentiles: None,
            failure: None,
            title,
        }
    }

    /// One line of JSON.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// A few aligned lines.
    pub fn write_summary(&self, out: &mut impl Write) -> io::Result<()> {
        let bold = Style::new().bold();
        writeln!(out, "{bold}{} {}{bold:#}\n", counted(self.n, "record"), self.title)?;
        let mut row = |name: &str, value: String| writeln!(out, "  {name:<12}{value}");
        if let Some(times) = self.percentiles {
            let Percentiles { p50, p99, p999 } = times;
            row("time each", format!("{p50:.0} us at the median, {p99:.0} us p99, {p999:.0} us p99.9"))?;
        }
        let (rate, volume) = (self.n as f64 / self.secs, self.bytes as f64 / self.secs);
        row("rate", format!("{} records/s, {}/s", grouped(rate as u64), bytes(volume)))?;
        row("wall clock", format!("{:.3} s", self.secs))?;
        let each = self.cpu / self.n.max(1) as f64 * 1e6;
        row("processor", format!("{:.3} s, {each:.3} us a record", self.cpu))?;
        row("on the wire", format!("{} for {}", bytes(self.wire_bytes as f64), bytes(self.bytes as f64)))?;
        if let Some(mib) = self.rss_mb {
            row("memory", format!("{mib:.0} MiB at most"))?;
        }
        row("errors", grouped(self.errs))?;
        row("checksum", self.checksum.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(percentiles: Option<Percentiles>) -> Report {
        Report {
            n: 2000,
            secs: 0.5,
            cpu: 0.001,
            errs: 0,
            bytes: 204_800,
            checksum: "00000000e3069283".to_owned(),
            wire_bytes: 307_200,
            rss_mb: Some(12.3),
            percentiles,
            failure: None,
            title: "produced to t, 6 partitions".to_owned(),
        }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_json_line_has_the_agreed_fields() {
        let expected = "{\"n\":2000,\"secs\":0.5,\"cpu\":0.001,\"errs\":0,\"bytes\":204800,\
                        \"checksum\":\"00000000e3069283\",\"wire_bytes\":307200,\"rss_mb\":12.3}\n";
        assert_eq!(text(|out| sample(None).write_json(out)), expected);
        let times = Percentiles { p50: 1.5, p99: 2.0, p999: 3.0 };
        let line = text(|out| sample(Some(times)).write_json(out));
        assert!(line.ends_with(",\"p50\":1.5,\"p99\":2.0,\"p999\":3.0}\n"), "{line}");
    }

    #[test]
    fn the_summary_is_for_people() {
        let times = Percentiles { p50: 101.5, p99: 200.0, p999: 300.0 };
        let text = text(|out| sample(Some(times)).write_summary(out));
        for part in [
            "2,000 records produced to t, 6 partitions",
            "  time each   102 us at the median, 200 us p99, 300 us p99.9",
            "  rate        4,000 records/s, 400.0 KiB/s",
            "  processor   0.001 s, 0.500 us a record",
            "  on the wire 300.0 KiB for 200.0 KiB",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn failures_name_their_number_and_first_cause() {
        assert_eq!(failure("were lost", 0, Some(&"x")), None);
        let expected = "2 records were lost, the first because: x";
        assert_eq!(failure("were lost", 2, Some(&"x")).as_deref(), Some(expected));
    }
}
