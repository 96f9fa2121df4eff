//! What is known of a configuration key: its names, who uses it, what it may hold, and what becomes of it here.

use std::fmt;

/// A part of a program that uses keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Connections and metadata, of every program.
    Client,
    /// Writes.
    Producer,
    /// Reads.
    Consumer,
    /// Changes the cluster.
    Admin,
    /// Keeps schemas; not a part of Kafka, but its keys stand in the same files.
    SchemaRegistry,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
            Self::SchemaRegistry => "schema registry",
        })
    }
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It does what it says.
    Supported,
    /// It is accepted, and there is nothing for it to do, for this reason.
    WithoutEffect(&'static str),
    /// It is accepted, and only means something inside of a Java virtual machine; the reason says what stands in its
    /// place.
    JvmOnly(&'static str),
    /// It is accepted and not heeded yet, which does no harm.
    NotYet(&'static str),
    /// Only these values are accepted, because with another one the program would do something else than its author
    /// means; why.
    Only(&'static [&'static str], &'static str),
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// Text with something in it.
    NonEmptyText,
    /// `true` or `false`, in upper or lower case; librdkafka's `1`, `0`, `t` and `f` too.
    Boolean,
    /// A whole number within these bounds, both included.
    Integer(i64, i64),
    /// A number within these bounds, both included.
    Decimal(f64, f64),
    /// A whole number of milliseconds within these bounds, both included.
    Millis(i64, i64),
    /// A whole number of kibibytes within these bounds, both included.
    Kibibytes(i64, i64),
    /// Texts separated by commas.
    List,
    /// One of these.
    Choice(&'static [&'static str]),
    /// One of these, in upper or lower case.
    ChoiceAnyCase(&'static [&'static str]),
    /// `auto.offset.reset`'s own grammar.
    OffsetReset,
    /// The name of a Java class, or librdkafka's name for the same thing.
    Class,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |f: &mut fmt::Formatter<'_>, what: &str, min: i64, max: i64| {
            f.write_str(what)?;
            if min > i64::MIN {
                write!(f, " from {min}")?;
            }
            match max {
                i64::MAX | 2_147_483_647 => Ok(()),
                max => write!(f, " to {max}"),
            }
        };
        match *self {
            Self::Text | Self::NonEmptyText => f.write_str("text"),
            Self::Boolean => f.write_str("boolean"),
            Self::Integer(min, max) => range(f, "integer", min, max),
            Self::Decimal(min, max) => write!(f, "number from {min} to {max}"),
            Self::Millis(min, max) => range(f, "milliseconds", min, max),
            Self::Kibibytes(min, max) => range(f, "kibibytes", min, max),
            Self::List => f.write_str("list"),
            Self::Choice(values) | Self::ChoiceAnyCase(values) => f.write_str(&values.join(", ")),
            Self::OffsetReset => f.write_str("latest, earliest, none, by_duration:PnDTnHnMn.nS"),
            Self::Class => f.write_str("class"),
        }
    }
}

/// A configuration key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    name: &'static str,
    aliases: &'static [&'static str],
    roles: &'static [Role],
    kind: Kind,
    default: Option<&'static str>,
    is_secret: bool,
    status: Status,
    note: &'static str,
}

impl Key {
    /// A supported key.
    pub(super) const fn new(
        name: &'static str,
        roles: &'static [Role],
        kind: Kind,
        default: Option<&'static str>,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            roles,
            kind,
            default,
            is_secret: false,
            status: Status::Supported,
            note: "",
        }
    }

    pub(super) const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    pub(super) const fn without_effect(mut self, reason: &'static str) -> Self {
        self.status = Status::WithoutEffect(reason);
        self
    }

    pub(super) const fn jvm_only(mut self, reason: &'static str) -> Self {
        self.status = Status::JvmOnly(reason);
        self
    }

    pub(super) const fn not_yet(mut self, reason: &'static str) -> Self {
        self.status = Status::NotYet(reason);
        self
    }

    pub(super) const fn only(mut self, values: &'static [&'static str], reason: &'static str) -> Self {
        self.status = Status::Only(values, reason);
        self
    }

    /// Java's name for it, or librdkafka's where Java has none.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// librdkafka's other names for it.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// Who uses it.
    pub fn roles(&self) -> &'static [Role] {
        self.roles
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What holds where it is not given; `None` where that depends on other keys or is nothing.
    pub fn default(&self) -> Option<&'static str> {
        self.default
    }

    /// Whether its value must not be shown.
    pub fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// What becomes of it.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What else there is to know; may be empty.
    pub fn description(&self) -> &'static str {
        self.note
    }
}
