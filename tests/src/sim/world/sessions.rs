//! Brokers that want to know who is there, and clients that say so.

use std::time::Duration;

use ottla_client::ClientBuilder;
use ottla_client::sasl::{OAuthBearer, Plain, Scram, ScramMechanism, UnsecuredToken};
use ottla_testbroker::{ClusterBuilder, ListenerConfig, SaslConfig, TokenPolicy};

const USER: &str = "alice";
const PASSWORD: &str = "secret";

/// The cluster with one listener, on which sessions last so long.
pub(super) fn listen(cluster: ClusterBuilder, session: Duration) -> ClusterBuilder {
    let sasl = SaslConfig::new()
        .plain_user(USER, PASSWORD)
        .scram_user(ottla_testbroker::ScramMechanism::Sha256, USER, PASSWORD)
        .tokens(TokenPolicy::unsecured())
        .connections_max_reauth(session);
    cluster.listener(ListenerConfig::new("SESSIONS").sasl(sasl))
}

/// A client that logs in by the mechanism that its seed has drawn. SCRAM is rare: it is meant to take time.
pub(super) fn log_in(builder: ClientBuilder, seed: u64) -> ClientBuilder {
    match seed % 8 {
        0 => builder.sasl(Scram::new(ScramMechanism::Sha256, USER, PASSWORD).expect("credentials")),
        1..4 => builder.sasl(OAuthBearer::unsecured(UnsecuredToken::new(USER).expect("a name"))),
        _ => builder.sasl(Plain::new(USER, PASSWORD).expect("credentials")),
    }
}
