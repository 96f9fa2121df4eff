//! Messages to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::codec::is_default;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::walk::{Array, Field, TAGGED_FIELDS, Visitor, Walk};

pub(crate) fn write(
    name: &str,
    message: &dyn Walk,
    version: i16,
    flexible: bool,
) -> Result<Value, EncodeError> {
    let mut writer = Writer { version, flexible, open: Vec::new(), done: Value::Null, error: None };
    message.walk(&mut writer);
    match writer.error {
        Some((kind, field)) => Err(EncodeError::new(kind, version, format!("{name}.{field}"))),
        None => Ok(writer.done),
    }
}

struct Writer {
    version: i16,
    flexible: bool,
    /// Objects and arrays that are being written, outermost first.
    open: Vec<Value>,
    /// The last object that was finished.
    done: Value,
    error: Option<(EncodeErrorKind, &'static str)>,
}

impl Writer {
    fn fail(&mut self, f: &'static Field, kind: EncodeErrorKind) {
        self.error.get_or_insert((kind, f.name));
    }

    /// Whether `f` is written.
    fn enter(&mut self, f: &'static Field, unset: impl FnOnce() -> bool) -> bool {
        if f.is_in(self.version) {
            return f.tagged().is_none() || !unset();
        }
        if !f.is_ignorable() && !unset() {
            self.fail(f, EncodeErrorKind::NotInVersion);
        }
        false
    }

    fn put(&mut self, f: &'static Field, value: Value) {
        match self.open.last_mut() {
            Some(Value::Object(object)) => _ = object.insert(f.name.to_owned(), value),
            Some(Value::Array(array)) => array.push(value),
            _ => self.done = value,
        }
    }

    fn null(&mut self, f: &'static Field) {
        if !f.is_nullable_in(self.version) {
            return self.fail(f, EncodeErrorKind::UnexpectedNull);
        }
        self.put(f, Value::Null);
    }

    fn nullable(&mut self, f: &'static Field, empty: Option<bool>, value: impl FnOnce() -> Value) {
        if self.enter(f, || f.is_unset(empty)) {
            match empty {
                None => self.null(f),
                Some(_) => self.put(f, value()),
            }
        }
    }
}

macro_rules! numbers {
    ($($visit:ident: $ty:ty;)*) => {$(
        fn $visit(&mut self, f: &'static Field, x: $ty) {
            if self.enter(f, || x as i64 == f.default_number()) {
                self.put(f, x.into());
            }
        }
    )*};
}

impl Visitor for Writer {
    numbers! { int8: i8; int16: i16; uint16: u16; uint32: u32; int32: i32; int64: i64; }

    fn begin(&mut self, _: &'static str) {
        self.open.push(Value::Object(Map::new()));
    }

    fn bool(&mut self, f: &'static Field, x: bool) {
        if self.enter(f, || i64::from(x) == f.default_number()) {
            self.put(f, x.into());
        }
    }

    fn float64(&mut self, f: &'static Field, x: f64) {
        if self.enter(f, || x == 0.0) {
            // JSON has no such numbers, and Java prints their names.
            let value = if x.is_finite() { x.into() } else { super::name_of(x).into() };
            self.put(f, value);
        }
    }

    fn uuid(&mut self, f: &'static Field, x: &Uuid) {
        if self.enter(f, || x.is_zero()) {
            self.put(f, x.to_string().into());
        }
    }

    fn string(&mut self, f: &'static Field, x: Option<&Str>) {
        self.nullable(f, x.map(|x| x.is_empty()), || x.map(|x| x.as_str()).into());
    }

    fn bytes(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.nullable(f, x.map(Bytes::is_empty), || x.map(|x| STANDARD.encode(x)).into());
    }

    fn records(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.bytes(f, x);
    }

    fn int32s(&mut self, f: &'static Field, x: Option<&Int32Array>) {
        self.nullable(f, x.map(|x| x.is_empty()), || x.map(|x| x.to_vec()).into());
    }

    fn array(&mut self, f: &'static Field, x: Option<&dyn Array>) {
        let Some(x) = x else { return self.nullable(f, None, || Value::Null) };
        if self.enter(f, || x.len() == 0 && !f.is_null_by_default()) {
            self.open.push(Value::Array(Vec::new()));
            (0..x.len()).for_each(|index| x.walk_element(index, self));
            let array = self.open.pop().unwrap_or_default();
            self.put(f, array);
        }
    }

    fn structure(&mut self, f: &'static Field, x: Option<&dyn Walk>) {
        let Some(x) = x else { return self.nullable(f, None, || Value::Null) };
        if self.enter(f, || !f.is_null_by_default() && is_default(x)) {
            // Its end puts an object that has no array around it aside.
            let around = std::mem::take(&mut self.open);
            x.walk(self);
            self.open = around;
            let object = std::mem::take(&mut self.done);
            self.put(f, object);
        }
    }

    fn tags(&mut self) {}

    fn end(&mut self, unknown: &TaggedFields, _: bool) {
        if !self.flexible && !unknown.is_empty() {
            self.fail(&TAGGED_FIELDS, EncodeErrorKind::TaggedFields);
        }
        let object = self.open.pop().unwrap_or_default();
        match self.open.last_mut() {
            Some(Value::Array(array)) => array.push(object),
            _ => self.done = object,
        }
    }
}
