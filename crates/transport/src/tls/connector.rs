//! TLS on what another connector makes.

use ottla_core::connection::ConnectError;
use rustls_pki_types::ServerName;

use super::config::TlsConfig;
use super::failure::{self, Progress, unusable};
use super::observed::Observed;
use super::stream::TlsStream;
use crate::connector::{Connecting, Connector, Stream};

/// TLS on what another connector makes: TCP, a proxy, TLS itself.
///
/// It sends the name of the broker (SNI) if it was dialled by name, and keeps session tickets for later connections.
#[derive(Clone, Debug)]
pub struct TlsConnector<C> {
    inner: C,
    config: TlsConfig,
}

impl<C> TlsConnector<C> {
    /// TLS as `config` says over the streams of `inner`.
    pub fn new(inner: C, config: TlsConfig) -> Self {
        Self { inner, config }
    }
}

impl<C: Connector> Connector for TlsConnector<C> {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            // What is wrong here is told even if nobody listens there.
            let name = match self.config.server_name() {
                Some(name) => name.clone(),
                None => name_of(host)?,
            };
            let client = self.config.client().await?;
            let stream = Observed::new(self.inner.connect(host, port).await?);
            let has_identity = self.config.has_identity();
            match tokio_rustls::TlsConnector::from(client).connect(name, stream).into_fallible().await {
                Ok(stream) => Ok(Box::new(TlsStream::new(stream, has_identity)) as Box<dyn Stream>),
                Err((error, stream)) => {
                    let progress = Progress { received: stream.received(), has_identity };
                    Err(failure::of_handshake(&error, progress).into())
                }
            }
        })
    }
}

/// The name that the certificate must have: a host name, or an address without its brackets and zone.
fn name_of(host: &str) -> Result<ServerName<'static>, ConnectError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = bare.split_once('%').map_or(bare, |(address, _)| address);
    ServerName::try_from(address.to_owned()).map_err(|_| {
        unusable(format!(
            "the broker's host is neither a host name nor an address, so no certificate can be for it: {host}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_what_certificates_are_for() {
        for (host, expected) in [
            ("localhost", Some("localhost")),
            ("broker_1.example", Some("broker_1.example")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[fe80::1%eth0]", Some("fe80::1")),
            ("", None),
            ("a b", None),
        ] {
            let name = name_of(host).ok().map(|name| name.to_str().into_owned());
            assert_eq!(name.as_deref(), expected, "{host}");
        }
    }
}
