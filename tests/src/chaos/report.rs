//! What a run prints, and what it comes to.

use super::acknowledgements::{Acknowledgements, Pause};
use super::history::Fate;
use super::judge::Verdict;
use super::killer::Outages;
use super::load::Outcome;
use super::plan::Plan;
use std::fmt;
use std::time::Duration;

/// All that a run found.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// What was killed.
    pub outages: &'a Outages,
    /// When acknowledgements came.
    pub acknowledgements: &'a Acknowledgements,
    /// What was sent.
    pub outcome: &'a Outcome,
    /// Each reader with what it found.
    pub readings: &'a [(&'static str, Verdict)],
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Nothing was wrong, and as much was killed as planned.
    Passed,
    /// Something was wrong, whatever was killed.
    Failed,
    /// Nothing was wrong, but the cluster did not come back, so this proves nothing.
    Inconclusive,
}

/// A run with a broken rule has failed; without one, only a run that was carried through has passed.
#[must_use]
pub fn conclude(outages: &Outages, readings: &[(&'static str, Verdict)]) -> Conclusion {
    match (readings.iter().all(|(_, verdict)| verdict.is_clean()), &outages.inconclusive) {
        (false, _) => Conclusion::Failed,
        (true, Some(_)) => Conclusion::Inconclusive,
        (true, None) if readings.is_empty() => Conclusion::Inconclusive,
        (true, None) => Conclusion::Passed,
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kills(f)?;
        self.records(f)?;
        self.times(f)?;
        for (reader, verdict) in self.readings {
            writeln!(f, "read by {reader}: {verdict}")?;
        }
        match (conclude(self.outages, self.readings), &self.outages.inconclusive) {
            (Conclusion::Passed, _) => f.write_str("passed"),
            (Conclusion::Failed, _) => f.write_str("FAILED: a rule is broken"),
            (Conclusion::Inconclusive, Some(reason)) => write!(f, "inconclusive: {reason}"),
            (Conclusion::Inconclusive, None) => f.write_str("inconclusive: nobody read it"),
        }
    }
}

impl Report<'_> {
    fn kills(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, kill) in (1..).zip(&self.outages.kills) {
            let pause = self.acknowledgements.longest_pause(kill.killed, kill.in_sync);
            writeln!(
                f,
                "kill {number}: node {}, leader of {} of {} partitions, at {:.1} s; started again at {:.1} s; every \
                 replica in sync {:.1} s later; longest time without an acknowledgement {:.2} s",
                kill.node,
                kill.led,
                self.plan.partitions,
                kill.killed.as_secs_f64(),
                kill.started.as_secs_f64(),
                (kill.in_sync - kill.started).as_secs_f64(),
                pause.map_or(0.0, |pause| pause.length.as_secs_f64()),
            )?;
        }
        let refills = || self.outages.kills.iter().map(|kill| (kill.in_sync - kill.started).as_secs_f64());
        let (least, most) = (refills().fold(f64::INFINITY, f64::min), refills().fold(0.0, f64::max));
        match self.outages.kills.len() {
            0 => writeln!(f, "no kill"),
            kills => {
                writeln!(f, "{kills} kills; every replica in sync {least:.1} to {most:.1} s after the start")
            }
        }
    }

    fn records(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history = &self.outcome.history;
        let (sent, seconds) = (history.count(|_| true), self.outcome.sending.as_secs_f64());
        writeln!(
            f,
            "{sent} records from {} tasks in {seconds:.1} s: {:.0} a second of {} wanted",
            self.plan.senders,
            sent as f64 / seconds,
            self.plan.rate
        )?;
        writeln!(
            f,
            "{} acknowledged ({} without an offset), {} not written, {} perhaps written",
            history.count(|fate| matches!(fate, Fate::Acknowledged { .. })),
            history.count(|fate| matches!(fate, Fate::Acknowledged { offset: None, .. })),
            history.count(|fate| fate == Fate::NotWritten),
            history.count(|fate| fate == Fate::PerhapsWritten),
        )?;
        for (failure, count) in &self.outcome.failures {
            writeln!(f, "  {count} failed: {failure}")?;
        }
        Ok(())
    }

    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.acknowledgements.longest_pause(Duration::ZERO, Duration::MAX);
        writeln!(f, "longest time without an acknowledgement: {}", told(longest.unwrap_or_default()))?;
        let partitions = self.acknowledgements.longest_pauses();
        if let Some((partition, longest)) = (0..).zip(partitions).max_by_key(|(_, pause)| pause.length) {
            writeln!(f, "  of one partition: {} (partition {partition})", told(longest))?;
        }
        let wait = |thousandths| self.outcome.waits.thousandths(thousandths).as_secs_f64() * 1000.0;
        writeln!(
            f,
            "from enqueueing to acknowledgement (records with keys): median {:.1} ms, 99 % within {:.0} ms, all within \
             {:.0} ms",
            wait(500),
            wait(990),
            wait(1000)
        )
    }
}

fn told(pause: Pause) -> String {
    format!("{:.2} s, from {:.1} s on", pause.length.as_secs_f64(), pause.from.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::super::judge::Rule;
    use super::*;

    #[track_caller]
    fn check(inconclusive: Option<&str>, is_clean: bool, expected: Conclusion) {
        let outages = Outages { kills: Vec::new(), inconclusive: inconclusive.map(str::to_owned) };
        let mut verdict = Verdict::default();
        if !is_clean {
            verdict.broken.insert(Rule::AcknowledgedIsKept, (1, Vec::new()));
        }
        assert_eq!(conclude(&outages, &[("a", Verdict::default()), ("b", verdict)]), expected);
    }

    #[test]
    fn only_a_clean_run_that_was_carried_through_has_passed() {
        check(None, true, Conclusion::Passed);
        check(Some("a node did not come back"), true, Conclusion::Inconclusive);
        check(None, false, Conclusion::Failed);
        check(Some("a node did not come back"), false, Conclusion::Failed);
        assert_eq!(conclude(&Outages::default(), &[]), Conclusion::Inconclusive);
    }
}
