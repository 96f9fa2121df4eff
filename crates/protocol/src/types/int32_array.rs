//! Arrays of int32 that need no memory of their own while they are short.
//!
//! A Metadata response for 10,000 partitions holds 20,000 lists of replicas; with these it is read in 1,000
//! allocations instead of 21,000.

use std::fmt;
use std::ops::Deref;

use super::NodeId;

const INLINE: usize = 5;

/// An immutable array of int32: up to five values inline, more on the heap. Reads like a slice.
#[derive(Clone)]
pub struct Int32Array(Repr);

#[derive(Clone)]
enum Repr {
    // What stands past the length is unspecified: only the slice may be looked at.
    Inline(u8, [i32; INLINE]),
    Heap(Box<[i32]>),
}

impl Int32Array {
    /// An array without values.
    pub const fn new() -> Self {
        Self(Repr::Inline(0, [0; INLINE]))
    }

    /// Whether `len` values need no memory of their own.
    #[inline]
    pub(crate) const fn is_inline(len: usize) -> bool {
        len <= INLINE
    }

    /// Replaces the values by those in `bytes`, big-endian; the length of `bytes` is a multiple of four.
    ///
    /// In place: values that are put together elsewhere and then moved cost three times as much.
    #[inline]
    pub(crate) fn set_be_bytes(&mut self, bytes: &[u8]) {
        let count = bytes.len() / 4;
        if count > INLINE {
            self.0 = Repr::Heap(
                bytes.chunks_exact(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect(),
            );
            return;
        }
        if let Repr::Heap(_) = self.0 {
            *self = Self::new();
        }
        if let Repr::Inline(len, inline) = &mut self.0 {
            *len = count as u8;
            let mut rest = bytes;
            // Few enough to be unrolled, where a loop over chunks would be prepared for thousands of values.
            for slot in inline {
                let Some((value, behind)) = rest.split_first_chunk() else { break };
                *slot = i32::from_be_bytes(*value);
                rest = behind;
            }
        }
    }
}

impl Default for Int32Array {
    #[inline]
    fn default() -> Self {
        // A constant is copied; made here, it would be put together on the stack in pieces first.
        const EMPTY: Int32Array = Int32Array::new();
        EMPTY
    }
}

impl Deref for Int32Array {
    type Target = [i32];

    fn deref(&self) -> &[i32] {
        match &self.0 {
            Repr::Inline(len, values) => &values[..usize::from(*len)],
            Repr::Heap(values) => values,
        }
    }
}

impl From<&[i32]> for Int32Array {
    fn from(values: &[i32]) -> Self {
        if values.len() > INLINE {
            return Self(Repr::Heap(values.into()));
        }
        let mut inline = [0; INLINE];
        inline[..values.len()].copy_from_slice(values);
        Self(Repr::Inline(values.len() as u8, inline))
    }
}

impl From<Vec<i32>> for Int32Array {
    fn from(values: Vec<i32>) -> Self {
        Self::from(&values[..])
    }
}

impl FromIterator<i32> for Int32Array {
    fn from_iter<I: IntoIterator<Item = i32>>(values: I) -> Self {
        let mut inline = [0; INLINE];
        let mut len = 0;
        let mut values = values.into_iter();
        for value in values.by_ref() {
            if len == INLINE {
                let mut heap = inline.to_vec();
                heap.push(value);
                heap.extend(values);
                return Self(Repr::Heap(heap.into_boxed_slice()));
            }
            inline[len] = value;
            len += 1;
        }
        Self(Repr::Inline(len as u8, inline))
    }
}

impl PartialEq for Int32Array {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Int32Array {}

impl fmt::Debug for Int32Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// An array of node ids, in the memory of an [`Int32Array`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NodeIds(pub(crate) Int32Array);

impl NodeIds {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.0.iter().copied().map(NodeId)
    }

    /// Whether `node_id` is among them.
    pub fn contains(&self, node_id: NodeId) -> bool {
        self.0.contains(&node_id.0)
    }
}

impl FromIterator<NodeId> for NodeIds {
    fn from_iter<I: IntoIterator<Item = NodeId>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| id.0).collect())
    }
}

impl From<&[NodeId]> for NodeIds {
    fn from(ids: &[NodeId]) -> Self {
        ids.iter().copied().collect()
    }
}

impl fmt::Debug for NodeIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_in_gives_the_same_array() {
        for len in 0..9 {
            let values: Vec<i32> = (0..len).collect();
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            let array = Int32Array::from(&values[..]);
            assert_eq!(array[..], values[..]);
            for mut other in [Int32Array::new(), Int32Array::from(&[7; 9][..])] {
                other.set_be_bytes(&bytes);
                assert_eq!(array, other);
            }
            assert_eq!(array, values.iter().copied().collect());
        }
    }
}
