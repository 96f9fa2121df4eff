//! Simulated worlds: every rule holds in some of each scenario, and a world is the same every time.
//!
//! `OTTLA_SIM_FIRST` is the first seed, `OTTLA_SOAK_MINUTES` makes it run for so long; `cargo xtask sim` runs more.

use std::time::{Duration, Instant};

use ottla_tests::sim::campaign::Campaign;
use ottla_tests::sim::checkers::CHECKERS;
use ottla_tests::sim::judge::{judge, judge_twice};
use ottla_tests::sim::plan::{LEAST_FAULTS, Plan, Scenario};
use ottla_tests::sim::replay;
use ottla_tests::sim::world::{Ended, run};

/// Seeds of each scenario: a minute in a build for tests.
const SEEDS: u64 = 8;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn every_rule_holds_in_every_world() {
    let mut campaign = Campaign::new(&Scenario::ALL, number("OTTLA_SIM_FIRST").unwrap_or(1), SEEDS);
    if let Some(minutes) = number("OTTLA_SOAK_MINUTES") {
        campaign.until = Some(Instant::now() + Duration::from_secs(60 * minutes));
        campaign.seeds = u64::MAX;
    }
    let tally = campaign.run();
    println!("{tally}");
    assert_eq!(tally.failed, 0, "worlds failed; they are shown above");
}

#[test]
fn a_world_is_the_same_to_the_byte_when_it_is_run_again() {
    for seed in 1000..1002 {
        for scenario in Scenario::ALL {
            if let Err(failure) = judge_twice(&Plan::draw(scenario, seed)) {
                panic!("{} {seed}: {failure}", scenario.name());
            }
        }
    }
}

/// The journal of a world, and of the world that is made of it.
fn run_and_again(plan: &Plan) -> (Ended, Ended) {
    let ended = run(plan).expect("it ends");
    let again = replay::plan_of(&ended.text).expect("the journal of a world");
    let faults = ended.text.matches(r#""event":"faultFired""#).count();
    assert_eq!(again.faults.rules.len(), faults);
    assert!(again.faults.rules.iter().all(|rule| rule.probability.is_none()));
    let again = run(&again).expect("it ends");
    (ended, again)
}

#[test]
fn a_world_runs_again_from_its_journal_to_the_byte() {
    for scenario in Scenario::ALL {
        let (ended, again) = run_and_again(&Plan::draw(scenario, 2000));
        assert_eq!(replay::difference(&ended.text, &again.text), None, "{}", scenario.name());
    }
}

/// As one that fails: with less in it than was drawn, and a rule that does not hold.
#[test]
fn a_shrunk_world_that_fails_fails_again_from_its_journal() {
    let mut plan = Plan::draw(Scenario::Mixed, 2001);
    plan.faults.rules.truncate(plan.faults.rules.len() / 2);
    plan.network.remove(0);
    plan.producers[0].records /= 2;
    plan.consumers.pop();
    let failure = |mut ended: Ended| {
        // The log forgets its first record.
        let log = ended.outcome.logs.iter_mut().find(|(_, log)| !log.is_empty());
        log.expect("somebody has written").1.remove(0);
        let kept = CHECKERS.iter().find(|checker| checker.name == "acknowledged-is-kept");
        kept.expect("there is such a rule").judge(&ended.outcome).expect_err("a record is gone")
    };
    let (ended, again) = run_and_again(&plan);
    assert_eq!(replay::difference(&ended.text, &again.text), None);
    assert_eq!(failure(ended), failure(again));
}

#[test]
fn another_run_is_not_taken_for_the_same() {
    let first = run(&Plan::draw(Scenario::Calm, 1)).expect("it ends").text;
    let other = run(&Plan::draw(Scenario::Calm, 2)).expect("it ends").text;
    assert!(replay::difference(&first, &other).is_some_and(|difference| difference.starts_with("line 1: ")));
    let mut cut = first.lines();
    cut.next_back();
    assert!(replay::difference(&first, &cut.collect::<Vec<_>>().join("\n")).is_some());
    assert!(replay::plan_of("{}").is_err() && replay::plan_of("").is_err());
}

#[test]
fn a_world_in_which_too_little_goes_wrong_fails() {
    let mut plan = Plan::draw(Scenario::Calm, 3);
    assert!(judge(&plan).is_ok_and(|ended| ended.faults >= LEAST_FAULTS));
    plan.spare.rules.clear();
    let failure = judge(&plan).expect_err("nothing goes wrong");
    assert_eq!((failure.rule, failure.reason.as_str()), ("too-calm", "only 0 faults struck"));
    let mut plan = Plan::draw(Scenario::Calm, 3);
    plan.producers.truncate(1);
    plan.producers[0].records = 499;
    assert_eq!(judge(&plan).expect_err("it is too small").reason, "only 499 records");
}

/// Worlds that failed once, and why.
const KEPT: &[(Scenario, u64, &str)] = &[
    (Scenario::Groups, 16, "an answer out of order ended a member for good"),
    (Scenario::Network, 14, "likewise, while it looked for its coordinator"),
    (Scenario::Groups, 117, "a connection slept on when a request that waited for it had timed out"),
    (Scenario::Groups, 519, "a consumer that closed while its group was away turned in circles"),
    (Scenario::Restarts, 2005, "a coordinator that the picture of the cluster lacked was never reached"),
    (
        Scenario::Leaders,
        4009,
        "batches went to a new leader while the old one owed an answer, and got before it",
    ),
    (
        Scenario::Mixed,
        4113,
        "a member joined again while its application was letting go, and was told so twice",
    ),
    (
        Scenario::Mixed,
        20185,
        "partitions that came back while the group's leader synced were assigned to nobody",
    ),
    (Scenario::Coordinators, 400147, "a commit outlived its membership, and undid those of the next"),
    (Scenario::Restarts, 3064, "the cluster came back for ever for a follower that it could not expel"),
    (Scenario::Acks, 900136, "what a leader had written was told as not written when a later attempt failed"),
    (Scenario::Expiry, 22, "what was given up came behind what a producer of another id sent next"),
    (
        Scenario::Limits,
        20085,
        "parts without sequences waited for batches behind them that had some, all for ever",
    ),
    (
        Scenario::Limits,
        30619,
        "a part that may have been written was written behind a gap where the one before it was refused",
    ),
    (Scenario::Limits, 14, "parts of a batch were written behind a gap where the first of them was refused"),
    (
        Scenario::Logins,
        1,
        "a client waited for minutes with the next bootstrap server after one that lacked its mechanism",
    ),
    (Scenario::Topics, 1, "a new place was committed before what was fetched ahead of it was handed out"),
];

#[test]
fn worlds_that_failed_once_do_not_fail_again() {
    for (scenario, seed, why) in KEPT {
        if let Err(failure) = judge(&Plan::draw(*scenario, *seed)) {
            panic!("{} {seed} ({why}): {failure}", scenario.name());
        }
    }
}
