//! Java's key stores, given where PEM is expected: told with the command that turns them into PEM.

use ottla_core::connection::ConnectError;

use super::failure::unusable;
use super::source::Source;

/// What a JKS file begins with, and its sibling JCEKS.
const JKS: [[u8; 4]; 2] = [[0xfe, 0xed, 0xfe, 0xed], [0xce, 0xce, 0xce, 0xce]];

/// An error if `content` is a Java key store.
pub(super) fn refuse(source: &Source, content: &[u8]) -> Result<(), ConnectError> {
    if JKS.iter().any(|magic| content.starts_with(magic)) {
        let name = name(source, "store.jks");
        return Err(unusable(format!(
            "{source} is a Java key store (JKS), and PEM is needed; convert it: `keytool -importkeystore \
             -srckeystore {name} -destkeystore {name}.p12 -deststoretype PKCS12`, then `openssl pkcs12 -in {name}.p12 \
             -nodes -out {name}.pem`"
        )));
    }
    if is_pkcs12(content) {
        let name = name(source, "store.p12");
        return Err(unusable(format!(
            "{source} is a PKCS#12 store, and PEM is needed; convert it: `openssl pkcs12 -in {name} -nodes -out \
             {name}.pem`"
        )));
    }
    Ok(())
}

fn name(source: &Source, otherwise: &str) -> String {
    if source.is_file() { source.to_string() } else { otherwise.to_owned() }
}

/// RFC 7292: a sequence whose first element is the integer 3. A certificate's first is a sequence, a key's the integer
/// 0 or 1.
fn is_pkcs12(content: &[u8]) -> bool {
    let after_header = match content {
        // A long length: the low bits say how many bytes it has. 0x80 is an indefinite one.
        [0x30, length, rest @ ..] if *length >= 0x80 => rest.get(usize::from(length & 0x7f)..),
        [0x30, _, rest @ ..] => Some(rest),
        _ => None,
    };
    after_header.is_some_and(|rest| rest.starts_with(&[0x02, 0x01, 0x03]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_stores_are_recognised_and_the_error_says_how_to_convert_them() {
        for (content, command) in [
            (&b"\xfe\xed\xfe\xed\0\0\0\x02"[..], Some("keytool -importkeystore")),
            (b"\xce\xce\xce\xce\0\0\0\x02", Some("keytool -importkeystore")),
            (b"\x30\x82\x0a\x00\x02\x01\x03\x30", Some("openssl pkcs12")),
            (b"\x30\x80\x02\x01\x03\x30", Some("openssl pkcs12")),
            (b"\x30\x82\x0a\x00\x30\x82\x09", None),
            (b"\x30\x82\x0a\x00\x02\x01\x00", None),
            (b"\x30\x84", None),
            (b"\x30", None),
            (b"-----BEGIN CERTIFICATE-----", None),
            (b"", None),
        ] {
            let result = refuse(&Source::Memory(content.into()), content);
            match command {
                Some(command) => assert!(result.expect_err("a store").to_string().contains(command)),
                None => assert_eq!(result, Ok(())),
            }
        }
    }
}
