//! Tagged fields that no version of our specs knows (KIP-482).

use bytes::Bytes;

/// A tagged field as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaggedField {
    /// The field's number.
    pub tag: u32,
    /// Its value, undecoded: a slice of the frame.
    pub data: Bytes,
}

/// The unknown tagged fields of a struct, in the order of the wire. Costs 8 bytes while there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// A Vec would make every struct 24 bytes larger, for something that is nearly always empty.
#[allow(clippy::box_collection)]
pub struct TaggedFields(Option<Box<Vec<TaggedField>>>);

impl TaggedFields {
    /// Appends a field. Writing it needs a flexible version, and tags that ascend and differ from known ones.
    pub fn push(&mut self, tag: u32, data: Bytes) {
        self.0.get_or_insert_default().push(TaggedField { tag, data });
    }

    /// Makes room for that many more, without room to spare.
    pub(crate) fn reserve_exact(&mut self, additional: usize) {
        if additional > 0 {
            self.0.get_or_insert_default().reserve_exact(additional);
        }
    }

    /// The fields.
    pub fn as_slice(&self) -> &[TaggedField] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

impl Drop for TaggedFields {
    #[inline]
    fn drop(&mut self) {
        if let Some(fields) = self.0.take() {
            discard(fields);
        }
    }
}

/// Out of line: every generated struct drops such fields, and nearly always there are none.
#[cold]
#[inline(never)]
#[allow(clippy::box_collection, clippy::boxed_local)]
fn discard(_fields: Box<Vec<TaggedField>>) {}
