//! What was given and is not used.

use std::fmt;

use ottla_protocol::compression::Compression;

use super::builders::level_key;
use super::key::{Role, Status};
use super::keys;
use super::security::SecuritySettings;
use super::values::{Given, Values};

/// A key that was accepted and is not used. `Display` is a line for a log: `max.poll.records (line 7) is not used: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    key: String,
    line: Option<usize>,
    reason: String,
}

impl Unused {
    fn new(given: &Given, reason: impl Into<String>) -> Self {
        Self { key: given.name.clone(), line: given.line, reason: reason.into() }
    }

    /// The key, as it was given.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it stands in the text it came from, the first line being 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Why it is not used.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        write!(f, " is not used: {}", self.reason)
    }
}

/// In the order of their lines.
pub(super) fn list(values: &Values, security: &SecuritySettings, roles: &[Role]) -> Vec<Unused> {
    let mut unused: Vec<Unused> = values
        .all()
        .filter_map(|given| Some(Unused::new(given, reason(given, values, security, roles)?)))
        .collect();
    unused.extend(
        values.replaced().map(|(old, new)| Unused::new(old, format!("{} was given after it", new.name))),
    );
    unused.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
    unused
}

fn reason(given: &Given, values: &Values, security: &SecuritySettings, roles: &[Role]) -> Option<String> {
    let key = given.key;
    if !key.roles().iter().any(|role| *role == Role::Client || roles.contains(role)) {
        let of: Vec<String> = key.roles().iter().map(Role::to_string).collect();
        return Some(format!("it is a key of the {}", of.join(" and ")));
    }
    match key.status() {
        Status::WithoutEffect(reason) | Status::JvmOnly(reason) => return Some(reason.to_owned()),
        Status::NotYet(reason) => return Some(format!("not supported yet, {reason}")),
        Status::Supported | Status::Only(..) => {}
    }
    let protocol = security.protocol();
    if keys::is_tls(key) && security.tls.is_none() {
        return Some(format!("security.protocol={protocol} has no tls"));
    }
    if keys::is_sasl(key) {
        return match &security.sasl {
            None => Some(format!("security.protocol={protocol} has no sasl")),
            Some(sasl) if belongs_to(key.name(), sasl.mechanism()) => None,
            Some(sasl) => Some(format!("it is not a key of sasl.mechanism={}", sasl.mechanism())),
        };
    }
    of_no_use(key.name(), values)
}

/// Whether a key of SASL is one of this mechanism.
fn belongs_to(name: &str, mechanism: &str) -> bool {
    match name {
        "sasl.mechanism" | "sasl.jaas.config" => true,
        "sasl.username" | "sasl.password" => mechanism == "PLAIN" || mechanism.starts_with("SCRAM"),
        name if name.starts_with("sasl.kerberos.") => mechanism == "GSSAPI",
        _ => mechanism == "OAUTHBEARER",
    }
}

/// Keys that another key makes idle.
fn of_no_use(name: &str, values: &Values) -> Option<String> {
    let type_name = || values.text("compression.type").unwrap_or_default();
    match name {
        "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => {
            let used = type_name().parse::<Compression>().ok().and_then(level_key);
            (used != Some(name)).then(|| format!("compression.type is {}", type_name()))
        }
        "compression.level" => {
            let used = type_name().parse::<Compression>().ok().and_then(level_key);
            match used {
                None => Some(format!("compression.type is {}", type_name())),
                Some(used) => values.given(used).map(|given| format!("{} is given", given.name)),
            }
        }
        "queue.buffering.max.kbytes" => {
            values.given("buffer.memory").map(|given| format!("{} is given", given.name))
        }
        "group.instance.id"
        | "auto.commit.interval.ms"
        | "session.timeout.ms"
        | "heartbeat.interval.ms"
        | "partition.assignment.strategy"
            if values.given("group.id").is_none() =>
        {
            Some("there is no group.id".to_owned())
        }
        _ => None,
    }
}
