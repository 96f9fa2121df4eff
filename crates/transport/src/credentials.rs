//! Where the credentials of a connection come from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ottla_core::sasl::{Mechanism, SaslError};

/// Credentials that are being fetched.
pub type Providing<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Mechanism>, SaslError>> + Send + 'a>>;

/// Gives a mechanism, with credentials that are good now, to each authentication: when a connection is made, and before
/// its session ends (KIP-368).
///
/// For credentials that change or have to be fetched. Those that stay as they are need only [`FixedCredentials`].
/// `Debug` must not show the credentials.
pub trait CredentialsProvider: Send + Sync + fmt::Debug {
    /// The mechanism to use with the broker on `host`, as it was dialled. The future may be dropped at any time: the
    /// authentication has a timeout. [`SaslErrorKind::CredentialsUnavailable`] is tried again later, with a new
    /// connection; every other error is told to who wanted the connection.
    ///
    /// [`SaslErrorKind::CredentialsUnavailable`]: ottla_core::sasl::SaslErrorKind::CredentialsUnavailable
    fn mechanism<'a>(&'a self, host: &'a str) -> Providing<'a>;
}

/// Credentials that stay as they are.
#[derive(Clone, Debug)]
pub struct FixedCredentials(Arc<dyn Mechanism>);

impl FixedCredentials {
    /// Always this mechanism.
    pub fn new(mechanism: impl Mechanism + 'static) -> Self {
        Self(Arc::new(mechanism))
    }
}

impl CredentialsProvider for FixedCredentials {
    fn mechanism<'a>(&'a self, _host: &'a str) -> Providing<'a> {
        Box::pin(std::future::ready(Ok(Arc::clone(&self.0))))
    }
}
