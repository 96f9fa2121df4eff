//! `clock`: in client and transport only `clock.rs` looks at a clock, and nothing but TLS hands work to the blocking
//! pool: a simulation controls neither.

use crate::tidy::paths::paths;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

const BANNED: [(&str, &str); 3] = [
    ("Instant::now", "take `Now` as an argument, or make it in clock.rs"),
    ("SystemTime::now", "take `Now` as an argument, or make it in clock.rs"),
    ("spawn_blocking", "it runs outside the simulation: do the work in the task that has the bytes"),
];

/// Finds clocks and blocking tasks.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.written_rust().filter(|f| matches!(f.library_crate(), Some("client" | "transport")))
    {
        let makes_now = file.path.ends_with("/src/clock.rs");
        // It reads files for each connection, and no simulation runs it.
        let is_tls = file.path.starts_with("crates/transport/src/tls/");
        for path in paths(file.shipped_tokens()).iter().filter(|path| !path.test) {
            for (banned, instead) in BANNED {
                let allowed = if banned == "spawn_blocking" { is_tls } else { makes_now };
                if path.contains(banned) && !allowed {
                    let message = format!("`{}`: {instead}", path.text);
                    violations.push(Violation::new("clock", &file.path, path.line, message));
                }
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_found_outside_its_file() {
        let text =
            "fn f() -> u64 {\n    let a = Instant::now();\n    let b = std::time::SystemTime::now();\n}\n";
        assert_eq!(Snapshot::violations(check, "crates/client/src/producer.rs", text).len(), 2);
        assert_eq!(Snapshot::violations(check, "crates/client/src/clock.rs", text), [""; 0]);
        assert_eq!(Snapshot::violations(check, "crates/cli/src/main.rs", text), [""; 0]);
    }

    #[test]
    fn blocking_tasks_are_found_everywhere_but_in_tls() {
        for text in
            ["fn f() { tokio::task::spawn_blocking(|| ()); }", "fn f() { handle.spawn_blocking(|| ()); }"]
        {
            assert_eq!(Snapshot::violations(check, "crates/transport/src/clock.rs", text).len(), 1, "{text}");
            assert_eq!(
                Snapshot::violations(check, "crates/transport/src/tls/config.rs", text),
                [""; 0],
                "{text}"
            );
        }
    }

    #[test]
    fn tests_may_look_at_the_clock() {
        let text = "#[cfg(test)]\nmod tests {\n    fn f() { Instant::now(); }\n}\n";
        assert_eq!(Snapshot::violations(check, "crates/client/src/producer.rs", text), [""; 0]);
    }
}
