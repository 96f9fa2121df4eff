//! Whether two messages of one type are equal: one is written down as a string of values, the other compared with
//! it as it is walked. Floats are compared by their bits.

use bytes::Bytes;

use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::walk::{Array, Field, Visitor, Walk};

/// Compares all fields, unknown tagged ones included.
pub(crate) fn equal(a: &dyn Walk, b: &dyn Walk) -> bool {
    let mut writer = Tape { bytes: Vec::new(), mode: Mode::Write };
    a.walk(&mut writer);
    let mut reader = Tape { bytes: writer.bytes, mode: Mode::Compare { at: 0, equal: true } };
    b.walk(&mut reader);
    matches!(reader.mode, Mode::Compare { at, equal: true } if at == reader.bytes.len())
}

struct Tape {
    bytes: Vec<u8>,
    mode: Mode,
}

enum Mode {
    Write,
    Compare { at: usize, equal: bool },
}

impl Tape {
    fn pass(&mut self, part: &[u8]) {
        match &mut self.mode {
            Mode::Write => self.bytes.extend_from_slice(part),
            Mode::Compare { at, equal } => {
                *equal &= self.bytes[*at..].starts_with(part);
                *at = (*at + part.len()).min(self.bytes.len());
            }
        }
    }

    fn blob(&mut self, part: Option<&[u8]>) {
        self.len(part.map(<[u8]>::len));
        self.pass(part.unwrap_or_default());
    }

    fn len(&mut self, len: Option<usize>) {
        self.pass(&len.map_or(u64::MAX, |len| len as u64).to_be_bytes());
    }

    fn goes_on(&self) -> bool {
        !matches!(self.mode, Mode::Compare { equal: false, .. })
    }
}

macro_rules! numbers {
    ($($visit:ident: $ty:ty;)*) => {$(
        fn $visit(&mut self, _: &'static Field, x: $ty) {
            self.pass(&x.to_be_bytes());
        }
    )*};
}

impl Visitor for Tape {
    numbers! { int8: i8; int16: i16; uint16: u16; uint32: u32; int32: i32; int64: i64; float64: f64; }

    fn begin(&mut self, _: &'static str) {}

    fn bool(&mut self, _: &'static Field, x: bool) {
        self.pass(&[u8::from(x)]);
    }

    fn uuid(&mut self, _: &'static Field, x: &Uuid) {
        self.pass(&x.0);
    }

    fn string(&mut self, _: &'static Field, x: Option<&Str>) {
        self.blob(x.map(|x| x.as_bytes()));
    }

    fn bytes(&mut self, _: &'static Field, x: Option<&Bytes>) {
        self.blob(x.map(|x| &x[..]));
    }

    fn records(&mut self, _: &'static Field, x: Option<&Bytes>) {
        self.blob(x.map(|x| &x[..]));
    }

    fn int32s(&mut self, _: &'static Field, x: Option<&Int32Array>) {
        self.len(x.map(|x| x.len()));
        for value in x.map_or(&[][..], |x| x) {
            self.pass(&value.to_be_bytes());
        }
    }

    fn array(&mut self, _: &'static Field, x: Option<&dyn Array>) {
        self.len(x.map(|x| x.len()));
        let Some(x) = x else { return };
        for index in 0..x.len() {
            if !self.goes_on() {
                return;
            }
            x.walk_element(index, self);
        }
    }

    fn structure(&mut self, _: &'static Field, x: Option<&dyn Walk>) {
        self.pass(&[u8::from(x.is_some())]);
        if let Some(x) = x {
            x.walk(self);
        }
    }

    fn tags(&mut self) {}

    fn end(&mut self, unknown: &TaggedFields, _: bool) {
        self.len(Some(unknown.as_slice().len()));
        for field in unknown.as_slice() {
            self.pass(&field.tag.to_be_bytes());
            self.blob(Some(&field.data));
        }
    }
}
