//! Who may log in to a listener, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use super::delegation_token::DelegationToken;
use super::mechanism::{Mechanism, ScramMechanism};
use super::scram_credential::ScramCredential;
use super::token::TokenPolicy;
use crate::random::Random;

/// Kafka's least.
const DEFAULT_ITERATIONS: u32 = 4096;
const SALT_BYTES: usize = 16;
/// Sets the generator of salts and nonces apart from the cluster's, whose ids do not depend on who logs in.
const SEED: u64 = 0x5a51_0000_5a51_0000;

/// What a listener with SASL takes. A mechanism is offered once it has a user, in the order in which that happened.
///
/// ```
/// use std::time::Duration;
/// use ottla_testbroker::{SaslConfig, ScramMechanism, TokenPolicy};
///
/// let sasl = SaslConfig::new()
///     .plain_user("alice", "alice-plain")
///     .scram_user(ScramMechanism::Sha512, "alice", "alice-scram")
///     .tokens(TokenPolicy::unsecured().required_scope("kafka"))
///     .connections_max_reauth(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SaslConfig {
    mechanisms: Vec<Mechanism>,
    plain: BTreeMap<String, String>,
    scram: BTreeMap<(ScramMechanism, String), ScramSecret>,
    delegation_tokens: Vec<DelegationToken>,
    tokens: TokenPolicy,
    connections_max_reauth: Option<Duration>,
    failed_authentication_delay: Option<Duration>,
}

#[derive(Clone, Debug)]
enum ScramSecret {
    Password { password: String, iterations: u32 },
    Stored(ScramCredential),
}

impl SaslConfig {
    /// Kafka's `connection.failed.authentication.delay.ms`.
    const FAILED_AUTHENTICATION_DELAY: Duration = Duration::from_millis(100);

    /// Offers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a mechanism, with or without users (`sasl.enabled.mechanisms`).
    #[must_use]
    pub fn enable(mut self, mechanism: Mechanism) -> Self {
        if !self.mechanisms.contains(&mechanism) {
            self.mechanisms.push(mechanism);
        }
        self
    }

    /// A user of PLAIN.
    #[must_use]
    pub fn plain_user(mut self, name: &str, password: &str) -> Self {
        self.plain.insert(name.to_owned(), password.to_owned());
        self.enable(Mechanism::Plain)
    }

    /// A user of SCRAM, with 4096 iterations. The salt comes from the cluster's seed.
    #[must_use]
    pub fn scram_user(self, mechanism: ScramMechanism, name: &str, password: &str) -> Self {
        self.scram_user_with_iterations(mechanism, name, password, DEFAULT_ITERATIONS)
    }

    /// A user of SCRAM with so many iterations, at least 1. Kafka has none with fewer than 4096: with fewer this is a
    /// broker that clients should refuse.
    #[must_use]
    pub fn scram_user_with_iterations(
        mut self,
        mechanism: ScramMechanism,
        name: &str,
        password: &str,
        iterations: u32,
    ) -> Self {
        let secret = ScramSecret::Password { password: password.to_owned(), iterations };
        self.scram.insert((mechanism, name.to_owned()), secret);
        self.enable(Mechanism::Scram(mechanism))
    }

    /// A user of SCRAM by what is stored of the password.
    #[must_use]
    pub fn scram_credential(
        mut self,
        mechanism: ScramMechanism,
        name: &str,
        credential: ScramCredential,
    ) -> Self {
        self.scram.insert((mechanism, name.to_owned()), ScramSecret::Stored(credential));
        self.enable(Mechanism::Scram(mechanism))
    }

    /// A delegation token, which is good for every SCRAM mechanism that is offered.
    #[must_use]
    pub fn delegation_token(mut self, token: DelegationToken) -> Self {
        self.delegation_tokens.push(token);
        self
    }

    /// Offers OAUTHBEARER; which tokens are good is up to the policy.
    #[must_use]
    pub fn tokens(mut self, policy: TokenPolicy) -> Self {
        self.tokens = policy;
        self.enable(Mechanism::OauthBearer)
    }

    /// After this time a client must authenticate anew on the same connection (`connections.max.reauth.ms`, KIP-368).
    /// Default: never, but for logins whose credentials expire: tokens.
    #[must_use]
    pub fn connections_max_reauth(mut self, lifetime: Duration) -> Self {
        self.connections_max_reauth = Some(lifetime);
        self
    }

    /// How long a refusal takes, and the end of the connection with it (`connection.failed.authentication.delay.ms`).
    /// Default 100 ms.
    #[must_use]
    pub fn failed_authentication_delay(mut self, delay: Duration) -> Self {
        self.failed_authentication_delay = Some(delay);
        self
    }

    /// Whether it offers anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.mechanisms.is_empty()
    }
}

/// A configuration with its credentials made, and the generator of nonces.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    config: SaslConfig,
    scram: BTreeMap<(ScramMechanism, String), ScramCredential>,
    delegation_tokens: BTreeMap<(ScramMechanism, String), (DelegationToken, ScramCredential)>,
}

impl Authority {
    pub(crate) fn new(config: &SaslConfig, seed: u64) -> Self {
        let mut random = Self::random(seed);
        let mut made = |mechanism, password: &str, iterations| {
            ScramCredential::new(mechanism, password, &salt(&mut random), iterations)
        };
        let mut scram = BTreeMap::new();
        for ((mechanism, name), secret) in &config.scram {
            let credential = match secret {
                ScramSecret::Stored(credential) => credential.clone(),
                ScramSecret::Password { password, iterations } => made(*mechanism, password, *iterations),
            };
            scram.insert((*mechanism, name.clone()), credential);
        }
        let mut delegation_tokens = BTreeMap::new();
        for token in &config.delegation_tokens {
            for mechanism in &config.mechanisms {
                let Mechanism::Scram(mechanism) = *mechanism else { continue };
                let credential = made(mechanism, token.hmac(), DEFAULT_ITERATIONS);
                delegation_tokens.insert((mechanism, token.id().to_owned()), (token.clone(), credential));
            }
        }
        Self { config: config.clone(), scram, delegation_tokens }
    }

    /// Where salts and nonces come from.
    pub(crate) fn random(seed: u64) -> Random {
        Random::new(seed ^ SEED)
    }

    pub(crate) fn mechanisms(&self) -> &[Mechanism] {
        &self.config.mechanisms
    }

    pub(crate) fn mechanism(&self, name: &str) -> Option<Mechanism> {
        self.config.mechanisms.iter().copied().find(|mechanism| mechanism.name() == name)
    }

    pub(crate) fn plain_password(&self, name: &str) -> Option<&str> {
        self.config.plain.get(name).map(String::as_str)
    }

    pub(crate) fn scram(&self, mechanism: ScramMechanism, name: &str) -> Option<&ScramCredential> {
        self.scram.get(&(mechanism, name.to_owned()))
    }

    pub(crate) fn delegation_token(
        &self,
        mechanism: ScramMechanism,
        id: &str,
    ) -> Option<(&DelegationToken, &ScramCredential)> {
        self.delegation_tokens.get(&(mechanism, id.to_owned())).map(|(token, credential)| (token, credential))
    }

    pub(crate) fn tokens(&self) -> &TokenPolicy {
        &self.config.tokens
    }

    pub(crate) fn connections_max_reauth(&self) -> Option<Duration> {
        // 0 is Kafka's "never".
        self.config.connections_max_reauth.filter(|lifetime| !lifetime.is_zero())
    }

    pub(crate) fn failed_authentication_delay(&self) -> Duration {
        self.config.failed_authentication_delay.unwrap_or(SaslConfig::FAILED_AUTHENTICATION_DELAY)
    }
}

fn salt(random: &mut Random) -> Vec<u8> {
    let mut salt = Vec::with_capacity(SALT_BYTES);
    while salt.len() < SALT_BYTES {
        salt.extend(random.next_u64().to_be_bytes());
    }
    salt
}
