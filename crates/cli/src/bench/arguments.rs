//! What `ottla bench` can be told.

use std::path::PathBuf;

use super::e2e::STAMP_BYTES;
use super::producing::Producing;
use super::setting::{Setting, settings};
use crate::numbers::{parse_count, parse_size};

/// Messages before the measured ones, in latency and e2e: connections, caches and the broker's code get warm.
pub const WARM_UP: u64 = 500;

/// Measure producing and consuming
///
/// Measures this client against a broker and prints what it took: with --json one line of JSON, else a summary. All
/// operations take all options; those that do not concern an operation are passed over.
///
/// --linger-ms, --compression and --batch-size take lists. Each combination is a setting; one run measures all of them in
/// turns, each with a client of its own, and compares them with the first.
///
/// The topic is created by asking for it where the broker allows that, and then has the broker's default number of
/// partitions (num.partitions).
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    /// What to measure
    #[arg(value_enum, value_name = "OPERATION")]
    pub operation: Operation,

    /// Where the cluster is; several addresses by comma
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    pub bootstrap_server: String,

    /// The topic to write to and read from
    #[arg(long, value_name = "NAME")]
    pub topic: String,

    /// How many records [default: 1,000,000; latency and e2e: 20,000]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub records: Option<u64>,

    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value = "100", value_parser = parse_size)]
    pub record_size: u64,

    /// How often each setting is measured; several settings take turns, and medians are told
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_count)]
    pub rounds: u64,

    /// Values: the file cut into pieces of --record-size, over and over
    ///
    /// Without it values are made up, and look like short JSON documents.
    #[arg(long, value_name = "FILE")]
    pub payload_file: Option<PathBuf>,

    /// How many partitions the topic should have; a warning tells if it has another number
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub partitions: Option<u64>,

    /// Records a second, for produce and e2e [default: e2e 1000, produce as many as possible]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub rate: Option<u64>,

    /// Worker threads of the runtime; 1 means that everything runs on the main thread
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub threads: usize,

    /// One line of JSON instead of the summary
    #[arg(long)]
    pub json: bool,

    // Last, as its heading holds for all that follow.
    #[command(flatten)]
    pub producing: Producing,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// Queue records as fast as possible, and wait until each is acknowledged
    Produce,
    /// Read all partitions from their beginnings, without a group, until --records were read
    Consume,
    /// Send one record at a time, each when the one before is acknowledged
    Latency,
    /// Produce at --rate and consume in the same process: the time from one to the other
    E2e,
}

const HELP: &str = "\
The JSON line:
  n           records acknowledged or read
  secs, cpu   wall clock and user+system seconds of the timed part, which starts
              when the client is connected and the topic is known
  errs        records not acknowledged; errors while reading
  bytes       keys and values, record by record
  checksum    sum of the CRC-32C of all values: equal for the same records
  wire_bytes  written to and read from sockets in the timed part
  rss_mb      peak memory of the process in MiB, where the system tells
  p50, p99, p999
              latency and e2e: microseconds; 500 records go before the measured
Where there are several settings or rounds, one line each, which says its round
and what it was told of linger_ms, compression and batch_size.

Examples:
  ottla bench produce --topic speed --records 5_000_000 --compression lz4
  ottla bench consume --topic speed --records 5_000_000 --json
  ottla bench produce --topic speed --linger-ms 0,15 --rounds 5
  ottla bench produce --topic speed --tasks 8 --threads 2 --keys 1000 --compression none,lz4
  ottla bench latency --topic speed-latency
  ottla bench e2e --topic speed-e2e --rate 2000";

impl Arguments {
    /// Refuses what clap cannot see.
    pub fn check(&self) -> anyhow::Result<()> {
        let (size, least) = (self.record_size, STAMP_BYTES as u64);
        if self.operation == Operation::E2e && size < least {
            let message = format!("e2e needs a --record-size of at least {least}: {size}");
            return Err(crate::usage_error(message));
        }
        self.producing.check()
    }

    /// What is to be measured and compared; producers' settings are nothing to consuming.
    pub fn settings(&self) -> Vec<Setting> {
        match self.operation {
            Operation::Consume => vec![Setting::default()],
            _ => settings(&self.producing),
        }
    }

    /// How many records are to be measured.
    pub fn records(&self) -> u64 {
        self.records.unwrap_or(match self.operation {
            Operation::Produce | Operation::Consume => 1_000_000,
            Operation::Latency | Operation::E2e => 20_000,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use ottla_client::Compression;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Line::try_parse_from(format!("bench {line}").split(' ')).map(|line| line.arguments)
    }

    #[test]
    fn every_operation_takes_every_option() {
        let options = "--bootstrap-server b:1 --topic t --records 1_000 --record-size 10 --compression lz4 \
                       --linger-ms 5 --batch-size 1000000 --payload-file f --partitions 6 --rate 100 --json \
                       --compression-level 3 --tasks 2 --acks 1 --no-idempotence --max-in-flight 7 \
                       --buffer-memory 9_000_000 --keys 10 --key-size 4 --rounds 2";
        for operation in ["produce", "consume", "latency", "e2e"] {
            let arguments = parse(&format!("{operation} {options}")).expect(operation);
            assert_eq!(arguments.records(), 1000);
            assert_eq!(arguments.producing.compression, [Compression::Lz4]);
        }
    }

    #[test]
    fn how_many_records_depends_on_the_operation() {
        let check = |line: &str, expected| assert_eq!(parse(line).expect(line).records(), expected, "{line}");
        check("produce --topic t", 1_000_000);
        check("latency --topic t", 20_000);
        check("e2e --topic t --records 7", 7);
    }

    #[test]
    fn e2e_needs_room_for_its_stamps() {
        let check =
            |line: &str, expected| assert_eq!(parse(line).expect(line).check().is_ok(), expected, "{line}");
        check("e2e --topic t --record-size 23", false);
        check("e2e --topic t --record-size 24", true);
        check("latency --topic t --record-size 23", true);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "produce",
            "fly --topic t",
            "produce --topic t --compression rar",
            "e2e --topic t --rate 0",
            "produce --topic t --record-size 3000000000",
            "produce --topic t --linger-ms 0,x",
            "produce --topic t --acks 2",
            "produce --topic t --rounds 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
