//! The static row that describes a field to every visitor.

/// What errors about the section of tagged fields name.
pub(crate) static TAGGED_FIELDS: Field = Field::new("taggedFields", 0, i16::MAX);

/// A field of a generated struct. Generated code holds one static row per field.
#[derive(Debug)]
pub struct Field {
    /// The name as Kafka's JSON prints it: `throttleTimeMs`.
    pub name: &'static str,
    lowest: i16,
    highest: i16,
    nullable_lowest: i16,
    nullable_highest: i16,
    tag: i32,
    min_element_size: u16,
    ignorable: bool,
    never_compact: bool,
    null_default: bool,
    default: i64,
}

impl Field {
    /// What elements of arrays are visited with: in every version, not nullable, not tagged.
    pub(crate) const ELEMENT: Field = Field::new("", 0, i16::MAX);

    pub(crate) const fn new(name: &'static str, lowest: i16, highest: i16) -> Self {
        Self {
            name,
            lowest,
            highest,
            nullable_lowest: 1,
            nullable_highest: 0,
            tag: -1,
            min_element_size: 1,
            ignorable: false,
            never_compact: false,
            null_default: false,
            default: 0,
        }
    }

    pub(crate) const fn nullable(mut self, lowest: i16, highest: i16) -> Self {
        self.nullable_lowest = lowest;
        self.nullable_highest = highest;
        self
    }

    pub(crate) const fn tag(mut self, tag: i32) -> Self {
        self.tag = tag;
        self
    }

    pub(crate) const fn ignorable(mut self) -> Self {
        self.ignorable = true;
        self
    }

    pub(crate) const fn never_compact(mut self) -> Self {
        self.never_compact = true;
        self
    }

    pub(crate) const fn null(mut self) -> Self {
        self.null_default = true;
        self
    }

    pub(crate) const fn default(mut self, default: i64) -> Self {
        self.default = default;
        self
    }

    pub(crate) const fn elements(mut self, min_size: u16) -> Self {
        self.min_element_size = min_size;
        self
    }

    /// Whether the field exists in `version`.
    #[inline(always)]
    pub fn is_in(&self, version: i16) -> bool {
        self.lowest <= version && version <= self.highest
    }

    /// Whether null may be written in `version`.
    pub fn is_nullable_in(&self, version: i16) -> bool {
        self.nullable_lowest <= version && version <= self.nullable_highest
    }

    /// The tag; `None` for a field that has its place in the order.
    #[inline(always)]
    pub fn tagged(&self) -> Option<u32> {
        u32::try_from(self.tag).ok()
    }

    /// Whether a version without the field may drop its value silently.
    pub fn is_ignorable(&self) -> bool {
        self.ignorable
    }

    /// Whether the field keeps the classic form in flexible versions.
    #[inline(always)]
    pub fn is_never_compact(&self) -> bool {
        self.never_compact
    }

    /// Whether null is what the field holds when it was never set.
    pub fn is_null_by_default(&self) -> bool {
        self.null_default
    }

    /// The number (1 for `true`) that the field holds when it was never set.
    pub fn default_number(&self) -> i64 {
        self.default
    }

    /// Whether something that can be null or empty holds what it does when it was never set; `empty`: `None` is null.
    pub(crate) fn is_unset(&self, empty: Option<bool>) -> bool {
        match empty {
            None => self.null_default,
            Some(empty) => empty && !self.null_default,
        }
    }

    /// The smallest size on the wire of an array's element, in bytes, over all versions.
    pub fn min_element_size(&self) -> usize {
        usize::from(self.min_element_size)
    }
}
