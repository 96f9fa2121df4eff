//! A Kafka message spec, read from its JSON file into the model that the emitter works on.
//!
//! The format is described in `common/message/README.md` of the kafka-clients jar. Nothing here knows Rust.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// One spec file.
#[derive(Debug, Clone)]
pub struct Spec {
    pub kind: Kind,
    pub name: String,
    pub api_key: Option<i16>,
    pub valid: Versions,
    pub flexible: Versions,
    pub latest_unstable: bool,
    pub listeners: Vec<String>,
    /// The message itself first, then every struct inside it, in the order of their first appearance.
    pub structs: Vec<Struct>,
}

/// What a spec describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    Data,
}

/// A struct of a message.
#[derive(Debug, Clone)]
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub ty: Type,
    pub versions: Versions,
    pub nullable: Versions,
    pub tag: Option<u32>,
    pub ignorable: bool,
    /// Written in classic form even in flexible versions (only `RequestHeader.ClientId`).
    pub never_flexible: bool,
    pub default: FieldDefault,
    pub entity: Option<String>,
    pub map_key: bool,
}

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Uint32,
    Int32,
    Int64,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Type>),
}

/// The value of a field that was never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldDefault {
    /// Zero, false, empty.
    Zero,
    /// A number, or 1 for `true`.
    Number(i64),
    Null,
}

/// A closed range of versions; empty where `lowest > highest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub lowest: i16,
    pub highest: i16,
}

impl Versions {
    pub const NONE: Versions = Versions { lowest: 1, highest: 0 };

    fn parse(text: &str) -> Result<Self> {
        let number = |t: &str| t.parse::<i16>().with_context(|| format!("bad version: {t}"));
        Ok(match text {
            "none" | "" => Self::NONE,
            t if t.ends_with('+') => Versions { lowest: number(&t[..t.len() - 1])?, highest: i16::MAX },
            t => match t.split_once('-') {
                Some((low, high)) => Versions { lowest: number(low)?, highest: number(high)? },
                None => Versions { lowest: number(t)?, highest: number(t)? },
            },
        })
    }

    pub fn is_empty(self) -> bool {
        self.lowest > self.highest
    }

    pub fn contains(self, version: i16) -> bool {
        self.lowest <= version && version <= self.highest
    }

    pub fn covers(self, other: Versions) -> bool {
        other.is_empty() || (self.contains(other.lowest) && self.contains(other.highest))
    }

    pub fn intersect(self, other: Versions) -> Versions {
        Versions { lowest: self.lowest.max(other.lowest), highest: self.highest.min(other.highest) }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.lowest, self.highest) {
            _ if self.is_empty() => f.write_str("none"),
            (low, i16::MAX) => write!(f, "{low}+"),
            (low, high) if low == high => write!(f, "{low}"),
            (low, high) => write!(f, "{low}-{high}"),
        }
    }
}

impl Spec {
    /// Reads a spec file's text; `None` where it names no valid version.
    pub fn parse(text: &str) -> Result<Option<Spec>> {
        let json: Value = serde_json::from_str(&without_comments(text)).context("not a JSON spec")?;
        let name = string(&json, "name")?;
        let valid = Versions::parse(&string(&json, "validVersions")?)?;
        if valid.is_empty() {
            return Ok(None);
        }
        ensure!(valid.highest != i16::MAX, "{name}: valid versions are open-ended");
        let kind = match string(&json, "type")?.as_str() {
            "request" => Kind::Request,
            "response" => Kind::Response,
            "header" => Kind::Header,
            "data" => Kind::Data,
            other => bail!("{name}: unknown type: {other}"),
        };
        let mut structs = vec![Struct { name: name.clone(), fields: Vec::new() }];
        structs[0].fields = fields(&json, &mut structs).with_context(|| name.clone())?;
        for common in list(&json, "commonStructs") {
            let at = structs.len();
            structs.push(Struct { name: string(common, "name")?, fields: Vec::new() });
            structs[at].fields = fields(common, &mut structs).with_context(|| name.clone())?;
        }
        let spec = Spec {
            kind,
            api_key: json.get("apiKey").and_then(Value::as_i64).map(|k| k as i16),
            valid,
            flexible: Versions::parse(&string(&json, "flexibleVersions")?)?,
            latest_unstable: json.get("latestVersionUnstable").and_then(Value::as_bool).unwrap_or(false),
            listeners: list(&json, "listeners").filter_map(Value::as_str).map(str::to_owned).collect(),
            structs,
            name,
        };
        spec.validate()?;
        Ok(Some(spec))
    }

    fn validate(&self) -> Result<()> {
        for s in &self.structs {
            let twins = self.structs.iter().filter(|other| other.name == s.name).count();
            ensure!(twins == 1, "{}: struct {} is defined {twins} times", self.name, s.name);
            for f in &s.fields {
                if let Type::Struct(name) = f.ty.element() {
                    ensure!(
                        self.structs.iter().any(|s| s.name == *name),
                        "{}.{}: no struct is named {name}",
                        s.name,
                        f.name
                    );
                }
            }
        }
        Ok(())
    }

    /// The struct of that name.
    pub fn find(&self, name: &str) -> &Struct {
        self.structs.iter().find(|s| s.name == name).expect("validated when read")
    }
}

impl Type {
    fn parse(text: &str) -> Self {
        match text {
            "bool" => Type::Bool,
            "int8" => Type::Int8,
            "int16" => Type::Int16,
            "uint16" => Type::Uint16,
            "uint32" => Type::Uint32,
            "int32" => Type::Int32,
            "int64" => Type::Int64,
            "float64" => Type::Float64,
            "uuid" => Type::Uuid,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "records" => Type::Records,
            t => match t.strip_prefix("[]") {
                Some(element) => Type::Array(Box::new(Type::parse(element))),
                None => Type::Struct(t.to_owned()),
            },
        }
    }

    /// The element of an array, or the type itself.
    pub fn element(&self) -> &Type {
        match self {
            Type::Array(element) => element,
            other => other,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "bool",
            Type::Int8 => "int8",
            Type::Int16 => "int16",
            Type::Uint16 => "uint16",
            Type::Uint32 => "uint32",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::Float64 => "float64",
            Type::Uuid => "uuid",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Records => "records",
            Type::Struct(name) => name,
            Type::Array(element) => return write!(f, "array of {element}"),
        })
    }
}

/// Reads the fields of `json`, appending the structs that they define to `structs`.
fn fields(json: &Value, structs: &mut Vec<Struct>) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    for value in list(json, "fields") {
        let field = field(value).with_context(|| string(value, "name").unwrap_or_default())?;
        if value.get("fields").is_some() {
            let Type::Struct(name) = field.ty.element() else {
                bail!("{}: only a struct has fields", field.name)
            };
            let at = structs.len();
            structs.push(Struct { name: name.clone(), fields: Vec::new() });
            structs[at].fields = self::fields(value, structs)?;
        }
        fields.push(field);
    }
    Ok(fields)
}

fn field(json: &Value) -> Result<Field> {
    let versions = Versions::parse(&string(json, "versions")?)?;
    let ranges = |key| Versions::parse(json.get(key).and_then(Value::as_str).unwrap_or("none"));
    let tag = match json.get("tag") {
        Some(tag) => Some(tag.as_u64().context("a tag is a number")? as u32),
        None => None,
    };
    // A field that is tagged in only some of its versions would need two places in the walk; Kafka has none.
    ensure!(
        tag.is_none() || ranges("taggedVersions")? == versions,
        "tagged in versions {} but present in {versions}",
        ranges("taggedVersions")?
    );
    Ok(Field {
        name: string(json, "name")?,
        ty: Type::parse(&string(json, "type")?),
        versions,
        nullable: ranges("nullableVersions")?,
        tag,
        ignorable: json.get("ignorable").and_then(Value::as_bool).unwrap_or(false),
        never_flexible: json.get("flexibleVersions").and_then(Value::as_str) == Some("none"),
        default: default(json.get("default"))?,
        entity: json.get("entityType").and_then(Value::as_str).map(str::to_owned),
        map_key: json.get("mapKey").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn default(json: Option<&Value>) -> Result<FieldDefault> {
    let text = match json {
        None => return Ok(FieldDefault::Zero),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let number = |n: i64| if n == 0 { FieldDefault::Zero } else { FieldDefault::Number(n) };
    Ok(match text.to_ascii_lowercase().as_str() {
        "" | "false" => FieldDefault::Zero,
        "true" => FieldDefault::Number(1),
        "null" => FieldDefault::Null,
        t => match t.strip_prefix("0x") {
            Some(hex) => {
                number(i64::from_str_radix(hex, 16).with_context(|| format!("bad default: {text}"))?)
            }
            None => number(t.parse().with_context(|| format!("bad default: {text}"))?),
        },
    })
}

fn string(json: &Value, key: &str) -> Result<String> {
    json.get(key).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no text under {key:?}"))
}

fn list<'a>(json: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    json.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The specs are JSON with `//` comments.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let (mut quoted, mut escaped, mut end) = (false, false, line.len());
        for (at, c) in line.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                '/' if !quoted && line[at..].starts_with("//") => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        out.push_str(&line[..end]);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_slashes_in_strings_stay() {
        assert_eq!(without_comments("{ \"a\": \"x//y\" } // z"), "{ \"a\": \"x//y\" } \n");
    }

    #[test]
    fn version_ranges_read_as_kafka_writes_them() {
        for (text, low, high) in [("0", 0, 0), ("3+", 3, i16::MAX), ("4-18", 4, 18)] {
            let versions = Versions::parse(text).expect("a range");
            assert_eq!((versions.lowest, versions.highest), (low, high));
            assert_eq!(versions.to_string(), text);
        }
        assert!(Versions::parse("none").expect("a range").is_empty());
        assert!(Versions::parse("x+").is_err());
    }

    #[test]
    fn a_spec_without_valid_versions_is_none() {
        let text = r#"{"type":"request","name":"StopReplicaRequest","validVersions":"none"}"#;
        assert!(Spec::parse(text).expect("a spec").is_none());
    }

    #[test]
    fn a_field_tagged_in_some_of_its_versions_is_refused() {
        let text = r#"{"type":"data","name":"X","validVersions":"0-1","flexibleVersions":"0+","fields":[
            {"name":"A","type":"int8","versions":"0+","tag":0,"taggedVersions":"1+"}]}"#;
        assert!(format!("{:#}", Spec::parse(text).expect_err("mixed")).contains("tagged in versions 1+"));
    }
}
