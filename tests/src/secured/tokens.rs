//! Signed tokens (ES256, RFC 7515), made for one test.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use std::time::{SystemTime, UNIX_EPOCH};

/// Who signs.
pub struct Signer(EcdsaKeyPair);

impl Default for Signer {
    fn default() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self(key.expect("a key"))
    }
}

impl Signer {
    /// The public key, as a key set.
    #[must_use]
    pub fn keys(&self) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k1","x":"{x}","y":"{y}"}}]}}"#)
    }

    /// A token of alice that is good from so many seconds from now on, until so many.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn sign(&self, from: i64, until: i64) -> String {
        self.sign_for("kafka", from, until)
    }

    /// The same for an audience.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn sign_for(&self, audience: &str, from: i64, until: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k1"}"#);
        let (issued, expires) = (now + from, now + until);
        let claims =
            format!(r#"{{"sub":"alice","aud":"{audience}","scope":"kafka","iat":{issued},"exp":{expires}}}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
