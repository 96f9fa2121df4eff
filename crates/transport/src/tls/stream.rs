//! A TLS stream whose errors say what is wrong, and which needs no flush from its user.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::{self, Progress};

/// Reads that look for the reason of a write that failed.
const MAX_LAST_READS: usize = 16;

pub(super) struct TlsStream<S> {
    inner: tokio_rustls::client::TlsStream<S>,
    has_identity: bool,
    /// Whether a write or flush waits for the stream below, and will go on by itself.
    writer_waits: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    pub(super) fn new(inner: tokio_rustls::client::TlsStream<S>, has_identity: bool) -> Self {
        Self { inner, has_identity, writer_waits: false }
    }

    /// What a write that failed should say: a peer that refuses the client's certificate says so and closes, and the
    /// write may notice that it has closed before anybody has read why.
    fn reason(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        let (stream, session) = self.inner.get_mut();
        let mut chunk = [0; 4096];
        for _ in 0..MAX_LAST_READS {
            let mut read = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
                _ => break,
            }
            let mut input = read.filled();
            while !input.is_empty() {
                if !matches!(session.read_tls(&mut input), Ok(1..)) {
                    return failure::of_stream(error, self.has_identity);
                }
                if let Err(reason) = session.process_new_packets() {
                    let progress = Progress { received: u64::MAX, has_identity: self.has_identity };
                    return failure::of_rustls(&reason, progress).into();
                }
            }
        }
        failure::of_stream(error, self.has_identity)
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.writer_waits = result.is_pending();
        match result {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.reason(cx, error))),
            result => result,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A write takes plaintext as long as there is room for its ciphertext, and does not wait until the stream below
        // has taken that too. Then nobody would send the rest: users wait for an answer now, and do not flush.
        if !self.writer_waits && self.inner.get_ref().1.wants_write() {
            // If this fails, so does the read, and it may know why.
            let _ = Pin::new(&mut self.inner).poll_flush(cx);
        }
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            // A broker that ends without a word is no attack: the length of each frame is known.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(failure::of_stream(error, self.has_identity))),
            result => result,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.written(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.written(cx, result)
    }
}
