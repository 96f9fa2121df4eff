//! A Kerberos context of the system's library.

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, GSS_NT_KRB5_PRINCIPAL, OidSet};
use ottla_core::sasl::{SaslError, SaslErrorKind};

use super::exchange::Context;

/// Where the protocol's error numbers begin (MIT's `ERROR_TABLE_BASE_krb5`).
const KRB5_ERRORS: i64 = -1_765_328_384;
/// Of them: the client's principal is unknown, the service's principal is unknown, the password or key is wrong (24
/// and 31, by how the KDC finds out).
const REFUSALS: [i64; 4] = [6, 7, 24, 31];

/// The initiator's side.
pub(super) struct KerberosContext {
    client: ClientCtx,
    target: String,
}

impl KerberosContext {
    /// A context that has not said anything yet. With a password this asks the KDC.
    pub(super) fn open(
        service: &str,
        host: &str,
        principal: Option<&str>,
        password: Option<&str>,
    ) -> Result<Self, SaslError> {
        let target = format!("{service}@{host}");
        let failed = |error: Error| failure(&target, error);
        let name = Name::new(target.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE)).map_err(failed)?;
        let principal = principal
            .map(|principal| Name::new(principal.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL)))
            .transpose()
            .map_err(failed)?;
        let credentials = match (&principal, password) {
            (None, None) => None,
            (principal, password) => {
                let kerberos = OidSet::singleton(GSS_MECH_KRB5).map_err(failed)?;
                let (principal, usage, mechanisms) =
                    (principal.as_ref(), CredUsage::Initiate, Some(&kerberos));
                let acquired = match password {
                    Some(password) => {
                        Cred::acquire_with_password(principal, password, None, usage, mechanisms)
                    }
                    None => Cred::acquire(principal, None, usage, mechanisms),
                };
                Some(acquired.map_err(failed)?)
            }
        };
        let client = ClientCtx::new(credentials, name, CtxFlags::GSS_C_MUTUAL_FLAG, Some(GSS_MECH_KRB5));
        Ok(Self { client, target })
    }
}

impl Context for KerberosContext {
    fn step(&mut self, message: Option<&[u8]>) -> Result<Vec<u8>, SaslError> {
        let is_opening = message.is_none();
        let step = self.client.step(message, None);
        let answer = step.map_err(|error| match is_opening {
            true => failure(&self.target, error),
            false => untrusted(&self.target, error),
        })?;
        Ok(answer.map(|answer| answer.to_vec()).unwrap_or_default())
    }

    fn is_established(&self) -> bool {
        self.client.is_complete()
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, SaslError> {
        let wrapped = self.client.wrap(false, message).map_err(|error| untrusted(&self.target, error))?;
        Ok(wrapped.to_vec())
    }

    fn unwrap_message(&mut self, message: &[u8]) -> Result<Vec<u8>, SaslError> {
        let verified = SecurityContext::unwrap(&mut self.client, message);
        let message = verified.map_err(|error| untrusted(&self.target, error))?;
        Ok(message.to_vec())
    }
}

/// No ticket. The KDC may be down or the cache be renewed in a moment, unless the KDC has said no.
fn failure(target: &str, error: Error) -> SaslError {
    let code = i64::from(error.minor as i32) - KRB5_ERRORS;
    let (kind, hint) = if REFUSALS.contains(&code) {
        (SaslErrorKind::CredentialsRefused, "check the principals of client and broker, and the key")
    } else {
        (SaslErrorKind::CredentialsUnavailable, "check klist, KRB5CCNAME, KRB5_CLIENT_KTNAME and KRB5_CONFIG")
    };
    SaslError::new(kind, format!("no kerberos ticket for {target}, {hint}: {}", told(error)))
}

fn untrusted(target: &str, error: Error) -> SaslError {
    let text = format!("the server has not proved that it is {target}: {}", told(error));
    SaslError::new(SaslErrorKind::WrongServerSignature, text)
}

/// The library's words, as one line.
fn told(error: Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
