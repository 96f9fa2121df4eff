//! Signed tokens (JWT, RFC 7519, with ES256) and the set of keys that a broker checks them with (JWKS, RFC 7517).
//! Only what tests need: one key, a handful of claims.

use super::layout::SecurityFolder;
use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// `sasl.oauthbearer.expected.audience`.
pub const AUDIENCE: &str = "kafka";

/// Whom the ready tokens name.
pub const SUBJECT: &str = "alice";

const KEY_ID: &str = "ottla-test";
const HOUR_S: i64 = 3600;

/// Longer than any cluster of a test lives.
const LONG_S: i64 = 30 * 24 * HOUR_S;

/// Names of the files with ready tokens; the first is good, the others must be refused by a broker that checks.
pub const FILES: [&str; 6] = [
    "token",
    "expired-token",
    "wrong-issuer-token",
    "wrong-audience-token",
    "unknown-key-token",
    "unsecured-token",
];

/// The one who issues tokens: `sasl.oauthbearer.expected.issuer`.
pub fn issuer(port: u16) -> String {
    format!("http://localhost:{port}")
}

/// Where the broker fetches the set of keys by http.
pub fn jwks_url(port: u16) -> String {
    format!("{}/jwks", issuer(port))
}

/// The set of keys as a file, as a broker is told of it.
pub fn jwks_file_url(folder: &SecurityFolder) -> String {
    format!("file://{}", folder.oauth_file("jwks.json").display())
}

/// Writes the key, its public half and the ready tokens. `port` is the token server's.
pub fn make(folder: &SecurityFolder, port: u16) -> Result<()> {
    fs::create_dir_all(folder.oauth()).context("cannot make a folder for tokens")?;
    let (key, stranger) = (new_key()?, new_key()?);
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.oauth_file(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write("key.p8", &key)?;
    let signer = Signer::new(&key)?;
    write("jwks.json", format!("{}\n", signer.jwks()).as_bytes())?;
    let now = now_s();
    let (from, until) = (now, now + LONG_S);
    let good = claims(&issuer(port), AUDIENCE, SUBJECT, from, until);
    let tokens = [
        signer.sign(&good)?,
        signer.sign(&claims(&issuer(port), AUDIENCE, SUBJECT, now - 2 * HOUR_S, now - HOUR_S))?,
        signer.sign(&claims("http://elsewhere.invalid", AUDIENCE, SUBJECT, from, until))?,
        signer.sign(&claims(&issuer(port), "another-audience", SUBJECT, from, until))?,
        Signer::new(&stranger)?.sign(&good)?,
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&good)),
    ];
    FILES.iter().zip(tokens).try_for_each(|(name, token)| write(name, token.as_bytes()))
}

/// Signs tokens with one key.
pub struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// With a key in PKCS#8.
    fn new(pkcs8: &[u8]) -> Result<Signer> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|error| anyhow!("not a key to sign tokens with: {error}"))?;
        Ok(Signer { key, random })
    }

    /// With the key that [`make`] wrote.
    pub fn load(path: &Path) -> Result<Signer> {
        Signer::new(&fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)
    }

    /// A token of the given lifetime, as a token server issues it.
    pub fn issue(&self, issuer: &str, subject: &str, lifetime_s: i64) -> Result<String> {
        let now = now_s();
        self.sign(&claims(issuer, AUDIENCE, subject, now, now + lifetime_s))
    }

    /// The set of keys that checks what this signs.
    pub fn jwks(&self) -> Value {
        // 0x04, then the two coordinates of the point.
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at((point.len() - 1) / 2);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID, "x": x, "y": y,
        }]})
    }

    fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({"alg": "ES256", "kid": KEY_ID, "typ": "JWT"});
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature =
            self.key.sign(&self.random, signed.as_bytes()).map_err(|_| anyhow!("cannot sign a token"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn new_key() -> Result<Vec<u8>> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    Ok(key.map_err(|_| anyhow!("cannot make a key to sign tokens with"))?.as_ref().to_vec())
}

fn claims(issuer: &str, audience: &str, subject: &str, issued_s: i64, expires_s: i64) -> Value {
    json!({
        "iss": issuer, "aud": audience, "sub": subject, "iat": issued_s, "exp": expires_s, "scope": "kafka",
    })
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    #[test]
    fn a_token_is_verified_by_the_published_key() {
        let signer = Signer::new(&new_key().expect("a key")).expect("a signer");
        let token = signer.issue("http://localhost:1", "alice", 60).expect("a token");
        let (signed, signature) = token.rsplit_once('.').expect("it has three parts");
        let jwks = signer.jwks();
        let coordinate = |name: &str| {
            URL_SAFE_NO_PAD.decode(jwks["keys"][0][name].as_str().expect("a string")).expect("base64")
        };
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        assert!(key.verify(signed.as_bytes(), &signature).is_ok());
        assert!(key.verify(&signed.as_bytes()[1..], &signature).is_err());
    }
}
