//! What servers say while a client authenticates: Kafka's own SCRAM messages damaged, random bytes, and long ones.

use bytes::Bytes;
use ottla_core::random::Entropy;
use ottla_core::sasl::{
    Exchange, MAX_ITERATIONS, MAX_SERVER_MESSAGE_SIZE, Mechanism, OAuthBearer, Plain, Scram, ScramMechanism,
    Start, Step, UnsecuredToken,
};
use ottla_core::time::Now;
use ottla_tests::random::Random;
use serde_json::Value;

use crate::Share;
use crate::damage::{damaged, lines};
use crate::report::Report;

/// Of each kind, round and worker.
const INPUTS: usize = 400;
/// What one answer may take: the bounded text of an error or of a message, and what is signed.
const ALLOWED: u64 = 4 * MAX_SERVER_MESSAGE_SIZE as u64;
/// Each iteration takes time, and a build for tests is slow. That there is a bound, and where, the core's tests show.
const MOST_ITERATIONS: u32 = 10_000;

/// Exchanges that Kafka's classes had with themselves.
pub struct Exchanges {
    lines: Vec<Value>,
    firsts: Vec<Vec<u8>>,
    finals: Vec<Vec<u8>>,
}

impl Exchanges {
    pub fn load() -> Self {
        let lines: Vec<_> = lines("misc.jsonl.gz").filter(|line| line["kind"] == "scram").collect();
        let all = |key: &str| lines.iter().map(|line| text(line, key).as_bytes().to_vec()).collect();
        Self { firsts: all("serverFirst"), finals: all("serverFinal"), lines }
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().expect("it is text")
}

/// This worker's share.
pub fn attack(share: Share, exchanges: &Exchanges, report: &mut Report) {
    firsts(share, exchanges, report);
    finals(share, exchanges, report);
    outcomes(share, exchanges, report);
}

fn opened(line: &Value) -> Box<dyn Exchange> {
    let sha256 = line["mechanism"] == "SCRAM-SHA-256";
    let mechanism = if sha256 { ScramMechanism::Sha256 } else { ScramMechanism::Sha512 };
    let scram = Scram::new(mechanism, text(line, "user"), text(line, "password")).expect("credentials");
    let mut exchange = scram.replay(text(line, "clientNonce")).expect("a nonce");
    exchange.next(None).expect("an opening");
    exchange
}

/// An error's text must be bounded and fit for a terminal.
fn step(exchange: &mut dyn Exchange, input: &[u8]) -> Option<Step> {
    let step = exchange.next(Some(input));
    let refusal = exchange.refusal();
    for error in step.as_ref().err().into_iter().chain(&refusal) {
        let text = error.to_string();
        assert!(text.chars().count() < 1000 && !text.contains(char::is_control), "{text:?}");
    }
    step.ok()
}

/// Now and then one that is longer than any honest one.
fn message(random: &mut Random, honest: &[Vec<u8>]) -> Vec<u8> {
    let mut input = damaged(random, honest);
    if random.below(20) == 0 {
        input.extend_from_slice(&b",x=".repeat(random.below(100_000)));
    }
    input
}

/// Whether the work would take too long for a test, though not for a client.
fn is_much_work(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let digits = text.split(",i=").nth(1).unwrap_or_default();
    let digits = digits.split(',').next().unwrap_or_default();
    digits.parse().is_ok_and(|iterations: u32| (MOST_ITERATIONS..=MAX_ITERATIONS).contains(&iterations))
}

fn firsts(share: Share, exchanges: &Exchanges, report: &mut Report) {
    let mut random = Random(share.seed("scram firsts"));
    for _ in 0..INPUTS {
        let at = random.below(exchanges.lines.len());
        // Of another exchange, the nonce is wrong already.
        let all = if random.below(10) == 0 { 0..=exchanges.firsts.len() - 1 } else { at..=at };
        let input = message(&mut random, &exchanges.firsts[all]);
        if is_much_work(&input) {
            continue;
        }
        let mut exchange = opened(&exchanges.lines[at]);
        let answer = || step(&mut *exchange, &input);
        report.attempt("scram, first", &at, &input, ALLOWED, answer, |step| match step {
            Step::Respond(message) if message.starts_with(b"c=biws,r=") => Ok(()),
            step => Err(format!("no proof: {step:?}")),
        });
    }
}

fn finals(share: Share, exchanges: &Exchanges, report: &mut Report) {
    let mut random = Random(share.seed("scram finals"));
    for _ in 0..INPUTS {
        let at = random.below(exchanges.lines.len());
        let honest = &exchanges.finals[at];
        // One in ten is as it should be, apart from what an extension adds.
        let mut input = message(&mut random, &exchanges.finals[at..=at]);
        if random.below(10) == 0 {
            input = [honest, &b",x=1"[..]].concat();
        }
        let mut exchange = opened(&exchanges.lines[at]);
        exchange.next(Some(&exchanges.firsts[at])).expect("a proof");
        let answer = || step(&mut *exchange, &input);
        report.attempt("scram, final", &at, &input, ALLOWED, answer, |step| {
            let is_honest = input.starts_with(honest);
            if step == Step::Done && is_honest { Ok(()) } else { Err(format!("taken: {step:?}")) }
        });
    }
}

/// PLAIN and OAUTHBEARER, whose servers have one thing to say.
fn outcomes(share: Share, exchanges: &Exchanges, report: &mut Report) {
    let mut random = Random(share.seed("sasl outcomes"));
    let plain = Plain::new("alice", "secret").expect("credentials");
    let token = UnsecuredToken::new("alice").expect("a principal");
    let bearer = OAuthBearer::unsecured(token);
    let mechanisms: [&dyn Mechanism; 2] = [&plain, &bearer];
    for at in 0..INPUTS {
        let mechanism = mechanisms[at % 2];
        let mut input = message(&mut random, &exchanges.finals);
        if random.below(10) == 0 {
            input.clear();
        }
        let start = Start::new("broker", Now::default(), Entropy::from_bytes([0; Entropy::SIZE]));
        let mut exchange = mechanism.start(start).expect("it starts");
        exchange.next(None).expect("an opening");
        let answer = || step(&mut *exchange, &input);
        report.attempt("sasl outcomes", &mechanism.name(), &input, ALLOWED, answer, |step| match step {
            Step::Done if input.is_empty() || mechanism.name() == "PLAIN" => Ok(()),
            Step::Respond(message) if message == Bytes::from_static(&[1]) => Ok(()),
            step => Err(format!("not an end: {step:?}")),
        });
    }
}
