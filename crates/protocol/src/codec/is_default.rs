//! Whether a value is what a field holds that was never set: then a tagged field is left out, and a field that a
//! version lacks may be missing from it.

use bytes::Bytes;

use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::walk::{Array, Field, Visitor, Walk};

/// Whether every field of `value` holds its default.
pub(crate) fn is_default(value: &dyn Walk) -> bool {
    let mut check = IsDefault { so_far: true };
    value.walk(&mut check);
    check.so_far
}

struct IsDefault {
    so_far: bool,
}

impl IsDefault {
    fn number(&mut self, f: &'static Field, x: i64) {
        self.so_far &= x == f.default_number();
    }

    /// `empty`: `None` is null.
    fn emptiness(&mut self, f: &'static Field, empty: Option<bool>) {
        self.so_far &= f.is_unset(empty);
    }
}

impl Visitor for IsDefault {
    fn begin(&mut self, _: &'static str) {}

    fn bool(&mut self, f: &'static Field, x: bool) {
        self.number(f, i64::from(x));
    }

    fn int8(&mut self, f: &'static Field, x: i8) {
        self.number(f, i64::from(x));
    }

    fn int16(&mut self, f: &'static Field, x: i16) {
        self.number(f, i64::from(x));
    }

    fn uint16(&mut self, f: &'static Field, x: u16) {
        self.number(f, i64::from(x));
    }

    fn uint32(&mut self, f: &'static Field, x: u32) {
        self.number(f, i64::from(x));
    }

    fn int32(&mut self, f: &'static Field, x: i32) {
        self.number(f, i64::from(x));
    }

    fn int64(&mut self, f: &'static Field, x: i64) {
        self.number(f, x);
    }

    fn float64(&mut self, _: &'static Field, x: f64) {
        self.so_far &= x == 0.0;
    }

    fn uuid(&mut self, _: &'static Field, x: &Uuid) {
        self.so_far &= x.is_zero();
    }

    fn string(&mut self, f: &'static Field, x: Option<&Str>) {
        self.emptiness(f, x.map(|x| x.is_empty()));
    }

    fn bytes(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.emptiness(f, x.map(Bytes::is_empty));
    }

    fn records(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.emptiness(f, x.map(Bytes::is_empty));
    }

    fn int32s(&mut self, f: &'static Field, x: Option<&Int32Array>) {
        self.emptiness(f, x.map(|x| x.is_empty()));
    }

    fn array(&mut self, f: &'static Field, x: Option<&dyn Array>) {
        self.emptiness(f, x.map(|x| x.len() == 0));
    }

    fn structure(&mut self, f: &'static Field, x: Option<&dyn Walk>) {
        self.so_far &= match x {
            None => f.is_null_by_default(),
            Some(x) => !f.is_null_by_default() && is_default(x),
        };
    }

    fn tags(&mut self) {}

    fn end(&mut self, unknown: &TaggedFields, _: bool) {
        self.so_far &= unknown.is_empty();
    }
}
