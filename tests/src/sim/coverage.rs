//! What the worlds of this process have exercised of the client: every edge of its state tables and every retriable
//! error code that brokers answer with, and how often. What was not reached is named at the end.
//!
//! Edges, and codes that clients were *told*, are counted by the client's machines themselves (the private feature
//! `__coverage` of `ottla-core`); a process counts all that happens in it. Which codes were *handled* the worlds' journals
//! say (`answers.rs`). Not here: what must be reached.

use std::fmt::Write;

use ottla_core::coverage::{Edge, Told, codes, edges};
use ottla_protocol::error_code::ErrorCode;

use super::answers::Answers;

/// Codes that Kafka says may pass and that no API of today's client is answered with, each with the reason.
const ABSENT: &[(ErrorCode, &str)] = &[
    (ErrorCode::NETWORK_EXCEPTION, "clients make it themselves; brokers do not send it"),
    (ErrorCode::NOT_CONTROLLER, "of the controller's APIs, which admin clients use"),
    (ErrorCode::CONCURRENT_TRANSACTIONS, "of transactions"),
    (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, "of fetch sessions, which the consumer does not use"),
    (ErrorCode::INVALID_FETCH_SESSION_EPOCH, "of fetch sessions, which the consumer does not use"),
    (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, "of fetch sessions, which the consumer does not use"),
    (
        ErrorCode::LISTENER_NOT_FOUND,
        "of partitions in Metadata: what counts there is that no leader is named",
    ),
    (ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE, "of ElectLeaders, which admin clients use"),
    (ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE, "of ElectLeaders, which admin clients use"),
    (ErrorCode::ELECTION_NOT_NEEDED, "of ElectLeaders, which admin clients use"),
    (ErrorCode::THROTTLING_QUOTA_EXCEEDED, "of topics' creation and deletion, which admin clients use"),
    (ErrorCode::SHARE_SESSION_NOT_FOUND, "of share groups"),
    (ErrorCode::INVALID_SHARE_SESSION_EPOCH, "of share groups"),
    (ErrorCode::SHARE_SESSION_LIMIT_REACHED, "of share groups"),
];

/// Edges that no world takes, each with the reason.
const BEYOND: &[(&str, &str)] = &[
    (
        "producer identity: Leaving -> Wanted",
        "when 32,767 epochs of one id are used up; a test of the machine takes it",
    ),
    ("token refresh: Empty -> Fetching", OF_TOKENS),
    ("token refresh: Fetching -> Empty", OF_TOKENS),
    ("token refresh: Fetching -> Held", OF_TOKENS),
    ("token refresh: Held -> Empty", OF_TOKENS),
    ("token refresh: Held -> Refreshing", OF_TOKENS),
    ("token refresh: Refreshing -> Held", OF_TOKENS),
    ("token refresh: Refreshing -> Fetching", OF_TOKENS),
];
/// Why worlds have none of these.
const OF_TOKENS: &str = "tokens that are fetched wake those who wait in no order, so that no world would be the same \
                         again; tests of the machine take it";

/// The table as text, ready to be printed, with what the worlds' journals say.
pub fn table(answers: &Answers) -> String {
    text(&edges(), &codes(), answers)
}

/// What was not reached of all that can be: edges, and codes that were not told or not handled.
pub fn unreached(answers: &Answers) -> Vec<String> {
    let edges = edges().into_iter().filter(|edge| edge.hits == 0).map(|edge| name_of(&edge));
    let edges = edges.filter(|edge| BEYOND.iter().all(|(beyond, _)| beyond != edge));
    let codes = codes().into_iter().filter(|told| told.is_expected);
    edges.chain(codes.filter_map(|told| lack_of(&told, answers))).collect()
}

fn name_of(edge: &Edge) -> String {
    format!("{}: {} -> {}", edge.machine, edge.from, edge.to)
}

/// What is missing of a code: that it was told, or handled.
fn lack_of(told: &Told, answers: &Answers) -> Option<String> {
    let row = format!("{}: {}", told.api, told.code);
    match (told.hits, answers.count(told.api, told.code).handled) {
        (0, _) => Some(row),
        (_, 0) => Some(row + ", told and not handled"),
        _ => None,
    }
}

fn text(edges: &[Edge], codes: &[Told], answers: &Answers) -> String {
    let mut out = String::new();
    let mut unreached = Vec::new();
    let reached = edges.iter().filter(|edge| edge.hits > 0).count();
    _ = writeln!(out, "state tables: {reached} of {} edges taken", edges.len());
    for edge in edges {
        _ = writeln!(out, "{:>12}  {}", edge.hits, name_of(edge));
        let is_beyond = BEYOND.iter().any(|(beyond, _)| *beyond == name_of(edge));
        if edge.hits == 0 && !is_beyond {
            unreached.push(name_of(edge));
        }
    }
    _ = writeln!(out, "edges that no world takes: {}", BEYOND.len());
    for (edge, reason) in BEYOND {
        _ = writeln!(out, "{:>12}  {edge}: {reason}", "");
    }
    let expected: Vec<_> = codes.iter().filter(|told| told.is_expected).collect();
    let handled = |told: &Told| answers.count(told.api, told.code).handled;
    let all = expected.len();
    let told_ones = expected.iter().filter(|told| told.hits > 0).count();
    let handled_ones = expected.iter().filter(|told| handled(told) > 0).count();
    _ = writeln!(out, "retriable error codes: {told_ones} of {all} told to clients, {handled_ones} handled");
    _ = writeln!(out, "{:>12}{:>12}", "told", "handled");
    for told in expected {
        _ = writeln!(out, "{:>12}{:>12}  {}: {}", told.hits, handled(told), told.api, told.code);
        unreached.extend(lack_of(told, answers));
    }
    let others: Vec<_> = codes.iter().filter(|told| !told.is_expected).collect();
    if !others.is_empty() {
        _ = writeln!(out, "other error codes: {} told", others.len());
    }
    for told in others {
        _ = writeln!(out, "{:>12}{:>12}  {}: {}", told.hits, handled(told), told.api, told.code);
    }
    _ = writeln!(out, "retriable error codes of no API that the client uses: {}", ABSENT.len());
    for (code, reason) in ABSENT {
        _ = writeln!(out, "{:>12}  {code}: {reason}", "");
    }
    _ = writeln!(out, "not reached: {}", unreached.len());
    for row in unreached {
        _ = writeln!(out, "              {row}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_protocol::api::ApiKey;

    #[test]
    fn what_was_not_reached_is_named() {
        let edge = |from: &str, to: &str, hits| Edge {
            machine: "lamp",
            from: from.to_owned(),
            to: to.to_owned(),
            hits,
        };
        let told = |code, is_expected, hits| Told { api: ApiKey::FETCH, code, is_expected, hits };
        let text = text(
            &[edge("Off", "On", 7), edge("On", "Off", 0)],
            &[
                told(ErrorCode::UNKNOWN_LEADER_EPOCH, true, 0),
                told(ErrorCode::NOT_LEADER_OR_FOLLOWER, true, 2),
                told(ErrorCode::OFFSET_OUT_OF_RANGE, false, 1),
            ],
            &Answers::default(),
        );
        let expected = [
            "state tables: 1 of 2 edges taken",
            "           7  lamp: Off -> On",
            "           0  lamp: On -> Off",
            "edges that no world takes: 8",
            "              producer identity: Leaving -> Wanted: when 32,767 epochs of one id are used up; a test of \
             the machine takes it",
        ];
        assert_eq!(text.lines().take(expected.len()).collect::<Vec<_>>(), expected);
        let expected = [
            "retriable error codes: 1 of 2 told to clients, 0 handled",
            "        told     handled",
            "           0           0  Fetch: UNKNOWN_LEADER_EPOCH (75)",
            "           2           0  Fetch: NOT_LEADER_OR_FOLLOWER (6)",
            "other error codes: 1 told",
            "           1           0  Fetch: OFFSET_OUT_OF_RANGE (1)",
        ];
        let behind_edges = text.lines().skip(4 + BEYOND.len()).take(expected.len());
        assert_eq!(behind_edges.collect::<Vec<_>>(), expected);
        let expected = [
            "not reached: 3",
            "              lamp: On -> Off",
            "              Fetch: UNKNOWN_LEADER_EPOCH (75)",
            "              Fetch: NOT_LEADER_OR_FOLLOWER (6), told and not handled",
        ];
        let last: Vec<_> = text.lines().rev().take(expected.len()).collect();
        assert_eq!(last.into_iter().rev().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_code_that_may_pass_is_expected_of_an_api_or_absent_for_a_reason() {
        let expected: Vec<_> =
            codes().into_iter().filter(|told| told.is_expected).map(|told| told.code).collect();
        for code in (0..=i16::MAX).map(ErrorCode).filter(|code| code.is_retriable()) {
            let is_absent = ABSENT.iter().any(|(absent, _)| *absent == code);
            assert_ne!(expected.contains(&code), is_absent, "{code}");
        }
        assert!(ABSENT.iter().all(|(code, _)| code.is_retriable()));
    }

    #[test]
    fn the_machines_have_tables() {
        let table = table(&Answers::default());
        for machine in
            ["connection", "metadata", "producer identity", "batch", "position", "group coordinator"]
        {
            assert!(table.contains(&format!("  {machine}: ")), "{machine}");
        }
        assert!(table.contains("classic group: Revoking -> Joining") && table.contains("Produce: "));
    }
}
