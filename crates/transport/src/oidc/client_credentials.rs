//! The grant of client credentials (RFC 6749 section 4.4).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use ottla_core::sasl::{SaslError, SaslErrorKind};

use super::endpoint::TokenEndpoint;
use crate::tokens::{FetchingToken, TokenProvider, TokenRequest};

/// Fetches tokens with the id and the secret of a client, which go into the header `Authorization: Basic`.
#[derive(Clone)]
pub struct ClientCredentials {
    endpoint: TokenEndpoint,
    client_id: String,
    client_secret: String,
    is_header_encoded: bool,
}

impl ClientCredentials {
    /// `sasl.oauthbearer.client.credentials.client.id` and `sasl.oauthbearer.client.credentials.client.secret`.
    ///
    /// # Errors
    /// An empty id or secret.
    pub fn new(
        endpoint: TokenEndpoint,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Result<Self, SaslError> {
        let (client_id, client_secret) = (client_id.into(), client_secret.into());
        for (key, value) in [("id", &client_id), ("secret", &client_secret)] {
            if value.is_empty() {
                let text = format!("sasl.oauthbearer.client.credentials.client.{key} is empty");
                return Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text));
            }
        }
        Ok(Self { endpoint, client_id, client_secret, is_header_encoded: true })
    }

    /// `sasl.oauthbearer.header.urlencode`: whether id and secret are form-encoded in the header, as RFC 6749 section 2.3.1
    /// says, so that a colon in them does not part them. Default: yes; Java's default is no, and some issuers want that.
    /// It makes no difference for letters, digits and `-._`.
    #[must_use]
    pub fn header_urlencode(mut self, is_encoded: bool) -> Self {
        self.is_header_encoded = is_encoded;
        self
    }

    fn authorization(&self) -> String {
        let encoded = |text: &str| match self.is_header_encoded {
            true => byte_serialize(text.as_bytes()).collect::<String>(),
            false => text.to_owned(),
        };
        let pair = format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret));
        format!("Basic {}", STANDARD.encode(pair))
    }
}

impl TokenProvider for ClientCredentials {
    fn token<'a>(&'a self, request: TokenRequest) -> FetchingToken<'a> {
        Box::pin(async move {
            let authorization = self.authorization();
            let grant = [("grant_type", "client_credentials")];
            let secrets = [self.client_secret.as_str(), authorization.as_str()];
            self.endpoint.request(request.now(), &grant, Some(&authorization), &secrets).await
        })
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("endpoint", &self.endpoint)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TcpConnector;

    #[test]
    fn id_and_secret_are_form_encoded_each_unless_told_otherwise() {
        let authorization = |id: &str, secret: &str, is_encoded: bool| {
            let endpoint = TokenEndpoint::plaintext("http://h/t", TcpConnector::default()).expect("a url");
            let client = ClientCredentials::new(endpoint, id, secret).expect("credentials");
            let client = client.header_urlencode(is_encoded);
            let basic = client.authorization();
            let pair = STANDARD.decode(basic.strip_prefix("Basic ").expect("it is basic")).expect("base64");
            String::from_utf8(pair).expect("text")
        };
        assert_eq!(authorization("client1", "secret1", true), "client1:secret1");
        assert_eq!(authorization("a:b c", "+&=%ü", true), "a%3Ab+c:%2B%26%3D%25%C3%BC");
        assert_eq!(authorization("a:b c", "+&=%ü", false), "a:b c:+&=%ü");
    }
}
