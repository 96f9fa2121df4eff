//! Bytes to messages.
//!
//! Nothing that the input claims is trusted: a length is checked against what is left, an array against its smallest
//! elements, and all memory against a budget. The first error sticks: the decoder empties its input, so that the
//! rest of the walk, which has no `?` in it, falls through; arrays stop at the first failed element.

use std::ptr;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::types::{Int32Array, Str, TaggedField, TaggedFields, Uuid};
use crate::varint::{VarintError, read_unsigned_varint};
use crate::walk::{ArrayMut, Field, HotArray, Optional, TAGGED_FIELDS, VisitorMut, Walk};

/// Memory that a message may take beyond its frame: this many bytes per byte of the frame, …
const BUDGET_PER_BYTE: usize = 64;
/// … and this much at least.
const BUDGET_FLOOR: usize = 64 * 1024;
/// The longest text of any version, in bytes, whatever its length field could say.
const LONGEST_TEXT: usize = i16::MAX as usize;

/// Reads one message of one version out of a frame.
pub struct Decoder<'a> {
    frame: &'a Bytes,
    /// What is left of the frame, or of the tagged field that is being read.
    rest: &'a [u8],
    /// Where `rest` ends, from the start of the frame.
    end: usize,
    version: i16,
    flexible: bool,
    budget: usize,
    error: Option<Box<DecodeError>>,
    /// The tagged fields of the structs that are being read and have not been asked for yet.
    slots: Vec<Slot<'a>>,
    /// For each struct with known tagged fields that is being read: where its slots start.
    levels: Vec<usize>,
    /// What to go on with behind the tagged field that is being read.
    suspended: Vec<(&'a [u8], usize)>,
    /// Where the elements of one array go instead, and the address of that array.
    diverted: Option<(usize, &'a mut dyn ArrayMut)>,
}

struct Slot<'a> {
    tag: u32,
    /// `None` once it was read.
    data: Option<&'a [u8]>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(frame: &'a Bytes, version: i16, flexible: bool) -> Self {
        Self {
            frame,
            rest: frame,
            end: frame.len(),
            version,
            flexible,
            budget: frame.len().saturating_mul(BUDGET_PER_BYTE).max(BUDGET_FLOOR),
            error: None,
            slots: Vec::new(),
            levels: Vec::new(),
            suspended: Vec::new(),
            diverted: None,
        }
    }

    /// Puts what `array`, a part of the message to be read, would hold into `sink`.
    pub(crate) fn divert<A>(mut self, array: &A, sink: &'a mut dyn ArrayMut) -> Self {
        self.diverted = Some((ptr::from_ref(array).addr(), sink));
        self
    }

    /// Reads `message`; returns how many bytes it took.
    pub(crate) fn read(mut self, name: &str, message: &mut dyn Walk) -> Result<usize, DecodeError> {
        message.walk_mut(&mut self);
        match self.error {
            None => Ok(self.frame.len() - self.rest.len()),
            Some(mut error) => {
                error.within(name);
                Err(*error)
            }
        }
    }

    #[cold]
    fn fail(&mut self, f: &'static Field, kind: DecodeErrorKind) {
        if self.error.is_none() {
            // What ends inside a tagged field ends where the declared size says so.
            let kind = match kind {
                DecodeErrorKind::Truncated | DecodeErrorKind::ArrayTooLong(_)
                    if !self.suspended.is_empty() =>
                {
                    DecodeErrorKind::TaggedFieldSize
                }
                kind => kind,
            };
            let mut error = DecodeError::new(kind, self.end - self.rest.len());
            error.within(f.name);
            self.error = Some(Box::new(error));
        }
        self.rest = &[];
    }

    #[cold]
    fn failed_within(&mut self, f: &'static Field) {
        if let Some(error) = &mut self.error {
            error.within(f.name);
        }
    }

    /// Whether `f` is to be read: it is in this version, and if tagged, it is there. Then its value comes next.
    #[inline(always)]
    fn enter(&mut self, f: &'static Field) -> bool {
        match f.tagged() {
            None => f.is_in(self.version),
            Some(tag) => self.enter_tagged(f, tag),
        }
    }

    #[inline(never)]
    fn enter_tagged(&mut self, f: &'static Field, tag: u32) -> bool {
        let Some(&start) = self.levels.last() else { return false };
        let mut slots = self.slots[start..].iter_mut().filter(|slot| slot.tag == tag);
        let Some(data) = slots.next().and_then(|slot| slot.data.take()) else { return false };
        // Java reads each one over the one before. Two values for one field are refused here.
        if slots.next().is_some() {
            self.fail(f, DecodeErrorKind::RepeatedTag(tag));
            return false;
        }
        if !f.is_in(self.version) {
            self.fail(f, DecodeErrorKind::TagNotInVersion(tag));
            return false;
        }
        self.suspended.push((self.rest, self.end));
        self.end = self.offset_of(data) + data.len();
        self.rest = data;
        true
    }

    #[inline(always)]
    fn leave(&mut self, f: &'static Field) {
        if f.tagged().is_some() {
            self.leave_tagged(f);
        }
    }

    #[inline(never)]
    fn leave_tagged(&mut self, f: &'static Field) {
        if !self.rest.is_empty() {
            self.fail(f, DecodeErrorKind::TaggedFieldSize);
        }
        if let Some((rest, end)) = self.suspended.pop() {
            (self.rest, self.end) = (if self.error.is_some() { &[] } else { rest }, end);
        }
    }

    fn offset_of(&self, part: &[u8]) -> usize {
        part.as_ptr() as usize - self.frame.as_ptr() as usize
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, f: &'static Field) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((value, rest)) => {
                self.rest = rest;
                *value
            }
            None => {
                self.fail(f, DecodeErrorKind::Truncated);
                [0; N]
            }
        }
    }

    #[inline(always)]
    fn unsigned_varint(&mut self, f: &'static Field) -> u32 {
        if let [byte @ 0..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return u32::from(*byte);
        }
        self.long_varint(f)
    }

    #[inline(never)]
    fn long_varint(&mut self, f: &'static Field) -> u32 {
        match read_unsigned_varint(self.rest) {
            Ok((value, len)) => {
                self.rest = &self.rest[len..];
                value
            }
            Err(VarintError::TooLong) => {
                self.fail(f, DecodeErrorKind::OverlongVarint);
                0
            }
            Err(VarintError::Truncated) => {
                self.fail(f, DecodeErrorKind::Truncated);
                0
            }
        }
    }

    /// A length: `None` is null. `wide`: four bytes in classic form, else two.
    #[inline(always)]
    fn length(&mut self, f: &'static Field, wide: bool) -> Option<usize> {
        if self.flexible && !f.is_never_compact() {
            // As in Java, past 31 bits it is below zero.
            return usize::try_from((self.unsigned_varint(f) as i32).wrapping_sub(1)).ok();
        }
        let length = if wide {
            i64::from(i32::from_be_bytes(self.fixed(f)))
        } else {
            i64::from(i16::from_be_bytes(self.fixed(f)))
        };
        // As in Java, every length below zero is null.
        usize::try_from(length).ok()
    }

    #[inline(always)]
    fn slice(&mut self, f: &'static Field, len: usize) -> &'a [u8] {
        match self.rest.split_at_checked(len) {
            Some((value, rest)) => {
                self.rest = rest;
                value
            }
            None => {
                self.fail(f, DecodeErrorKind::Truncated);
                &[]
            }
        }
    }

    fn shared(&self, part: &'a [u8]) -> Bytes {
        if part.is_empty() { Bytes::new() } else { self.frame.slice_ref(part) }
    }

    fn read_string(&mut self, f: &'static Field) -> Option<Str> {
        let len = self.length(f, false)?;
        if len > LONGEST_TEXT {
            self.fail(f, DecodeErrorKind::TextTooLong(len));
        }
        let part = self.slice(f, len);
        let text = Str::from_utf8(self.shared(part));
        if text.is_none() {
            self.fail(f, DecodeErrorKind::InvalidUtf8);
        }
        text
    }

    fn read_bytes(&mut self, f: &'static Field) -> Option<Bytes> {
        let len = self.length(f, true)?;
        let part = self.slice(f, len);
        Some(self.shared(part))
    }

    /// Whether there is an array rather than null. Then it is in `x`, unless that failed.
    #[inline(always)]
    fn read_int32s(&mut self, f: &'static Field, x: &mut Int32Array) -> bool {
        let Some(len) = self.length(f, true) else { return false };
        match len.checked_mul(4).and_then(|size| self.rest.split_at_checked(size)) {
            Some((values, rest)) => {
                self.rest = rest;
                if !Int32Array::is_inline(len) {
                    self.spend(f, values.len());
                }
                x.set_be_bytes(values);
            }
            None => self.fail(f, DecodeErrorKind::ArrayTooLong(len as u64)),
        }
        true
    }

    /// Takes `size` bytes out of the budget.
    fn spend(&mut self, f: &'static Field, size: usize) {
        match self.budget.checked_sub(size) {
            Some(left) => self.budget = left,
            None => self.fail(f, DecodeErrorKind::OverBudget(self.budget)),
        }
    }

    /// What a null that the input holds means for a field.
    fn check_null(&mut self, f: &'static Field) {
        if !f.is_nullable_in(self.version) {
            self.fail(f, DecodeErrorKind::UnexpectedNull);
        }
    }

    fn read_slots(&mut self) {
        let f = &TAGGED_FIELDS;
        // As in Java, past 31 bits it is below zero: none.
        let count = usize::try_from(self.unsigned_varint(f) as i32).unwrap_or(0);
        // A tagged field takes two bytes at least.
        if count > self.rest.len() / 2 {
            return self.fail(f, DecodeErrorKind::ArrayTooLong(count as u64));
        }
        if count == 0 {
            return;
        }
        let each = size_of::<Slot<'_>>() + size_of::<TaggedField>();
        self.spend(f, size_of::<Vec<TaggedField>>() + count * each);
        if self.error.is_some() {
            return;
        }
        self.slots.reserve_exact(count);
        for _ in 0..count {
            let tag = self.unsigned_varint(f);
            let size = self.unsigned_varint(f) as usize;
            let data = self.slice(f, size);
            if self.error.is_some() {
                return;
            }
            self.slots.push(Slot { tag, data: Some(data) });
        }
    }
}

macro_rules! fixed {
    ($($visit:ident: $ty:ty;)*) => {$(
        #[inline]
        fn $visit(&mut self, f: &'static Field, x: &mut $ty) {
            if self.enter(f) {
                *x = <$ty>::from_be_bytes(self.fixed(f));
                self.leave(f);
            }
        }
    )*};
}

impl VisitorMut for Decoder<'_> {
    fn hot(&mut self, x: &mut dyn HotArray, len: usize) -> bool {
        x.decode(len, self);
        true
    }

    fixed! { int8: i8; int16: i16; uint16: u16; uint32: u32; int32: i32; int64: i64; float64: f64; }

    fn bool(&mut self, f: &'static Field, x: &mut bool) {
        if self.enter(f) {
            *x = self.fixed::<1>(f) != [0];
            self.leave(f);
        }
    }

    fn uuid(&mut self, f: &'static Field, x: &mut Uuid) {
        if self.enter(f) {
            *x = Uuid(self.fixed(f));
            self.leave(f);
        }
    }

    fn string(&mut self, f: &'static Field, x: &mut Str) {
        if self.enter(f) {
            match self.read_string(f) {
                Some(text) => *x = text,
                None => self.fail(f, DecodeErrorKind::UnexpectedNull),
            }
            self.leave(f);
        }
    }

    fn nullable_string(&mut self, f: &'static Field, x: &mut Option<Str>) {
        if self.enter(f) {
            *x = self.read_string(f);
            if x.is_none() {
                self.check_null(f);
            }
            self.leave(f);
        }
    }

    fn bytes(&mut self, f: &'static Field, x: &mut Bytes) {
        if self.enter(f) {
            match self.read_bytes(f) {
                Some(bytes) => *x = bytes,
                None => self.fail(f, DecodeErrorKind::UnexpectedNull),
            }
            self.leave(f);
        }
    }

    fn nullable_bytes(&mut self, f: &'static Field, x: &mut Option<Bytes>) {
        if self.enter(f) {
            *x = self.read_bytes(f);
            if x.is_none() {
                self.check_null(f);
            }
            self.leave(f);
        }
    }

    #[inline(always)]
    fn int32s(&mut self, f: &'static Field, x: &mut Int32Array) {
        if self.enter(f) {
            if !self.read_int32s(f, x) {
                self.fail(f, DecodeErrorKind::UnexpectedNull);
            }
            self.leave(f);
        }
    }

    fn nullable_int32s(&mut self, f: &'static Field, x: &mut Option<Int32Array>) {
        if self.enter(f) {
            if !self.read_int32s(f, x.get_or_insert_default()) {
                *x = None;
                self.check_null(f);
            }
            self.leave(f);
        }
    }

    fn array(&mut self, f: &'static Field, x: &mut dyn ArrayMut) {
        if !self.enter(f) {
            return;
        }
        let here = ptr::from_ref(x).addr();
        let diverted = self.diverted.take_if(|(array, _)| *array == here);
        let x: &mut dyn ArrayMut = match diverted {
            Some((_, sink)) => sink,
            None => x,
        };
        match self.length(f, true) {
            None => {
                self.check_null(f);
                if !x.set_null() {
                    self.fail(f, DecodeErrorKind::UnexpectedNull);
                }
            }
            Some(len) if len > self.rest.len() / f.min_element_size() => {
                self.fail(f, DecodeErrorKind::ArrayTooLong(len as u64));
            }
            Some(len) => {
                self.spend(f, len.saturating_mul(x.element_size()));
                if self.error.is_none() {
                    x.fill(len, self);
                    if self.error.is_some() {
                        self.failed_within(f);
                    }
                }
            }
        }
        self.leave(f);
    }

    fn structure(&mut self, f: &'static Field, x: &mut dyn Walk) {
        if self.enter(f) && self.error.is_none() {
            x.walk_mut(self);
            if self.error.is_some() {
                self.failed_within(f);
            }
            self.leave(f);
        }
    }

    fn nullable_structure(&mut self, f: &'static Field, x: &mut dyn Optional) {
        if !self.enter(f) {
            return;
        }
        // Java writes 1 and takes every value from 0 on for a struct.
        if f.is_nullable_in(self.version) && i8::from_be_bytes(self.fixed(f)) < 0 {
            x.set_null();
        } else if self.error.is_none() {
            x.fill(self);
            if self.error.is_some() {
                self.failed_within(f);
            }
        }
        self.leave(f);
    }

    fn tags(&mut self) {
        if self.flexible {
            self.levels.push(self.slots.len());
            self.read_slots();
        }
    }

    #[inline]
    fn end(&mut self, unknown: &mut TaggedFields, known: bool) {
        if !self.flexible {
            return;
        }
        let start = if known {
            self.levels.pop().unwrap_or_default()
        } else {
            if let [0, rest @ ..] = self.rest {
                self.rest = rest;
                return;
            }
            let start = self.slots.len();
            self.read_slots();
            start
        };
        let frame = self.frame;
        unknown.reserve_exact(self.slots[start..].iter().filter(|slot| slot.data.is_some()).count());
        for slot in self.slots.drain(start..) {
            if let Some(data) = slot.data {
                unknown.push(slot.tag, if data.is_empty() { Bytes::new() } else { frame.slice_ref(data) });
            }
        }
    }

    #[inline]
    fn failed(&self) -> bool {
        self.error.is_some()
    }

    fn failed_at(&mut self, index: usize) {
        if let Some(error) = &mut self.error {
            error.within_element(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::error::{DecodeError, DecodeErrorKind};
    use crate::message::Message;
    use crate::messages::api_versions_request::ApiVersionsRequest;
    use crate::messages::api_versions_response::ApiVersionsResponse;
    use crate::messages::fetch_request::FetchRequest;

    /// An empty `ApiVersionsResponse` of version 3, up to its tagged fields.
    const START: [u8; 7] = [0, 0, 1, 0, 0, 0, 0];

    fn response(tagged: &[u8]) -> Result<ApiVersionsResponse, DecodeError> {
        ApiVersionsResponse::decode(&[&START, tagged].concat().into(), 3)
    }

    #[track_caller]
    fn refused<M: std::fmt::Debug>(read: Result<M, DecodeError>, kind: DecodeErrorKind) {
        assert_eq!(read.map_err(|error| error.kind()).expect_err("it is damaged"), kind);
    }

    #[test]
    fn a_known_tagged_field_is_there_once() {
        let once = response(&[1, 3, 1, 1]).expect("zkMigrationReady is tag 3");
        assert!(once.zk_migration_ready && once.unknown_tagged_fields.is_empty());
        refused(response(&[2, 3, 1, 1, 3, 1, 0]), DecodeErrorKind::RepeatedTag(3));
    }

    #[test]
    fn a_tag_of_another_version_is_refused_and_one_that_no_version_knows_is_kept() {
        let request = FetchRequest { max_wait_ms: 7, ..FetchRequest::default() };
        let with_tag = |request: &FetchRequest, tag| {
            let mut bytes = request.to_bytes(12).expect("it can be written").to_vec();
            assert_eq!(bytes.pop(), Some(0), "no tagged fields");
            bytes.extend_from_slice(&[1, tag, 1, 0]);
            FetchRequest::decode(&bytes.into(), 12)
        };
        // replicaState, from version 15 on.
        refused(with_tag(&request, 1), DecodeErrorKind::TagNotInVersion(1));
        let kept = with_tag(&request, 77).expect("it is read").unknown_tagged_fields;
        assert_eq!(kept.as_slice()[0].tag, 77);
    }

    #[test]
    fn a_tagged_field_holds_exactly_what_its_size_says() {
        use DecodeErrorKind::{TaggedFieldSize, Truncated};
        // zkMigrationReady is a bool, finalizedFeaturesEpoch an int64.
        refused(response(&[1, 3, 0]), TaggedFieldSize);
        refused(response(&[1, 3, 2, 1, 1]), TaggedFieldSize);
        refused(response(&[1, 1, 2, 0, 0]), TaggedFieldSize);
        refused(response(&[1, 3, 9, 1]), Truncated);
    }

    #[test]
    fn compact_lengths_and_counts_past_31_bits_are_below_zero_as_in_java() {
        // Minus one, minus two and the lowest one, as unsigned varints; then clientSoftwareVersion.
        for below in
            [[0xff, 0xff, 0xff, 0xff, 0x0f], [0xfe, 0xff, 0xff, 0xff, 0x0f], [0x81, 0x80, 0x80, 0x80, 8]]
        {
            let text = Bytes::from([&below[..], &[1, 0]].concat());
            refused(ApiVersionsRequest::decode(&text, 3), DecodeErrorKind::UnexpectedNull);
            let no_tags = response(&below).expect("a count below zero is none");
            assert!(no_tags.unknown_tagged_fields.is_empty());
        }
        let largest = Bytes::from_static(&[0x80, 0x80, 0x80, 0x80, 8, 1, 0]);
        refused(ApiVersionsRequest::decode(&largest, 3), DecodeErrorKind::TextTooLong(i32::MAX as usize));
    }

    #[test]
    fn an_unknown_tag_past_31_bits_is_read_and_cannot_be_written_as_in_java() {
        let read = response(&[1, 0x80, 0x80, 0x80, 0x80, 8, 0]).expect("Java reads it");
        assert_eq!(read.unknown_tagged_fields.as_slice()[0].tag, 1 << 31);
        read.to_bytes(3).expect_err("Java cannot write it");
        let highest = response(&[1, 0xff, 0xff, 0xff, 0xff, 7, 0]).expect("it is read");
        highest.to_bytes(3).expect("it can be written");
    }

    #[test]
    fn text_is_as_long_as_an_int16_says_in_flexible_versions_too() {
        let client_software_name = "n".repeat(32_767).as_str().into();
        let mut request = ApiVersionsRequest { client_software_name, ..ApiVersionsRequest::default() };
        let bytes = request.to_bytes(3).expect("the longest text can be written");
        assert_eq!(ApiVersionsRequest::decode(&bytes, 3).expect("and read"), request);
        request.client_software_name = "n".repeat(32_768).as_str().into();
        request.to_bytes(3).expect_err("a longer one cannot be written");
        let mut bytes = bytes.to_vec();
        assert_eq!(bytes[..3], [0x80, 0x80, 2]);
        bytes[0] += 1;
        bytes.insert(3, b'n');
        refused(ApiVersionsRequest::decode(&bytes.into(), 3), DecodeErrorKind::TextTooLong(32_768));
    }
}
