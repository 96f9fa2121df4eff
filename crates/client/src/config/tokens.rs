//! Where tokens come from, put into effect (feature `oidc`).

use ottla_core::sasl::SaslError;
use ottla_transport::{
    ClientCredentials, FileToken, JwtBearer, TcpConnector, TokenCredentials, TokenCredentialsBuilder,
    TokenEndpoint,
};

use super::secured::SecuredConnector;
use super::token_source::{AssertionSource, OAuthBearerSettings, TokenRefresh, TokenSource};
use crate::config_error::ConfigError;

const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";

/// What fetches tokens; `None` if they are not fetched but made.
pub(super) fn fetching(
    settings: &OAuthBearerSettings,
    connector: &SecuredConnector<'_>,
) -> Result<Option<TokenCredentials>, ConfigError> {
    let builder = match &settings.source {
        TokenSource::Unsecured(_) => return Ok(None),
        TokenSource::File(path) if settings.extensions.is_empty() => {
            TokenCredentials::builder(FileToken::new(path))
        }
        TokenSource::File(_) => {
            return Err(ConfigError::new(ENDPOINT, "extensions do not go with a token from a file yet"));
        }
        TokenSource::ClientCredentials {
            token_endpoint,
            client_id,
            client_secret,
            scope,
            urlencode_header,
        } => {
            let endpoint = endpoint(token_endpoint, scope.as_deref(), &settings.extensions, connector)?;
            let provider =
                ClientCredentials::new(endpoint, client_id, client_secret.expose()).map_err(refused)?;
            TokenCredentials::builder(provider.header_urlencode(*urlencode_header))
        }
        TokenSource::JwtBearer { token_endpoint, assertion, scope } => {
            let endpoint = endpoint(token_endpoint, scope.as_deref(), &settings.extensions, connector)?;
            TokenCredentials::builder(jwt_bearer(endpoint, assertion)?)
        }
    };
    refreshed(builder, &settings.refresh).build().map(Some).map_err(refused)
}

/// What is refused is said without the credentials.
fn refused(error: SaslError) -> ConfigError {
    ConfigError::new("sasl.mechanism", error.to_string())
}

fn endpoint(
    url: &str,
    scope: Option<&str>,
    extensions: &[(String, String)],
    connector: &SecuredConnector<'_>,
) -> Result<TokenEndpoint, ConfigError> {
    let of_url = |error: SaslError| ConfigError::new(ENDPOINT, error.to_string());
    let mut endpoint = if url.starts_with("http://") {
        TokenEndpoint::plaintext(url, TcpConnector::default()).map_err(of_url)?
    } else {
        TokenEndpoint::new(url, connector.over_tls()?).map_err(of_url)?
    };
    if let Some(scope) = scope {
        endpoint = endpoint.scope(scope);
    }
    extensions
        .iter()
        .try_fold(endpoint, |endpoint, (name, value)| endpoint.extension(name, value))
        .map_err(refused)
}

#[cfg(not(feature = "tls"))]
fn jwt_bearer(endpoint: TokenEndpoint, assertion: &AssertionSource) -> Result<JwtBearer, ConfigError> {
    match assertion {
        AssertionSource::File(path) => Ok(JwtBearer::from_file(endpoint, path)),
        AssertionSource::Signed(_) => {
            let reason = "this program was built without the feature `tls`, whose cryptography signs";
            Err(ConfigError::new("sasl.oauthbearer.assertion.private.key.file", reason))
        }
    }
}

#[cfg(feature = "tls")]
fn jwt_bearer(endpoint: TokenEndpoint, assertion: &AssertionSource) -> Result<JwtBearer, ConfigError> {
    use ottla_transport::{AssertionAlgorithm, SignedAssertion};

    use super::token_source::AssertionKey;

    let claims = match assertion {
        AssertionSource::File(path) => return Ok(JwtBearer::from_file(endpoint, path)),
        AssertionSource::Signed(claims) => claims,
    };
    if claims.template.is_some() {
        let key = "sasl.oauthbearer.assertion.template.file";
        return Err(ConfigError::new(key, "claims from a file are not supported yet"));
    }
    let algorithm = match claims.algorithm.as_str() {
        "ES256" => AssertionAlgorithm::Es256,
        _ => AssertionAlgorithm::Rs256,
    };
    let mut signed = match &claims.key {
        AssertionKey::File(path) => SignedAssertion::from_file(path, algorithm),
        AssertionKey::Inline(pem) => SignedAssertion::from_key(pem.expose().as_bytes(), algorithm),
    };
    signed = signed.expires_after(claims.lifetime).not_before(claims.not_before).jwt_id(claims.has_id);
    if let Some(password) = &claims.key_password {
        signed = signed.private_key_passphrase(password.expose());
    }
    for (name, value) in [("iss", &claims.issuer), ("sub", &claims.subject), ("aud", &claims.audience)] {
        if let Some(value) = value {
            signed = signed.claim(name, value);
        }
    }
    JwtBearer::signed(endpoint, signed)
        .map_err(|error| ConfigError::new("sasl.oauthbearer.assertion.private.key.file", error.to_string()))
}

fn refreshed(builder: TokenCredentialsBuilder, refresh: &TokenRefresh) -> TokenCredentialsBuilder {
    builder
        .login_refresh_window_factor(refresh.window_factor)
        .login_refresh_window_jitter(refresh.window_jitter)
        .login_refresh_min_period(refresh.min_period)
        .login_refresh_buffer(refresh.buffer)
        .login_retry_backoff(refresh.retry_backoff)
        .login_retry_backoff_max(refresh.retry_backoff_max)
}
