//! OAUTHBEARER's keys: where tokens come from.

use std::path::PathBuf;
use std::time::Duration;

use super::login_module::{OAuthBearerOptions, UnsecuredOptions};
use super::password::Password;
use super::sasl::not_beside_jaas;
use super::values::Values;
use crate::config_error::ConfigError;

/// Tokens, and what goes with them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OAuthBearerSettings {
    /// Where tokens come from.
    pub source: TokenSource,
    /// Extensions (KIP-342), by name.
    pub extensions: Vec<(String, String)>,
    /// When another one is fetched.
    pub refresh: TokenRefresh,
}

/// When another token is fetched: `sasl.login.refresh.*` and `sasl.login.retry.*`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenRefresh {
    /// The part of a token's life after which another one is fetched.
    pub window_factor: f64,
    /// How far that is spread at random.
    pub window_jitter: f64,
    /// But not sooner than this after the last one.
    pub min_period: Duration,
    /// And not later than this before its end.
    pub buffer: Duration,
    /// How long to wait after a failure.
    pub retry_backoff: Duration,
    /// And at most, after many.
    pub retry_backoff_max: Duration,
}

impl TokenRefresh {
    fn new(values: &Values) -> Self {
        Self {
            window_factor: values.decimal("sasl.login.refresh.window.factor"),
            window_jitter: values.decimal("sasl.login.refresh.window.jitter"),
            min_period: seconds(values, "sasl.login.refresh.min.period.seconds"),
            buffer: seconds(values, "sasl.login.refresh.buffer.seconds"),
            retry_backoff: values.duration("sasl.login.retry.backoff.ms"),
            retry_backoff_max: values.duration("sasl.login.retry.backoff.max.ms"),
        }
    }
}

fn seconds(values: &Values, name: &str) -> Duration {
    let seconds = values.integer(name).unwrap_or_default();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// Where tokens come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSource {
    /// From nobody: made by the client and not signed, for development.
    Unsecured(UnsecuredOptions),
    /// From a file, read again for every login.
    File(PathBuf),
    /// From a token endpoint, for a client's id and secret (RFC 6749).
    ClientCredentials {
        /// The endpoint.
        token_endpoint: String,
        /// `client_id`.
        client_id: String,
        /// `client_secret`.
        client_secret: Password,
        /// `scope`.
        scope: Option<String>,
        /// Whether id and secret are URL-encoded in the header (RFC 6749).
        urlencode_header: bool,
    },
    /// From a token endpoint, for an assertion (RFC 7523).
    JwtBearer {
        /// The endpoint.
        token_endpoint: String,
        /// The assertion.
        assertion: AssertionSource,
        /// `scope`.
        scope: Option<String>,
    },
}

/// Where an assertion comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionSource {
    /// Signed already, in this file.
    File(PathBuf),
    /// Made of these claims and signed by the client.
    Signed(AssertionClaims),
}

/// Claims of an assertion, and how it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssertionClaims {
    /// The private key.
    pub key: AssertionKey,
    /// The password of an encrypted key.
    pub key_password: Option<Password>,
    /// `RS256` or `ES256`.
    pub algorithm: String,
    /// A file of JSON with more claims.
    pub template: Option<PathBuf>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`.
    pub audience: Option<String>,
    /// `exp`: how long it is good for.
    pub lifetime: Duration,
    /// `nbf`: how long before now it is good.
    pub not_before: Duration,
    /// Whether it has a `jti`.
    pub has_id: bool,
}

/// A private key in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssertionKey {
    /// In this file.
    File(PathBuf),
    /// This text.
    Inline(Password),
}

const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
const ID: &str = "sasl.oauthbearer.client.credentials.client.id";
const SECRET: &str = "sasl.oauthbearer.client.credentials.client.secret";
const RETRIEVER: &str = "sasl.oauthbearer.jwt.retriever.class";
const HANDLER: &str = "sasl.login.callback.handler.class";
const PACKAGE: &str = "org.apache.kafka.common.security.oauthbearer.";

/// What the keys and the login module's options say together.
pub(super) fn settings(
    values: &Values,
    options: OAuthBearerOptions,
) -> Result<OAuthBearerSettings, ConfigError> {
    let by_handler = handler_is_unsecured(values)?;
    let retriever = retriever(values)?;
    let mut extensions = options.extensions.clone();
    extensions.extend(listed_extensions(values)?);
    let is_unsecured = by_handler.unwrap_or_else(|| {
        let by_flag = values.boolean("enable.sasl.oauthbearer.unsecure.jwt");
        options.unsecured.is_some() || (by_flag && values.given(ENDPOINT).is_none())
    });
    let source = if is_unsecured {
        let unsecured = match options.unsecured {
            Some(unsecured) => unsecured,
            None => librdkafka_unsecured(values, &mut extensions)?,
        };
        TokenSource::Unsecured(unsecured)
    } else {
        fetched(values, options, retriever)?
    };
    Ok(OAuthBearerSettings { source, extensions, refresh: TokenRefresh::new(values) })
}

/// Java's classes of `sasl.login.callback.handler.class`.
fn handler_is_unsecured(values: &Values) -> Result<Option<bool>, ConfigError> {
    let Some(given) = values.given(HANDLER) else { return Ok(None) };
    let class = values.text(HANDLER).unwrap_or_default();
    let of_kafka = class.strip_prefix(PACKAGE).unwrap_or_default();
    match of_kafka.rsplit('.').next().unwrap_or_default() {
        "OAuthBearerLoginCallbackHandler" => Ok(Some(false)),
        "OAuthBearerUnsecuredLoginCallbackHandler" => Ok(Some(true)),
        _ => Err(given.error(format!(
            "names a Java class that is not Kafka's: set {ENDPOINT}, or give the client a mechanism of your own: {class}"
        ))),
    }
}

/// Which of Java's ways to get a token.
#[derive(Clone, Copy, PartialEq)]
enum Retriever {
    Unsaid,
    ClientCredentials,
    JwtBearer,
    File,
}

fn retriever(values: &Values) -> Result<Retriever, ConfigError> {
    let grant = values.text("sasl.oauthbearer.grant.type").unwrap_or_default();
    let by_grant = match (grant.as_str(), values.given("sasl.oauthbearer.grant.type")) {
        ("client_credentials", Some(_)) => Retriever::ClientCredentials,
        ("client_credentials", None) => Retriever::Unsaid,
        _ => Retriever::JwtBearer,
    };
    let Some(given) = values.given(RETRIEVER) else { return Ok(by_grant) };
    let class = values.text(RETRIEVER).unwrap_or_default();
    match class.strip_prefix(PACKAGE).unwrap_or_default() {
        "DefaultJwtRetriever" => Ok(by_grant),
        "ClientCredentialsJwtRetriever" => Ok(Retriever::ClientCredentials),
        "JwtBearerJwtRetriever" => Ok(Retriever::JwtBearer),
        "FileJwtRetriever" => Ok(Retriever::File),
        _ => Err(given.error(format!("names a Java class that is not Kafka's: {class}"))),
    }
}

fn fetched(
    values: &Values,
    options: OAuthBearerOptions,
    retriever: Retriever,
) -> Result<TokenSource, ConfigError> {
    let Some(endpoint) = values.given(ENDPOINT) else {
        let reason =
            "missing: OAUTHBEARER fetches its tokens there (`file:` and a path reads one from a file)";
        return Err(ConfigError::new(ENDPOINT, reason));
    };
    let url = values.text(ENDPOINT).unwrap_or_default();
    if let Some(path) = url.strip_prefix("file:") {
        // `file:/path`, `file:///path` and `file://localhost/path` are the same.
        let path =
            path.strip_prefix("//").map_or(path, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
        return Ok(TokenSource::File(path.into()));
    }
    if retriever == Retriever::File {
        return Err(endpoint.error("must be a `file:` url for FileJwtRetriever"));
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(endpoint.error("must begin with https:, http: or file:"));
    }
    if options.scope.is_some() {
        not_beside_jaas(values, &["sasl.oauthbearer.scope"])?;
    }
    let scope = options.scope.clone().or_else(|| values.text("sasl.oauthbearer.scope"));
    let has_assertion = ["private.key.file", "private.key.pem", "file"]
        .iter()
        .any(|name| values.given(&format!("sasl.oauthbearer.assertion.{name}")).is_some());
    let has_secret = options.client_secret.is_some() || values.given(SECRET).is_some();
    if retriever == Retriever::JwtBearer || (retriever == Retriever::Unsaid && has_assertion && !has_secret) {
        return Ok(TokenSource::JwtBearer { token_endpoint: url, assertion: assertion(values)?, scope });
    }
    if options.client_id.is_some() || options.client_secret.is_some() {
        not_beside_jaas(values, &[ID, SECRET])?;
    }
    let missing = |key| ConfigError::new(key, format!("missing: a token of {url} is given for it"));
    Ok(TokenSource::ClientCredentials {
        client_id: options.client_id.or_else(|| values.text(ID)).ok_or_else(|| missing(ID))?,
        client_secret: options
            .client_secret
            .or_else(|| values.password(SECRET))
            .ok_or_else(|| missing(SECRET))?,
        urlencode_header: values.boolean("sasl.oauthbearer.header.urlencode"),
        token_endpoint: url,
        scope,
    })
}

fn assertion(values: &Values) -> Result<AssertionSource, ConfigError> {
    let named = |name: &str| values.text(&format!("sasl.oauthbearer.assertion.{name}"));
    if let Some(path) = named("file") {
        return Ok(AssertionSource::File(path.into()));
    }
    let key = match (named("private.key.file"), values.password("sasl.oauthbearer.assertion.private.key.pem"))
    {
        (Some(path), None) => AssertionKey::File(path.into()),
        (None, Some(pem)) => AssertionKey::Inline(pem),
        (Some(_), Some(_)) => {
            let reason = "says the same as sasl.oauthbearer.assertion.private.key.file: give one of the two";
            return Err(ConfigError::new("sasl.oauthbearer.assertion.private.key.pem", reason));
        }
        (None, None) => {
            let reason = "missing: the assertion for a token is signed with it (or give one that is signed as \
                          sasl.oauthbearer.assertion.file)";
            return Err(ConfigError::new("sasl.oauthbearer.assertion.private.key.file", reason));
        }
    };
    Ok(AssertionSource::Signed(AssertionClaims {
        key,
        key_password: values.password("sasl.oauthbearer.assertion.private.key.passphrase"),
        algorithm: named("algorithm").unwrap_or_default(),
        template: named("template.file").map(PathBuf::from),
        issuer: named("claim.iss"),
        subject: named("claim.sub"),
        audience: named("claim.aud"),
        lifetime: seconds(values, "sasl.oauthbearer.assertion.claim.exp.seconds"),
        not_before: seconds(values, "sasl.oauthbearer.assertion.claim.nbf.seconds"),
        has_id: values.boolean("sasl.oauthbearer.assertion.claim.jti.include"),
    }))
}

/// `name=value,…`.
fn listed_extensions(values: &Values) -> Result<Vec<(String, String)>, ConfigError> {
    let key = "sasl.oauthbearer.extensions";
    let Some(given) = values.given(key) else { return Ok(Vec::new()) };
    let pair = |item: String| match item.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(given.error("must be name=value, several by comma")),
    };
    values.list(key).into_iter().map(pair).collect()
}

/// `sasl.oauthbearer.config`: pairs by blanks.
fn librdkafka_unsecured(
    values: &Values,
    extensions: &mut Vec<(String, String)>,
) -> Result<UnsecuredOptions, ConfigError> {
    let key = "sasl.oauthbearer.config";
    let Some(given) = values.given(key) else {
        let reason = "missing: a token that nobody signed needs principal=…, or unsecuredLoginStringClaim_sub in \
                      sasl.jaas.config";
        return Err(ConfigError::new(key, reason));
    };
    let text = values.password(key).unwrap_or_else(|| Password::new(""));
    let mut unsecured: Option<UnsecuredOptions> = None;
    let (mut scope, mut lifetime) = (None, None);
    for pair in text.expose().split_whitespace() {
        match pair.split_once('=') {
            Some(("principal", value)) if !value.is_empty() => unsecured = Some(UnsecuredOptions::new(value)),
            Some(("scope", value)) => scope = Some(value.replace(',', " ")),
            Some(("lifeSeconds", value)) => {
                let seconds =
                    value.parse::<u32>().map_err(|_| given.error("lifeSeconds must be a number"))?;
                lifetime = Some(Duration::from_secs(seconds.into()));
            }
            Some((name, value)) if name.starts_with("extension_") => {
                extensions.push((name["extension_".len()..].to_owned(), value.to_owned()));
            }
            _ => {
                return Err(given.error("knows principal=, scope=, lifeSeconds= and extension_…=, by blanks"));
            }
        }
    }
    let mut unsecured = unsecured.ok_or_else(|| given.error("needs principal=…"))?;
    unsecured.scope = scope;
    unsecured.lifetime = lifetime.unwrap_or(unsecured.lifetime);
    Ok(unsecured)
}
