//! Bootstrap addresses: `host:port`, several by comma.

use std::fmt;

use crate::config_error::ConfigError;

/// Kafka's usual port, taken where an address names none.
const DEFAULT_PORT: u16 = 9092;

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Reads `bootstrap.servers`: addresses separated by commas; IPv6 addresses in brackets; a protocol in front
/// (`PLAINTEXT://`) is passed over.
pub(crate) fn parse_list(text: &str) -> Result<Vec<Address>, ConfigError> {
    let addresses: Result<Vec<Address>, ConfigError> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(parse).collect();
    match addresses {
        Ok(addresses) if addresses.is_empty() => {
            Err(ConfigError::new("bootstrap.servers", "names no address"))
        }
        other => other,
    }
}

fn parse(text: &str) -> Result<Address, ConfigError> {
    let refuse = |what: &str| ConfigError::new("bootstrap.servers", format!("{what}: {text}"));
    let plain = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = match plain.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| refuse("a bracket is not closed"))?;
            (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")))
        }
        None => match plain.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(refuse("an ipv6 address needs brackets, as in [::1]:9092"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (plain, Some("")),
        },
    };
    if host.is_empty() {
        return Err(refuse("no host"));
    }
    let port = match port {
        Some("") => DEFAULT_PORT,
        Some(port) => port.parse().map_err(|_| refuse("not a port"))?,
        None => return Err(refuse("not host:port")),
    };
    Ok(Address { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_several_forms() {
        let check = |text: &str, expected: &[(&str, u16)]| {
            let found = parse_list(text).expect(text);
            let found: Vec<_> = found.iter().map(|a| (a.host.as_str(), a.port)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("localhost:1, b:2,", &[("localhost", 1), ("b", 2)]);
        check("localhost", &[("localhost", 9092)]);
        check("PLAINTEXT://[::1]:3", &[("::1", 3)]);
        check("[::1]", &[("::1", 9092)]);
    }

    #[test]
    fn what_is_no_address_is_named() {
        for text in ["", " , ", ":9092", "a:b", "::1:9092", "[::1", "a:70000"] {
            let error = parse_list(text).expect_err(text).to_string();
            assert!(error.starts_with("bootstrap.servers"), "{error}");
        }
    }
}
