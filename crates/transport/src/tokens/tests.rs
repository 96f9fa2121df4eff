//! Many connections, one provider, and tokio's clock paused.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ottla_core::random::{Entropy, Jitter};
use ottla_core::sasl::{BearerToken, SaslError, SaslErrorKind};
use tokio::task::JoinSet;
use tokio::time;

use super::*;
use crate::clock::Clock;
use crate::credentials::CredentialsProvider as _;

const START: i64 = 1_700_000_000_000;

/// What the provider does with its fetch of this number, counted from one.
type Script = fn(u32) -> Result<i64, SaslError>;

/// Answers after a second, with a token that lives as long as its script says, in milliseconds.
struct Scripted {
    fetches: Arc<AtomicU32>,
    script: Script,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl TokenProvider for Scripted {
    fn token<'a>(&'a self, request: TokenRequest) -> FetchingToken<'a> {
        Box::pin(async move {
            let number = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
            time::sleep(Duration::from_secs(1)).await;
            let expires_at = request.now().unix_ms.saturating_add((self.script)(number)?);
            Ok(BearerToken::new("t", expires_at)?.principal(format!("token {number}")))
        })
    }
}

fn credentials(script: Script) -> (TokenCredentials, Arc<AtomicU32>) {
    let fetches = Arc::new(AtomicU32::new(0));
    let provider = Scripted { fetches: Arc::clone(&fetches), script };
    let credentials = TokenCredentials::builder(provider)
        .clock(Clock::starting_at(START))
        .jitter(Jitter::seeded(1))
        .build()
        .expect("the defaults are good");
    (credentials, fetches)
}

async fn principal(credentials: &TokenCredentials) -> Result<String, SaslError> {
    let token = credentials.token().await?;
    Ok(token.principal_name().unwrap_or_default().to_owned())
}

fn refused() -> SaslError {
    SaslError::new(SaslErrorKind::CredentialsRefused, "wrong secret")
}

fn unavailable() -> SaslError {
    SaslError::new(SaslErrorKind::CredentialsUnavailable, "down")
}

/// What a hundred connections are told that ask at the same time.
async fn a_hundred(credentials: &TokenCredentials) -> Vec<Result<String, SaslError>> {
    let mut connections = JoinSet::new();
    for _ in 0..100 {
        let credentials = credentials.clone();
        connections.spawn(async move { principal(&credentials).await });
    }
    connections.join_all().await
}

#[tokio::test(start_paused = true)]
async fn a_hundred_connections_share_one_fetch() {
    let (credentials, fetches) = credentials(|_| Ok(3_600_000));
    assert_eq!(a_hundred(&credentials).await, vec![Ok("token 1".to_owned()); 100]);
    assert_eq!(a_hundred(&credentials).await, vec![Ok("token 1".to_owned()); 100]);
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_connections_are_told_of_one_refusal() {
    let (credentials, fetches) = credentials(|_| Err(refused()));
    assert_eq!(a_hundred(&credentials).await, vec![Err(refused()); 100]);
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_while_they_wait() {
    let (credentials, fetches) =
        credentials(|number| if number < 3 { Err(unavailable()) } else { Ok(60_000) });
    assert_eq!(a_hundred(&credentials).await, vec![Ok("token 3".to_owned()); 100]);
    assert_eq!(fetches.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_told_before_the_authentication_times_out() {
    let (credentials, _) = credentials(|_| Err(unavailable()));
    let asked = time::Instant::now();
    assert_eq!(principal(&credentials).await, Err(unavailable()));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_used_while_the_next_one_is_fetched() {
    let (credentials, fetches) = credentials(|_| Ok(3_600_000));
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 1"));
    time::advance(Duration::from_secs(3100)).await;
    let asked = time::Instant::now();
    assert_eq!(a_hundred(&credentials).await, vec![Ok("token 1".to_owned()); 100]);
    assert_eq!(asked.elapsed(), Duration::ZERO);
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 2"));
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_an_error_if_no_other_comes() {
    let (credentials, _) = credentials(|number| if number == 1 { Ok(3_600_000) } else { Err(refused()) });
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 1"));
    time::advance(Duration::from_secs(3598)).await;
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 1"));
    time::advance(Duration::from_secs(1)).await;
    assert_eq!(principal(&credentials).await, Err(refused()));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_outlives_the_one_who_asked() {
    let (credentials, fetches) = credentials(|_| Ok(3_600_000));
    let asking = time::timeout(Duration::from_millis(10), credentials.token());
    asking.await.expect_err("it gave up");
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 1"));
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_takes_no_longer_than_it_may() {
    #[derive(Debug)]
    struct Silent;
    impl TokenProvider for Silent {
        fn token<'a>(&'a self, _request: TokenRequest) -> FetchingToken<'a> {
            Box::pin(std::future::pending())
        }
    }
    let error = TokenCredentials::new(Silent).token().await.expect_err("it is silent");
    assert_eq!(error.to_string(), "no token came in time: 8000 ms");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_leaves_nobody_waiting() {
    let (credentials, _) = credentials(|number| if number == 1 { panic!("a bug") } else { Ok(60_000) });
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 2"));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ends_with_the_last_who_want_it() {
    let (credentials, fetches) = credentials(|_| Ok(3_600_000));
    let asking = time::timeout(Duration::from_millis(10), credentials.token());
    asking.await.expect_err("it gave up");
    let provider = Arc::downgrade(&fetches);
    drop((credentials, fetches));
    tokio::task::yield_now().await;
    assert_eq!(provider.strong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_fetched_anew() {
    let (credentials, _) = credentials(|_| Ok(3_600_000));
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 1"));
    credentials.revoke();
    assert_eq!(principal(&credentials).await.as_deref(), Ok("token 2"));
}

#[tokio::test(start_paused = true)]
async fn connections_get_the_mechanism_oauthbearer() {
    let (credentials, _) = credentials(|_| Ok(3_600_000));
    let mechanism = credentials.mechanism("broker").await.expect("a token");
    assert_eq!(mechanism.name(), "OAUTHBEARER");
}

#[test]
fn settings_out_of_their_range_are_named() {
    let builder = || TokenCredentials::builder(FileToken::new("token"));
    let hour = Duration::from_secs(3601);
    for (builder, key) in [
        (builder().login_refresh_window_factor(0.4), "sasl.login.refresh.window.factor"),
        (builder().login_refresh_window_factor(f64::NAN), "sasl.login.refresh.window.factor"),
        (builder().login_refresh_window_jitter(0.3), "sasl.login.refresh.window.jitter"),
        (builder().login_refresh_min_period(hour), "sasl.login.refresh.min.period.seconds"),
        (builder().login_refresh_buffer(hour), "sasl.login.refresh.buffer.seconds"),
        (builder().login_retry_backoff(Duration::ZERO), "sasl.login.retry.backoff.ms"),
        (builder().login_retry_backoff(hour), "sasl.login.retry.backoff.ms"),
    ] {
        let error = builder.build().expect_err("it is out of range");
        assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid);
        assert!(error.to_string().starts_with(key), "{error}");
    }
}

async fn token_in(text: &[u8]) -> Result<BearerToken, SaslError> {
    let name = format!("ottla-token-{}-{:p}", std::process::id(), text);
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).expect("it can be written");
    let request = TokenRequest::new(Clock::starting_at(START).now(), Entropy::from_bytes([0; 32]));
    let token = FileToken::new(&path).token(request).await;
    std::fs::remove_file(&path).expect("it can be removed");
    token
}

#[tokio::test]
async fn a_file_has_a_token_with_its_expiry() {
    // {"exp":1700000000,"sub":"alice"}
    let token = token_in(b"e30.eyJleHAiOjE3MDAwMDAwMDAsInN1YiI6ImFsaWNlIn0.c2ln\n").await.expect("a token");
    assert_eq!((token.expires_at_unix_ms(), token.principal_name()), (1_700_000_000_000, Some("alice")));
}

#[tokio::test]
async fn a_file_without_a_token_says_what_is_wrong_and_not_what_it_holds() {
    let large = vec![b's'; (1 << 20) + 1];
    for (text, what, kind) in [
        (&b"s3cr3t"[..], "no json web token", SaslErrorKind::CredentialsInvalid),
        (b"", "no json web token", SaslErrorKind::CredentialsInvalid),
        (b"e30.e30.s3cr3t", "no claim exp", SaslErrorKind::CredentialsInvalid),
        (b"\xff\xfe", "valid UTF-8", SaslErrorKind::CredentialsUnavailable),
        (&large, "larger than", SaslErrorKind::CredentialsUnavailable),
    ] {
        let error = token_in(text).await.expect_err("it is no token");
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(what) && !error.to_string().contains("s3c"), "{error}");
    }
    let request = TokenRequest::new(Clock::starting_at(START).now(), Entropy::from_bytes([0; 32]));
    let error = FileToken::new("/nowhere/token").token(request).await.expect_err("it is not there");
    assert!(error.is_retriable(), "{error}");
}
