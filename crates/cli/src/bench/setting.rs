//! What differs between the runs that are compared.

use std::fmt;

use ottla_client::Compression;
use serde::Serialize;

use super::producing::Producing;

/// One combination of the options that take lists. What is `None` is left to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Setting {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linger_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_name")]
    pub compression: Option<Compression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
}

/// Every combination of what the lists have, in their order.
pub fn settings(options: &Producing) -> Vec<Setting> {
    let mut settings = Vec::new();
    for linger_ms in each(&options.linger_ms) {
        for compression in each(&options.compression) {
            for batch_size in each(&options.batch_size) {
                settings.push(Setting { linger_ms, compression, batch_size });
            }
        }
    }
    settings
}

fn each<T: Copy>(list: &[T]) -> Vec<Option<T>> {
    match list {
        [] => vec![None],
        _ => list.iter().copied().map(Some).collect(),
    }
}

fn by_name<S: serde::Serializer>(compression: &Option<Compression>, to: S) -> Result<S::Ok, S::Error> {
    compression.map(Compression::name).serialize(to)
}

/// For people: `linger 15 ms, lz4`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.linger_ms.map(|ms| format!("linger {ms} ms")),
            self.compression.map(|codec| match codec {
                Compression::None => "uncompressed".to_owned(),
                codec => codec.name().to_owned(),
            }),
            self.batch_size.map(|bytes| format!("batches of {bytes}")),
        ];
        let told: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if told.is_empty() { "as the client is" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_combined() {
        let check = |linger_ms: &[u64], compression: &[Compression], expected: &[&str]| {
            let options = Producing {
                linger_ms: linger_ms.to_vec(),
                compression: compression.to_vec(),
                ..Producing::default()
            };
            let found: Vec<String> = settings(&options).iter().map(Setting::to_string).collect();
            assert_eq!(found, expected);
        };
        check(&[], &[], &["as the client is"]);
        check(&[0, 15], &[], &["linger 0 ms", "linger 15 ms"]);
        let expected = [
            "linger 0 ms, uncompressed",
            "linger 0 ms, lz4",
            "linger 5 ms, uncompressed",
            "linger 5 ms, lz4",
        ];
        check(&[0, 5], &[Compression::None, Compression::Lz4], &expected);
    }

    #[test]
    fn only_what_was_given_is_told() {
        let text = |setting: Setting| serde_json::to_string(&setting).expect("json");
        assert_eq!(text(Setting::default()), "{}");
        let setting = Setting { linger_ms: Some(0), compression: Some(Compression::Lz4), batch_size: None };
        assert_eq!(text(setting), "{\"linger_ms\":0,\"compression\":\"lz4\"}");
    }
}
