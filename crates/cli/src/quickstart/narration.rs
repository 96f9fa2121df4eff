//! The lines of the quickstart: a name for each step, aligned, and what happened.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

const NAME: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Moves to the start of the line and clears it.
const AGAIN: &str = "\r\x1b[2K";

/// Writes the lines. On a terminal a step shows what it waits for until it is done.
pub struct Narration<W> {
    out: W,
    is_live: bool,
    /// The step that is under way.
    step: Option<&'static str>,
}

impl<W: Write> Narration<W> {
    /// Writes to `out`, which `is_live` if it is a terminal.
    pub fn new(out: W, is_live: bool) -> Self {
        Self { out, is_live, step: None }
    }

    /// The first line.
    pub fn title(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{BOLD}{text}{BOLD:#}\n")
    }

    /// A step starts, and may take a while.
    pub fn begin(&mut self, name: &'static str, waiting: &str) -> io::Result<()> {
        self.step = Some(name);
        if self.is_live {
            write!(self.out, "  {NAME}{name:<10}{NAME:#}{DIM}{waiting} ...{DIM:#}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// The step that began is done.
    pub fn done(&mut self, text: &str) -> io::Result<()> {
        let again = if self.is_live { AGAIN } else { "" };
        let name = self.step.take().unwrap_or_default();
        write!(self.out, "{again}")?;
        self.step(name, text)
    }

    /// A step that takes no time.
    pub fn step(&mut self, name: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {NAME}{name:<10}{NAME:#}{text}")
    }

    /// A line that belongs to the step before.
    pub fn detail(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {:<10}  {DIM}{text}{DIM:#}", "")
    }

    /// How it went.
    pub fn verdict(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{GOOD}{text}{GOOD:#}")
    }

    /// A line on its own.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Above suggestions.
    pub fn next_title(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{BOLD}{text}{BOLD:#}")
    }

    /// A suggestion: what for, and the command.
    pub fn next(&mut self, what: &str, command: &str) -> io::Result<()> {
        writeln!(self.out, "  {what}\n    {NAME}{command}{NAME:#}")
    }

    /// Leaves a line of its own for an error.
    pub fn give_up(&mut self) -> io::Result<()> {
        if let Some(name) = self.step.take() {
            let again = if self.is_live { AGAIN } else { "" };
            let red = AnsiColor::Red.on_default();
            writeln!(self.out, "{again}  {NAME}{name:<10}{NAME:#}{red}failed{red:#}\n")?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(is_live: bool) -> String {
        let mut narration = Narration::new(Vec::new(), is_live);
        narration.begin("topic", "creating it").expect("memory takes everything");
        narration.done("t, 3 partitions").expect("memory takes everything");
        narration.begin("produced", "sending").expect("memory takes everything");
        narration.give_up().expect("memory takes everything");
        anstream::adapter::strip_str(&String::from_utf8(narration.out).expect("text")).to_string()
    }

    #[test]
    fn without_a_terminal_each_step_is_one_line() {
        assert_eq!(told(false), "  topic     t, 3 partitions\n  produced  failed\n\n");
    }

    #[test]
    fn on_a_terminal_a_step_shows_what_it_waits_for() {
        let text = told(true);
        assert!(text.starts_with("  topic     creating it ...\r  topic     t, 3 partitions\n"), "{text:?}");
    }
}
