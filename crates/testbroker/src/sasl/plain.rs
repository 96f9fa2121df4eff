//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`.

use bytes::Bytes;

use super::config::Authority;
use super::exchange::{Identity, Refusal, Step};

/// What Kafka says where somebody wants to be somebody else.
pub(crate) const OTHER_IDENTITY: &str =
    "Authentication failed: Client requested an authorization id that is different from username";

pub(crate) fn on_token(token: &[u8], authority: &Authority) -> Result<Step, Refusal> {
    let text = std::str::from_utf8(token).map_err(|_| Refusal::Credentials("not UTF-8"))?;
    // A password has no NUL in it.
    let [authzid, name, password] = text.split('\0').collect::<Vec<_>>()[..] else {
        return Err(Refusal::Credentials("not three fields"));
    };
    if name.is_empty() || password.is_empty() {
        return Err(Refusal::Credentials("no name or no password"));
    }
    if authority.plain_password(name) != Some(password) {
        return Err(Refusal::Told("Authentication failed: Invalid username or password".to_owned()));
    }
    if !authzid.is_empty() && authzid != name {
        return Err(Refusal::Told(OTHER_IDENTITY.to_owned()));
    }
    Ok(Step::Done(Bytes::new(), Identity::named(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::SaslConfig;

    fn check(token: &[u8]) -> Result<String, Refusal> {
        let config = SaslConfig::new().plain_user("tim", "tanstaaftanstaaf").plain_user("Kurt", "xipj3plmq");
        match on_token(token, &Authority::new(&config, 0))? {
            Step::Done(answer, identity) => {
                assert!(answer.is_empty());
                Ok(identity.name)
            }
            Step::Continue(_) => panic!("PLAIN is one token"),
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(check(b"\0tim\0tanstaaftanstaaf").as_deref(), Ok("tim"));
        // "Ursel" wants to be let in by Kurt's password: Kafka lets nobody be another.
        assert_eq!(check(b"Ursel\0Kurt\0xipj3plmq"), Err(Refusal::Told(OTHER_IDENTITY.to_owned())));
        assert_eq!(check(b"Kurt\0Kurt\0xipj3plmq").as_deref(), Ok("Kurt"));
    }

    #[test]
    fn what_is_wrong_is_told_without_saying_who_exists() {
        let wrong = Refusal::Told("Authentication failed: Invalid username or password".to_owned());
        for token in [&b"\0tim\0wrong"[..], b"\0nobody\0tanstaaftanstaaf", b"nobody\0tim\0x"] {
            assert_eq!(check(token), Err(wrong.clone()));
        }
        for token in [&b""[..], b"\0", b"\0tim", b"\0tim\0", b"\0\0secret", b"\0tim\0a\0b", b"\0\xff\0x"] {
            assert!(matches!(check(token), Err(Refusal::Credentials(_))), "{token:?}");
        }
    }
}
