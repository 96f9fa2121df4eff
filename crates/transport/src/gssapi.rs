//! GSSAPI, which is Kerberos (RFC 4752; feature `gssapi`), by the system's library.
//!
//! Building it needs the headers of MIT Kerberos and libclang: on Debian `libkrb5-dev` and `libclang-dev`.
//!
//! **Credentials** are the library's affair, as with `kinit` and every other program: the credential cache
//! (`KRB5CCNAME`), or a client keytab (`KRB5_CLIENT_KTNAME`), from which the library fetches and renews tickets by itself.
//! `KRB5_CONFIG` names the configuration. [`Gssapi::principal`] chooses among several; [`Gssapi::password`] needs neither
//! cache nor keytab. The broker's principal is `kafka/HOST`, with the host as it was dialled; in `krb5.conf` mind `rdns`
//! and `dns_canonicalize_hostname`.
//!
//! **Where it waits.** The opening message needs tickets, for which the library asks the KDC and blocks. As a
//! [`CredentialsProvider`](crate::CredentialsProvider) (`ClientBuilder::sasl_provider`) `Gssapi` makes that message on a
//! thread of its own, so that no task is held up: prefer it. As a [`Mechanism`] (`ClientBuilder::sasl`) the exchange
//! makes it where it runs, on the task of the connection: a look into the cache mostly, but a round trip to the KDC with
//! the first connection to each broker, and the library's timeouts of many seconds where no KDC answers. All later
//! messages are computed without waiting.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Opening | `next(None)` | Establishing | the ticket |
//! | Establishing | a message that leaves the context open | Establishing | the library's answer |
//! | Establishing | one that completes it | AwaitingLayers | the library's answer, or an empty message |
//! | AwaitingLayers | the layers that the server has | AwaitingOutcome | no layer, no size, no authorization id |
//! | AwaitingOutcome | any message | Over | Done |
//! | any | anything else | Over | an error |
//!
//! Not here: security layers, which Kafka does not have; TLS does that. Nor delegation of credentials.
//!
//! ```no_run
//! use ottla_transport::Gssapi;
//!
//! let gssapi = Gssapi::new().service_name("kafka").principal("client@EXAMPLE.COM");
//! // client.sasl_provider(gssapi)
//! # drop(gssapi);
//! ```

mod context;
mod exchange;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ottla_core::sasl::{Exchange, Mechanism, SaslError, SaslErrorKind, Start};
use tokio::sync::{Semaphore, oneshot};

use self::context::KerberosContext;
use self::exchange::GssapiExchange;
use crate::credentials::{CredentialsProvider, Providing};

const NAME: &str = "GSSAPI";
/// So many threads ask a KDC at a time; others wait. A KDC that hangs holds each for as long as the library is patient.
const MAX_THREADS: usize = 8;

/// The mechanism GSSAPI, and the provider that opens its exchanges on threads.
#[derive(Clone)]
pub struct Gssapi {
    service_name: String,
    principal: Option<String>,
    password: Option<Arc<str>>,
    threads: Arc<Semaphore>,
}

impl Default for Gssapi {
    fn default() -> Self {
        Self::new()
    }
}

impl Gssapi {
    /// With the default principal of the cache or the keytab.
    pub fn new() -> Self {
        Self {
            service_name: "kafka".to_owned(),
            principal: None,
            password: None,
            threads: Arc::new(Semaphore::new(MAX_THREADS)),
        }
    }

    /// `sasl.kerberos.service.name`: the first part of the brokers' principal. Default: `kafka`.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = name.into();
        self
    }

    /// Whose tickets are used: `client@EXAMPLE.COM`. Default: the library's choice.
    #[must_use]
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// The principal's password, in place of cache and keytab.
    #[must_use]
    pub fn password(mut self, password: impl Into<Arc<str>>) -> Self {
        self.password = Some(password.into());
        self
    }

    fn open(&self, host: &str) -> Result<KerberosContext, SaslError> {
        KerberosContext::open(&self.service_name, host, self.principal.as_deref(), self.password.as_deref())
    }
}

impl Mechanism for Gssapi {
    fn name(&self) -> &str {
        NAME
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        Ok(Box::new(GssapiExchange::new(self.open(start.host())?)))
    }
}

impl CredentialsProvider for Gssapi {
    fn mechanism<'a>(&'a self, host: &'a str) -> Providing<'a> {
        Box::pin(async move {
            let permit = Arc::clone(&self.threads).acquire_owned().await;
            let (sender, receiver) = oneshot::channel();
            let (gssapi, host) = (self.clone(), host.to_owned());
            // Not a blocking task of the runtime: its shutdown would wait for a KDC that hangs.
            let opening = move || {
                let opened = gssapi.open(&host).and_then(|context| {
                    let mut exchange = GssapiExchange::new(context);
                    exchange.prepare()?;
                    let exchange = Mutex::new(Some(exchange));
                    Ok(Arc::new(Opened { gssapi, host, exchange }) as Arc<dyn Mechanism>)
                });
                drop(permit);
                // Whoever asked may have given up.
                _ = sender.send(opened);
            };
            let spawned = thread::Builder::new().name("ottla-gssapi".to_owned()).spawn(opening);
            spawned.map_err(|error| unavailable(format!("no thread for gssapi: {error}")))?;
            receiver.await.unwrap_or_else(|_| Err(unavailable("the thread for gssapi has ended")))
        })
    }
}

impl fmt::Debug for Gssapi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gssapi")
            .field("service_name", &self.service_name)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// The mechanism with its first exchange open.
#[derive(Debug)]
struct Opened {
    gssapi: Gssapi,
    host: String,
    exchange: Mutex<Option<GssapiExchange<KerberosContext>>>,
}

impl Mechanism for Opened {
    fn name(&self) -> &str {
        NAME
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        let opened = self.exchange.lock().unwrap_or_else(PoisonError::into_inner).take();
        match opened {
            Some(exchange) if start.host() == self.host => Ok(Box::new(exchange)),
            _ => self.gssapi.start(start),
        }
    }
}

fn unavailable(text: impl Into<String>) -> SaslError {
    SaslError::new(SaslErrorKind::CredentialsUnavailable, text)
}
