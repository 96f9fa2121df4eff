//! Reading a message whose elements nobody wants to keep: each is handed over as it is read.
//!
//! A Metadata response for 10,000 partitions is a megabyte of structs, which a client turns into something smaller and
//! drops. Read this way only one topic of it exists at a time.
//!
//! Not here: reading only some fields. What is skipped would have to be read all the same.

use bytes::Bytes;

use crate::codec::Decoder;
use crate::error::DecodeError;
use crate::message::{Message, check_version};
use crate::walk::{ArrayMut, VisitorMut, Walk};

/// Reads a message from the start of `bytes` and hands the elements of the array that `array` names to `each`, in their
/// order; in the message itself that array stays empty. Says how many bytes the message took.
///
/// ```
/// use ottla_protocol::message::Message;
/// use ottla_protocol::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};
/// use ottla_protocol::streamed::decode_each;
///
/// let mut response = MetadataResponse::default();
/// response.topics = vec![MetadataResponseTopic::default(); 3];
/// let bytes = response.to_bytes(12)?;
///
/// let mut partitions = 0;
/// let (rest, _) = decode_each(
///     &bytes,
///     12,
///     |response: &mut MetadataResponse| &mut response.topics,
///     |topic: MetadataResponseTopic| partitions += topic.partitions.len(),
/// )?;
/// assert!(rest.topics.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Message::decode_prefix`]; by then `each` may have seen elements.
pub fn decode_each<M: Message, T: Walk + Default>(
    bytes: &Bytes,
    version: i16,
    array: impl FnOnce(&mut M) -> &mut Vec<T>,
    each: impl FnMut(T),
) -> Result<(M, usize), DecodeError> {
    check_version::<M>(version)?;
    let mut message = M::default();
    let mut sink = Each(each, std::marker::PhantomData);
    let decoder =
        Decoder::new(bytes, version, version >= M::FLEXIBLE_FROM).divert(array(&mut message), &mut sink);
    let read = decoder.read(M::NAME, &mut message)?;
    Ok((message, read))
}

/// An array that keeps nothing.
struct Each<F, T>(F, std::marker::PhantomData<fn(T)>);

impl<T: Walk + Default, F: FnMut(T)> ArrayMut for Each<F, T> {
    fn set_null(&mut self) -> bool {
        true
    }

    fn fill(&mut self, len: usize, v: &mut dyn VisitorMut) {
        for index in 0..len {
            let mut element = T::default();
            element.walk_mut(v);
            if v.failed() {
                return v.failed_at(index);
            }
            (self.0)(element);
        }
    }

    /// One at a time.
    fn element_size(&self) -> usize {
        0
    }
}
