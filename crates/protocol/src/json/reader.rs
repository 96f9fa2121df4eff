//! JSON to messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::JsonError;
use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::walk::{ArrayMut, Field, Optional, VisitorMut, Walk};

pub(crate) fn read(name: &str, json: &Value, message: &mut dyn Walk, version: i16) -> Result<(), JsonError> {
    let Value::Object(root) = json else {
        return Err(JsonError { path: name.to_owned(), reason: "not an object" });
    };
    let mut reader = Reader { version, open: vec![Open::Object(root, false)], error: None };
    message.walk_mut(&mut reader);
    match reader.error {
        Some((path, reason)) => Err(JsonError { path: format!("{name}.{path}"), reason }),
        None => Ok(()),
    }
}

struct Reader<'a> {
    version: i16,
    /// Objects and arrays that are being read, outermost first.
    open: Vec<Open<'a>>,
    error: Option<(String, &'static str)>,
}

enum Open<'a> {
    /// Whether the object is an element of the array around it.
    Object(&'a Map<String, Value>, bool),
    /// What is left of it.
    Array(std::slice::Iter<'a, Value>),
}

impl<'a> Reader<'a> {
    fn fail(&mut self, f: &'static Field, reason: &'static str) {
        self.error.get_or_insert_with(|| (f.name.to_owned(), reason));
    }

    /// The value of `f`; `None` where it keeps its default.
    fn take(&mut self, f: &'static Field) -> Option<&'a Value> {
        if self.error.is_some() {
            return None;
        }
        // An element that is no struct comes straight from its array; the first named field of one that is opens it.
        if let Some(Open::Array(rest)) = self.open.last_mut() {
            let element = rest.next()?;
            if f.name.is_empty() {
                return Some(element);
            }
            match element {
                Value::Object(object) => self.open.push(Open::Object(object, true)),
                _ => self.fail(f, "the element is not an object"),
            }
        }
        let Some(Open::Object(object, _)) = self.open.last() else { return None };
        if !f.is_in(self.version) {
            return None;
        }
        let value = object.get(f.name);
        if value.is_none() && f.tagged().is_none() {
            self.fail(f, "the field is missing, and this version needs it");
        }
        value
    }

    fn null(&mut self, f: &'static Field) {
        if !f.is_nullable_in(self.version) {
            self.fail(f, "null where this version allows none");
        }
    }

    fn set<T>(
        &mut self,
        f: &'static Field,
        x: &mut T,
        expected: &'static str,
        read: fn(&Value) -> Option<T>,
    ) {
        let Some(value) = self.take(f) else { return };
        match read(value) {
            Some(value) => *x = value,
            None => self.fail(f, expected),
        }
    }

    fn set_nullable<T>(
        &mut self,
        f: &'static Field,
        x: &mut Option<T>,
        expected: &'static str,
        read: fn(&Value) -> Option<T>,
    ) {
        let Some(value) = self.take(f) else { return };
        if value.is_null() {
            *x = None;
            return self.null(f);
        }
        match read(value) {
            Some(value) => *x = Some(value),
            None => self.fail(f, expected),
        }
    }
}

fn text(value: &Value) -> Option<Str> {
    value.as_str().map(Str::from)
}

fn blob(value: &Value) -> Option<Bytes> {
    STANDARD.decode(value.as_str()?).ok().map(Bytes::from)
}

fn int32s(value: &Value) -> Option<Int32Array> {
    let read = |value: &Value| i32::try_from(value.as_i64()?).ok();
    value.as_array()?.iter().map(read).collect()
}

macro_rules! integers {
    ($($visit:ident: $ty:ty;)*) => {$(
        fn $visit(&mut self, f: &'static Field, x: &mut $ty) {
            self.set(f, x, "not an integer of that size", |value| <$ty>::try_from(value.as_i64()?).ok());
        }
    )*};
}

impl VisitorMut for Reader<'_> {
    integers! { int8: i8; int16: i16; uint16: u16; uint32: u32; int32: i32; int64: i64; }

    fn bool(&mut self, f: &'static Field, x: &mut bool) {
        self.set(f, x, "not a boolean", Value::as_bool);
    }

    fn float64(&mut self, f: &'static Field, x: &mut f64) {
        self.set(f, x, "not a number", |value| match value {
            Value::String(name) => super::NOT_FINITE.into_iter().find(|x| super::name_of(*x) == name),
            value => value.as_f64(),
        });
    }

    fn uuid(&mut self, f: &'static Field, x: &mut Uuid) {
        self.set(f, x, "not a uuid", |value| value.as_str()?.parse().ok());
    }

    fn string(&mut self, f: &'static Field, x: &mut Str) {
        self.set(f, x, "not a text", text);
    }

    fn nullable_string(&mut self, f: &'static Field, x: &mut Option<Str>) {
        self.set_nullable(f, x, "not a text", text);
    }

    fn bytes(&mut self, f: &'static Field, x: &mut Bytes) {
        self.set(f, x, "not base64", blob);
    }

    fn nullable_bytes(&mut self, f: &'static Field, x: &mut Option<Bytes>) {
        self.set_nullable(f, x, "not base64", blob);
    }

    fn int32s(&mut self, f: &'static Field, x: &mut Int32Array) {
        self.set(f, x, "not an array of int32", int32s);
    }

    fn nullable_int32s(&mut self, f: &'static Field, x: &mut Option<Int32Array>) {
        self.set_nullable(f, x, "not an array of int32", int32s);
    }

    fn array(&mut self, f: &'static Field, x: &mut dyn ArrayMut) {
        match self.take(f) {
            None => {}
            Some(Value::Null) => {
                self.null(f);
                x.set_null();
            }
            Some(Value::Array(elements)) => {
                self.open.push(Open::Array(elements.iter()));
                x.fill(elements.len(), self);
                self.open.pop();
                if let Some((path, _)) = &mut self.error {
                    let dot = if path.starts_with('[') { "" } else { "." };
                    path.insert_str(0, &format!("{}{dot}", f.name));
                }
            }
            Some(_) => self.fail(f, "not an array"),
        }
    }

    fn structure(&mut self, f: &'static Field, x: &mut dyn Walk) {
        match self.take(f) {
            None => {}
            Some(Value::Object(object)) => {
                self.open.push(Open::Object(object, false));
                x.walk_mut(self);
                self.open.pop();
            }
            Some(_) => self.fail(f, "not an object"),
        }
    }

    fn nullable_structure(&mut self, f: &'static Field, x: &mut dyn Optional) {
        match self.take(f) {
            None => {}
            Some(Value::Null) => {
                self.null(f);
                x.set_null();
            }
            Some(Value::Object(object)) => {
                self.open.push(Open::Object(object, false));
                x.fill(self);
                self.open.pop();
            }
            Some(_) => self.fail(f, "not an object"),
        }
    }

    fn tags(&mut self) {}

    fn end(&mut self, _: &mut TaggedFields, _: bool) {
        match self.open.last_mut() {
            Some(Open::Object(_, true)) => _ = self.open.pop(),
            // A struct without fields opens nothing.
            Some(Open::Array(rest)) => _ = rest.next(),
            _ => {}
        }
    }

    fn failed(&self) -> bool {
        self.error.is_some()
    }

    fn failed_at(&mut self, index: usize) {
        if let Some((path, _)) = &mut self.error {
            path.insert_str(0, &format!("[{index}]{}", if path.is_empty() { "" } else { "." }));
        }
    }
}
