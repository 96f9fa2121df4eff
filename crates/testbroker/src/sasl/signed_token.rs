//! Signed tokens: a set of public keys (JWKS, RFC 7517) and the two algorithms that matter, RS256 and ES256 (RFC 7518).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// The keys that tokens may be signed with.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// A set of keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeySet(&'static str);

impl fmt::Display for InvalidKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a set of keys: {}", self.0)
    }
}

impl std::error::Error for InvalidKeySet {}

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point on P-256, not compressed.
    Ec(Vec<u8>),
}

impl KeySet {
    /// Reads a JWKS. Keys of other kinds are left out.
    ///
    /// # Errors
    /// What is not a JWKS, or has no key in it that could be used.
    pub fn from_json(jwks: &str) -> Result<Self, InvalidKeySet> {
        let jwks: Value = serde_json::from_str(jwks).map_err(|_| InvalidKeySet("not JSON"))?;
        let all = jwks["keys"].as_array().ok_or(InvalidKeySet("no array of keys"))?;
        let keys: Vec<Key> = all.iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(InvalidKeySet("none for RS256 or ES256")) } else { Ok(Self { keys }) }
    }

    /// Whether one of the keys, that of `id` if the token names one, has signed it.
    pub(crate) fn has_signed(
        &self,
        algorithm: &str,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        let named = self.keys.iter().filter(|key| id.is_none() || key.id.as_deref() == id);
        named.into_iter().any(|key| key.has_signed(algorithm, signed, signature))
    }
}

impl Key {
    fn read(key: &Value) -> Option<Self> {
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
        let material = match (key["kty"].as_str()?, key["crv"].as_str()) {
            ("RSA", _) => Material::Rsa { modulus: number("n")?, exponent: number("e")? },
            ("EC", Some("P-256")) => Material::Ec([vec![4], number("x")?, number("y")?].concat()),
            _ => return None,
        };
        Some(Self { id: key["kid"].as_str().map(str::to_owned), material })
    }

    /// A token's algorithm must be that of the key: what is said in a header that anyone can write decides nothing.
    fn has_signed(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> bool {
        match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, "RS256") => {
                // ring wants numbers without leading zeros.
                let trimmed = |number: &[u8]| -> Vec<u8> {
                    number.iter().copied().skip_while(|byte| *byte == 0).collect()
                };
                let key = RsaPublicKeyComponents { n: trimmed(modulus), e: trimmed(exponent) };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Material::Ec(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            _ => false,
        }
    }
}
