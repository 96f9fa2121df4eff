//! The token that all connections share: the driver of `TokenRefresh`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ottla_core::backoff::Backoff;
use ottla_core::random::Jitter;
use ottla_core::sasl::{
    BearerToken, Mechanism, SaslError, SaslErrorKind, TokenAnswer, TokenRefresh, TokenRefreshConfig,
};
use ottla_core::time::Instant;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time;

use super::provider::{TokenProvider, TokenRequest};
use crate::clock::Clock;
use crate::credentials::{CredentialsProvider, Providing};
use crate::entropy::EntropySource;

/// Credentials for OAUTHBEARER from a [`TokenProvider`]. Clones share the token, so one serves several clients.
///
/// Connections that need a token while there is none wait for one fetch together. A token that is in use goes on being
/// used while a new one is fetched, and while that fails, until it expires.
///
/// ```
/// use std::time::Duration;
///
/// use ottla_transport::{FileToken, TokenCredentials};
///
/// let credentials = TokenCredentials::builder(FileToken::new("/var/run/secrets/kafka/token"))
///     .login_refresh_window_factor(0.7)
///     .login_refresh_buffer(Duration::from_secs(60))
///     .build()?;
/// # drop(credentials);
/// # Ok::<(), ottla_core::sasl::SaslError>(())
/// ```
#[derive(Clone)]
pub struct TokenCredentials(Arc<Shared>);

struct Shared {
    provider: Arc<dyn TokenProvider>,
    clock: Clock,
    entropy: EntropySource,
    fetch_timeout: Duration,
    state: Mutex<Fetches>,
    /// Told whenever a fetch has ended.
    ended: watch::Sender<()>,
}

struct Fetches {
    refresh: TokenRefresh,
    under_way: Option<AbortHandle>,
}

impl TokenCredentials {
    /// With Java's defaults.
    pub fn new(provider: impl TokenProvider + 'static) -> Self {
        Self::builder(provider).finish()
    }

    /// With settings.
    pub fn builder(provider: impl TokenProvider + 'static) -> TokenCredentialsBuilder {
        TokenCredentialsBuilder {
            provider: Arc::new(provider),
            refresh: TokenRefreshConfig::default(),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(10),
            fetch_timeout: Duration::from_secs(8),
            clock: None,
            entropy: EntropySource::default(),
            jitter: None,
        }
    }

    /// The token to use now. It waits for a fetch where there is none.
    ///
    /// # Errors
    /// What the fetch ended with. Connections that wait are told at once of an error that is not
    /// [`SaslErrorKind::CredentialsUnavailable`], and of that one after some attempts.
    ///
    /// # Cancel safety
    /// Safe: the fetch goes on for the others.
    pub async fn token(&self) -> Result<Arc<BearerToken>, SaslError> {
        let shared = &self.0;
        let asked_at = shared.clock.instant();
        let mut ended = shared.ended.subscribe();
        loop {
            ended.mark_unchanged();
            match shared.ask(asked_at) {
                TokenAnswer::Use(token) => return Ok(token),
                TokenAnswer::Fail(error) => return Err(error),
                TokenAnswer::Wait(None) => _ = ended.changed().await,
                TokenAnswer::Wait(Some(until)) => {
                    _ = time::timeout_at(shared.clock.deadline(until), ended.changed()).await;
                }
                _ => return Err(unavailable("there is no token, and no way to wait for one")),
            }
        }
    }

    /// The token held is not to be used any more, though it has not expired: the next connection fetches another.
    pub fn revoke(&self) {
        self.0.lock().refresh.on_revoked();
    }
}

impl CredentialsProvider for TokenCredentials {
    fn mechanism<'a>(&'a self, _host: &'a str) -> Providing<'a> {
        Box::pin(async { Ok(self.token().await? as Arc<dyn Mechanism>) })
    }
}

impl fmt::Debug for TokenCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCredentials").field("provider", &self.0.provider).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Fetches> {
        // The machine is consistent between its mutations, whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(self: &Arc<Self>, asked_at: Instant) -> TokenAnswer {
        let mut fetches = self.lock();
        let answer = fetches.refresh.on_asked(self.clock.now(), asked_at);
        if fetches.refresh.poll_fetch() {
            // A task of its own: whoever asked may give up, the others still wait.
            fetches.under_way = Some(tokio::spawn(self.fetch()).abort_handle());
        }
        answer
    }

    /// One fetch. It holds the provider, but not who wants the token: if they are gone, it is aborted.
    fn fetch(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let (provider, clock, entropy) = (Arc::clone(&self.provider), self.clock, self.entropy);
        let timeout = self.fetch_timeout;
        let outcome = Outcome { shared: Arc::downgrade(self), ended: None };
        async move {
            let fetched = match entropy.draw() {
                Ok(entropy) => {
                    let fetching = provider.token(TokenRequest::new(clock.now(), entropy));
                    time::timeout(timeout, fetching).await.unwrap_or_else(|_| {
                        Err(unavailable(format!("no token came in time: {} ms", timeout.as_millis())))
                    })
                }
                Err(error) => Err(unavailable(format!("the system has no randomness: {error}"))),
            };
            outcome.tell(fetched);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let fetches = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetch) = fetches.under_way.take() {
            fetch.abort();
        }
    }
}

/// Tells how a fetch has ended, even if its task ends early: those who wait would wait forever.
struct Outcome {
    shared: Weak<Shared>,
    ended: Option<Result<BearerToken, SaslError>>,
}

impl Outcome {
    fn tell(mut self, ended: Result<BearerToken, SaslError>) {
        self.ended = Some(ended);
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let ended = self.ended.take();
        let ended = ended.unwrap_or_else(|| Err(unavailable("the task that fetched the token has ended")));
        let now = shared.clock.now();
        {
            let mut fetches = shared.lock();
            fetches.under_way = None;
            match ended {
                Ok(token) => fetches.refresh.on_token(now, token),
                Err(error) => {
                    tracing::warn!(%error, "no new token");
                    fetches.refresh.on_failure(now, error);
                }
            }
        }
        shared.ended.send_replace(());
    }
}

fn unavailable(text: impl Into<String>) -> SaslError {
    SaslError::new(SaslErrorKind::CredentialsUnavailable, text)
}

/// Settings of [`TokenCredentials`].
#[derive(Debug)]
pub struct TokenCredentialsBuilder {
    provider: Arc<dyn TokenProvider>,
    refresh: TokenRefreshConfig,
    retry_backoff: Duration,
    retry_backoff_max: Duration,
    fetch_timeout: Duration,
    clock: Option<Clock>,
    entropy: EntropySource,
    jitter: Option<Jitter>,
}

impl TokenCredentialsBuilder {
    /// `sasl.login.refresh.window.factor`: at which part of its life a token is fetched anew, by the next connection that
    /// needs one. 0.5 to 1. Default: 0.8.
    #[must_use]
    pub fn login_refresh_window_factor(mut self, factor: f64) -> Self {
        self.refresh.window_factor = factor;
        self
    }

    /// `sasl.login.refresh.window.jitter`: at most so much is added to the factor, at random. 0 to 0.25. Default: 0.05.
    #[must_use]
    pub fn login_refresh_window_jitter(mut self, jitter: f64) -> Self {
        self.refresh.window_jitter = jitter;
        self
    }

    /// `sasl.login.refresh.min.period.seconds`: a token is not fetched anew earlier than that. At most 15 minutes.
    /// Default: 1 minute. It does not count where it and the buffer are together more than the token's life.
    #[must_use]
    pub fn login_refresh_min_period(mut self, period: Duration) -> Self {
        self.refresh.min_period = period;
        self
    }

    /// `sasl.login.refresh.buffer.seconds`: a token is fetched anew at the latest so long before it expires. At most an
    /// hour. Default: 5 minutes. It does not count where it and the minimum period are together more than the token's life.
    #[must_use]
    pub fn login_refresh_buffer(mut self, buffer: Duration) -> Self {
        self.refresh.buffer = buffer;
        self
    }

    /// `sasl.login.retry.backoff.ms`: how long after a failed fetch the next one is made; doubled with each failure.
    /// Default: 100 ms.
    #[must_use]
    pub fn login_retry_backoff(mut self, backoff: Duration) -> Self {
        self.retry_backoff = backoff;
        self
    }

    /// `sasl.login.retry.backoff.max.ms`: the most that the backoff grows to. Default: 10 s.
    #[must_use]
    pub fn login_retry_backoff_max(mut self, backoff: Duration) -> Self {
        self.retry_backoff_max = backoff;
        self
    }

    /// For how long at most a connection waits for fetches that fail. Default: 5 s. Keep it below the client's
    /// authentication timeout, or connections tell of that instead of the reason.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.refresh.patience = patience;
        self
    }

    /// How long one fetch may take in all. Default: 8 s.
    #[must_use]
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.fetch_timeout = timeout;
        self
    }

    /// The clock by which tokens expire. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Spreads refreshes and retries. Default: seeded by the operating system.
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = Some(jitter);
        self
    }

    /// The credentials. Nothing is fetched yet.
    ///
    /// # Errors
    /// A setting out of its range, named by Kafka's key.
    pub fn build(self) -> Result<TokenCredentials, SaslError> {
        let TokenRefreshConfig { window_factor, window_jitter, min_period, buffer, .. } = self.refresh;
        let (period, buffer) = (min_period.as_secs_f64(), buffer.as_secs_f64());
        let (backoff, backoff_max) = (self.retry_backoff.as_secs_f64(), self.retry_backoff_max.as_secs_f64());
        let checks = [
            ("sasl.login.refresh.window.factor", window_factor, 0.5, 1.0),
            ("sasl.login.refresh.window.jitter", window_jitter, 0.0, 0.25),
            ("sasl.login.refresh.min.period.seconds", period, 0.0, 900.0),
            ("sasl.login.refresh.buffer.seconds", buffer, 0.0, 3600.0),
            ("sasl.login.retry.backoff.ms", backoff, 0.001, backoff_max.max(0.001)),
        ];
        for (key, value, least, most) in checks {
            // Written so that NaN is refused too.
            if !(least..=most).contains(&value) {
                let text = format!("{key} must be at least {least} and at most {most}: {value}");
                return Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text));
            }
        }
        Ok(self.finish())
    }

    fn finish(mut self) -> TokenCredentials {
        self.refresh.backoff = Backoff::new(self.retry_backoff, self.retry_backoff_max);
        let jitter = self.jitter.unwrap_or_else(|| Jitter::seeded(seed(self.entropy)));
        let refresh = TokenRefresh::new(self.refresh, jitter);
        TokenCredentials(Arc::new(Shared {
            provider: self.provider,
            clock: self.clock.unwrap_or_else(Clock::system),
            entropy: self.entropy,
            fetch_timeout: self.fetch_timeout,
            state: Mutex::new(Fetches { refresh, under_way: None }),
            ended: watch::Sender::new(()),
        }))
    }
}

/// Only spreads load, so that it may be the same where the system has no randomness.
fn seed(entropy: EntropySource) -> u64 {
    let bytes = entropy.draw().map_or([7; 32], |entropy| entropy.into_bytes());
    bytes.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}
