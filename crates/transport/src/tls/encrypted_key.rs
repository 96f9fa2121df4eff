//! Private keys under a password: PKCS#8's `ENCRYPTED PRIVATE KEY` (feature `encrypted-keys`).

use ottla_core::connection::ConnectError;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::Error as PemError};

use super::failure::unusable;
use super::pem;
use super::source::Source;

#[cfg(feature = "encrypted-keys")]
mod pkcs12;

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// What OpenSSL wrote before PKCS#8.
const OLD_HEADER: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// What to do with a key that cannot be read.
pub(super) const CONVERT: &str =
    "convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.key -out new.key`";

/// The DER of the encrypted key in PEM, if there is one.
pub(super) fn pem_section(source: &Source, content: &[u8]) -> Result<Option<Vec<u8>>, ConnectError> {
    if find(content, OLD_HEADER).is_some() {
        return Err(unusable(format!("the key in {source} is encrypted in OpenSSL's old way: {CONVERT}")));
    }
    let Some(start) = find(content, format!("-----BEGIN {LABEL}-----").as_bytes()) else {
        return Ok(None);
    };
    // The PEM reader passes over labels that it does not know, so it is shown one that it does.
    let section = String::from_utf8_lossy(&content[start..]).replace(LABEL, "PRIVATE KEY");
    match PrivatePkcs8KeyDer::from_pem_slice(section.as_bytes()) {
        Ok(key) => Ok(Some(key.secret_pkcs8_der().to_vec())),
        Err(PemError::NoItemsFound) => Ok(None),
        Err(error) => Err(pem::damaged(source, &error)),
    }
}

/// Deciphers a key. Takes as long as the key's maker wished: some 100 ms.
#[cfg(feature = "encrypted-keys")]
pub(super) fn decrypt(
    source: &Source,
    der: &[u8],
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, ConnectError> {
    let Some(password) = password else {
        return Err(unusable(format!(
            "the key in {source} is encrypted: give its password with key_password"
        )));
    };
    let wrong = || unusable(format!("the key in {source} cannot be decrypted: check its password"));
    let key = if let Some(encrypted) = pkcs12::Encrypted::read(der) {
        encrypted.decrypt(password).ok_or_else(wrong)?
    } else {
        let info = pkcs8::EncryptedPrivateKeyInfo::try_from(der).map_err(|_| {
            unusable(format!("the key in {source} is encrypted in an unknown way: {CONVERT}"))
        })?;
        info.decrypt(password).map_err(|_| wrong())?.as_bytes().to_vec()
    };
    Ok(PrivateKeyDer::Pkcs8(key.into()))
}

#[cfg(not(feature = "encrypted-keys"))]
pub(super) fn decrypt(
    source: &Source,
    _der: &[u8],
    _password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, ConnectError> {
    Err(unusable(format!(
        "the key in {source} is encrypted: turn on the feature `encrypted-keys`, or decrypt it with `openssl pkcs8 -in \
         old.key -out new.key`"
    )))
}

fn find(content: &[u8], wanted: &[u8]) -> Option<usize> {
    content.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests;
