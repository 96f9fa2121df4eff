//! What to type so that a Java key store becomes PEM.

/// A store that is no PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreType {
    Jks,
    Pkcs12,
}

impl StoreType {
    /// By what the type's key says, or else by how the file is called.
    pub(super) fn of(type_name: Option<&str>, path: &str) -> Result<Option<Self>, String> {
        let Some(type_name) = type_name else {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
            return Ok(match extension.as_str() {
                "jks" | "jceks" | "keystore" | "truststore" => Some(Self::Jks),
                "p12" | "pfx" | "pkcs12" => Some(Self::Pkcs12),
                _ => None,
            });
        };
        match type_name.to_ascii_uppercase().as_str() {
            "PEM" => Ok(None),
            "JKS" | "JCEKS" => Ok(Some(Self::Jks)),
            "PKCS12" | "PKCS#12" | "P12" | "PFX" => Ok(Some(Self::Pkcs12)),
            _ => Err(format!("only PEM is read: {type_name}")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jks => "JKS",
            Self::Pkcs12 => "PKCS12",
        }
    }

    /// For certificates to trust.
    pub(super) fn convert_truststore(self, path: &str) -> String {
        let (from, to) = (quoted(path), pem(path));
        let command = match self {
            Self::Jks => format!("keytool -list -rfc -keystore {from} -storetype JKS > {to}"),
            Self::Pkcs12 => format!("openssl pkcs12 -in {from} -nokeys -out {to}"),
        };
        self.told(
            &command,
            &format!("ssl.truststore.type=PEM and ssl.truststore.location={}", pem_path(path)),
        )
    }

    /// For a private key with its certificates.
    pub(super) fn convert_keystore(self, path: &str) -> String {
        let (from, to) = (quoted(path), pem(path));
        let command = match self {
            Self::Jks => {
                let between = quoted(&format!("{}.p12", stem(path)));
                format!(
                    "keytool -importkeystore -srckeystore {from} -srcstoretype JKS -destkeystore {between} \
                     -deststoretype PKCS12 && openssl pkcs12 -in {between} -nodes -out {to}"
                )
            }
            Self::Pkcs12 => format!("openssl pkcs12 -in {from} -nodes -out {to}"),
        };
        self.told(&command, &format!("ssl.keystore.type=PEM and ssl.keystore.location={}", pem_path(path)))
    }

    fn told(self, command: &str, then: &str) -> String {
        format!("{} stores are not read, only PEM; convert it with `{command}` and set {then}", self.name())
    }
}

/// Without its extension.
fn stem(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && !extension.contains('/') && !stem.ends_with('/') => {
            stem
        }
        _ => path,
    }
}

fn pem_path(path: &str) -> String {
    format!("{}.pem", stem(path))
}

fn pem(path: &str) -> String {
    quoted(&pem_path(path))
}

/// So that a shell takes it as one word.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_known_by_its_type_or_else_by_its_name() {
        let check =
            |type_name, path, expected| assert_eq!(StoreType::of(type_name, path), Ok(expected), "{path}");
        check(Some("PEM"), "a.jks", None);
        check(Some("pem"), "a.p12", None);
        check(Some("jks"), "a.pem", Some(StoreType::Jks));
        check(Some("PKCS12"), "a", Some(StoreType::Pkcs12));
        check(None, "/etc/a.JKS", Some(StoreType::Jks));
        check(None, "a.pfx", Some(StoreType::Pkcs12));
        check(None, "/etc/p12/ca.crt", None);
        check(None, "ca", None);
        assert_eq!(StoreType::of(Some("BKS"), "a"), Err("only PEM is read: BKS".to_owned()));
    }

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let check = |store: StoreType, path: &str, trust: bool, expected: &str| {
            let told = if trust { store.convert_truststore(path) } else { store.convert_keystore(path) };
            assert!(told.contains(&format!("`{expected}`")), "{told}");
        };
        use StoreType::{Jks, Pkcs12};
        check(Jks, "/etc/t.jks", true, "keytool -list -rfc -keystore /etc/t.jks -storetype JKS > /etc/t.pem");
        check(Pkcs12, "t.p12", true, "openssl pkcs12 -in t.p12 -nokeys -out t.pem");
        check(
            Jks,
            "k.jks",
            false,
            "keytool -importkeystore -srckeystore k.jks -srcstoretype JKS -destkeystore k.p12 -deststoretype PKCS12 \
             && openssl pkcs12 -in k.p12 -nodes -out k.pem",
        );
        check(
            Pkcs12,
            "my key's.p12",
            false,
            "openssl pkcs12 -in 'my key'\\''s.p12' -nodes -out 'my key'\\''s.pem'",
        );
        check(Pkcs12, "a.b/store", false, "openssl pkcs12 -in a.b/store -nodes -out a.b/store.pem");
    }
}
