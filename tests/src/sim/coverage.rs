//! What the worlds of this process have exercised of the client: every edge of its state tables and every retriable
//! error code that brokers answer with, and how often. What was not reached is named at the end.
//!
//! Counted by the client's machines themselves (the private feature `__coverage` of `ottla-core`); a process counts all
//! that happens in it. Not here: what must be reached.

use std::fmt::Write;

use ottla_core::coverage::{Edge, Told, codes, edges};

/// The table as text, ready to be printed.
pub fn table() -> String {
    text(&edges(), &codes())
}

fn text(edges: &[Edge], codes: &[Told]) -> String {
    let mut out = String::new();
    let mut unreached = Vec::new();
    let reached = edges.iter().filter(|edge| edge.hits > 0).count();
    _ = writeln!(out, "state tables: {reached} of {} edges taken", edges.len());
    for of_machine in edges.chunk_by(|a, b| a.machine == b.machine) {
        for edge in of_machine {
            let Edge { machine, from, to, hits } = edge;
            _ = writeln!(out, "{hits:>12}  {machine}: {from} -> {to}");
            if *hits == 0 {
                unreached.push(format!("{machine}: {from} -> {to}"));
            }
        }
    }
    let expected = || codes.iter().filter(|told| told.is_expected);
    let reached = expected().filter(|told| told.hits > 0).count();
    _ = writeln!(out, "retriable error codes: {reached} of {} told", expected().count());
    for told in expected() {
        let row = format!("{}: {}", told.api, told.code);
        _ = writeln!(out, "{:>12}  {row}", told.hits);
        if told.hits == 0 {
            unreached.push(row);
        }
    }
    let others: Vec<_> = codes.iter().filter(|told| !told.is_expected).collect();
    if !others.is_empty() {
        _ = writeln!(out, "other error codes: {} told", others.len());
    }
    for told in others {
        _ = writeln!(out, "{:>12}  {}: {}", told.hits, told.api, told.code);
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
    use ottla_protocol::error_code::ErrorCode;

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
        );
        let expected = [
            "state tables: 1 of 2 edges taken",
            "           7  lamp: Off -> On",
            "           0  lamp: On -> Off",
            "retriable error codes: 1 of 2 told",
            "           0  Fetch: UNKNOWN_LEADER_EPOCH (75)",
            "           2  Fetch: NOT_LEADER_OR_FOLLOWER (6)",
            "other error codes: 1 told",
            "           1  Fetch: OFFSET_OUT_OF_RANGE (1)",
            "not reached: 2",
            "              lamp: On -> Off",
            "              Fetch: UNKNOWN_LEADER_EPOCH (75)",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_machines_have_tables() {
        let table = table();
        for machine in
            ["connection", "metadata", "producer identity", "batch", "position", "group coordinator"]
        {
            assert!(table.contains(&format!("  {machine}: ")), "{machine}");
        }
        assert!(table.contains("classic group: Revoking -> Joining") && table.contains("Produce: "));
    }
}
