//! Messages as text for people: `Name { field: value, … }`. Bytes are printed as their length, because they can be
//! passwords (`SaslAuthenticateRequest`) and because they can be megabytes.

use std::fmt::{self, Debug, Formatter};

use bytes::Bytes;

use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::walk::{Array, Field, Visitor, Walk};

/// Prints `value` to `f`.
pub(crate) fn debug(value: &dyn Walk, f: &mut Formatter<'_>) -> fmt::Result {
    let mut printer = Printer { f, first: true, result: Ok(()) };
    value.walk(&mut printer);
    printer.result
}

struct Printer<'a, 'b> {
    f: &'a mut Formatter<'b>,
    /// Whether the next value is the first of its struct or array.
    first: bool,
    result: fmt::Result,
}

impl Printer<'_, '_> {
    fn print(&mut self, text: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.f.write_fmt(text);
        }
    }

    fn label(&mut self, f: &'static Field) {
        let comma = if self.first { "" } else { ", " };
        let colon = if f.name.is_empty() { "" } else { ": " };
        self.print(format_args!("{comma}{}{colon}", f.name));
        self.first = false;
    }

    fn value(&mut self, f: &'static Field, x: &dyn Debug) {
        self.label(f);
        self.print(format_args!("{x:?}"));
    }

    fn blob(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.label(f);
        match x {
            Some(x) => self.print(format_args!("<{} bytes>", x.len())),
            None => self.print(format_args!("null")),
        }
    }
}

macro_rules! values {
    ($($visit:ident: $ty:ty;)*) => {$(
        fn $visit(&mut self, f: &'static Field, x: $ty) {
            self.value(f, &x);
        }
    )*};
}

impl Visitor for Printer<'_, '_> {
    values! {
        bool: bool; int8: i8; int16: i16; uint16: u16; uint32: u32; int32: i32; int64: i64; float64: f64; uuid: &Uuid;
    }

    fn begin(&mut self, name: &'static str) {
        self.print(format_args!("{name} {{ "));
        self.first = true;
    }

    fn string(&mut self, f: &'static Field, x: Option<&Str>) {
        match x {
            Some(x) => self.value(f, x),
            None => self.value(f, &format_args!("null")),
        }
    }

    fn bytes(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.blob(f, x);
    }

    fn records(&mut self, f: &'static Field, x: Option<&Bytes>) {
        self.blob(f, x);
    }

    fn int32s(&mut self, f: &'static Field, x: Option<&Int32Array>) {
        match x {
            Some(x) => self.value(f, x),
            None => self.value(f, &format_args!("null")),
        }
    }

    fn array(&mut self, f: &'static Field, x: Option<&dyn Array>) {
        let Some(x) = x else { return self.value(f, &format_args!("null")) };
        self.label(f);
        self.print(format_args!("["));
        self.first = true;
        for index in 0..x.len() {
            if index > 0 {
                self.print(format_args!(", "));
                self.first = true;
            }
            x.walk_element(index, self);
        }
        self.print(format_args!("]"));
        self.first = false;
    }

    fn structure(&mut self, f: &'static Field, x: Option<&dyn Walk>) {
        let Some(x) = x else { return self.value(f, &format_args!("null")) };
        self.label(f);
        x.walk(self);
    }

    fn tags(&mut self) {}

    fn end(&mut self, unknown: &TaggedFields, _: bool) {
        for field in unknown.as_slice() {
            let comma = if self.first { "" } else { ", " };
            self.print(format_args!("{comma}tag {}: <{} bytes>", field.tag, field.data.len()));
            self.first = false;
        }
        self.print(format_args!(" }}"));
        self.first = false;
    }
}
