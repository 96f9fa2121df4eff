//! Assertions that the client makes and signs itself (RFC 7523 section 3): JSON web tokens, RS256 or ES256.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ottla_core::connection::ConnectError;
use ottla_core::random::Entropy;
use ottla_core::sasl::{SaslError, SaslErrorKind};
use ottla_core::time::Now;
use rustls::SignatureScheme;
use serde_json::{Map, Value};

use crate::tls::{Source, TlsProvider, signer};

/// How an assertion is signed (`sasl.oauthbearer.assertion.algorithm`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionAlgorithm {
    /// RSA with SHA-256.
    #[default]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl AssertionAlgorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    fn scheme(self) -> SignatureScheme {
        match self {
            Self::Rs256 => SignatureScheme::RSA_PKCS1_SHA256,
            Self::Es256 => SignatureScheme::ECDSA_NISTP256_SHA256,
        }
    }
}

/// An assertion that is made anew for each request.
///
/// ```no_run
/// use ottla_transport::{AssertionAlgorithm, SignedAssertion};
///
/// let assertion = SignedAssertion::from_file("client.key", AssertionAlgorithm::Rs256)
///     .issuer("client")
///     .subject("client")
///     .audience("https://login.example.com")
///     .key_id("2026-11");
/// // JwtBearer::signed(endpoint, assertion)
/// # drop(assertion);
/// ```
#[derive(Clone)]
pub struct SignedAssertion {
    key: Source,
    private_key_passphrase: Option<String>,
    algorithm: AssertionAlgorithm,
    provider: Option<TlsProvider>,
    key_id: Option<String>,
    expires_after: Duration,
    not_before: Duration,
    has_jwt_id: bool,
    claims: Map<String, Value>,
}

impl SignedAssertion {
    /// `sasl.oauthbearer.assertion.private.key.file`: a private key, PEM or DER. It is read anew for each assertion, so
    /// that it can be replaced.
    pub fn from_file(path: impl Into<PathBuf>, algorithm: AssertionAlgorithm) -> Self {
        Self::from_source(Source::File(path.into()), algorithm)
    }

    /// With a private key in memory, PEM or DER.
    pub fn from_key(key: &[u8], algorithm: AssertionAlgorithm) -> Self {
        Self::from_source(Source::Memory(key.into()), algorithm)
    }

    fn from_source(key: Source, algorithm: AssertionAlgorithm) -> Self {
        Self {
            key,
            private_key_passphrase: None,
            algorithm,
            provider: None,
            key_id: None,
            expires_after: Duration::from_secs(300),
            not_before: Duration::from_secs(60),
            has_jwt_id: false,
            claims: Map::new(),
        }
    }

    /// `sasl.oauthbearer.assertion.private.key.passphrase`: for a key that needs one (feature `encrypted-keys`).
    #[must_use]
    pub fn private_key_passphrase(mut self, passphrase: impl Into<String>) -> Self {
        self.private_key_passphrase = Some(passphrase.into());
        self
    }

    /// `sasl.oauthbearer.assertion.claim.iss`: who signs.
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// `sasl.oauthbearer.assertion.claim.sub`: whom the token is to be for.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// `sasl.oauthbearer.assertion.claim.aud`: who is to read it, mostly the issuer of tokens.
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Adds a claim, or replaces the one of that name. `iat`, `exp`, `nbf` and `jti` are made with each assertion.
    #[must_use]
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The header `kid`, by which the issuer finds the public key.
    #[must_use]
    pub fn key_id(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.to_owned());
        self
    }

    /// `sasl.oauthbearer.assertion.claim.exp.seconds`: how long an assertion is good. Default: 5 minutes.
    #[must_use]
    pub fn expires_after(mut self, lifetime: Duration) -> Self {
        self.expires_after = lifetime;
        self
    }

    /// `sasl.oauthbearer.assertion.claim.nbf.seconds`: since when an assertion is good, counted backwards. Default: a
    /// minute, for clocks that differ.
    #[must_use]
    pub fn not_before(mut self, before: Duration) -> Self {
        self.not_before = before;
        self
    }

    /// `sasl.oauthbearer.assertion.claim.jti.include`: whether each assertion has a random id. Default: no.
    #[must_use]
    pub fn jwt_id(mut self, is_included: bool) -> Self {
        self.has_jwt_id = is_included;
        self
    }

    /// Who signs, where there are two crypto providers.
    #[must_use]
    pub fn provider(mut self, provider: TlsProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Whether there is a key that signs so.
    pub(super) fn check(&self) -> Result<(), SaslError> {
        self.signature(b"").map(|_| ())
    }

    /// The assertion in compact form.
    pub(super) fn sign(&self, now: Now, entropy: Entropy) -> Result<String, SaslError> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.algorithm.name().into());
        header.insert("typ".to_owned(), "JWT".into());
        header.extend(self.key_id.clone().map(|key_id| ("kid".to_owned(), key_id.into())));
        let issued = now.unix_ms.div_euclid(1000);
        let mut claims = self.claims.clone();
        claims.insert("iat".to_owned(), issued.into());
        claims.insert("exp".to_owned(), issued.saturating_add_unsigned(self.expires_after.as_secs()).into());
        claims.insert("nbf".to_owned(), issued.saturating_sub_unsigned(self.not_before.as_secs()).into());
        if self.has_jwt_id {
            let id = URL_SAFE_NO_PAD.encode(&entropy.into_bytes()[..16]);
            claims.insert("jti".to_owned(), id.into());
        }
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(Value::Object(part).to_string()));
        let signed = format!("{header}.{claims}");
        let signature = self.signature(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SaslError> {
        let invalid = |error: ConnectError| {
            let text = format!("no assertion can be signed: {error}");
            SaslError::new(SaslErrorKind::CredentialsInvalid, text)
        };
        let content = self.key.read().map_err(invalid)?;
        let scheme = self.algorithm.scheme();
        let signer =
            signer(self.provider, &self.key, &content, self.private_key_passphrase.as_deref(), scheme);
        let unsigned = |what: &str| {
            let text = format!("no assertion can be signed by {}: {what}", self.algorithm.name());
            SaslError::new(SaslErrorKind::CredentialsInvalid, text)
        };
        let signature = signer.map_err(invalid)?.sign(message).map_err(|e| unsigned(&e.to_string()))?;
        match self.algorithm {
            AssertionAlgorithm::Rs256 => Ok(signature),
            AssertionAlgorithm::Es256 => {
                fixed_size(&signature).ok_or_else(|| unsigned("the signature is malformed"))
            }
        }
    }
}

impl fmt::Debug for SignedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedAssertion")
            .field("key", &self.key)
            .field("algorithm", &self.algorithm)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// ECDSA as JSON web tokens want it (RFC 7518 section 3.4), two numbers of 32 bytes, from the DER that TLS has: a
/// sequence of two integers.
fn fixed_size(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, integers @ ..] = der else { return None };
    if usize::from(*length) != integers.len() {
        return None;
    }
    let (r, rest) = integer(integers)?;
    let (s, rest) = integer(rest)?;
    rest.is_empty().then(|| [r, s].concat())
}

fn integer(der: &[u8]) -> Option<([u8; 32], &[u8])> {
    let [0x02, length, rest @ ..] = der else { return None };
    let (digits, rest) = rest.split_at_checked(usize::from(*length))?;
    // A leading zero keeps the number positive.
    let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
    let mut fixed = [0; 32];
    fixed.get_mut(32usize.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    Some((fixed, rest))
}

#[cfg(all(test, feature = "ring"))]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    const NOW: Now = Now { instant: ottla_core::time::Instant::ZERO, unix_ms: 1_700_000_000_999 };

    fn signed(assertion: &SignedAssertion) -> Vec<String> {
        let text = assertion.sign(NOW, Entropy::from_bytes([7; 32])).expect("it is signed");
        text.split('.').map(str::to_owned).collect()
    }

    fn decoded(part: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("text")
    }

    fn elliptic() -> SignedAssertion {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem();
        SignedAssertion::from_key(key.as_bytes(), AssertionAlgorithm::Es256)
    }

    #[test]
    fn the_claims_are_those_that_kafkas_settings_ask_for() {
        let assertion = elliptic().issuer("client").subject("alice").audience("https://login").key_id("k1");
        let assertion = assertion.claim("tenant", "t").jwt_id(true);
        let parts = signed(&assertion);
        assert_eq!(decoded(&parts[0]), r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#);
        let expected = r#"{"aud":"https://login","exp":1700000300,"iat":1700000000,"iss":"client","jti":"BwcHBwcHBwcHBwcHBwcHBw","nbf":1699999940,"sub":"alice","tenant":"t"}"#;
        assert_eq!(decoded(&parts[1]), expected);
        let short = elliptic().expires_after(Duration::from_secs(5)).not_before(Duration::ZERO);
        assert_eq!(decoded(&signed(&short)[1]), r#"{"exp":1700000005,"iat":1700000000,"nbf":1700000000}"#);
    }

    #[test]
    fn a_signature_on_p_256_is_that_of_a_json_web_token() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let pem = key.serialize_pem();
        let assertion = SignedAssertion::from_key(pem.as_bytes(), AssertionAlgorithm::Es256);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key_raw());
        // Often enough for numbers that are shorter than others.
        for _ in 0..300 {
            let parts = signed(&assertion);
            let signature = URL_SAFE_NO_PAD.decode(&parts[2]).expect("base64url");
            let signed = format!("{}.{}", parts[0], parts[1]);
            public.verify(signed.as_bytes(), &signature).expect("the signature is good");
        }
    }

    #[test]
    fn numbers_are_padded_and_damaged_signatures_refused() {
        let padded = fixed_size(&[0x30, 6, 2, 1, 5, 2, 1, 6]).expect("two numbers");
        assert_eq!((padded.len(), padded[31], padded[63]), (64, 5, 6));
        let long = [&[0x30, 37, 2, 33, 0][..], &[0xff; 32], &[2, 0]].concat();
        assert_eq!(fixed_size(&long).expect("two numbers")[..32], [0xff; 32]);
        let too_long = [&[0x30, 37, 2, 33, 1][..], &[0xff; 32], &[2, 0]].concat();
        for der in
            [&too_long[..], &[], &[0x30, 0], &[0x30, 3, 2, 1, 5], &[0x30, 7, 2, 1, 5, 2, 9, 6, 6], &[0x30, 9]]
        {
            assert_eq!(fixed_size(der), None, "{der:?}");
        }
    }

    #[test]
    fn a_key_that_cannot_sign_so_is_refused_at_once() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem();
        for (key, algorithm) in [
            (key.as_bytes(), AssertionAlgorithm::Rs256),
            (b"no key", AssertionAlgorithm::Es256),
            (b"", AssertionAlgorithm::Rs256),
        ] {
            let error = SignedAssertion::from_key(key, algorithm).check().expect_err("it cannot");
            assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid, "{error}");
        }
        let nowhere = SignedAssertion::from_file("/nowhere/key", AssertionAlgorithm::Rs256);
        nowhere.check().expect_err("it is not there");
    }

    #[test]
    fn the_key_is_in_no_debug_output() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem();
        let assertion = SignedAssertion::from_key(key.as_bytes(), AssertionAlgorithm::Es256);
        assert!(!format!("{assertion:?}").contains("PRIVATE"), "{assertion:?}");
    }
}
