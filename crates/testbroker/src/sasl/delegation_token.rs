//! Delegation tokens (KIP-48) as logins: made by whoever sets a test up, not by requests.

/// A token that stands for its owner. Clients log in by SCRAM with its id, its HMAC and `tokenauth=true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationToken {
    id: String,
    hmac: String,
    owner: String,
    expires_unix_ms: Option<i64>,
}

impl DelegationToken {
    /// A token by its id and its HMAC, in base64 as clients are given it.
    pub fn new(id: &str, hmac: &str, owner: &str) -> Self {
        Self { id: id.to_owned(), hmac: hmac.to_owned(), owner: owner.to_owned(), expires_unix_ms: None }
    }

    /// When it expires, in milliseconds since 1970. Default: never.
    #[must_use]
    pub fn expires_unix_ms(mut self, at: i64) -> Self {
        self.expires_unix_ms = Some(at);
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn hmac(&self) -> &str {
        &self.hmac
    }

    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    pub(crate) fn expiry(&self) -> Option<i64> {
        self.expires_unix_ms
    }
}
