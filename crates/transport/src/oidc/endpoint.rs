//! Where tokens come from: the URL, the way to it, and what each request carries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::Serializer;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Request, Uri};
use ottla_core::connection::ConnectError;
use ottla_core::sasl::{BearerToken, SaslError, SaslErrorKind};
use ottla_core::time::Now;
use tokio::time;

use super::answer;
use super::http::{Answer, exchange};
use crate::connector::Connector;

/// A token endpoint.
#[derive(Clone)]
pub struct TokenEndpoint {
    uri: Uri,
    host: String,
    port: u16,
    connector: Arc<dyn Connector>,
    connect_timeout: Duration,
    read_timeout: Duration,
    scope: Option<String>,
    parameters: Vec<(String, String)>,
    extensions: Vec<(String, String)>,
}

impl TokenEndpoint {
    /// `sasl.oauthbearer.token.endpoint.url`, with https, over a connector that makes TLS streams.
    ///
    /// # Errors
    /// What is no such URL.
    pub fn new(url: &str, tls: impl Connector + 'static) -> Result<Self, SaslError> {
        Self::with_scheme(url, &Scheme::HTTPS, 443, Arc::new(tls))
    }

    /// With http: everyone on the way can read the secret and the token. For development, and for endpoints on this machine.
    ///
    /// # Errors
    /// What is no such URL.
    pub fn plaintext(url: &str, connector: impl Connector + 'static) -> Result<Self, SaslError> {
        Self::with_scheme(url, &Scheme::HTTP, 80, Arc::new(connector))
    }

    fn with_scheme(
        url: &str,
        scheme: &Scheme,
        default_port: u16,
        connector: Arc<dyn Connector>,
    ) -> Result<Self, SaslError> {
        let invalid = |what: String| {
            SaslError::new(SaslErrorKind::CredentialsInvalid, format!("the token endpoint's url {what}"))
        };
        // The URL is not shown: some people put passwords into URLs.
        let uri: Uri = url.parse().map_err(|error| invalid(format!("cannot be used: {error}")))?;
        if uri.scheme() != Some(scheme) {
            return Err(invalid(format!("must begin with {scheme}://")));
        }
        let authority = uri.authority().ok_or_else(|| invalid("has no host".to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(invalid("must not hold a user or password".to_owned()));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("has no host".to_owned()));
        }
        // A port that is none is taken for no port by the parser.
        let port = authority.port_u16();
        if port.is_none() && authority.as_str() != host {
            return Err(invalid("has a port that is none".to_owned()));
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            connector,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
            scope: None,
            parameters: Vec::new(),
            extensions: Vec::new(),
            uri,
        })
    }

    /// `sasl.oauthbearer.scope`: what the token is to be good for; several with spaces between. Default: none is asked for.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds a parameter to each request: `audience`, `resource`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Adds an extension (KIP-342), which is sent to the broker beside each token. Not secret.
    ///
    /// # Errors
    /// As `OAuthBearer::extension`.
    pub fn extension(mut self, name: &str, value: &str) -> Result<Self, SaslError> {
        // Tried on any token, so that it is refused here and not with every fetch.
        let mut token = BearerToken::new("x", 0)?;
        for (name, value) in &self.extensions {
            token = token.extension(name, value)?;
        }
        token.extension(name, value)?;
        self.extensions.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// `sasl.login.connect.timeout.ms`: how long connecting may take. Default: 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// `sasl.login.read.timeout.ms`: how long the answer may take, from the request to its last byte. Default: 5 s.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Asks for a token. `grant` is what the grant adds to the form, `secrets` what must not be shown, should the
    /// endpoint repeat it.
    pub(super) async fn request(
        &self,
        now: Now,
        grant: &[(&str, &str)],
        authorization: Option<&str>,
        secrets: &[&str],
    ) -> Result<BearerToken, SaslError> {
        let request = self.form(grant, authorization)?;
        let connecting = self.connector.connect(&self.host, self.port);
        let stream = time::timeout(self.connect_timeout, connecting).await;
        let stream = stream.map_err(|_| self.unavailable("connecting took too long"))?;
        // What TLS has against the endpoint too: a certificate may be renewed while we try.
        let stream = stream.map_err(|error| self.unavailable(ConnectError::from_io(&error)))?;
        let answer = time::timeout(self.read_timeout, exchange(stream, request)).await;
        let Answer { status, body } = answer
            .map_err(|_| self.unavailable("the answer took too long"))?
            .map_err(|error| self.unavailable(error))?;
        let mut token = answer::token_of(status, &body, now, secrets)
            .map_err(|error| SaslError::new(error.kind(), format!("{}: {error}", self.place())))?;
        for (name, value) in &self.extensions {
            token = token.extension(name, value)?;
        }
        Ok(token)
    }

    fn form(
        &self,
        grant: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<Request<String>, SaslError> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(grant);
        form.extend_pairs(self.scope.iter().map(|scope| ("scope", scope)));
        form.extend_pairs(self.parameters.iter().map(|(name, value)| (name, value)));
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path)
            .header(HOST, authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let invalid = |_| {
            let text =
                "the request to the token endpoint cannot be written, check the client's id and secret";
            SaslError::new(SaslErrorKind::CredentialsInvalid, text)
        };
        if let Some(authorization) = authorization {
            let mut value =
                HeaderValue::from_str(authorization).map_err(hyper::http::Error::from).map_err(invalid)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(form.finish()).map_err(invalid)
    }

    fn place(&self) -> String {
        format!("the token endpoint {}:{}", self.host, self.port)
    }

    fn unavailable(&self, what: impl fmt::Display) -> SaslError {
        let text = format!("{} gave no token: {what}", self.place());
        SaslError::new(SaslErrorKind::CredentialsUnavailable, text)
    }
}

impl fmt::Debug for TokenEndpoint {
    /// Without the parameters, since an issuer may want a secret there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
