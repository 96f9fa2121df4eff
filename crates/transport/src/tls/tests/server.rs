//! A server that echoes, over TLS by rustls; and dialling it.

use std::sync::Arc;

use ottla_core::connection::ConnectError;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::TcpListener;

use super::pki::{Authority, Leaf};
use crate::connector::{Connector, Stream};
use crate::tcp::TcpConnector;
use crate::tls::{TlsConfig, TlsConnector, TlsVersion};

/// What a server asks of its clients.
pub(super) enum Clients<'a> {
    Anybody,
    SignedBy(&'a Authority),
}

pub(super) fn server_config(
    leaf: &Leaf,
    clients: &Clients<'_>,
    versions: &[TlsVersion],
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: Vec<_> = versions
        .iter()
        .map(|version| match version {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        })
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .expect("versions");
    let builder = match clients {
        Clients::Anybody => builder.with_no_client_auth(),
        Clients::SignedBy(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in authority.own().chain_der() {
                roots.add(certificate).expect("an authority");
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    Arc::new(builder.with_single_cert(leaf.chain_der(), leaf.key_der()).expect("a certificate"))
}

/// A server on a free port, which is returned.
pub(super) async fn serve(config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
            tokio::spawn(async move {
                let (mut reader, mut writer) = split(acceptor.accept(stream).await?);
                copy(&mut reader, &mut writer).await
            });
        }
    });
    port
}

/// Whether an echo comes back: what fails may fail only once something is read.
pub(super) async fn dial(config: TlsConfig, host: &str, port: u16) -> Result<(), ConnectError> {
    dial_by(&TlsConnector::new(TcpConnector::default(), config), host, port).await
}

pub(super) async fn dial_by(connector: &dyn Connector, host: &str, port: u16) -> Result<(), ConnectError> {
    let echo = async {
        let mut stream = connector.connect(host, port).await?;
        ping(&mut *stream).await
    };
    echo.await.map_err(|error| ConnectError::from_io(&error))
}

pub(super) async fn ping(stream: &mut dyn Stream) -> std::io::Result<()> {
    stream.write_all(b"ping").await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"ping");
    Ok(())
}
