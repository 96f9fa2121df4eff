//! The rules of refreshing, as arithmetic on made-up time.

use super::*;
use crate::sasl::Mechanism as _;

const HOUR_MS: i64 = 3_600_000;

fn at(ms: u64) -> Now {
    Now { instant: Instant::from_start(Duration::from_millis(ms)), unix_ms: ms as i64 }
}

fn machine() -> TokenRefresh {
    TokenRefresh::new(TokenRefreshConfig::default(), Jitter::seeded(1))
}

fn token(name: &str, expires_at_unix_ms: i64) -> BearerToken {
    BearerToken::new(name, expires_at_unix_ms).expect("a token").principal(name)
}

/// Asks now.
fn asks(machine: &mut TokenRefresh, ms: u64) -> (String, bool) {
    asked_at(machine, ms, ms)
}

/// What somebody is told now who has asked since then, and whether a fetch starts.
fn asked_at(machine: &mut TokenRefresh, ms: u64, since: u64) -> (String, bool) {
    let answer = match machine.on_asked(at(ms), at(since).instant) {
        TokenAnswer::Use(token) => format!("use {}", token.principal_name().expect("it has one")),
        TokenAnswer::Wait(until) => match until {
            None => "wait".to_owned(),
            Some(until) => format!("wait {}", until.since_start().as_millis()),
        },
        TokenAnswer::Fail(error) => format!("fail {error}"),
    };
    (answer, machine.poll_fetch())
}

fn told(answer: &str, fetches: bool) -> (String, bool) {
    (answer.to_owned(), fetches)
}

fn unavailable() -> SaslError {
    SaslError::new(SaslErrorKind::CredentialsUnavailable, "down")
}

fn refused() -> SaslError {
    SaslError::new(SaslErrorKind::CredentialsRefused, "wrong secret")
}

/// A machine that holds `first`, which came at 0 and expires after an hour.
fn holding() -> TokenRefresh {
    let mut machine = machine();
    assert_eq!(asks(&mut machine, 0), told("wait", true));
    machine.on_token(at(0), token("first", HOUR_MS));
    machine
}

#[test]
fn the_refresh_lies_in_the_window_as_in_java() {
    let with = |min_period: u64, buffer: u64| TokenRefreshConfig {
        min_period: Duration::from_secs(min_period),
        buffer: Duration::from_secs(buffer),
        ..TokenRefreshConfig::default()
    };
    let check = |config: TokenRefreshConfig, life_s: i64, random: f64, refresh_s: i64| {
        let refresh = config.refresh_at(1_000, 1_000 + life_s * 1000, random);
        assert_eq!(refresh, 1_000 + refresh_s * 1000, "{config:?}, life {life_s}, random {random}");
    };
    let java = TokenRefreshConfig::default();
    // By the factor, and with the jitter behind it.
    check(java, 3600, 0.0, 2880);
    check(java, 3600, 0.5, 2970);
    // Moved up, so that the buffer is kept.
    check(java, 1000, 0.5, 700);
    // Put off, so that the minimum period is kept.
    check(with(600, 50), 700, 0.0, 600);
    // Both together are longer than the life: neither counts.
    check(java, 300, 0.0, 240);
    check(java, 355, 0.0, 284);
    check(java, 360, 0.0, 60);
    // Whatever is asked for, never behind the expiry.
    check(TokenRefreshConfig { window_factor: 1.0, window_jitter: 0.25, ..with(0, 0) }, 100, 0.9, 100);
    // Without a limit on the life there is no overflow.
    assert_eq!(java.refresh_at(i64::MAX - 5, i64::MAX, 0.0), i64::MAX - 1);
}

#[test]
fn the_table_is_this() {
    assert_eq!(EDGES.picture(), [".x.. Empty", "x.x. Fetching", "x..x Held", ".xx. Refreshing"]);
}

#[test]
fn all_who_ask_share_one_fetch() {
    let mut machine = machine();
    assert_eq!(asks(&mut machine, 0), told("wait", true));
    for ms in 1..100 {
        assert_eq!(asks(&mut machine, ms), told("wait", false));
    }
    machine.on_token(at(100), token("first", HOUR_MS));
    assert_eq!(asked_at(&mut machine, 100, 1), told("use first", false));
}

#[test]
fn a_token_is_refreshed_while_it_is_still_used() {
    let mut machine = holding();
    assert_eq!(asks(&mut machine, 2_879_999), told("use first", false));
    // The whole window: 0.8 to 0.85 of an hour.
    assert_eq!(asks(&mut machine, 3_060_000), told("use first", true));
    assert_eq!(asks(&mut machine, 3_060_001), told("use first", false));
    machine.on_token(at(3_060_002), token("second", 2 * HOUR_MS));
    assert_eq!(asks(&mut machine, 3_060_003), told("use second", false));
}

#[test]
fn a_token_that_nobody_asks_for_is_not_refreshed() {
    let mut machine = holding();
    machine.handle_timeout(at(HOUR_MS as u64));
    assert!(!machine.poll_fetch());
    assert_eq!(asks(&mut machine, HOUR_MS as u64), told("wait", true));
}

#[test]
fn a_good_token_is_used_while_refreshes_fail_and_not_after_it_has_expired() {
    let mut machine = holding();
    assert_eq!(asks(&mut machine, 3_100_000), told("use first", true));
    machine.on_failure(at(3_100_100), refused());
    assert_eq!(asks(&mut machine, 3_100_101), told("use first", false));
    // Again after the backoff.
    assert_eq!(asks(&mut machine, 3_100_221), told("use first", true));
    machine.on_failure(at(3_100_300), unavailable());
    assert_eq!(asks(&mut machine, 3_599_999), told("use first", true));
    // It expires while the refresh is under way, so there is something to wait for.
    assert_eq!(asks(&mut machine, 3_600_000), told("wait", false));
    machine.on_failure(at(3_600_001), refused());
    assert_eq!(asked_at(&mut machine, 3_600_001, 3_600_000), told("fail wrong secret", false));
}

#[test]
fn a_failure_that_may_pass_is_retried_with_a_growing_backoff_until_patience_ends() {
    let mut machine = machine();
    let (mut now, mut delays) = (0, Vec::new());
    loop {
        let (answer, fetches) = asked_at(&mut machine, now, 0);
        if answer == "fail down" {
            break;
        }
        if fetches {
            machine.on_failure(at(now), unavailable());
            continue;
        }
        let until: u64 = answer.strip_prefix("wait ").expect("a time").parse().expect("a number");
        delays.push(until - now);
        // Behind the part of a millisecond that is not shown.
        now = until + 1;
    }
    assert_eq!(delays.len(), 5, "{delays:?}");
    for (delay, base) in delays.iter().zip([100, 200, 400, 800, 1600]) {
        assert!((base * 8 / 10..=base * 12 / 10).contains(delay), "{delays:?}");
    }
    // The endpoint is left alone for the rest of the backoff, whoever asks; somebody who comes now may wait for it.
    assert!(asks(&mut machine, now + 1).0.starts_with("wait "));
    // A token ends the row of failures.
    assert_eq!(asks(&mut machine, now + 10_000), told("wait", true));
    machine.on_token(at(now + 10_000), token("first", HOUR_MS));
    assert_eq!(machine.failures, 0);
}

#[test]
fn an_endpoint_that_is_down_for_long_is_told_at_once() {
    let mut machine = machine();
    machine.failures = 10;
    assert_eq!(asks(&mut machine, 0), told("wait", true));
    machine.on_failure(at(0), unavailable());
    let State::Empty(Some(Failure { retry_at, .. })) = &mut machine.state else { panic!("it failed") };
    *retry_at = at(12_000).instant;
    assert_eq!(asks(&mut machine, 1), told("fail down", false));
    assert_eq!(asks(&mut machine, 7_000), told("wait 12000", false));
    assert_eq!(asks(&mut machine, 12_000), told("wait", true));
}

#[test]
fn a_refusal_is_told_at_once_and_to_everybody_who_waited() {
    let mut machine = machine();
    assert_eq!(asks(&mut machine, 0), told("wait", true));
    machine.on_failure(at(10), refused());
    // The endpoint is not asked again at once, whoever comes.
    assert_eq!(asks(&mut machine, 20), told("fail wrong secret", false));
    // One who waited and looks late is told of the attempt that he waited for.
    assert_eq!(asked_at(&mut machine, 500, 5), told("fail wrong secret", false));
    assert_eq!(asks(&mut machine, 500), told("wait", true));
}

#[test]
fn a_token_that_comes_expired_is_a_failure() {
    for expires_at in [1_000, 999, i64::MIN] {
        let mut machine = machine();
        assert_eq!(asks(&mut machine, 1_000), told("wait", true));
        machine.on_token(at(1_000), token("late", expires_at));
        machine.failures = 20;
        let State::Empty(Some(failure)) = &machine.state else { panic!("it failed") };
        assert_eq!(failure.error.kind(), SaslErrorKind::CredentialsUnavailable);
        assert!(failure.error.to_string().contains("check the clocks"), "{}", failure.error);
    }
}

#[test]
fn a_refresh_that_brings_an_expired_token_keeps_the_good_one() {
    let mut machine = holding();
    assert_eq!(asks(&mut machine, 3_100_000), told("use first", true));
    machine.on_token(at(3_100_001), token("late", 5));
    assert_eq!(asks(&mut machine, 3_100_002), told("use first", false));
}

#[test]
fn a_revoked_token_is_not_given_again() {
    let mut machine = holding();
    machine.on_revoked();
    assert_eq!(asks(&mut machine, 1), told("wait", true));
    machine.on_revoked();
    machine.on_token(at(2), token("second", HOUR_MS));
    assert_eq!(asks(&mut machine, 3_500_000), told("use second", true));
    machine.on_revoked();
    assert_eq!(asks(&mut machine, 3_500_001), told("wait", false));
    machine.on_token(at(3_500_002), token("third", 2 * HOUR_MS));
    assert_eq!(asks(&mut machine, 3_500_003), told("use third", false));
}

#[test]
fn a_token_is_in_no_debug_output() {
    let mut machine = machine();
    machine.on_asked(at(0), at(0).instant);
    machine.on_token(at(0), BearerToken::new("s3cr3t", HOUR_MS).expect("a token"));
    let answer = machine.on_asked(at(1), at(1).instant);
    let shown = format!("{machine:?} {answer:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("115, 51"), "{shown}");
    assert_eq!(token("a", 1).name(), "OAUTHBEARER");
}
