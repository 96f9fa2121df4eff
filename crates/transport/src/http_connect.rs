//! HTTP CONNECT (RFC 9110, section 9.3.6), with Basic authentication (RFC 7617). The proxy resolves the broker's name.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connector::{Connecting, Connector, Stream};
use crate::proxy::{ProxyAddress, authority};

/// The head of an answer is not longer, in bytes, nor has it more fields: some proxies explain themselves.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 100;
/// How much of the proxy's own words an error shows, in characters.
const MAX_REASON: usize = 100;
/// What every answer begins with.
const PREFIX: &[u8] = b"HTTP/";

/// Connects through an HTTP proxy with the method CONNECT. The proxy resolves the broker's name.
///
/// The connector given is what reaches the proxy, with a TLS connector for a proxy that is itself reached by HTTPS; TLS
/// to the broker goes around this one:
///
/// ```
/// use ottla_transport::{HttpConnectConnector, TcpConnector};
///
/// let connector = HttpConnectConnector::new(TcpConnector::default(), "proxy.example", 3128);
/// ```
///
/// # Errors
/// A [`ConnectError`]: `ProxyUnreachable` if the proxy cannot be reached or breaks off, `NotAProxy` if something else
/// answers, `ProxyCredentialsRefused` (407), `ProxyRefused` (403), `ProxyCannotConnect` if it has tried.
#[derive(Clone, Debug)]
pub struct HttpConnectConnector<C> {
    inner: C,
    proxy: ProxyAddress,
    authorization: Option<Authorization>,
}

/// The value of `Proxy-Authorization`.
#[derive(Clone)]
struct Authorization(String);

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<C> HttpConnectConnector<C> {
    /// Connects through the proxy at `host` and `port`, which `inner` reaches.
    pub fn new(inner: C, host: impl Into<String>, port: u16) -> Self {
        Self { inner, proxy: ProxyAddress::new(host, port), authorization: None }
    }

    /// The same, with a user name and password for a proxy that wants them. The proxy gets them in plaintext unless TLS
    /// reaches it.
    ///
    /// # Errors
    /// [`ConnectErrorKind::ProxyCredentialsRefused`](ottla_core::connection::ConnectErrorKind::ProxyCredentialsRefused)
    /// if the user name has a colon: it could not be told from the password.
    pub fn with_credentials(mut self, user: &str, password: &str) -> Result<Self, ConnectError> {
        if user.contains(':') {
            let text = "a user name for a proxy has no colon";
            return Err(self.proxy.error(Kind::ProxyCredentialsRefused, text));
        }
        self.authorization =
            Some(Authorization(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))));
        Ok(self)
    }

    fn request(&self, host: &str, port: u16) -> Result<String, ConnectError> {
        // Brokers say each other's names, and a name with a line break in it could add fields of its own.
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            let text = format!("this host name cannot be asked for: {}", host.escape_debug());
            return Err(self.proxy.error(Kind::NameNotResolved, text));
        }
        let authority = authority(host, port);
        let authorization = match &self.authorization {
            Some(Authorization(value)) => format!("Proxy-Authorization: {value}\r\n"),
            None => String::new(),
        };
        Ok(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n"))
    }

    async fn read_head(&self, stream: &mut dyn Stream) -> Result<Vec<u8>, ConnectError> {
        let mut head = Vec::new();
        // Byte by byte: what comes after the head is the broker's. The head is short, and read once a connection.
        while !(head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")) {
            if head.len() == MAX_HEAD {
                let text = format!("the head of its answer is longer than {MAX_HEAD} bytes");
                return Err(self.proxy.error(Kind::NotAProxy, text));
            }
            head.push(stream.read_u8().await.map_err(|error| self.proxy.broke_off(&error))?);
            let length = head.len().min(PREFIX.len());
            // Whoever speaks something else may never send the end of a line.
            if head[..length] != PREFIX[..length] {
                return Err(self.not_http());
            }
        }
        Ok(head)
    }

    fn judge(&self, head: &[u8]) -> Result<(), ConnectError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        if !response.parse(head).is_ok_and(|status| status.is_complete()) {
            return Err(self.not_http());
        }
        let code = response.code.unwrap_or_default();
        let (kind, text) = match code {
            200..=299 => return Ok(()),
            401 | 407 if self.authorization.is_some() => {
                (Kind::ProxyCredentialsRefused, "it refuses the user name or the password")
            }
            401 | 407 => (Kind::ProxyCredentialsRefused, "it wants a user name and password"),
            403 => (Kind::ProxyRefused, "its rules do not allow a connection to the broker"),
            400 | 404 | 405 | 501 => (Kind::NotAProxy, "it does not take the method CONNECT"),
            502 | 503 => (Kind::ProxyCannotConnect, "it cannot connect to the broker"),
            504 => (Kind::ProxyCannotConnect, "the broker does not answer it in time"),
            _ => (Kind::ProxyCannotConnect, "it does not connect to the broker"),
        };
        let reason: String = response.reason.unwrap_or_default().escape_debug().take(MAX_REASON).collect();
        Err(self.proxy.error(kind, format_args!("{text}: {code} {reason}")))
    }

    fn not_http(&self) -> ConnectError {
        self.proxy.error(Kind::NotAProxy, "what it answers is not HTTP: check host and port")
    }
}

impl<C: Connector> Connector for HttpConnectConnector<C> {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let request = self.request(host, port)?;
            let mut stream = self.proxy.reach(&self.inner).await?;
            let sent = async {
                stream.write_all(request.as_bytes()).await?;
                stream.flush().await
            };
            sent.await.map_err(|error| self.proxy.broke_off(&error))?;
            let head = self.read_head(&mut *stream).await?;
            self.judge(&head)?;
            Ok(stream)
        })
    }
}

#[cfg(test)]
mod tests;
