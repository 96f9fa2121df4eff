//! Every way into a broker, on one broker: which listeners it has beside the plaintext one, what they need
//! (certificates, users, tokens, tickets), and what a client must know to use them. Everything is made on the spot
//! and worth nothing elsewhere: secrets stand in plain files.

mod broker_config;
mod description;
mod kdc;
mod layout;
mod listener;
mod pki;
mod token_server;
mod tokens;
mod users;

pub use broker_config::{mechanisms, properties};
pub use description::Description;
pub use kdc::{KEYTABS, REALM, SERVICE};
pub use layout::SecurityFolder;
pub use listener::{Listener, Selection, Tokens};
pub use pki::{KEY_PASSWORD, encrypted_keys};
pub use token_server::{CLIENTS, ServeTokens, endpoint as token_endpoint, serve as serve_tokens};
pub use tokens::FILES as TOKEN_FILES;
pub use users::all as all_users;

use super::companion::{Companion, Kind};
use super::layout::ClusterFolder;
use super::state::Cluster;
use anyhow::{Result, bail};

/// Listeners that were asked for but cannot be had here, with the reason; the others remain.
pub fn available(wanted: &[&'static Listener]) -> (Vec<&'static Listener>, Option<String>) {
    let missing = kdc::missing();
    let kept = |listener: &&&'static Listener| missing.is_none() || !listener.needs_kdc();
    let listeners: Vec<_> = wanted.iter().filter(kept).copied().collect();
    let reason = missing.filter(|_| wanted.iter().any(|listener| listener.uses_kerberos()));
    (listeners, reason)
}

/// Every listener there is.
pub fn every_listener() -> Vec<&'static Listener> {
    listener::ALL.iter().collect()
}

/// The programs that have to run beside the broker.
pub fn companions(listeners: &[&'static Listener]) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if listeners.iter().any(|listener| listener.uses_tokens()) {
        kinds.push(Kind::TokenServer);
    }
    if kdc::missing().is_none() && listeners.iter().any(|listener| listener.uses_kerberos()) {
        kinds.push(Kind::Kdc);
    }
    kinds
}

/// Makes certificates, keys, tokens and tickets for a cluster.
pub fn prepare(folder: &ClusterFolder, cluster: &Cluster) -> Result<()> {
    if cluster.listeners.is_empty() {
        return Ok(());
    }
    let security = folder.security();
    pki::make(&security)?;
    if let Some(port) = cluster.companion_port(Kind::TokenServer) {
        tokens::make(&security, port)?;
    }
    if let Some(port) = cluster.companion_port(Kind::Kdc) {
        kdc::prepare(&security, port)?;
    }
    Ok(())
}

/// The command of a companion that belongs to security.
pub fn companion_command(folder: &ClusterFolder, companion: &Companion) -> Result<std::process::Command> {
    match companion.kind {
        Kind::TokenServer => token_server::command(folder, companion),
        Kind::Kdc => Ok(kdc::command(folder)),
        Kind::ZooKeeper => bail!("ZooKeeper is no part of a secured cluster"),
    }
}

/// What the broker's JVM must be told.
pub fn jvm_arguments(folder: &SecurityFolder, cluster: &Cluster) -> Vec<String> {
    let mut arguments = Vec::new();
    if let Some(port) = cluster.companion_port(Kind::TokenServer) {
        let urls = [tokens::jwks_file_url(folder), tokens::jwks_url(port)];
        arguments.push(format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}", urls.join(",")));
    }
    if cluster.companion_port(Kind::Kdc).is_some() {
        arguments.push(format!("-Djava.security.krb5.conf={}", folder.krb5_conf().display()));
    }
    arguments
}

/// The SCRAM users, as the format tool takes them.
pub fn format_arguments(cluster: &Cluster) -> Vec<String> {
    if cluster.listeners.is_empty() { Vec::new() } else { users::scram_format_arguments() }
}
