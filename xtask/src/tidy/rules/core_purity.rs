//! `core-purity`: `core` decides and does nothing else: no socket, thread, lock, clock, runtime or thread-local
//! randomness. Time and randomness are handed in.

use crate::tidy::paths::paths;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Segments that follow one another in a path, and what to do instead.
const BANNED: [(&str, &str); 9] = [
    ("std::net", "sockets belong to transport"),
    ("std::thread", "tasks belong to transport and client"),
    ("sync::Mutex", "a state machine has one owner: take `&mut self`"),
    ("sync::RwLock", "a state machine has one owner: take `&mut self`"),
    ("Instant::now", "take `now` as an argument"),
    ("SystemTime::now", "take `now` as an argument"),
    ("thread_rng", "take `Jitter` or `Entropy` as an argument"),
    ("rand", "take `Jitter` or `Entropy` as an argument"),
    ("tokio", "tasks and timers belong to transport and client"),
];

/// Finds what core must not have.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust().filter(|file| file.library_crate() == Some("core")) {
        for path in paths(file.shipped_tokens()).iter().filter(|path| !path.test) {
            let broken = BANNED.iter().find(|(banned, _)| match *banned {
                // A crate's name; a field may well be called so.
                "tokio" | "rand" => path.starts_with(banned) && path.text != *banned,
                _ => path.contains(banned),
            });
            if let Some((_, instead)) = broken {
                let message = format!("`{}` in core: {instead}", path.text);
                violations.push(Violation::new("core-purity", &file.path, path.line, message));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_core_must_not_have_is_found() {
        for text in [
            "use std::net::TcpStream;",
            "use std::{thread, time::Duration};",
            "use std::sync::{Arc, Mutex};",
            "struct S { s: std::sync::RwLock<u8> }",
            "fn f() { Instant::now(); }",
            "fn f() { std::time::SystemTime::now(); }",
            "fn f() { thread_rng(); }",
            "use rand::Rng;",
            "use tokio::sync::mpsc;",
        ] {
            assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn time_and_memory_are_fine() {
        let text =
            "use std::{collections::BTreeMap, sync::Arc, time::{Duration, Instant}};\nfn f(rand: u8) {}\n";
        assert_eq!(Snapshot::violations(check, "crates/core/src/lib.rs", text), [""; 0]);
    }

    #[test]
    fn other_crates_may() {
        let text = "use std::net::TcpStream;";
        assert_eq!(Snapshot::violations(check, "crates/transport/src/lib.rs", text), [""; 0]);
        assert_eq!(Snapshot::violations(check, "crates/core/src/metadata/tests.rs", text), [""; 0]);
    }
}
