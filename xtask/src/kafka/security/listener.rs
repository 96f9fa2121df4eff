//! The listeners a secured broker can have, as one table. Each is a way in, or a way that must be refused.

use anyhow::{Result, bail};
use std::str::FromStr;

/// One listener.
#[derive(Debug, PartialEq, Eq)]
pub struct Listener {
    /// What `--security` takes and `security.json` shows.
    pub name: &'static str,
    /// Kafka's `security.protocol`.
    pub protocol: &'static str,
    /// Kafka's names of the SASL mechanisms it offers.
    pub mechanisms: &'static [&'static str],
    /// Which certificate it shows, where it speaks TLS.
    pub certificate: Option<&'static str>,
    /// Whether clients must show a certificate too.
    pub client_certificate: bool,
    /// How it checks OAUTHBEARER tokens.
    pub tokens: Option<Tokens>,
    /// `connections.max.reauth.ms`.
    pub session_lifetime_ms: Option<u32>,
}

/// How tokens are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Not at all: unsigned tokens, for development.
    Unsecured,
    /// With keys from a file.
    JwksFile,
    /// With keys fetched by http.
    JwksHttp,
}

const PASSWORDS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const TOKENS: &[&str] = &["OAUTHBEARER"];
const TICKETS: &[&str] = &["GSSAPI"];
const NO_TICKETS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];
const EVERYTHING: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"];

/// Every listener, in the order of their ports.
pub static ALL: [Listener; 18] = [
    sasl("sasl-plaintext", PASSWORDS),
    ssl("ssl", "broker"),
    Listener { client_certificate: true, ..ssl("mtls", "broker") },
    over_tls(sasl("sasl-ssl", PASSWORDS)),
    Listener { client_certificate: true, ..over_tls(sasl("sasl-mtls", PASSWORDS)) },
    oauth("oauth-unsecured", Tokens::Unsecured),
    over_tls(oauth("oauth-unsecured-ssl", Tokens::Unsecured)),
    oauth("oauth-file", Tokens::JwksFile),
    over_tls(oauth("oauth-file-ssl", Tokens::JwksFile)),
    over_tls(oauth("oauth-http-ssl", Tokens::JwksHttp)),
    sasl("gssapi", TICKETS),
    over_tls(sasl("gssapi-ssl", TICKETS)),
    Listener {
        tokens: Some(Tokens::JwksFile),
        session_lifetime_ms: Some(5000),
        ..sasl("reauth", NO_TICKETS)
    },
    Listener { tokens: Some(Tokens::JwksFile), ..sasl("all-mechanisms", EVERYTHING) },
    ssl("ssl-expired", "broker-expired"),
    ssl("ssl-not-yet-valid", "broker-not-yet-valid"),
    ssl("ssl-wrong-host", "broker-wrong-host"),
    ssl("ssl-wrong-ca", "broker-wrong-ca"),
];

impl Listener {
    /// The listener of that name.
    pub fn named(name: &str) -> Option<&'static Listener> {
        ALL.iter().find(|listener| listener.name == name)
    }

    /// Kafka's name of it.
    pub fn kafka_name(&self) -> String {
        self.name.to_uppercase().replace('-', "_")
    }

    /// Whether it is worth nothing without a KDC.
    pub fn needs_kdc(&self) -> bool {
        self.mechanisms == TICKETS
    }

    /// Whether it offers GSSAPI.
    pub fn uses_kerberos(&self) -> bool {
        self.mechanisms.contains(&"GSSAPI")
    }

    /// Whether it takes signed tokens.
    pub fn uses_tokens(&self) -> bool {
        matches!(self.tokens, Some(Tokens::JwksFile | Tokens::JwksHttp))
    }
}

const fn sasl(name: &'static str, mechanisms: &'static [&'static str]) -> Listener {
    Listener {
        name,
        protocol: "SASL_PLAINTEXT",
        mechanisms,
        certificate: None,
        client_certificate: false,
        tokens: None,
        session_lifetime_ms: None,
    }
}

const fn ssl(name: &'static str, certificate: &'static str) -> Listener {
    Listener { protocol: "SSL", certificate: Some(certificate), ..sasl(name, &[]) }
}

const fn oauth(name: &'static str, tokens: Tokens) -> Listener {
    Listener { tokens: Some(tokens), ..sasl(name, TOKENS) }
}

const fn over_tls(listener: Listener) -> Listener {
    Listener { protocol: "SASL_SSL", certificate: Some("broker"), ..listener }
}

/// What `--security` says: `all`, or one listener's name.
#[derive(Clone, Debug)]
pub struct Selection(Vec<&'static Listener>);

impl Selection {
    /// The listeners of some selections, each once, in the table's order.
    pub fn listeners(selections: &[Selection]) -> Vec<&'static Listener> {
        ALL.iter().filter(|row| selections.iter().any(|selection| selection.0.contains(row))).collect()
    }
}

impl FromStr for Selection {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Selection> {
        if text == "all" {
            return Ok(Selection(ALL.iter().collect()));
        }
        let Some(listener) = Listener::named(text) else {
            let names: Vec<_> = ALL.iter().map(|listener| listener.name).collect();
            bail!("no such listener: {text}: choose from all, {}", names.join(", "));
        };
        Ok(Selection(vec![listener]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_differ() {
        let names: BTreeSet<_> = ALL.iter().map(|listener| listener.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn all_means_every_row_and_a_list_means_its_rows_once() {
        let all = ["all".parse().expect("it is known")];
        assert_eq!(Selection::listeners(&all).len(), ALL.len());
        let list = ["ssl", "sasl-plaintext", "ssl"].map(|name| name.parse().expect("it is known"));
        let names: Vec<_> = Selection::listeners(&list).iter().map(|listener| listener.name).collect();
        assert_eq!(names, ["sasl-plaintext", "ssl"]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_there_are() {
        let error = "tls".parse::<Selection>().expect_err("it is unknown").to_string();
        assert!(error.contains("tls") && error.contains("sasl-ssl"), "{error}");
    }

    #[test]
    fn a_listener_with_tls_has_a_certificate_and_one_with_tokens_checks_them() {
        for listener in &ALL {
            assert_eq!(
                listener.protocol.ends_with("SSL"),
                listener.certificate.is_some(),
                "{}",
                listener.name
            );
            assert_eq!(listener.mechanisms.contains(&"OAUTHBEARER"), listener.tokens.is_some());
        }
    }
}
