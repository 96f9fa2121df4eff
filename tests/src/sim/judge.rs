//! Runs a world and says what is wrong with it.

use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use super::checkers::CHECKERS;
use super::history::{ClientEvent, Event, Happened};
use super::plan::{LEAST_FAULTS, LEAST_NODES, LEAST_RECORDS, LEAST_TOPICS, Plan};
use super::replay;
use super::world::{Ended, run};

/// The rule that too little happened in a world.
pub const TOO_CALM: &str = "too-calm";
/// The rule that a world does not come to an end.
pub const HANGS: &str = "hangs";
/// How long a world may take of a machine's time; most take less than a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is wrong with a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule that does not hold: a checker's name, or `panic`, `trouble`, `hangs`, `too-calm` or `determinism`.
    pub rule: &'static str,
    /// How it is broken.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.reason)
    }
}

/// Runs a world and holds it against every rule.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn judge(plan: &Plan) -> Result<Ended, Failure> {
    let ended = run_in_time(plan)?.map_err(|reason| Failure { rule: "panic", reason })?;
    if let Some(trouble) = ended.troubles.first() {
        return Err(Failure { rule: "trouble", reason: trouble.clone() });
    }
    for checker in CHECKERS {
        if let Err(reason) = checker.judge(&ended.outcome) {
            return Err(Failure { rule: checker.name, reason });
        }
    }
    match calmness(plan, &ended) {
        Some(reason) => Err(Failure { rule: TOO_CALM, reason }),
        None => Ok(ended),
    }
}

/// As [`judge`], twice: both runs must be the same to the byte.
///
/// # Errors
/// The first thing that is wrong with it, or the first line in which the runs differ.
pub fn judge_twice(plan: &Plan) -> Result<Ended, Failure> {
    let ended = judge(plan)?;
    let again = run(plan).map_err(|reason| Failure { rule: "determinism", reason })?;
    match replay::difference(&ended.text, &again.text) {
        None => Ok(ended),
        Some(reason) => Err(Failure { rule: "determinism", reason }),
    }
}

/// Runs a world on a thread of its own: one that turns in circles without its time going on fails, and its thread is
/// left to itself.
fn run_in_time(plan: &Plan) -> Result<Result<Ended, String>, Failure> {
    let (sender, receiver) = mpsc::channel();
    let plan = plan.clone();
    std::thread::spawn(move || _ = sender.send(run(&plan)));
    receiver.recv_timeout(PATIENCE).map_err(|_| {
        let reason = format!("it turns in circles without its time going on: {PATIENCE:?} of the machine's");
        Failure { rule: HANGS, reason }
    })
}

/// In what a world is less than every world is to be; a smaller one shows less.
fn calmness(plan: &Plan, ended: &Ended) -> Option<String> {
    let (topics, partitions) = LEAST_TOPICS;
    let large = plan.cluster.topics.iter().filter(|(_, count)| *count >= partitions).count();
    let is_sent = |happened: &&Happened| matches!(happened.event, Event::Client(ClientEvent::Sent { .. }));
    let sent = ended.outcome.history.iter().filter(is_sent).count();
    let reason = match () {
        () if ended.faults < LEAST_FAULTS => format!("only {} faults struck", ended.faults),
        () if plan.cluster.nodes < LEAST_NODES => format!("only {} nodes", plan.cluster.nodes),
        () if large < topics => format!("only {large} topics with {partitions} partitions"),
        () if sent < LEAST_RECORDS => format!("only {sent} records"),
        () => return None,
    };
    Some(reason)
}
