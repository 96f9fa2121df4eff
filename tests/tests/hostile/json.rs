//! JSON of Kafka's own with values replaced and taken out. JSON comes from the user and has no budget: what is read may
//! take a multiple of the text, and must not panic.

use ottla_protocol::json::from_json;
use ottla_protocol::message::{Message, VersionRange};
use ottla_tests::random::Random;
use serde_json::{Value, json};

use crate::Share;
use crate::damage::Bodies;
use crate::report::Report;

const KIND: &str = "json";
/// What no reading of a fixture comes near.
const ALLOWED: u64 = 1 << 20;
const INPUTS: usize = 20;

struct Subject {
    name: &'static str,
    versions: VersionRange,
    read: fn(&mut Report, i16, &Value),
}

macro_rules! subjects {
    ($($module:ident::$name:ident;)*) => {
        static SUBJECTS: &[Subject] = &[$(Subject {
            name: stringify!($name),
            versions: <ottla_protocol::messages::$module::$name as Message>::VERSIONS,
            read: read::<ottla_protocol::messages::$module::$name>,
        },)*];
    };
}

ottla_protocol::__each_message!(subjects);

fn read<M: Message>(report: &mut Report, version: i16, json: &Value) {
    let input = json.to_string();
    let subject = format_args!("{} version {version}", M::NAME);
    let decode = || from_json::<M>(json, version).ok();
    report.attempt(KIND, &subject, input.as_bytes(), ALLOWED, decode, |message| {
        // A text may be longer than can be written.
        let Ok(written) = message.to_bytes(version) else { return Ok(()) };
        M::decode(&written, version).map(drop).map_err(|error| format!("written, it cannot be read: {error}"))
    });
}

/// This worker's messages, in every version.
pub fn attack(share: Share, bodies: &Bodies, report: &mut Report) {
    let mut random = Random(share.seed(KIND));
    for subject in SUBJECTS.iter().skip(share.worker).step_by(share.workers) {
        for version in subject.versions.min..=subject.versions.max {
            let all = bodies.json_of(subject.name, version);
            for _ in 0..if all.is_empty() { 0 } else { INPUTS } {
                let mut json = all[random.below(all.len())].clone();
                damage(&mut random, &mut json);
                (subject.read)(report, version, &json);
            }
        }
    }
}

/// Goes down some way and does something there.
fn damage(random: &mut Random, json: &mut Value) {
    match json {
        Value::Object(fields) if !fields.is_empty() && random.below(8) > 0 => {
            let at = random.below(fields.len());
            let key = fields.keys().nth(at).expect("there are as many").clone();
            if random.below(20) == 0 {
                fields.remove(&key);
            } else {
                damage(random, &mut fields[&key]);
            }
        }
        Value::Array(elements) if !elements.is_empty() && random.below(8) > 0 => {
            let at = random.below(elements.len());
            damage(random, &mut elements[at]);
        }
        value => {
            let wrong = [
                json!(null),
                json!(true),
                json!(-1),
                json!(0),
                json!(1),
                json!(i64::MIN),
                json!(u64::MAX),
                json!(1e300),
                json!(0.5),
                json!(""),
                json!("AAA="),
                json!("AAAAAAAAAAAAAAAAAAAAAA"),
                json!("NaN"),
                json!("\u{0}\u{10ffff}"),
                json!([]),
                json!([1]),
                json!([[]]),
                json!([{}]),
                json!({}),
            ];
            *value = wrong[random.below(wrong.len())].clone();
        }
    }
}
