//! Who does the cryptography.

use std::sync::Arc;

use ottla_core::connection::ConnectError;
use rustls::crypto::CryptoProvider;

use super::failure::unusable;

/// Who does the cryptography. It is given to rustls explicitly: the process's default provider is never asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProvider {
    /// [ring](https://docs.rs/ring). Taken where both are there and nothing else is said.
    #[cfg(feature = "ring")]
    Ring,
    /// [AWS-LC](https://docs.rs/aws-lc-rs).
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
}

impl TlsProvider {
    fn available() -> Option<Self> {
        let choices = [
            #[cfg(feature = "ring")]
            Self::Ring,
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs,
        ];
        choices.into_iter().next()
    }
}

/// The provider chosen, or the one that there is.
pub(super) fn provider(chosen: Option<TlsProvider>) -> Result<Arc<CryptoProvider>, ConnectError> {
    match chosen.or_else(TlsProvider::available) {
        #[cfg(feature = "ring")]
        Some(TlsProvider::Ring) => Ok(Arc::new(rustls::crypto::ring::default_provider())),
        #[cfg(feature = "aws-lc-rs")]
        Some(TlsProvider::AwsLcRs) => Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider())),
        _ => Err(unusable("TLS needs a crypto provider: turn on the feature `ring` or `aws-lc-rs`")),
    }
}
