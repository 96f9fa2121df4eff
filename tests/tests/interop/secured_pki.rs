//! Certificates and signed tokens for a secured test broker, made on the spot and worth nothing elsewhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use std::time::{SystemTime, UNIX_EPOCH};

/// An authority.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

const VALID: (i32, i32) = (2020, 2100);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &[], VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub fn sign(&self, hosts: &[&str]) -> Certificate {
        self.sign_for(hosts, VALID)
    }

    /// Valid from the first day of one year to that of another.
    pub fn sign_for(&self, hosts: &[&str], years: (i32, i32)) -> Certificate {
        let params = params("somebody", hosts, years);
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Certificate { chain: format!("{pem}{}", self.pem), key: key.serialize_pem() }
    }
}

fn params(name: &str, hosts: &[&str], (from, until): (i32, i32)) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

/// Signs tokens (ES256).
pub struct TokenSigner {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl TokenSigner {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { key: key.expect("a key"), random }
    }

    /// What a broker checks tokens with.
    pub fn jwks(&self) -> String {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k","x":"{x}","y":"{y}"}}]}}"#)
    }

    /// A token of alice that lives so many seconds from now on, or expired so long ago.
    pub fn token(&self, audience: &str, lifetime_s: i64) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        let now = i64::try_from(since.as_secs()).expect("a clock");
        let (issued, expires) = (now.min(now + lifetime_s - 1), now + lifetime_s);
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k"}"#);
        let claims = URL_SAFE_NO_PAD.encode(format!(
            r#"{{"sub":"alice","aud":"{audience}","scope":"kafka","iat":{issued},"exp":{expires}}}"#
        ));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&self.random, signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
