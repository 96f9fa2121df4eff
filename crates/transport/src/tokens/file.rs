//! A token that something else puts into a file: Kubernetes' service account tokens, a sidecar, an agent.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ottla_core::sasl::{BearerToken, SaslError, SaslErrorKind};

use super::jwt;
use super::provider::{FetchingToken, TokenProvider, TokenRequest};

/// No token that a broker would take in a request is near it.
const MAX_SIZE: u64 = 1 << 20;

/// Reads a JSON web token from a file, anew each time. White space around it is left out.
///
/// When it expires is its claim `exp`. The file is read where the token is needed, without a thread of its own: it is
/// small and local.
#[derive(Clone, Debug)]
pub struct FileToken(PathBuf);

impl FileToken {
    /// From the file at `path`. It need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn load(&self) -> Result<BearerToken, SaslError> {
        let unusable = |kind, what: String| {
            SaslError::new(kind, format!("the token file {} cannot be used: {what}", self.0.display()))
        };
        let text = read(&self.0).map_err(|what| unusable(SaslErrorKind::CredentialsUnavailable, what))?;
        let invalid = |what: &str| unusable(SaslErrorKind::CredentialsInvalid, what.to_owned());
        let claims = jwt::claims_of(&text).ok_or_else(|| invalid("it holds no json web token"))?;
        let expiry = jwt::expiry_ms(&claims).ok_or_else(|| invalid("the token has no claim exp"))?;
        let token = BearerToken::new(&text, expiry)?;
        Ok(match jwt::subject(&claims) {
            Some(subject) => token.principal(subject),
            None => token,
        })
    }
}

impl TokenProvider for FileToken {
    fn token<'a>(&'a self, _request: TokenRequest) -> FetchingToken<'a> {
        Box::pin(async { self.load() })
    }
}

/// The text of a file that holds a token, without the white space around it.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_SIZE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_SIZE {
        return Err(format!("it is larger than {MAX_SIZE} bytes"));
    }
    Ok(text.trim().to_owned())
}
