//! The messages of SCRAM that clients send (RFC 5802, section 7), in the form that Kafka's take: names of extensions may
//! have several letters (`tokenauth=true`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::exchange::Refusal;

/// The first message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientFirst<'a> {
    /// What the channel binding of the final message repeats.
    pub(crate) gs2_header: &'a str,
    pub(crate) authzid: String,
    /// Everything behind the header, which the proof is over.
    pub(crate) bare: &'a str,
    pub(crate) name: String,
    pub(crate) nonce: &'a str,
    pub(crate) extensions: BTreeMap<String, String>,
}

/// The final message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientFinal<'a> {
    pub(crate) channel_binding: Vec<u8>,
    pub(crate) nonce: &'a str,
    pub(crate) without_proof: &'a str,
    pub(crate) proof: Vec<u8>,
}

impl<'a> ClientFirst<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, Refusal> {
        let text = utf8(token)?;
        let (flag, rest) = text.split_once(',').ok_or(Refusal::Credentials("no channel binding flag"))?;
        // "y" is a client that could bind channels and sees that the server cannot; "p" is one that insists.
        if !matches!(flag, "n" | "y") {
            return Err(Refusal::Credentials("channel binding is not supported"));
        }
        let (authzid, bare) =
            rest.split_once(',').ok_or(Refusal::Credentials("no authorization identity"))?;
        let authzid = match authzid.strip_prefix("a=") {
            Some(name) => unescape(name)?,
            None if authzid.is_empty() => String::new(),
            None => return Err(Refusal::Credentials("not an authorization identity")),
        };
        let mut fields = bare.split(',');
        // In the place of a name an "m=" would be something that the server must understand.
        let name = unescape(field(fields.next(), "n=")?)?;
        let nonce = checked_nonce(field(fields.next(), "r=")?)?;
        let mut extensions = BTreeMap::new();
        for extension in fields {
            let (key, value) = extension.split_once('=').ok_or(Refusal::Credentials("not an extension"))?;
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphabetic()) || value.is_empty() {
                return Err(Refusal::Credentials("not an extension"));
            }
            extensions.insert(key.to_owned(), value.to_owned());
        }
        let gs2_header = &text[..text.len() - bare.len()];
        Ok(Self { gs2_header, authzid, bare, name, nonce, extensions })
    }
}

impl<'a> ClientFinal<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, Refusal> {
        let text = utf8(token)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Refusal::Credentials("no proof"))?;
        let mut fields = without_proof.split(',');
        let channel_binding = decode(field(fields.next(), "c=")?)?;
        let nonce = checked_nonce(field(fields.next(), "r=")?)?;
        Ok(Self { channel_binding, nonce, without_proof, proof: decode(proof)? })
    }
}

fn utf8(token: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(token).map_err(|_| Refusal::Credentials("not UTF-8"))
}

fn field<'a>(field: Option<&'a str>, prefix: &'static str) -> Result<&'a str, Refusal> {
    field.and_then(|field| field.strip_prefix(prefix)).ok_or(Refusal::Credentials("a field is not there"))
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|_| Refusal::Credentials("not base64"))
}

/// Printable, without a comma.
fn checked_nonce(nonce: &str) -> Result<&str, Refusal> {
    let is_fine = !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic());
    is_fine.then_some(nonce).ok_or(Refusal::Credentials("not a nonce"))
}

/// A `saslname`: commas and equals signs are written as `=2C` and `=3D`, and "=" is followed by nothing else.
pub(crate) fn unescape(name: &str) -> Result<String, Refusal> {
    const BAD: Refusal = Refusal::Credentials("not a name");
    if name.is_empty() || name.contains('\0') {
        return Err(BAD);
    }
    let mut parts = name.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(BAD),
        };
        plain.push(sign);
        plain.push_str(rest);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped_and_strange_ones_refused() {
        for (escaped, plain) in [("user", "user"), ("a=2Cb=3Dc", "a,b=c"), ("=3D2C", "=2C"), ("ünï", "ünï")]
        {
            assert_eq!(unescape(escaped).as_deref(), Ok(plain));
        }
        for bad in ["", "a=", "a=2", "a=2c", "a=3d", "=", "a=40", "a\0"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_first_message_is_taken_apart() {
        let first =
            ClientFirst::parse(b"n,a=al=2Cice,n=al=2Cice,r=nonce,tokenauth=true,x=1").expect("a message");
        assert_eq!(
            (first.gs2_header, &first.authzid[..], &first.name[..]),
            ("n,a=al=2Cice,", "al,ice", "al,ice")
        );
        assert_eq!((first.nonce, first.extensions.len()), ("nonce", 2));
        assert_eq!(first.bare, "n=al=2Cice,r=nonce,tokenauth=true,x=1");
        for bad in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=",
            "n,,n=u",
            "n,,n=u,r=",
            "n,,r=x,n=u",
            "p=tls-unique,,n=u,r=x",
            "x,,n=u,r=x",
            "n,b,n=u,r=x",
            "n,,m=ext,n=u,r=x",
            "n,,n=u,r=x,",
            "n,,n=u,r=x,=1",
            "n,,n=u,r=x,k",
            "n,,n=u,r=a b",
        ] {
            assert!(ClientFirst::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_final_message_is_taken_apart() {
        let last = ClientFinal::parse(b"c=biws,r=nonce,x=1,p=AAEC").expect("a message");
        assert_eq!((&last.channel_binding[..], last.nonce), (&b"n,,"[..], "nonce"));
        assert_eq!((last.without_proof, &last.proof[..]), ("c=biws,r=nonce,x=1", &[0, 1, 2][..]));
        for bad in [
            "",
            "c=biws",
            "c=biws,r=x",
            "c=biws,r=x,p=!",
            "c=!,r=x,p=AAEC",
            "r=x,c=biws,p=AAEC",
            "c=biws,p=AAEC",
        ] {
            assert!(ClientFinal::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
