//! A cluster with many ways in: its listeners, and what a client must have to use them.

pub mod pki;
mod test_broker;
pub mod tokens;

pub use pki::{Authority, Leaf};
pub use test_broker::SecuredTestBroker;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything about it.
#[derive(Clone, Debug)]
pub struct Secured {
    /// The ways in, by name.
    pub doors: BTreeMap<String, Door>,
    /// The password of each user, by mechanism and name.
    pub passwords: BTreeMap<(String, String), String>,
    /// Certificates and keys.
    pub tls: TlsFiles,
    /// Tokens by name: `token` is good, `expired-token` is not.
    pub tokens: BTreeMap<String, String>,
    /// Where tokens are issued, where that is.
    pub issuer: Option<Issuer>,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct Door {
    /// What clients take as `bootstrap.servers`.
    pub bootstrap_servers: String,
    /// `SASL_SSL` and its kin.
    pub security_protocol: String,
    /// What it authenticates by; nothing if it does not.
    pub mechanisms: Vec<String>,
    /// Whether its tokens are `signed` or `unsecured`.
    pub tokens: Option<String>,
    /// Whether it wants a client certificate.
    pub wants_client_certificate: bool,
    /// Whether its certificate, if it has one, is good.
    pub is_good: bool,
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The authority that has signed the good certificates.
    pub ca: PathBuf,
    /// Another one.
    pub other_ca: PathBuf,
    /// Certificate chain and key by name: `client` is good, `client-expired` is not.
    pub clients: BTreeMap<String, (PathBuf, PathBuf)>,
}

/// A token endpoint.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its address.
    pub token_endpoint: String,
    /// A client that gets good tokens, and its secret.
    pub client: (String, String),
}

impl Door {
    /// Whether the bytes go encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.security_protocol.ends_with("SSL")
    }
}

impl Secured {
    /// The real Kafka that `cargo xtask test` has started with every listener.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn kafka() -> Self {
        Self::from_description(Path::new(&crate::real_kafka::required("OTTLA_TEST_KAFKA_SECURED")))
    }

    /// As `cargo xtask kafka up --security` describes it in `security.json`.
    fn from_description(file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("the description of the cluster");
        let all: Value = serde_json::from_str(&text).expect("json");
        let clients = members(&all["tls"]["clients"]);
        let files = members(&all["oauth"]["tokens"]);
        let listeners = members(&all["listeners"]).map(|(name, door)| (name, Door::from_description(door)));
        let plaintext = ("plaintext".to_owned(), Door::plaintext(text_of(&all["plaintext"])));
        Self {
            doors: listeners.chain([plaintext]).collect(),
            passwords: all["users"].as_array().into_iter().flatten().map(user).collect(),
            tls: TlsFiles {
                ca: text_of(&all["tls"]["ca"]).into(),
                other_ca: text_of(&all["tls"]["other_ca"]).into(),
                clients: clients
                    .map(|(name, client)| {
                        (name, (text_of(&client["certificate"]).into(), text_of(&client["key"]).into()))
                    })
                    .collect(),
            },
            tokens: files.map(|(name, file)| (name, read(&text_of(file)))).collect(),
            issuer: Some(Issuer {
                token_endpoint: text_of(&all["oauth"]["token_endpoint"]),
                client: {
                    let client = &all["oauth"]["clients"][0];
                    (text_of(&client["client_id"]), text_of(&client["client_secret"]))
                },
            }),
        }
    }

    /// A door by its name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn door(&self, name: &str) -> &Door {
        self.doors.get(name).unwrap_or_else(|| panic!("no listener {name}"))
    }

    /// The password of alice.
    ///
    /// # Panics
    /// If she has none for the mechanism.
    #[must_use]
    pub fn password(&self, mechanism: &str) -> &str {
        &self.passwords[&(mechanism.to_owned(), "alice".to_owned())]
    }
}

impl Door {
    fn plaintext(bootstrap_servers: String) -> Self {
        Self {
            bootstrap_servers,
            security_protocol: "PLAINTEXT".to_owned(),
            mechanisms: Vec::new(),
            tokens: None,
            wants_client_certificate: false,
            is_good: true,
        }
    }

    fn from_description(door: &Value) -> Self {
        Self {
            bootstrap_servers: text_of(&door["bootstrap_servers"]),
            security_protocol: text_of(&door["security_protocol"]),
            mechanisms: door["mechanisms"].as_array().into_iter().flatten().map(text_of).collect(),
            tokens: door["tokens"].as_str().map(str::to_owned),
            wants_client_certificate: door["client_certificate_required"] == true,
            is_good: door["certificate"].as_str().is_none_or(|name| name == "broker"),
        }
    }
}

fn user(user: &Value) -> ((String, String), String) {
    ((text_of(&user["mechanism"]), text_of(&user["username"])), text_of(&user["password"]))
}

fn members(value: &Value) -> impl Iterator<Item = (String, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value))
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(file).expect("a token").trim().to_owned()
}
