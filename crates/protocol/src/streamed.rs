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
use crate::walk::{ArrayMut, HotArray, Walk};

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
    let mut sink = Each { element: None, each };
    let decoder =
        Decoder::new(bytes, version, version >= M::FLEXIBLE_FROM).divert(array(&mut message), &mut sink);
    let read = decoder.read(M::NAME, &mut message)?;
    Ok((message, read))
}

/// An array that keeps nothing but the element that is being read.
struct Each<T, F> {
    element: Option<T>,
    each: F,
}

impl<T: Walk + Default, F: FnMut(T)> ArrayMut for Each<T, F> {
    fn set_null(&mut self) -> bool {
        true
    }

    fn reserve(&mut self, _len: usize) {}

    fn add(&mut self) -> &mut dyn Walk {
        self.element.insert(T::default())
    }

    fn added(&mut self) {
        if let Some(element) = self.element.take() {
            (self.each)(element);
        }
    }

    /// One at a time.
    fn element_size(&self) -> usize {
        0
    }

    fn hot(&mut self) -> Option<&mut dyn HotArray> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};

    const VERSION: i16 = 12;

    fn response() -> MetadataResponse {
        let topic = |name: &str| MetadataResponseTopic {
            name: Some(name.into()),
            partitions: vec![Default::default(); 2],
            ..Default::default()
        };
        MetadataResponse {
            cluster_id: Some("c".into()),
            topics: vec![topic("a"), topic("b")],
            ..Default::default()
        }
    }

    fn stream(bytes: &Bytes) -> (Vec<MetadataResponseTopic>, Result<(MetadataResponse, usize), DecodeError>) {
        let mut topics = Vec::new();
        let read = decode_each(
            bytes,
            VERSION,
            |response: &mut MetadataResponse| &mut response.topics,
            |topic| topics.push(topic),
        );
        (topics, read)
    }

    #[test]
    fn the_elements_and_the_rest_are_what_decoding_gives() {
        let bytes = response().to_bytes(VERSION).expect("it can be written");
        let (topics, read) = stream(&bytes);
        let (mut rest, len) = read.expect("it can be read");
        assert!(rest.topics.is_empty());
        rest.topics = topics;
        assert_eq!((rest, len), (response(), bytes.len()));
    }

    #[test]
    fn a_cut_message_is_the_same_error_as_in_decoding() {
        let bytes = response().to_bytes(VERSION).expect("it can be written");
        for end in 0..bytes.len() {
            let cut = bytes.slice(..end);
            let error = MetadataResponse::decode(&cut, VERSION).expect_err("it is cut");
            assert_eq!(stream(&cut).1.expect_err("it is cut"), error);
        }
    }

    #[test]
    fn a_version_that_is_not_there_is_an_error() {
        let none = |_: MetadataResponseTopic| panic!("nothing was read");
        let read =
            decode_each(&Bytes::new(), 99, |response: &mut MetadataResponse| &mut response.topics, none);
        assert!(read.is_err());
    }
}
