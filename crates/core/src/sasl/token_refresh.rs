//! When a token is fetched, and who waits for it.
//!
//! The rules are those of Java's `ExpiringCredentialRefreshingLogin` (KIP-255) with one difference: nothing happens in
//! the background. A token is fetched when somebody asks, and anew when somebody asks late in its life. So a client
//! that opens no connection fetches nothing.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Empty | asked, and no retry is being waited for | Fetching | a fetch; wait |
//! | Empty | asked, before the retry after a failure | Empty | wait for the retry, or that failure: see below |
//! | Fetching | asked | Fetching | wait |
//! | Fetching | a token | Held | |
//! | Fetching | a failure, or a token that has expired | Empty | |
//! | Held | asked, before the refresh is due | Held | the token |
//! | Held | asked, when the refresh is due | Refreshing | the token, and a fetch |
//! | Held | the token expires | Empty | |
//! | Held | the token is revoked | Empty | |
//! | Refreshing | asked | Refreshing | the token |
//! | Refreshing | a token | Held | |
//! | Refreshing | a failure | Held | a retry after a backoff; the token is used meanwhile |
//! | Refreshing | the token expires or is revoked | Fetching | |
//!
//! **Who is told a failure.** One that another attempt may mend (a token endpoint that cannot be reached) is told once the
//! next attempt lies further away than `patience` after the question; one that it will not mend (a wrong secret) at once.
//! The backoff goes on growing until a token comes, so an endpoint that is down is left alone.
//!
//! Not here: the fetch itself, timeouts, and waking those who wait.

use std::sync::Arc;
use std::time::Duration;

use super::bearer_token::BearerToken;
use super::error::{SaslError, SaslErrorKind};
use crate::backoff::Backoff;
use crate::random::Jitter;
use crate::state_table::StateTable;
use crate::time::{Instant, Now};

/// When tokens are fetched anew. The defaults are Java's.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenRefreshConfig {
    /// `sasl.login.refresh.window.factor`: at which part of its remaining life a token is refreshed. 0.5 to 1; 0.8 by
    /// default.
    pub window_factor: f64,
    /// `sasl.login.refresh.window.jitter`: at most so much is added to the factor, at random. 0 to 0.25; 0.05 by default.
    pub window_jitter: f64,
    /// `sasl.login.refresh.min.period.seconds`: a token is not refreshed earlier than so long after it came. At most 15
    /// minutes; 1 minute by default.
    pub min_period: Duration,
    /// `sasl.login.refresh.buffer.seconds`: a token is refreshed at the latest so long before it expires. At most an hour;
    /// 5 minutes by default. This and the minimum period do not count if their sum is more than the token's life.
    pub buffer: Duration,
    /// `sasl.login.retry.backoff.ms` and `sasl.login.retry.backoff.max.ms`: how long after a failure the next attempt is
    /// made. 100 ms to 10 s by default.
    pub backoff: Backoff,
    /// For how long at most a connection waits for attempts that fail: less than its authentication may take, so that
    /// the reason is told and not the timeout. 5 s by default.
    pub patience: Duration,
}

impl Default for TokenRefreshConfig {
    fn default() -> Self {
        Self {
            window_factor: 0.8,
            window_jitter: 0.05,
            min_period: Duration::from_secs(60),
            buffer: Duration::from_secs(300),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)),
            patience: Duration::from_secs(5),
        }
    }
}

impl TokenRefreshConfig {
    /// When a token that came at `now` is refreshed; both it and the result in milliseconds since 1970. `random` is at
    /// least 0 and below 1.
    fn refresh_at(&self, now: i64, expires_at: i64, random: f64) -> i64 {
        let life = expires_at.saturating_sub(now);
        let part = (self.window_factor + self.window_jitter * random).min(1.0);
        let proposed = now.saturating_add((life as f64 * part) as i64);
        let (min_period, buffer) = (millis(self.min_period), millis(self.buffer));
        if min_period.saturating_add(buffer) > life {
            return proposed;
        }
        proposed.min(expires_at.saturating_sub(buffer)).max(now.saturating_add(min_period))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What to do for somebody who asks for a token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenAnswer {
    /// Use this.
    Use(Arc<BearerToken>),
    /// Ask again when the fetch under way has ended, or then at the latest.
    Wait(Option<Instant>),
    /// Give up.
    Fail(SaslError),
}

/// The machine: one for all connections that use the same credentials.
#[derive(Debug)]
pub struct TokenRefresh {
    config: TokenRefreshConfig,
    jitter: Jitter,
    state: State,
    /// Failures since the last token.
    failures: u32,
    is_fetch_wanted: bool,
}

#[derive(Clone, Debug)]
enum State {
    Empty(Option<Failure>),
    Fetching,
    Held { token: Arc<BearerToken>, refresh_at_unix_ms: i64 },
    Refreshing { token: Arc<BearerToken> },
}

#[derive(Clone, Debug)]
struct Failure {
    error: SaslError,
    at: Instant,
    retry_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Empty,
    Fetching,
    Held,
    Refreshing,
}

pub(crate) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "token refresh",
        &[
            (Empty, &[Fetching]),
            (Fetching, &[Empty, Held]),
            (Held, &[Empty, Refreshing]),
            (Refreshing, &[Held, Fetching]),
        ],
    )
};

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self::Empty(_) => Phase::Empty,
            Self::Fetching => Phase::Fetching,
            Self::Held { .. } => Phase::Held,
            Self::Refreshing { .. } => Phase::Refreshing,
        }
    }
}

impl TokenRefresh {
    /// Without a token.
    pub fn new(config: TokenRefreshConfig, jitter: Jitter) -> Self {
        Self { config, jitter, state: State::Empty(None), failures: 0, is_fetch_wanted: false }
    }

    /// Somebody needs a token, and has needed it since `asked_at`. To be followed by [`poll_fetch`](Self::poll_fetch).
    pub fn on_asked(&mut self, now: Now, asked_at: Instant) -> TokenAnswer {
        self.handle_timeout(now);
        match self.state.clone() {
            State::Empty(Some(failure)) => self.after(&failure, now, asked_at),
            State::Empty(None) => self.fetch(),
            State::Fetching => TokenAnswer::Wait(None),
            State::Held { token, refresh_at_unix_ms } => {
                if refresh_at_unix_ms <= now.unix_ms {
                    self.enter(State::Refreshing { token: Arc::clone(&token) });
                    self.is_fetch_wanted = true;
                }
                TokenAnswer::Use(token)
            }
            State::Refreshing { token } => TokenAnswer::Use(token),
        }
    }

    /// Whether a fetch is to be started. Its outcome is told by [`on_token`](Self::on_token) or
    /// [`on_failure`](Self::on_failure), once.
    pub fn poll_fetch(&mut self) -> bool {
        std::mem::take(&mut self.is_fetch_wanted)
    }

    /// The fetch has brought a token.
    pub fn on_token(&mut self, now: Now, token: BearerToken) {
        let expires_at = token.expires_at_unix_ms();
        if expires_at <= now.unix_ms {
            let late_ms = now.unix_ms.saturating_sub(expires_at);
            let text = format!("the token that came has expired already, check the clocks: {late_ms} ms ago");
            return self.on_failure(now, SaslError::new(SaslErrorKind::CredentialsUnavailable, text));
        }
        let random = self.jitter.factor(0.5) - 0.5;
        let refresh_at_unix_ms = self.config.refresh_at(now.unix_ms, expires_at, random);
        if self.enter(State::Held { token: Arc::new(token), refresh_at_unix_ms }) {
            self.failures = 0;
        }
    }

    /// The fetch has brought nothing.
    pub fn on_failure(&mut self, now: Now, error: SaslError) {
        self.handle_timeout(now);
        let delay = self.config.backoff.delay(self.failures, &mut self.jitter);
        self.failures = self.failures.saturating_add(1);
        match self.state.clone() {
            State::Refreshing { token } => {
                let refresh_at_unix_ms = now.unix_ms.saturating_add(millis(delay));
                self.enter(State::Held { token, refresh_at_unix_ms });
            }
            _ => {
                let failure = Failure { error, at: now.instant, retry_at: now.instant + delay };
                self.enter(State::Empty(Some(failure)));
            }
        }
    }

    /// The token is not to be used any more, though it has not expired.
    pub fn on_revoked(&mut self) {
        match self.state.phase() {
            Phase::Held => self.enter(State::Empty(None)),
            Phase::Refreshing => self.enter(State::Fetching),
            Phase::Empty | Phase::Fetching => false,
        };
    }

    /// Forgets a token that has expired.
    pub fn handle_timeout(&mut self, now: Now) {
        match &self.state {
            State::Held { token, .. } if token.expires_at_unix_ms() <= now.unix_ms => {
                self.enter(State::Empty(None))
            }
            State::Refreshing { token } if token.expires_at_unix_ms() <= now.unix_ms => {
                self.enter(State::Fetching)
            }
            _ => false,
        };
    }

    fn after(&mut self, failure: &Failure, now: Now, asked_at: Instant) -> TokenAnswer {
        let is_told = !failure.error.is_retriable() || failure.retry_at > asked_at + self.config.patience;
        let is_due = failure.retry_at <= now.instant;
        // Whoever waited for an attempt is told how it ended, however late that one looks.
        if is_told && (!is_due || failure.at >= asked_at) {
            return TokenAnswer::Fail(failure.error.clone());
        }
        if is_due { self.fetch() } else { TokenAnswer::Wait(Some(failure.retry_at)) }
    }

    fn fetch(&mut self) -> TokenAnswer {
        self.is_fetch_wanted = self.enter(State::Fetching);
        TokenAnswer::Wait(None)
    }

    fn enter(&mut self, next: State) -> bool {
        let is_legal = EDGES.take(self.state.phase(), next.phase());
        if is_legal {
            self.state = next;
        }
        is_legal
    }
}

#[cfg(test)]
mod tests;
