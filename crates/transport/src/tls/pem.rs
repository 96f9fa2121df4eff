//! Certificates and private keys out of PEM or DER.

use ottla_core::connection::ConnectError;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::failure::unusable;
use super::source::Source;
use super::{encrypted_key, java_store};

/// What DER begins with: a sequence. No PEM file does.
const DER_SEQUENCE: u8 = 0x30;

/// All certificates in `content`, which came from `source`; at least one.
pub(super) fn certificates(
    source: &Source,
    content: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    java_store::refuse(source, content)?;
    if content.first() == Some(&DER_SEQUENCE) {
        return Ok(vec![CertificateDer::from(content.to_vec())]);
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    let certificates = certificates.map_err(|error| damaged(source, &error))?;
    if certificates.is_empty() {
        return Err(unusable(format!(
            "no certificate in {source}: PEM with `-----BEGIN CERTIFICATE-----` is expected"
        )));
    }
    Ok(certificates)
}

/// The private key in `content`, which came from `source`.
pub(super) fn private_key(
    source: &Source,
    content: &[u8],
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, ConnectError> {
    java_store::refuse(source, content)?;
    if content.first() == Some(&DER_SEQUENCE) {
        return PrivateKeyDer::try_from(content.to_vec())
            .map_err(|_| unusable(format!("no private key in {source}: {}", encrypted_key::CONVERT)));
    }
    if let Some(der) = encrypted_key::pem_section(source, content)? {
        return encrypted_key::decrypt(source, &der, password);
    }
    PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
        PemError::NoItemsFound => unusable(format!(
            "no private key in {source}: PEM with `-----BEGIN PRIVATE KEY-----` is expected"
        )),
        error => damaged(source, &error),
    })
}

/// The reader's own text may hold a line of the file, and with it a piece of a key.
pub(super) fn damaged(source: &Source, error: &PemError) -> ConnectError {
    let what = match error {
        PemError::MissingSectionEnd { .. } => "a section has no end, so it may be cut short",
        PemError::IllegalSectionStart { .. } => "a line that begins a section is malformed",
        PemError::Base64Decode(_) => "the base64 in it is malformed",
        _ => "it is malformed",
    };
    unusable(format!("{source} is no PEM: {what}"))
}
