//! What a client must know of a secured cluster, in `security.json` for programs and as text for people.

use super::broker_config::mechanisms;
use super::kdc;
use super::layout::SecurityFolder;
use super::listener::Tokens;
use super::{pki, token_server, tokens, users};
use crate::kafka::companion::Kind;
use crate::kafka::layout::ClusterFolder;
use crate::kafka::state::{Cluster, Endpoint};
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// A secured cluster as its clients see it.
pub struct Description<'a> {
    cluster: &'a Cluster,
    folder: SecurityFolder,
    path: PathBuf,
}

impl<'a> Description<'a> {
    /// Of a cluster in a folder.
    pub fn new(cluster: &'a Cluster, folder: &ClusterFolder) -> Description<'a> {
        Description { cluster, folder: folder.security(), path: folder.security_state() }
    }

    /// Writes `security.json`, where there is something to write.
    pub fn save(&self) -> Result<()> {
        if self.cluster.listeners.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&self.to_json()).context("a description is no JSON")?;
        let partial = self.path.with_extension("json.partial");
        fs::write(&partial, text + "\n")
            .and_then(|()| fs::rename(&partial, &self.path))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn to_json(&self) -> Value {
        let mut listeners = Map::new();
        for endpoint in &self.cluster.listeners {
            listeners.insert(endpoint.listener.name.to_owned(), self.listener(endpoint));
        }
        let user = |user: users::User| json!({"mechanism": user.mechanism, "username": user.username, "password": user.password});
        json!({
            "plaintext": self.cluster.bootstrap_servers(),
            "listeners": listeners,
            "users": users::all().into_iter().map(user).collect::<Vec<_>>(),
            "tls": self.tls(),
            "oauth": self.cluster.companion_port(Kind::TokenServer).map(|port| self.oauth(port)),
            "kerberos": self.cluster.companion_port(Kind::Kdc).map(|_| self.kerberos()),
        })
    }

    fn listener(&self, endpoint: &Endpoint) -> Value {
        let listener = endpoint.listener;
        let tokens = listener.tokens.map(|tokens| match tokens {
            Tokens::Unsecured => "unsecured",
            Tokens::JwksFile | Tokens::JwksHttp => "signed",
        });
        json!({
            "bootstrap_servers": endpoint.bootstrap_servers(),
            "security_protocol": listener.protocol,
            "mechanisms": mechanisms(self.cluster, listener),
            "certificate": listener.certificate,
            "client_certificate_required": listener.client_certificate,
            "tokens": tokens,
            "session_lifetime_ms": listener.session_lifetime_ms,
        })
    }

    fn tls(&self) -> Value {
        let file = |name: &str| self.folder.pki_file(name);
        let client = |name: &str| {
            let pair =
                json!({"certificate": file(&format!("{name}.pem")), "key": file(&format!("{name}.key"))});
            (name.to_owned(), pair)
        };
        let encrypted: Map<_, _> =
            pki::encrypted_keys(&self.folder).map(|(name, path)| (name.to_owned(), json!(path))).collect();
        json!({
            "ca": file("ca.pem"),
            "other_ca": file("other-ca.pem"),
            "clients": pki::clients().map(client).collect::<Map<_, _>>(),
            "encrypted_client_keys": encrypted,
            "key_password": pki::KEY_PASSWORD,
        })
    }

    fn oauth(&self, port: u16) -> Value {
        let clients = token_server::CLIENTS.iter().map(|client| {
            json!({"client_id": client.id, "client_secret": client.secret, "lifetime_s": client.lifetime_s})
        });
        let files: Map<_, _> = tokens::FILES
            .iter()
            .map(|&name| (name.to_owned(), json!(self.folder.oauth_file(name))))
            .collect();
        json!({
            "issuer": tokens::issuer(port),
            "audience": tokens::AUDIENCE,
            "subject": tokens::SUBJECT,
            "token_endpoint": token_server::endpoint(port),
            "jwks": tokens::jwks_url(port),
            "jwks_file": self.folder.oauth_file("jwks.json"),
            "clients": clients.collect::<Vec<_>>(),
            "tokens": files,
        })
    }

    fn kerberos(&self) -> Value {
        let keytabs: Map<_, _> =
            kdc::KEYTABS.iter().map(|&name| (name.to_owned(), json!(self.folder.keytab(name)))).collect();
        let (principal, password) = kdc::PASSWORD;
        json!({
            "realm": kdc::REALM,
            "service_name": kdc::SERVICE,
            "krb5_conf": self.folder.krb5_conf(),
            "keytabs": keytabs,
            "principal": principal,
            "password": password,
        })
    }
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = self.cluster;
        for endpoint in &cluster.listeners {
            let listener = endpoint.listener;
            write!(f, "{:<20} {} {}", listener.name, endpoint.bootstrap_servers(), listener.protocol)?;
            let mechanisms = mechanisms(cluster, listener);
            if !mechanisms.is_empty() {
                write!(f, " {}", mechanisms.join(","))?;
            }
            if listener.client_certificate {
                write!(f, " +client certificate")?;
            }
            if let Some(lifetime) = listener.session_lifetime_ms {
                write!(f, " sessions of {lifetime} ms")?;
            }
            writeln!(f)?;
        }
        if cluster.listeners.is_empty() {
            return Ok(());
        }
        let offered = |mechanism: &&str| {
            cluster.listeners.iter().any(|endpoint| endpoint.listener.mechanisms.contains(mechanism))
        };
        for mechanism in users::MECHANISMS.map(|(mechanism, _)| mechanism).iter().filter(|it| offered(it)) {
            let users = users::all().into_iter().filter(|user| user.mechanism == *mechanism);
            let users: Vec<_> = users.map(|user| format!("{}/{}", user.username, user.password)).collect();
            writeln!(f, "{mechanism} users {}", users.join(" "))?;
        }
        if let Some(port) = cluster.companion_port(Kind::TokenServer) {
            let clients: Vec<_> = token_server::CLIENTS
                .iter()
                .map(|client| format!("{}/{}", client.id, client.secret))
                .collect();
            writeln!(f, "tokens from {}, clients {}", token_server::endpoint(port), clients.join(" "))?;
        }
        if cluster.companion_port(Kind::Kdc).is_some() {
            writeln!(f, "tickets by KRB5_CONFIG={}", self.folder.krb5_conf().display())?;
        }
        writeln!(f, "certificates, keys and tokens in {}", self.folder.path().display())?;
        writeln!(f, "all of it for programs: {}", self.path.display())
    }
}
