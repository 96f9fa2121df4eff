//! How a stream to a broker comes about. TLS, proxies and memory pipes are connectors too.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes to a broker.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that is being made.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// Makes streams. Connectors wrap one another: TLS over a proxy over TCP.
pub trait Connector: Send + Sync {
    /// A stream to `host`, a name or an address, and `port`. Dropping the future gives up.
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a>;
}

impl<C: Connector + ?Sized> Connector for Arc<C> {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        (**self).connect(host, port)
    }
}
