//! Plans as JSON: names where Kafka has names, milliseconds where Kafka has milliseconds.

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use serde::Deserialize;

use super::{FaultPlan, FaultRule, PlanError, PlanErrorKind};

/// The longest text that is read as a plan, in bytes: [`MAX_RULES`](super::MAX_RULES) rules of a kilobyte.
pub const MAX_PLAN_BYTES: usize = 1024 * 1024;

impl FaultPlan {
    /// Reads a plan and validates it.
    ///
    /// # Errors
    /// Text that is too long, not JSON or not a plan, and a rule that is out of bounds.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        if text.len() > MAX_PLAN_BYTES {
            return Err(PlanError::new(PlanErrorKind::TooLong { bytes: text.len() }));
        }
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| PlanError::new(PlanErrorKind::Json(error.to_string())))?;
        plan.validate()?;
        Ok(plan)
    }

    /// As [`from_journal`](Self::from_journal), from the journal's JSON lines; lines of anything but faults are passed
    /// over, whatever they say.
    ///
    /// # Errors
    /// A line about a fault that cannot be read, and more faults than a plan may have.
    pub fn from_journal_lines(text: &str) -> Result<Self, PlanError> {
        let mut rules = Vec::new();
        for line in text.lines().filter(|line| line.contains(FAULT_FIRED)) {
            let fired: FiredLine = serde_json::from_str(line)
                .map_err(|error| PlanError::new(PlanErrorKind::Json(error.to_string())))?;
            let request = fired.connection.zip(fired.request);
            rules.push(fired.what.again(request.zip(fired.api)));
        }
        let plan = Self { seed: 0, rules };
        plan.validate()?;
        Ok(plan)
    }

    /// The plan as JSON, in one line. A plan that was read from such text gives the same text again.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plan has no value that JSON lacks")
    }
}

/// How a journal names a fault that has fired.
const FAULT_FIRED: &str = "\"event\":\"faultFired\"";

/// A line of a journal about a fault that has fired, as far as a plan needs it.
#[derive(Deserialize)]
struct FiredLine {
    connection: Option<u64>,
    request: Option<u64>,
    #[serde(default, with = "api_key")]
    api: Option<ApiKey>,
    what: FaultRule,
}

pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A name from a table, or the number that it stands for.
#[derive(Deserialize)]
#[serde(untagged)]
enum NameOrNumber {
    Number(i16),
    Name(String),
}

/// An error code by its name; by its number where it has none.
pub(crate) mod error_code {
    use ottla_protocol::error_code::ErrorCode;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::NameOrNumber;

    pub(crate) fn serialize<S: Serializer>(code: &ErrorCode, serializer: S) -> Result<S::Ok, S::Error> {
        match code.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_i16(code.0),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
        match NameOrNumber::deserialize(deserializer)? {
            NameOrNumber::Number(code) => Ok(ErrorCode(code)),
            NameOrNumber::Name(name) => ErrorCode::from_name(&name)
                .ok_or_else(|| Error::custom(format_args!("unknown error code: {name}"))),
        }
    }
}

/// An API by its name.
pub(crate) mod api_key {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::ApiKey;

    pub(crate) fn serialize<S: Serializer>(api: &Option<ApiKey>, serializer: S) -> Result<S::Ok, S::Error> {
        match api {
            Some(api) => serializer.collect_str(api),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ApiKey>, D::Error> {
        let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let found = ApiKey::all().iter().find(|api| api.name == name);
        let unknown = || Error::custom(format_args!("unknown API: {name}"));
        found.map(|api| Some(api.key)).ok_or_else(unknown)
    }
}

/// A node by its id.
pub(crate) mod node {
    use ottla_protocol::types::NodeId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(node: &NodeId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(node.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
        i32::deserialize(deserializer).map(NodeId)
    }
}

/// A node by its id, or none.
pub(crate) mod node_id {
    use ottla_protocol::types::NodeId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(node: &Option<NodeId>, serializer: S) -> Result<S::Ok, S::Error> {
        node.map(|node| node.0).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NodeId>, D::Error> {
        Ok(Option::<i32>::deserialize(deserializer)?.map(NodeId))
    }
}

/// A time in whole milliseconds.
pub(crate) mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Duration, whole_millis};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        whole_millis(*time).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(u64::deserialize(deserializer)?))
    }
}

/// A time in whole milliseconds that may be missing.
pub(crate) mod optional_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Duration, whole_millis};

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(whole_millis).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
