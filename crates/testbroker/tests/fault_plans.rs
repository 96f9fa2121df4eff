//! Fault plans as JSON: there and back, and what is refused.

use ottla_testbroker::faults::{FaultPlan, MAX_PLAN_BYTES, PlanErrorKind};

/// Every action and every field, as they are written.
const PLAN: &str = concat!(
    r#"{"seed":7,"rules":["#,
    r#"{"on":{"api":"Produce","minVersion":3,"maxVersion":12,"node":1,"topic":"t","partition":0,"#,
    r#""clientId":"c","connection":4,"request":9},"skip":1,"times":2,"probability":0.25,"#,
    r#""fromMs":10,"toMs":20,"action":{"type":"error","code":"NOT_LEADER_OR_FOLLOWER"}},"#,
    r#"{"on":{"group":"g"},"action":{"type":"error","code":1234,"when":"afterApply"}},"#,
    r#"{"action":{"type":"delay","ms":50}},"#,
    r#"{"action":{"type":"delay","ms":50,"when":"afterApply"}},"#,
    r#"{"action":{"type":"drop"}},"#,
    r#"{"action":{"type":"close","when":"afterApply"}},"#,
    r#"{"action":{"type":"cut","bytes":9}},"#,
    r#"{"action":{"type":"hang"}},"#,
    r#"{"atMs":5,"action":{"type":"stopNode","node":1}},"#,
    r#"{"atMs":5,"action":{"type":"killNode","node":1,"downMs":10}},"#,
    r#"{"action":{"type":"moveLeader","topic":"t","partition":0,"node":2}},"#,
    r#"{"action":{"type":"moveCoordinator","group":"g","node":2}},"#,
    r#"{"action":{"type":"pauseReplication","topic":"t","partition":0,"ms":7}}]}"#,
);

#[test]
fn a_plan_survives_the_way_to_text_and_back_to_the_byte() {
    let plan = FaultPlan::from_json(PLAN).expect("a plan");
    assert_eq!(plan.rules.len(), 13);
    assert_eq!(plan.to_json(), PLAN);
    assert_eq!(FaultPlan::from_json(&plan.to_json()).expect("a plan"), plan);
}

#[test]
fn the_examples_of_the_docs_are_plans() {
    let docs = include_str!("../../../docs/faults.md");
    let examples = docs.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let mut seen = 0;
    for example in examples.filter(|example| example.contains("\"rules\"")) {
        FaultPlan::from_json(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        seen += 1;
    }
    assert!(seen >= 6, "{seen} examples");
}

#[test]
fn text_that_is_no_plan_is_refused_with_a_reason() {
    let json = |text: &str, expected: &str| {
        let error = FaultPlan::from_json(text).expect_err(text);
        assert!(matches!(error.kind(), PlanErrorKind::Json(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    json("", "EOF");
    json(&"[".repeat(100_000), "");
    json(r#"{"rules":[{"action":{"type":"explode"}}]}"#, "explode");
    json(r#"{"rules":[{"action":{"type":"hang","bytes":1}}]}"#, "bytes");
    json(r#"{"rules":[{"action":{"type":"hang"},"typo":1}]}"#, "typo");
    json(r#"{"rules":[{"on":{"api":"Poduce"},"action":{"type":"hang"}}]}"#, "unknown API: Poduce");
    json(r#"{"rules":[{"action":{"type":"error","code":"NO_SUCH"}}]}"#, "unknown error code: NO_SUCH");
    json(r#"{"rules":[{"action":{"type":"error","code":99999}}]}"#, "");
    json(r#"{"rules":[{"action":{"type":"delay","ms":-1}}]}"#, "-1");
    json(r#"{"rules":[{"action":{"type":"cut","bytes":4294967296}}]}"#, "4294967296");
    json(r#"{"rules":[{"times":-1,"action":{"type":"hang"}}]}"#, "-1");
    json(r#"{"rules":[{"probability":1e999,"action":{"type":"hang"}}]}"#, "");
}

#[test]
fn a_plan_out_of_bounds_is_refused_with_its_rule() {
    let check = |rule: &str, expected: &str| {
        let text = format!(r#"{{"rules":[{{"action":{{"type":"hang"}}}},{rule}]}}"#);
        let error = FaultPlan::from_json(&text).expect_err(rule);
        assert_eq!((error.rule(), error.to_string().as_str()), (Some(1), expected));
    };
    check(r#"{"action":{"type":"delay","ms":3600001}}"#, "rule 1: a delay of more than 3600000 ms: 3600001");
    check(r#"{"probability":1.5,"action":{"type":"hang"}}"#, "rule 1: probability must be from 0 to 1: 1.5");
    check(
        r#"{"on":{"api":"Vote"},"action":{"type":"hang"}}"#,
        "rule 1: the cluster does not serve the API: Vote",
    );
    check(r#"{"action":{"type":"error","code":0}}"#, "rule 1: code 0 is no error");
    let long = FaultPlan::from_json(&" ".repeat(MAX_PLAN_BYTES + 1)).expect_err("too long");
    assert_eq!(long.kind(), &PlanErrorKind::TooLong { bytes: MAX_PLAN_BYTES + 1 });
    let rule = r#"{"action":{"type":"hang"}}"#;
    let many = format!(r#"{{"rules":[{}]}}"#, vec![rule; 1001].join(","));
    let many = FaultPlan::from_json(&many).expect_err("too many");
    assert_eq!(many.kind(), &PlanErrorKind::TooManyRules { rules: 1001 });
}
