//! The stream itself: nothing is held back without a flush, and errors say what the peer said.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::timeout;

use super::pki::{Authority, VALID};
use super::server::{Clients, server_config};
use super::{BOTH, LOOPBACK, trusting};
use crate::connector::{Connecting, Connector, Stream};
use crate::tls::{TlsConnector, TlsVersion};

/// Gives out one end of a pipe, once; writes to it fail from when the test says so.
struct Pipe {
    end: Mutex<Option<DuplexStream>>,
    broken: Arc<AtomicBool>,
}

impl Pipe {
    fn new(room: usize) -> (Self, DuplexStream) {
        let (client, server) = duplex(room);
        (Self { end: Mutex::new(Some(client)), broken: Arc::default() }, server)
    }
}

impl Connector for Pipe {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        let end = self.end.lock().expect("not poisoned").take().expect("dialled once");
        let stream = Breakable { end, broken: Arc::clone(&self.broken) };
        Box::pin(std::future::ready(Ok(Box::new(stream) as Box<dyn Stream>)))
    }
}

struct Breakable {
    end: DuplexStream,
    broken: Arc<AtomicBool>,
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_read(cx, buf)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.end).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(cx)
    }
}

/// Writes and reads as the connection's task does: it never flushes, and once all is taken it only reads.
async fn exchange(stream: &mut dyn Stream, pieces: &[&[u8]], expected: usize) -> io::Result<Vec<u8>> {
    let mut left: Vec<&[u8]> = pieces.to_vec();
    let mut answer = Vec::new();
    poll_fn(|cx| {
        while !left.is_empty() {
            let slices: Vec<_> = left.iter().map(|piece| IoSlice::new(piece)).collect();
            let Poll::Ready(written) = Pin::new(&mut *stream).poll_write_vectored(cx, &slices) else { break };
            let mut written = written?;
            while let Some(piece) = left.first_mut() {
                let count = written.min(piece.len());
                *piece = &piece[count..];
                written -= count;
                if !piece.is_empty() {
                    break;
                }
                left.remove(0);
            }
        }
        loop {
            let mut chunk = [0; 8192];
            let mut buf = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *stream).poll_read(cx, &mut buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => answer.extend_from_slice(buf.filled()),
            }
            if answer.len() >= expected {
                return Poll::Ready(Ok(()));
            }
        }
    })
    .await?;
    Ok(answer)
}

// The clock is paused: once nothing moves any more, the time is up.
#[tokio::test(start_paused = true)]
async fn all_that_is_written_arrives_without_a_flush_however_narrow_the_pipe() {
    for version in BOTH {
        for (room, sizes) in
            [(16, &[1, 2, 3][..]), (64, &[5000, 0, 70_000]), (1000, &[300_000]), (1 << 20, &[300_000])]
        {
            let ca = Authority::new("ca");
            let (pipe, server) = Pipe::new(room);
            let config = server_config(&ca.sign(LOOPBACK, VALID), &Clients::Anybody, &[*version]);
            let pieces: Vec<Vec<u8>> =
                sizes.iter().map(|size| (0..*size).map(|n| n as u8).collect()).collect();
            let whole = pieces.concat();
            let expected = whole.len();
            // It answers only once it has everything, so nothing that comes back pushes the rest out.
            let answering = tokio::spawn(async move {
                let mut stream =
                    tokio_rustls::TlsAcceptor::from(config).accept(server).await.expect("a handshake");
                let mut all = vec![0; expected];
                stream.read_exact(&mut all).await.expect("all of it");
                stream.write_all(&all).await.expect("taken");
                stream.flush().await.expect("taken");
            });
            let connector = TlsConnector::new(pipe, trusting(&ca).build().expect("usable"));
            let mut stream = connector.connect("localhost", 1).await.expect("a handshake");
            assert!(stream.is_write_vectored());
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let answer = timeout(Duration::from_secs(1), exchange(&mut *stream, &pieces, expected)).await;
            let answer = answer.expect("nothing is held back").expect("an answer");
            assert_eq!(answer, whole);
            answering.await.expect("the server is content");
        }
    }
}

#[tokio::test]
async fn a_write_that_fails_says_why_the_peer_closed() {
    let ca = Authority::new("ca");
    let (pipe, server) = Pipe::new(1 << 20);
    let broken = Arc::clone(&pipe.broken);
    let config = server_config(&ca.sign(LOOPBACK, VALID), &Clients::SignedBy(&ca), &[TlsVersion::Tls13]);
    let refusing =
        tokio::spawn(async move { tokio_rustls::TlsAcceptor::from(config).accept(server).await.is_err() });
    let connector = TlsConnector::new(pipe, trusting(&ca).build().expect("usable"));
    let mut stream = connector.connect("localhost", 1).await.expect("TLS 1.3 tells it later");
    assert!(refusing.await.expect("no panic"), "there is no client certificate");
    broken.store(true, Ordering::Relaxed);
    let error = stream.write_all(b"ping").await.expect_err("the pipe is broken");
    assert_eq!(ConnectError::from_io(&error).kind(), Kind::ClientCertificateRequired, "{error}");
}

#[tokio::test]
async fn a_peer_that_goes_without_a_word_ends_the_stream() {
    let ca = Authority::new("ca");
    let (pipe, server) = Pipe::new(1 << 20);
    let config = server_config(&ca.sign(LOOPBACK, VALID), &Clients::Anybody, BOTH);
    let leaving =
        tokio::spawn(async move { tokio_rustls::TlsAcceptor::from(config).accept(server).await.map(drop) });
    let connector = TlsConnector::new(pipe, trusting(&ca).build().expect("usable"));
    let mut stream = connector.connect("localhost", 1).await.expect("a handshake");
    leaving.await.expect("no panic").expect("a handshake");
    assert_eq!(stream.read(&mut [0; 10]).await.expect("an end, no error"), 0);
}
