//! Signatures by the crypto provider, for what is signed beside TLS.

use std::sync::Arc;

use ottla_core::connection::ConnectError;
use rustls::SignatureScheme;
use rustls::sign::Signer;

use super::failure::unusable;
use super::pem;
use super::provider::{TlsProvider, provider};
use super::source::Source;

/// A signer of this scheme with the private key in `content`, PEM or DER, which came from `source`.
pub(crate) fn signer(
    chosen: Option<TlsProvider>,
    source: &Source,
    content: &[u8],
    password: Option<&str>,
    scheme: SignatureScheme,
) -> Result<Box<dyn Signer>, ConnectError> {
    let key = pem::private_key(source, content, password)?;
    let key = provider(chosen)?.key_provider.load_private_key(key);
    let key =
        key.map_err(|error| unusable(format!("the private key in {source} cannot be used: {error}")))?;
    Arc::clone(&key)
        .choose_scheme(&[scheme])
        .ok_or_else(|| unusable(format!("the private key in {source} cannot sign by {scheme:?}")))
}
