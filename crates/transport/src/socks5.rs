//! SOCKS5 (RFC 1928), with user name and password (RFC 1929). The proxy resolves the broker's name.
//!
//! Not here: GSSAPI, UDP and incoming connections.

use std::fmt;
use std::net::IpAddr;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connector::{Connecting, Connector, Stream};
use crate::proxy::{ProxyAddress, without_brackets};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Connects through a SOCKS5 proxy. The proxy resolves the broker's name.
///
/// The connector given is what reaches the proxy; TLS to the broker goes around this one:
///
/// ```
/// use ottla_transport::{Socks5Connector, TcpConnector};
///
/// let connector = Socks5Connector::new(TcpConnector::default(), "proxy.example", 1080);
/// ```
///
/// # Errors
/// A [`ConnectError`]: `ProxyUnreachable` if the proxy cannot be reached or breaks off, `NotAProxy` if something else
/// answers, `ProxyCredentialsRefused`, `ProxyRefused` by the proxy's rules, `ProxyCannotConnect` if it has tried.
#[derive(Clone, Debug)]
pub struct Socks5Connector<C> {
    inner: C,
    proxy: ProxyAddress,
    credentials: Option<Credentials>,
}

#[derive(Clone)]
struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl<C> Socks5Connector<C> {
    /// Connects through the proxy at `host` and `port`, which `inner` reaches.
    pub fn new(inner: C, host: impl Into<String>, port: u16) -> Self {
        Self { inner, proxy: ProxyAddress::new(host, port), credentials: None }
    }

    /// The same, with a user name and password for a proxy that wants them. The proxy gets them in plaintext.
    ///
    /// # Errors
    /// [`ConnectErrorKind::ProxyCredentialsRefused`](ottla_core::connection::ConnectErrorKind::ProxyCredentialsRefused)
    /// if either is empty or longer than 255 bytes: SOCKS5 cannot carry it.
    pub fn with_credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, ConnectError> {
        let (user, password) = (user.into(), password.into());
        if [&user, &password].iter().any(|text| text.is_empty() || text.len() > 255) {
            let text = "a user name and a password of SOCKS5 have 1 to 255 bytes";
            return Err(self.proxy.error(Kind::ProxyCredentialsRefused, text));
        }
        self.credentials = Some(Credentials { user, password });
        Ok(self)
    }
}

impl<C: Connector> Connector for Socks5Connector<C> {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let request = self.request(host, port)?;
            let mut exchange = Exchange { stream: self.proxy.reach(&self.inner).await?, proxy: &self.proxy };
            exchange.authenticate(self.credentials.as_ref()).await?;
            exchange.connect(&request).await?;
            Ok(exchange.stream)
        })
    }
}

impl<C> Socks5Connector<C> {
    fn request(&self, host: &str, port: u16) -> Result<Vec<u8>, ConnectError> {
        let mut request = vec![VERSION, CONNECT, 0];
        let host = without_brackets(host);
        match host.parse() {
            Ok(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend(address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend(address.octets());
            }
            Err(_) => {
                let length = u8::try_from(host.len()).ok().filter(|length| *length > 0);
                let length = length.ok_or_else(|| {
                    self.proxy.error(
                        Kind::NameNotResolved,
                        format_args!("a host name of {} bytes cannot be asked for", host.len()),
                    )
                })?;
                request.extend([NAME, length]);
                request.extend(host.as_bytes());
            }
        }
        request.extend(port.to_be_bytes());
        Ok(request)
    }
}

struct Exchange<'a> {
    stream: Box<dyn Stream>,
    proxy: &'a ProxyAddress,
}

impl Exchange<'_> {
    async fn authenticate(&mut self, credentials: Option<&Credentials>) -> Result<(), ConnectError> {
        let greeting: &[u8] = match credentials {
            None => &[VERSION, 1, NO_AUTHENTICATION],
            Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        };
        self.send(greeting).await?;
        let [version, method] = self.receive().await?;
        match (version, method, credentials) {
            (VERSION, NO_AUTHENTICATION, _) => Ok(()),
            (VERSION, USER_AND_PASSWORD, Some(credentials)) => self.log_in(credentials).await,
            (VERSION, NONE_ACCEPTABLE, None) => {
                Err(self.refused("it wants a user name and password, or another way"))
            }
            (VERSION, NONE_ACCEPTABLE, Some(_)) => Err(self.refused("it takes no user name and password")),
            _ => Err(self.not_a_proxy()),
        }
    }

    async fn log_in(&mut self, credentials: &Credentials) -> Result<(), ConnectError> {
        let mut request = vec![1];
        for text in [&credentials.user, &credentials.password] {
            // Their lengths were checked when they were given.
            request.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            request.extend(text.as_bytes());
        }
        self.send(&request).await?;
        // The version of this answer is 1 by the RFC, and 5 from some proxies.
        let [_, status] = self.receive().await?;
        if status == 0 { Ok(()) } else { Err(self.refused("it refuses the user name or the password")) }
    }

    async fn connect(&mut self, request: &[u8]) -> Result<(), ConnectError> {
        self.send(request).await?;
        let [version, reply, _, address_type] = self.receive().await?;
        if version != VERSION {
            return Err(self.not_a_proxy());
        }
        if reply != 0 {
            return Err(self.failed(reply));
        }
        // The address from which the proxy connects; nobody needs it.
        match address_type {
            IPV4 => self.skip(4).await?,
            IPV6 => self.skip(16).await?,
            NAME => {
                let [length] = self.receive().await?;
                self.skip(usize::from(length)).await?;
            }
            _ => return Err(self.not_a_proxy()),
        }
        // The port.
        self.skip(2).await
    }

    async fn skip(&mut self, count: usize) -> Result<(), ConnectError> {
        for _ in 0..count {
            self.receive::<1>().await?;
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectError> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| self.proxy.broke_off(&error))
    }

    async fn receive<const N: usize>(&mut self) -> Result<[u8; N], ConnectError> {
        let mut bytes = [0; N];
        match self.stream.read_exact(&mut bytes).await {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.proxy.broke_off(&error)),
        }
    }

    fn failed(&self, reply: u8) -> ConnectError {
        let (kind, text) = match reply {
            1 => (Kind::ProxyCannotConnect, "it failed"),
            2 => (Kind::ProxyRefused, "its rules do not allow a connection to the broker"),
            3 => (Kind::ProxyCannotConnect, "the broker's network is unreachable for it"),
            4 => (Kind::ProxyCannotConnect, "it cannot reach or resolve the broker"),
            5 => (Kind::ProxyCannotConnect, "nobody listens on the broker's port"),
            6 => (Kind::ProxyCannotConnect, "the broker does not answer it in time"),
            7 => (Kind::NotAProxy, "it does not know the command CONNECT"),
            8 => (Kind::ProxyCannotConnect, "it does not know this kind of address"),
            _ => {
                let text = format!("it failed for an unknown reason: {reply}");
                return self.proxy.error(Kind::ProxyCannotConnect, text);
            }
        };
        self.proxy.error(kind, text)
    }

    fn refused(&self, text: &str) -> ConnectError {
        self.proxy.error(Kind::ProxyCredentialsRefused, text)
    }

    fn not_a_proxy(&self) -> ConnectError {
        self.proxy.error(Kind::NotAProxy, "what it answers is not SOCKS5: check host and port")
    }
}

#[cfg(test)]
mod tests;
