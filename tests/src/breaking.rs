//! TCP connections that break at any byte, in the middle of a request or of an answer; the same ones in every run.

use ottla_client::{Connecting, Connector, Stream, TcpConnector};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes TCP streams that end after a number of bytes, different each time.
#[derive(Clone, Debug)]
pub struct Breaking {
    made: Arc<AtomicU64>,
    most_bytes: u64,
}

impl Breaking {
    /// Streams that end somewhere between 2,000 bytes and so many more, both directions counted.
    #[must_use]
    pub fn new(most_bytes: u64) -> Self {
        Self { made: Arc::default(), most_bytes }
    }

    /// How many there were.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

impl Connector for Breaking {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let stream = TcpConnector::default().connect(host, port).await?;
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            // Enough to get past the handshake, then anywhere.
            let bytes_left = 2_000 + number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % self.most_bytes;
            Ok(Box::new(Breakable { stream, bytes_left }) as Box<dyn Stream>)
        })
    }
}

struct Breakable {
    stream: Box<dyn Stream>,
    bytes_left: u64,
}

impl Breakable {
    fn spend(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes as u64);
    }

    fn broken<T>(&self) -> Option<Poll<io::Result<T>>> {
        let error = || io::Error::new(io::ErrorKind::ConnectionReset, "the test broke the connection");
        (self.bytes_left == 0).then(|| Poll::Ready(Err(error())))
    }
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(broken) = self.broken() {
            return broken;
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        self.spend(read);
        result
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(broken) = self.broken() {
            return broken;
        }
        // A request may be cut in its middle.
        let most = bytes.len().min(usize::try_from(self.bytes_left).unwrap_or(usize::MAX));
        let result = Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]);
        if let Poll::Ready(Ok(written)) = result {
            self.spend(written);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
