//! Messages to bytes.

use bytes::Bytes;

use super::is_default;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::frame::FrameBuf;
use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::varint::put_unsigned_varint;
use crate::walk::{Array, Field, TAGGED_FIELDS, Visitor, Walk};

/// Writes one message of one version.
///
/// Tagged fields come last in a walk but are written as a counted, sorted section; their values are put at the end of
/// the buffer, and taken from there into place when the struct ends.
pub struct Encoder<'a> {
    out: &'a mut FrameBuf,
    version: i16,
    flexible: bool,
    error: Option<EncodeErrorKind>,
    /// From the innermost field out, once there is an error.
    path: Vec<Segment>,
    /// Known tagged fields that were written behind the structs they belong to.
    written: Vec<(u32, usize)>,
    /// For each struct with known tagged fields that is being written: where its part of `written` starts, and
    /// where in the buffer its values start.
    levels: Vec<(usize, usize)>,
}

enum Segment {
    Field(&'static str),
    Element(usize),
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(out: &'a mut FrameBuf, version: i16, flexible: bool) -> Self {
        let (path, written, levels) = (Vec::new(), Vec::new(), Vec::new());
        Self { out, version, flexible, error: None, path, written, levels }
    }

    /// Writes `message`.
    pub(crate) fn write(mut self, name: &str, message: &dyn Walk) -> Result<(), EncodeError> {
        message.walk(&mut self);
        let Some(kind) = self.error else { return Ok(()) };
        let mut path = name.to_owned();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Field("") => {}
                Segment::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Segment::Element(index) => path.push_str(&format!("[{index}]")),
            }
        }
        Err(EncodeError::new(kind, self.version, path))
    }

    #[cold]
    fn fail(&mut self, f: &'static Field, kind: EncodeErrorKind) {
        if self.error.is_none() {
            self.error = Some(kind);
            self.path.push(Segment::Field(f.name));
        }
    }

    #[inline(always)]
    pub(crate) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// The error lies in the element at `index` of an array.
    #[cold]
    pub(crate) fn failed_at(&mut self, index: usize) {
        self.path.push(Segment::Element(index));
    }

    fn elements(&mut self, x: &dyn Array) {
        for index in 0..x.len() {
            x.walk_element(index, self);
            if self.error.is_some() {
                return self.failed_at(index);
            }
        }
    }

    /// Whether `f` is written here. `unset`: whether it holds its default.
    #[inline(always)]
    fn enter(&mut self, f: &'static Field, unset: impl FnOnce() -> bool) -> bool {
        if f.is_in(self.version) {
            match f.tagged() {
                None => return true,
                Some(tag) => {
                    if unset() {
                        return false;
                    }
                    self.written.push((tag, self.out.len()));
                    return true;
                }
            }
        }
        if !f.is_ignorable() && !unset() {
            self.fail(f, EncodeErrorKind::NotInVersion);
        }
        false
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
    }

    /// A length; `None` is null. `wide`: four bytes in classic form, else two.
    #[inline(always)]
    fn length(&mut self, f: &'static Field, len: Option<usize>, wide: bool) {
        if len.is_none() && !f.is_nullable_in(self.version) {
            return self.fail(f, EncodeErrorKind::UnexpectedNull);
        }
        // Compact lengths could say more; Java writes and reads no more in any version.
        let most = if wide { i32::MAX as usize } else { i16::MAX as usize };
        if let Some(len) = len.filter(|len| *len > most) {
            return self.fail(f, EncodeErrorKind::TooLong(len));
        }
        if self.flexible && !f.is_never_compact() {
            put_unsigned_varint(self.out.tail(), len.map_or(0, |len| len as u32 + 1));
        } else if wide {
            self.put(&len.map_or(-1, |len| len as i32).to_be_bytes());
        } else {
            self.put(&len.map_or(-1, |len| len as i16).to_be_bytes());
        }
    }

    /// Several at a time: each piece that is put checks the buffer's room.
    #[inline(always)]
    fn put_int32s(&mut self, values: &[i32]) {
        let mut rest = values;
        while let Some((four, behind)) = rest.split_first_chunk::<4>() {
            self.put_all(*four);
            rest = behind;
        }
        match *rest {
            [a] => self.put_all([a]),
            [a, b] => self.put_all([a, b]),
            [a, b, c] => self.put_all([a, b, c]),
            _ => {}
        }
    }

    #[inline(always)]
    fn put_all<const N: usize>(&mut self, values: [i32; N]) {
        self.put(values.map(i32::to_be_bytes).as_flattened());
    }

    /// Takes the values behind `values` out of the buffer and writes the section of tagged fields.
    #[cold]
    fn put_tagged(&mut self, first: usize, values: usize, unknown: &TaggedFields) {
        let written: Vec<(u32, usize)> = self.written.drain(first..).collect();
        let known_data = self.out.split_off(values);
        let mut known: Vec<(u32, &[u8])> = Vec::with_capacity(written.len() + unknown.as_slice().len());
        for (at, &(tag, start)) in written.iter().enumerate() {
            let end = written.get(at + 1).map_or(values + known_data.len(), |next| next.1);
            known.push((tag, &known_data[start - values..end - values]));
        }
        known.extend(unknown.as_slice().iter().map(|field| (field.tag, &field.data[..])));
        known.sort_by_key(|field| field.0);
        // Past 31 bits a tag is below zero in Java, and those before it are higher.
        let highest = known.last().map_or(0, |field| field.0);
        let ascending = highest <= i32::MAX as u32 && known.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let tail = self.out.tail();
        put_unsigned_varint(tail, known.len() as u32);
        for (tag, data) in known {
            put_unsigned_varint(tail, tag);
            put_unsigned_varint(tail, data.len() as u32);
            tail.extend_from_slice(data);
        }
        if !ascending {
            self.fail(&TAGGED_FIELDS, EncodeErrorKind::TaggedFields);
        }
    }
}

macro_rules! fixed {
    ($($visit:ident: $ty:ty;)*) => {$(
        #[inline]
        fn $visit(&mut self, f: &'static Field, x: $ty) {
            if self.enter(f, || x as i64 == f.default_number()) {
                self.put(&x.to_be_bytes());
            }
        }
    )*};
}

impl Visitor for Encoder<'_> {
    fn begin(&mut self, _: &'static str) {}

    fixed! { int8: i8; int16: i16; uint16: u16; uint32: u32; int32: i32; int64: i64; }

    fn bool(&mut self, f: &'static Field, x: bool) {
        if self.enter(f, || i64::from(x) == f.default_number()) {
            self.put(&[u8::from(x)]);
        }
    }

    fn float64(&mut self, f: &'static Field, x: f64) {
        if self.enter(f, || x == 0.0) {
            self.put(&x.to_be_bytes());
        }
    }

    fn uuid(&mut self, f: &'static Field, x: &Uuid) {
        if self.enter(f, || x.is_zero()) {
            self.put(&x.0);
        }
    }

    fn string(&mut self, f: &'static Field, x: Option<&Str>) {
        if self.enter(f, || f.is_unset(x.map(|x| x.is_empty()))) {
            self.length(f, x.map(|x| x.len()), false);
            self.put(x.map_or(&[], |x| x.as_bytes()));
        }
    }

    fn bytes(&mut self, f: &'static Field, x: Option<&Bytes>) {
        if self.enter(f, || f.is_unset(x.map(Bytes::is_empty))) {
            self.length(f, x.map(Bytes::len), true);
            self.put(x.map_or(&[], |x| x));
        }
    }

    fn records(&mut self, f: &'static Field, x: Option<&Bytes>) {
        if self.enter(f, || f.is_unset(x.map(Bytes::is_empty))) {
            self.length(f, x.map(Bytes::len), true);
            if let Some(records) = x {
                if f.tagged().is_none() && self.written.is_empty() {
                    self.out.put_shared(records);
                } else {
                    self.put(records);
                }
            }
        }
    }

    #[inline(always)]
    fn int32s(&mut self, f: &'static Field, x: Option<&Int32Array>) {
        if self.enter(f, || f.is_unset(x.map(|x| x.is_empty()))) {
            self.length(f, x.map(|x| x.len()), true);
            self.put_int32s(x.map_or(&[], |x| x));
        }
    }

    fn array(&mut self, f: &'static Field, x: Option<&dyn Array>) {
        if !self.enter(f, || f.is_unset(x.map(|x| x.len() == 0))) {
            return;
        }
        self.length(f, x.map(|x| x.len()), true);
        let Some(x) = x else { return };
        if self.error.is_some() {
            return;
        }
        match x.hot() {
            Some(all) => all.encode(self),
            None => self.elements(x),
        }
        if self.error.is_some() {
            self.path.push(Segment::Field(f.name));
        }
    }

    fn structure(&mut self, f: &'static Field, x: Option<&dyn Walk>) {
        let unset = || x.map_or(f.is_null_by_default(), |x| !f.is_null_by_default() && is_default(x));
        if self.error.is_some() || !self.enter(f, unset) {
            return;
        }
        if f.is_nullable_in(self.version) {
            self.put(&[if x.is_some() { 1 } else { 0xff }]);
        }
        match x {
            None if f.is_nullable_in(self.version) => {}
            None => self.fail(f, EncodeErrorKind::UnexpectedNull),
            Some(x) => {
                x.walk(self);
                if self.error.is_some() {
                    self.path.push(Segment::Field(f.name));
                }
            }
        }
    }

    fn tags(&mut self) {
        if self.flexible {
            self.levels.push((self.written.len(), self.out.len()));
        }
    }

    #[inline]
    fn end(&mut self, unknown: &TaggedFields, known: bool) {
        if !self.flexible {
            if !unknown.is_empty() {
                self.fail(&TAGGED_FIELDS, EncodeErrorKind::TaggedFields);
            }
            return;
        }
        let here = (self.written.len(), self.out.len());
        let (first, values) = if known { self.levels.pop().unwrap_or(here) } else { here };
        if first == self.written.len() && unknown.is_empty() {
            self.put(&[0]);
        } else {
            self.put_tagged(first, values, unknown);
        }
    }
}
