//! What the measured producer can be told. What is not given stays as the client has it.

use std::time::Duration;

use ottla_client::{Acks, Compression, CompressionLevel, ProducerBuilder};

use super::setting::Setting;
use crate::numbers::{parse_count, parse_size};

/// Bytes of all keys together: more would measure the processor's caches.
const KEY_BYTES: u64 = 256 * 1024 * 1024;

/// Different keys where only their size is given.
const DEFAULT_KEYS: u64 = 1000;

/// Options of the producer, and of what it is given.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "The producer")]
pub struct Producing {
    /// compression.type, or several by comma
    #[arg(long, value_name = "CODEC", value_delimiter = ',', value_parser = parse_compression)]
    pub compression: Vec<Compression>,

    /// compression.gzip.level and its siblings [default: the codec's]
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    pub compression_level: Option<i32>,

    /// linger.ms, or several by comma [default: the client's]
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    pub linger_ms: Vec<u64>,

    /// batch.size in bytes, or several by comma [default: the client's]
    #[arg(long, value_name = "BYTES", value_delimiter = ',', value_parser = parse_size)]
    pub batch_size: Vec<u64>,

    /// buffer.memory in bytes [default: the client's]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub buffer_memory: Option<u64>,

    /// all, 1 or 0; anything but all turns idempotence off [default: the client's]
    #[arg(long, value_name = "ACKS", value_parser = parse_acks)]
    pub acks: Option<Acks>,

    /// enable.idempotence=false: a repeated request may write its records twice
    #[arg(long)]
    pub no_idempotence: bool,

    /// max.in.flight.requests.per.connection; more than 5 turns idempotence off [default: the client's]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub max_in_flight: Option<u64>,

    /// Tasks that share one producer: each sends its part of the records and looks at every delivery
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_count)]
    pub tasks: u64,

    /// Records with keys: so many different ones in turn [default: no keys; with --key-size 1,000]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keys: Option<u64>,

    /// Bytes of each key [default: as many as the largest number of a key has digits]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub key_size: Option<u64>,
}

impl Producing {
    /// Refuses what clap cannot see.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(level) = self.compression_level {
            if self.compression.is_empty() {
                return Err(crate::usage_error("--compression-level needs --compression"));
            }
            for codec in &self.compression {
                CompressionLevel::new(*codec, level).map_err(crate::usage_error)?;
            }
        }
        if let Some((count, size)) = self.key_pool() {
            let digits = digits(count);
            if size < digits {
                return Err(crate::usage_error(format!(
                    "{count} keys need a --key-size of at least {digits}"
                )));
            }
            if count.saturating_mul(size) > KEY_BYTES {
                let text =
                    format!("all keys together may have {KEY_BYTES} bytes: choose fewer or smaller ones");
                return Err(crate::usage_error(text));
            }
        }
        Ok(())
    }

    /// How many keys there are, and their size; `None` for records without keys.
    pub fn key_pool(&self) -> Option<(u64, u64)> {
        let count = self.keys.or(self.key_size.map(|_| DEFAULT_KEYS))?;
        Some((count, self.key_size.unwrap_or(digits(count))))
    }

    /// Tells a producer what was given, and nothing else.
    pub fn apply(&self, setting: &Setting, mut builder: ProducerBuilder) -> anyhow::Result<ProducerBuilder> {
        if let Some(compression) = setting.compression {
            builder = builder.compression(compression);
            if let Some(level) = self.compression_level {
                builder = builder.compression_level(CompressionLevel::new(compression, level)?);
            }
        }
        if let Some(ms) = setting.linger_ms {
            builder = builder.linger(Duration::from_millis(ms));
        }
        if let Some(bytes) = setting.batch_size {
            builder = builder.batch_size(usize::try_from(bytes)?);
        }
        if let Some(bytes) = self.buffer_memory {
            builder = builder.buffer_memory(usize::try_from(bytes)?);
        }
        if let Some(acks) = self.acks {
            builder = builder.acks(acks);
        }
        if let Some(requests) = self.max_in_flight {
            builder = builder.max_in_flight(usize::try_from(requests)?);
        }
        if !self.is_idempotent() {
            builder = builder.enable_idempotence(false);
        }
        Ok(builder)
    }

    /// As properties do it: what idempotence does not allow turns it off.
    fn is_idempotent(&self) -> bool {
        let allowed = self.acks.is_none_or(|acks| acks == Acks::All);
        allowed && !self.no_idempotence && self.max_in_flight.is_none_or(|requests| requests <= 5)
    }
}

/// Decimal digits of the largest of so many numbers from 0 on.
fn digits(count: u64) -> u64 {
    u64::from(count.saturating_sub(1).checked_ilog10().unwrap_or(0)) + 1
}

fn parse_compression(text: &str) -> Result<Compression, String> {
    let names = Compression::ALL.map(Compression::name).join(", ");
    text.parse().map_err(|_| format!("one of {names} is needed"))
}

fn parse_acks(text: &str) -> Result<Acks, String> {
    match text {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err("one of all, 1, 0 is needed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use ottla_client::Client;
    use ottla_testbroker::TestBroker;

    use super::*;

    #[tokio::test]
    async fn without_options_the_producer_is_the_clients_own() {
        let broker = TestBroker::builder().start().await.expect("free ports");
        let client = Client::builder(broker.bootstrap_servers()).connect().await.expect("it runs");
        let producing = Producing::default();
        let told = producing.apply(&Setting::default(), client.producer()).expect("nothing to refuse");
        assert_eq!(format!("{told:?}"), format!("{:?}", client.producer()));
        let setting = Setting { linger_ms: Some(7), ..Setting::default() };
        let told = producing.apply(&setting, client.producer()).expect("nothing to refuse");
        assert_ne!(format!("{told:?}"), format!("{:?}", client.producer()));
    }

    #[test]
    fn keys_have_room_for_their_numbers() {
        let check = |keys, key_size, expected: Option<(u64, u64)>, is_fine: bool| {
            let producing = Producing { keys, key_size, ..Producing::default() };
            assert_eq!(producing.key_pool(), expected, "{keys:?} {key_size:?}");
            assert_eq!(producing.check().is_ok(), is_fine, "{keys:?} {key_size:?}");
        };
        check(None, None, None, true);
        check(Some(1), None, Some((1, 1)), true);
        check(Some(10), None, Some((10, 1)), true);
        check(Some(11), None, Some((11, 2)), true);
        check(Some(11), Some(1), Some((11, 1)), false);
        check(None, Some(16), Some((1000, 16)), true);
        check(Some(1_000_000), Some(1000), Some((1_000_000, 1000)), false);
    }

    #[test]
    fn a_level_belongs_to_every_codec_that_is_listed() {
        let check = |codecs: &[Compression], level, is_fine: bool| {
            let producing = Producing {
                compression: codecs.to_vec(),
                compression_level: Some(level),
                ..Producing::default()
            };
            assert_eq!(producing.check().is_ok(), is_fine, "{codecs:?} {level}");
        };
        check(&[], 3, false);
        check(&[Compression::Gzip], 9, true);
        check(&[Compression::Gzip], 10, false);
        check(&[Compression::Gzip, Compression::Snappy], 9, false);
    }

    #[test]
    fn what_idempotence_does_not_allow_turns_it_off() {
        let check = |acks, max_in_flight, no_idempotence, expected| {
            let producing = Producing { acks, max_in_flight, no_idempotence, ..Producing::default() };
            assert_eq!(producing.is_idempotent(), expected, "{producing:?}");
        };
        check(None, None, false, true);
        check(None, None, true, false);
        check(Some(Acks::All), Some(5), false, true);
        check(Some(Acks::Leader), None, false, false);
        check(Some(Acks::None), None, false, false);
        check(None, Some(6), false, false);
    }
}
