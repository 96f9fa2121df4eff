//! The lines of a broker's log that say why it failed. Not a log reader.

use std::fs;
use std::path::Path;

const LINES: usize = 8;
const WIDTH: usize = 300;

/// The last lines that matter, indented, or a remark that there are none.
pub fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let lines = meaningful(&String::from_utf8_lossy(&text));
    if lines.is_empty() { "  (empty)".into() } else { lines }
}

/// Stack frames say little; where there are errors, what came after them (an orderly shutdown) says nothing.
fn meaningful(text: &str) -> String {
    let frame = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("at ") && !line.starts_with("... ")
    };
    let lines: Vec<_> = text.lines().filter(frame).collect();
    let error =
        |line: &&str| ["ERROR", "FATAL", "Exception", "Error:"].iter().any(|word| line.contains(word));
    let errors: Vec<_> = lines.iter().copied().filter(error).collect();
    let chosen = if errors.is_empty() { lines } else { errors };
    let last = &chosen[chosen.len().saturating_sub(LINES)..];
    let cut: Vec<_> =
        last.iter().map(|line| format!("  {}", line.chars().take(WIDTH).collect::<String>())).collect();
    cut.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_without_frames_and_without_what_follows() {
        let text = "[1] INFO starting\n[2] ERROR Exiting (kafka.Kafka$)\njava.net.BindException: Address in use\n\
                    \tat sun.nio.ch.Net.bind\n\t... 3 more\n[3] INFO shutting down\n";
        assert_eq!(
            meaningful(text),
            "  [2] ERROR Exiting (kafka.Kafka$)\n  java.net.BindException: Address in use"
        );
    }

    #[test]
    fn without_errors_the_last_lines_are_shown() {
        let text: String = (0..20).map(|number| format!("line {number}\n")).collect();
        let shown = meaningful(&text);
        assert!(shown.starts_with("  line 12\n") && shown.ends_with("  line 19"), "{shown}");
    }
}
