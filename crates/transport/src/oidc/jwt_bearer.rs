//! The grant of a JWT bearer (RFC 7523): a signed assertion stands in for the secret.

use std::path::PathBuf;

use ottla_core::sasl::{SaslError, SaslErrorKind};

#[cfg(feature = "tls")]
use super::assertion::SignedAssertion;
use super::endpoint::TokenEndpoint;
use crate::tokens::{FetchingToken, TokenProvider, TokenRequest, read_token};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Fetches tokens with an assertion.
#[derive(Clone, Debug)]
pub struct JwtBearer {
    endpoint: TokenEndpoint,
    assertion: Assertion,
}

#[derive(Clone, Debug)]
enum Assertion {
    File(PathBuf),
    #[cfg(feature = "tls")]
    Signed(SignedAssertion),
}

impl JwtBearer {
    /// `sasl.oauthbearer.assertion.file`: a signed assertion that something else puts into a file, read anew each time.
    pub fn from_file(endpoint: TokenEndpoint, path: impl Into<PathBuf>) -> Self {
        Self { endpoint, assertion: Assertion::File(path.into()) }
    }

    /// An assertion that is made and signed for each request.
    ///
    /// # Errors
    /// A key that cannot be read, or not sign so.
    #[cfg(feature = "tls")]
    pub fn signed(endpoint: TokenEndpoint, assertion: SignedAssertion) -> Result<Self, SaslError> {
        assertion.check()?;
        Ok(Self { endpoint, assertion: Assertion::Signed(assertion) })
    }

    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "a file is as it is"))]
    fn assertion(&self, request: TokenRequest) -> Result<String, SaslError> {
        match &self.assertion {
            Assertion::File(path) => read_token(path).map_err(|what| {
                let text = format!("the assertion file {} cannot be used: {what}", path.display());
                SaslError::new(SaslErrorKind::CredentialsUnavailable, text)
            }),
            #[cfg(feature = "tls")]
            Assertion::Signed(assertion) => assertion.sign(request.now(), request.into_entropy()),
        }
    }
}

impl TokenProvider for JwtBearer {
    fn token<'a>(&'a self, request: TokenRequest) -> FetchingToken<'a> {
        Box::pin(async move {
            let now = request.now();
            let assertion = self.assertion(request)?;
            let grant = [("grant_type", GRANT), ("assertion", assertion.as_str())];
            self.endpoint.request(now, &grant, None, &[assertion.as_str()]).await
        })
    }
}
