//! Brokers that want to know who is there, and clients that say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_client::ClientBuilder;
use ottla_client::sasl::{
    CredentialsProvider, Mechanism, OAuthBearer, Plain, Providing, SaslError, SaslErrorKind, Scram,
    ScramMechanism, UnsecuredToken,
};
use ottla_testbroker::{ClusterBuilder, ListenerConfig, SaslConfig, TokenPolicy};

use crate::random::Random;

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

/// A client whose credentials are not always there.
pub(super) fn log_in_at_times(builder: ClientBuilder, seed: u64) -> ClientBuilder {
    let plain = Plain::new(USER, PASSWORD).expect("credentials");
    builder.sasl_provider(Forgetful { mechanism: Arc::new(plain), seed, asked: AtomicU64::new(0) })
}

/// Credentials that it has not at hand one time in eight.
#[derive(Debug)]
struct Forgetful {
    mechanism: Arc<dyn Mechanism>,
    seed: u64,
    asked: AtomicU64,
}

impl CredentialsProvider for Forgetful {
    fn mechanism<'a>(&'a self, _host: &'a str) -> Providing<'a> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        let forgets = Random(self.seed.wrapping_add(nth)).below(8) == 0;
        let error = || SaslError::new(SaslErrorKind::CredentialsUnavailable, "not at hand");
        let mechanism = if forgets { Err(error()) } else { Ok(Arc::clone(&self.mechanism)) };
        Box::pin(std::future::ready(mechanism))
    }
}

/// A client that logs in by the mechanism that its seed has drawn. SCRAM is rare: it is meant to take time.
pub(super) fn log_in(builder: ClientBuilder, seed: u64) -> ClientBuilder {
    match seed % 8 {
        0 => builder.sasl(Scram::new(ScramMechanism::Sha256, USER, PASSWORD).expect("credentials")),
        1..4 => builder.sasl(OAuthBearer::unsecured(UnsecuredToken::new(USER).expect("a name"))),
        _ => builder.sasl(Plain::new(USER, PASSWORD).expect("credentials")),
    }
}
