//! Plain TCP: every address of a name is tried (KIP-302), and one that does not answer holds up no other (RFC 8305).

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use crate::connector::{Connecting, Connector, Stream};

/// How long an attempt is waited for before the next address is tried beside it: RFC 8305's recommendation.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried: what a resolver answers is not ours to bound.
const MAX_ADDRESSES: usize = 64;

/// Plain TCP, without Nagle's delay, and with keep-alive probes as in Java's client.
///
/// All addresses of a name are tried, IPv6 and IPv4 in turn, in the resolver's order. The next one is tried when one
/// fails or has not answered for 250 ms, and the first that answers wins; so one dead address costs little of the
/// caller's time limit.
///
/// # Errors
/// A [`ConnectError`] of the kind `NameNotResolved`, `Refused`, `TimedOut` or `Unreachable`, which names each address
/// that was tried.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TcpConnector {
    keepalive: bool,
    keepalive_idle: Option<Duration>,
    send_buffer_bytes: Option<u32>,
    receive_buffer_bytes: Option<u32>,
}

impl Default for TcpConnector {
    fn default() -> Self {
        Self { keepalive: true, keepalive_idle: None, send_buffer_bytes: None, receive_buffer_bytes: None }
    }
}

impl TcpConnector {
    /// Whether the operating system probes connections on which nothing moves; by default it does.
    /// `socket.keepalive.enable`.
    #[must_use]
    pub fn socket_keepalive_enable(mut self, enable: bool) -> Self {
        self.keepalive = enable;
        self
    }

    /// How long nothing must have moved before the first probe, in whole seconds; by default the operating system's
    /// setting, two hours on Linux. Matters where a firewall forgets connections sooner.
    #[must_use]
    pub fn socket_keepalive_idle(mut self, idle: Duration) -> Self {
        self.keepalive_idle = Some(idle);
        self
    }

    /// The socket's send buffer, in bytes (`SO_SNDBUF`); by default the operating system adjusts it.
    /// `send.buffer.bytes`, `socket.send.buffer.bytes`.
    #[must_use]
    pub fn send_buffer_bytes(mut self, bytes: u32) -> Self {
        self.send_buffer_bytes = Some(bytes);
        self
    }

    /// The socket's receive buffer, in bytes (`SO_RCVBUF`); by default the operating system adjusts it.
    /// `receive.buffer.bytes`, `socket.receive.buffer.bytes`.
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: u32) -> Self {
        self.receive_buffer_bytes = Some(bytes);
        self
    }

    async fn attempt(self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        socket.set_nodelay(true)?;
        socket.set_keepalive(self.keepalive)?;
        // The buffers decide the window that the handshake offers, so they are set before it.
        if let Some(bytes) = self.send_buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(address).await?;
        if let (true, Some(idle)) = (self.keepalive, self.keepalive_idle) {
            SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
        }
        Ok(stream)
    }
}

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let addresses = resolve(host, port).await?;
            let stream = first_of(addresses, |address| self.attempt(address)).await.map_err(none_of)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let unresolved = |reason: &str| {
        ConnectError::new(Kind::NameNotResolved, format!("the name has no address: {host} ({reason})"))
    };
    // An IPv6 literal may stand in brackets.
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let found = lookup_host((name, port)).await.map_err(|error| unresolved(&error.to_string()))?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() {
        return Err(unresolved("the resolver knows none"));
    }
    addresses = in_turn(addresses);
    addresses.truncate(MAX_ADDRESSES);
    Ok(addresses)
}

/// The two families in turn, beginning with that of the first; the order within each is kept.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let count = addresses.len();
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(first.next());
        ordered.extend(second.next());
    }
    ordered
}

/// The stream of the first address that answers, or why each did not.
async fn first_of<'a, T, F: Future<Output = io::Result<T>> + Send + 'a>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<T, Vec<(SocketAddr, io::Error)>> {
    let mut waiting = addresses.into_iter();
    let mut running: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let mut failures = Vec::new();
    loop {
        match waiting.next() {
            Some(address) => running.push((address, Box::pin(attempt(address)))),
            None if running.is_empty() => return Err(failures),
            None => {}
        }
        let ended = poll_fn(|cx| {
            for (index, (_, attempt)) in running.iter_mut().enumerate() {
                if let Poll::Ready(result) = attempt.as_mut().poll(cx) {
                    return Poll::Ready((index, result));
                }
            }
            Poll::Pending
        });
        let ended =
            if waiting.len() == 0 { Some(ended.await) } else { timeout(ATTEMPT_DELAY, ended).await.ok() };
        match ended {
            Some((_, Ok(stream))) => return Ok(stream),
            Some((index, Err(error))) => failures.push((running.remove(index).0, error)),
            None => {}
        }
    }
}

fn none_of(failures: Vec<(SocketAddr, io::Error)>) -> ConnectError {
    let all = |kind| failures.iter().all(|(_, error)| error.kind() == kind);
    let kind = if all(io::ErrorKind::ConnectionRefused) {
        Kind::Refused
    } else if all(io::ErrorKind::TimedOut) {
        Kind::TimedOut
    } else {
        Kind::Unreachable
    };
    let mut text = String::from("no address answers: ");
    for (position, (address, error)) in failures.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{address} ({error})");
    }
    ConnectError::new(kind, text)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::net::TcpListener;
    use tokio::time::{Instant, sleep};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn the_families_take_turns() {
        for (given, expected) in [
            (&["1.0.0.1:1", "1.0.0.2:1", "[::1]:1"][..], &["1.0.0.1:1", "[::1]:1", "1.0.0.2:1"][..]),
            (&["[::1]:1", "[::2]:1", "1.0.0.1:1"], &["[::1]:1", "1.0.0.1:1", "[::2]:1"]),
            (&["1.0.0.1:1", "1.0.0.2:1"], &["1.0.0.1:1", "1.0.0.2:1"]),
            (&[], &[]),
        ] {
            assert_eq!(in_turn(addresses(given)), addresses(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_holds_up_the_next_for_a_moment_only() {
        let start = Instant::now();
        let tried = Mutex::new(Vec::new());
        let winner = first_of(addresses(&["1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1"]), |address| {
            tried.lock().expect("not poisoned").push((address.to_string(), start.elapsed().as_millis()));
            async move {
                match address.to_string().as_str() {
                    "1.0.0.1:1" => std::future::pending().await,
                    "1.0.0.2:1" => Err(io::ErrorKind::ConnectionRefused.into()),
                    _ => {
                        sleep(Duration::from_millis(30)).await;
                        Ok(address)
                    }
                }
            }
        })
        .await;
        assert_eq!(winner.expect("one answers").to_string(), "1.0.0.3:1");
        let tried = tried.into_inner().expect("not poisoned");
        let expected = [("1.0.0.1:1", 0), ("1.0.0.2:1", 250), ("1.0.0.3:1", 250)];
        assert_eq!(tried, expected.map(|(address, at)| (address.to_owned(), at)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_names_every_address() {
        for (errors, kind) in [
            ([io::ErrorKind::ConnectionRefused; 2], Kind::Refused),
            ([io::ErrorKind::TimedOut; 2], Kind::TimedOut),
            ([io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable], Kind::Unreachable),
        ] {
            let failures = first_of(addresses(&["1.0.0.1:9092", "[::1]:9092"]), |address| async move {
                Err::<(), _>(io::Error::from(errors[usize::from(address.is_ipv6())]))
            })
            .await
            .expect_err("all fail");
            let error = none_of(failures);
            assert_eq!(error.kind(), kind);
            for address in ["1.0.0.1:9092", "[::1]:9092"] {
                assert!(error.to_string().contains(address), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn what_cannot_be_reached_has_a_kind() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let connector = TcpConnector::default()
            .send_buffer_bytes(65_536)
            .receive_buffer_bytes(65_536)
            .socket_keepalive_idle(Duration::from_secs(60));
        connector.connect("127.0.0.1", port).await.map(drop).expect("somebody listens");
        drop(listener);
        for (host, kind) in [
            ("127.0.0.1", Kind::Refused),
            ("no such name", Kind::NameNotResolved),
            ("", Kind::NameNotResolved),
        ] {
            let error = connector.connect(host, port).await.map(drop).expect_err("nobody listens");
            assert_eq!(ConnectError::from_io(&error).kind(), kind, "{error}");
        }
    }
}
