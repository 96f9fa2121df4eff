//! What `ottla broker` asks of clients: logins, and TLS with the feature `tls`.

use ottla_testbroker::{ListenerConfig, SaslConfig, ScramMechanism};

/// Options about who comes in.
#[derive(clap::Args)]
pub struct Doors {
    /// A user that may log in; may be given several times
    ///
    /// Clients must then log in, by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = User::parse)]
    users: Vec<User>,

    /// A chain of certificates, as PEM: clients must then speak TLS
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<std::path::PathBuf>,

    /// The certificate's key, as PEM
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<std::path::PathBuf>,

    /// An authority, as PEM: clients must then show a certificate that it has signed
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_client_ca: Option<std::path::PathBuf>,
}

/// `NAME:PASSWORD`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    name: String,
    password: String,
}

impl User {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                Ok(Self { name: name.to_owned(), password: password.to_owned() })
            }
            _ => Err("a name and a password are needed, as in alice:secret".to_owned()),
        }
    }
}

impl Doors {
    /// The one listener that they make.
    pub fn listener(&self) -> anyhow::Result<ListenerConfig> {
        let mut listener = ListenerConfig::new("CLIENTS");
        if !self.users.is_empty() {
            listener =
                listener.sasl(self.users.iter().fold(SaslConfig::new(), |sasl, User { name, password }| {
                    sasl.plain_user(name, password)
                        .scram_user(ScramMechanism::Sha256, name, password)
                        .scram_user(ScramMechanism::Sha512, name, password)
                }));
        }
        #[cfg(feature = "tls")]
        if let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) {
            listener = listener.tls(self.tls(certificate, key)?);
        }
        Ok(listener)
    }

    #[cfg(feature = "tls")]
    fn tls(
        &self,
        certificate: &std::path::Path,
        key: &std::path::Path,
    ) -> anyhow::Result<ottla_testbroker::TlsConfig> {
        use anyhow::Context;
        use ottla_testbroker::{ClientCertificates, TlsConfig};
        let read = |path: &std::path::Path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let tls = TlsConfig::from_pem(&read(certificate)?, &read(key)?)?;
        Ok(match &self.tls_client_ca {
            Some(authority) => tls.client_certificates(ClientCertificates::required(&read(authority)?)?),
            None => tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_and_a_password() {
        let user = User { name: "alice".to_owned(), password: "se:cret".to_owned() };
        assert_eq!(User::parse("alice:se:cret"), Ok(user));
        for text in ["alice", "alice:", ":secret", ""] {
            assert!(User::parse(text).is_err(), "{text}");
        }
    }
}
