//! What the keys of TLS say together.

use std::path::PathBuf;

use super::password::Password;
use super::store_conversion::StoreType;
use super::values::{Given, Values};
use crate::config_error::ConfigError;

/// How connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Whom to trust; `None`: the usual authorities.
    pub roots: Option<Pem>,
    /// Who the client is, where the broker asks (mutual TLS).
    pub identity: Option<TlsIdentity>,
    /// What is checked of the broker's certificate.
    pub verification: Verification,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// The newest version that is spoken.
    pub max_version: TlsVersion,
}

/// A certificate with its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsIdentity {
    /// The client's certificate, then those that signed it.
    pub certificate_chain: Pem,
    /// The private key; the same file as the certificates, perhaps.
    pub key: Pem,
    /// Of an encrypted key.
    pub key_password: Option<Password>,
}

/// Text in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// In this file.
    File(PathBuf),
    /// This text.
    Inline(Password),
}

/// What is checked of a broker's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// That a trusted authority signed it, and that it is for the host that was dialled.
    Full,
    /// That a trusted authority signed it.
    WithoutHostName,
    /// Nothing: whoever sits between client and broker can read and change everything.
    Nothing,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsSettings {
    pub(super) fn new(values: &Values) -> Result<Self, ConfigError> {
        let (min_version, max_version) = versions(values)?;
        Ok(Self {
            roots: roots(values)?,
            identity: identity(values)?,
            verification: verification(values),
            min_version,
            max_version,
        })
    }
}

fn roots(values: &Values) -> Result<Option<Pem>, ConfigError> {
    let (file, inline) =
        (values.given("ssl.truststore.location"), values.given("ssl.truststore.certificates"));
    match (file, inline) {
        (Some(file), Some(inline)) => Err(both(file, inline)),
        (Some(file), None) => {
            let type_name = values.given("ssl.truststore.type").map(|_| text(values, "ssl.truststore.type"));
            pem_file(values, file, type_name, StoreType::convert_truststore).map(Some)
        }
        (None, Some(inline)) => Ok(Some(pem_text(values, inline))),
        (None, None) => Ok(None),
    }
}

fn identity(values: &Values) -> Result<Option<TlsIdentity>, ConfigError> {
    const CHAIN: [&str; 2] = ["ssl.keystore.certificate.chain", "ssl.certificate.location"];
    const KEY: [&str; 2] = ["ssl.keystore.key", "ssl.key.location"];
    let store = values.given("ssl.keystore.location");
    let chain = one_of(values, CHAIN)?;
    let key = one_of(values, KEY)?;
    if let (Some(store), Some(other)) = (store, chain.or(key)) {
        return Err(both(store, other));
    }
    let (certificate_chain, key) = match (store, chain, key) {
        (Some(store), ..) => {
            let type_name = values.given("ssl.keystore.type").map(|_| text(values, "ssl.keystore.type"));
            let pem = pem_file(values, store, type_name, StoreType::convert_keystore)?;
            (pem.clone(), pem)
        }
        (None, Some(chain), Some(key)) => (pem(values, chain), pem(values, key)),
        (None, Some(chain), None) => {
            return Err(chain.error(format!("needs the private key beside it: {} or {}", KEY[1], KEY[0])));
        }
        (None, None, Some(key)) => {
            return Err(key.error(format!("needs the certificates beside it: {} or {}", CHAIN[1], CHAIN[0])));
        }
        (None, None, None) => return Ok(None),
    };
    let key_password = values.password("ssl.key.password").filter(|password| !password.expose().is_empty());
    Ok(Some(TlsIdentity { certificate_chain, key, key_password }))
}

fn verification(values: &Values) -> Verification {
    if !values.boolean("enable.ssl.certificate.verification") {
        return Verification::Nothing;
    }
    match text(values, "ssl.endpoint.identification.algorithm").as_str() {
        "https" => Verification::Full,
        _ => Verification::WithoutHostName,
    }
}

/// The oldest and the newest that is listed, of those that there are.
fn versions(values: &Values) -> Result<(TlsVersion, TlsVersion), ConfigError> {
    let key = "ssl.enabled.protocols";
    let listed = values.list(key);
    let known: Vec<TlsVersion> = listed
        .iter()
        .filter_map(|name| match name.as_str() {
            "TLSv1.2" => Some(TlsVersion::Tls12),
            "TLSv1.3" => Some(TlsVersion::Tls13),
            _ => None,
        })
        .collect();
    let (min, max) = (known.iter().min(), known.iter().max());
    if let Some(other) =
        listed.iter().find(|name| !OLD.contains(&name.as_str()) && !NOW.contains(&name.as_str()))
    {
        return Err(error(values, key, format!("knows TLSv1.2 and TLSv1.3: {other}")));
    }
    match (min, max) {
        (Some(&min), Some(&max)) => Ok((min, max)),
        _ => Err(error(values, key, "needs TLSv1.2 or TLSv1.3 among them, older versions are not spoken")),
    }
}

const OLD: [&str; 5] = ["TLSv1.1", "TLSv1", "SSLv3", "SSLv2Hello", "SSL"];
const NOW: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

fn error(values: &Values, key: &'static str, reason: impl Into<String>) -> ConfigError {
    match values.given(key) {
        Some(given) => given.error(reason),
        None => ConfigError::new(key, reason),
    }
}

fn one_of<'a>(values: &'a Values, names: [&str; 2]) -> Result<Option<&'a Given>, ConfigError> {
    match names.map(|name| values.given(name)) {
        [Some(one), Some(other)] => Err(both(one, other)),
        [one, other] => Ok(one.or(other)),
    }
}

fn both(one: &Given, other: &Given) -> ConfigError {
    one.error(format!("says the same as {}: give one of the two", other.name))
}

fn text(values: &Values, name: &str) -> String {
    values.text(name).unwrap_or_default()
}

fn pem(values: &Values, given: &Given) -> Pem {
    match given.key.is_secret() {
        true => pem_text(values, given),
        false => Pem::File(text(values, given.key.name()).into()),
    }
}

fn pem_text(values: &Values, given: &Given) -> Pem {
    Pem::Inline(Password::new(in_lines(text(values, given.key.name()))))
}

/// PEM that was joined to one line, as continued lines of a properties file are, gets its lines back. Java reads it
/// either way.
fn in_lines(pem: String) -> String {
    if pem.contains('\n') {
        return pem;
    }
    let mut lines = String::with_capacity(pem.len() + 64);
    for (index, part) in pem.split("-----").enumerate() {
        match index % 2 {
            1 => lines.extend(["-----", part, "-----\n"]),
            _ => part.split_whitespace().for_each(|line| lines.extend([line, "\n"])),
        }
    }
    lines
}

fn pem_file(
    values: &Values,
    given: &Given,
    type_name: Option<String>,
    convert: fn(StoreType, &str) -> String,
) -> Result<Pem, ConfigError> {
    let path = text(values, given.key.name());
    match StoreType::of(type_name.as_deref(), &path).map_err(|reason| given.error(reason))? {
        Some(store) => Err(given.error(convert(store, &path))),
        None => Ok(Pem::File(path.into())),
    }
}
