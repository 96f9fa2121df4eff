//! Proxies for tests, on loopback: SOCKS5 (RFC 1928, 1929) and HTTP CONNECT. They want a password, and count who came
//! through.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The user of every proxy.
pub const USER: &str = "proxy-user";
/// The user's password.
pub const PASSWORD: &str = "proxy-password";
/// `user:password` in base64.
const BASIC: &str = "Basic cHJveHktdXNlcjpwcm94eS1wYXNzd29yZA==";

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SOCKS5.
    Socks5,
    /// HTTP CONNECT.
    HttpConnect,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    passed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one that lets everybody with the password through, to loopback alone.
    ///
    /// # Panics
    /// If there is no port for it.
    pub async fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let passed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&passed);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                // A client that breaks off ends its own connection only.
                tokio::spawn(async move { _ = serve(kind, stream, &counter).await });
            }
        });
        Self { port, passed, task }
    }

    /// Where it listens, on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it has made to brokers.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(kind: Kind, stream: TcpStream, passed: &AtomicUsize) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let target = match kind {
        Kind::Socks5 => socks5(&mut stream).await?,
        Kind::HttpConnect => http_connect(&mut stream).await?,
    };
    let Some((host, port)) = target else { return Ok(()) };
    let mut broker = match TcpStream::connect((host.as_str(), port)).await {
        Ok(broker) if broker.peer_addr()?.ip().is_loopback() => broker,
        _ => {
            let refusal: &[u8] = match kind {
                Kind::Socks5 => &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0],
                Kind::HttpConnect => b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            };
            return stream.write_all(refusal).await;
        }
    };
    let agreed: &[u8] = match kind {
        Kind::Socks5 => &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        Kind::HttpConnect => b"HTTP/1.1 200 Connection established\r\n\r\n",
    };
    stream.write_all(agreed).await?;
    passed.fetch_add(1, Ordering::Relaxed);
    copy_bidirectional(&mut stream, &mut broker).await.map(drop)
}

async fn read_text(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn socks5(stream: &mut BufReader<TcpStream>) -> io::Result<Option<(String, u16)>> {
    if stream.read_u8().await? != 5 {
        return Ok(None);
    }
    let methods = read_text(stream).await?;
    if !methods.contains('\x02') {
        stream.write_all(&[5, 0xff]).await?;
        return Ok(None);
    }
    stream.write_all(&[5, 2]).await?;
    _ = stream.read_u8().await?;
    let (user, password) = (read_text(stream).await?, read_text(stream).await?);
    if (user.as_str(), password.as_str()) != (USER, PASSWORD) {
        stream.write_all(&[1, 1]).await?;
        return Ok(None);
    }
    stream.write_all(&[1, 0]).await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => read_text(stream).await?,
        _ => std::net::Ipv6Addr::from(stream.read_u128().await?).to_string(),
    };
    Ok(Some((host, stream.read_u16().await?)))
}

async fn http_connect(stream: &mut BufReader<TcpStream>) -> io::Result<Option<(String, u16)>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    if !lines.iter().any(|line| line.strip_prefix("Proxy-Authorization: ") == Some(BASIC)) {
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await?;
        return Ok(None);
    }
    let target = lines.first().and_then(|line| line.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1"));
    let target = target.and_then(|target| target.rsplit_once(':'));
    Ok(target.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?))))
}
