//! What connectors for proxies share: where the proxy is, and how it can fail before it has said anything.

use std::fmt;
use std::io;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};

use crate::connector::{Connector, Stream};

/// Where the proxy listens.
#[derive(Clone, Debug)]
pub(crate) struct ProxyAddress {
    host: String,
    port: u16,
}

impl ProxyAddress {
    pub(crate) fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// A stream to the proxy.
    pub(crate) async fn reach<C: Connector>(&self, connector: &C) -> Result<Box<dyn Stream>, ConnectError> {
        connector.connect(&self.host, self.port).await.map_err(|error| {
            let error = ConnectError::from_io(&error);
            match error.kind() {
                Kind::NameNotResolved | Kind::Refused | Kind::Unreachable | Kind::TimedOut => {
                    ConnectError::new(
                        Kind::ProxyUnreachable,
                        format!("the proxy {self} cannot be reached: {error}"),
                    )
                }
                _ => error.at(format_args!("the proxy {self}")),
            }
        })
    }

    /// An error of this kind, with the proxy named.
    pub(crate) fn error(&self, kind: Kind, text: impl fmt::Display) -> ConnectError {
        ConnectError::new(kind, text.to_string()).at(format_args!("the proxy {self}"))
    }

    /// A stream that broke before the proxy was through.
    pub(crate) fn broke_off(&self, error: &io::Error) -> ConnectError {
        match ConnectError::within(error) {
            Some(known) => known.clone().at(format_args!("the proxy {self}")),
            None => self.error(Kind::ProxyUnreachable, format_args!("it broke off: {error}")),
        }
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(&self.host, self.port))
    }
}

/// `host:port`, an IPv6 literal in brackets.
pub(crate) fn authority(host: &str, port: u16) -> String {
    let bare = without_brackets(host);
    if bare.contains(':') { format!("[{bare}]:{port}") } else { format!("{bare}:{port}") }
}

/// An IPv6 literal may stand in brackets.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
pub(crate) mod scripted;
