//! Messages of magic 0 and 1 (before Kafka 0.11), and the compressed sets that wrap them.
//!
//! A message is offset, size, CRC-32, magic, attributes, in magic 1 a timestamp (KIP-32), key and
//! value. A compressed set is a message whose value is the set; its offset is that of the last message
//! within, and in magic 1 the offsets within count from the set's start (KIP-31). Reading only.

use super::crc32::crc32;
use super::{Attributes, LOG_OVERHEAD, MAGIC_POSITION, NO_TIMESTAMP};

/// The smallest message, in bytes after its size: CRC, magic, attributes, two null lengths.
pub(super) const SMALLEST_SIZE: i32 = 14;

const CUT: &str = "the bytes end early";

/// A message as it lies in the bytes; positions are from the start of the set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) offset: i64,
    pub(super) magic: i8,
    pub(super) attributes: Attributes,
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) key_position: usize,
    pub(super) value: Option<&'a [u8]>,
    pub(super) value_position: usize,
    /// Where the next message starts.
    pub(super) end: usize,
}

/// Offset, size and CRC are read; the rest is left to [`parse`].
pub(super) fn stored_crc(message: &[u8]) -> Option<u32> {
    message.get(LOG_OVERHEAD..).and_then(<[u8]>::first_chunk::<4>).map(|crc| u32::from_be_bytes(*crc))
}

/// The checksum of a whole message: of everything from the magic on.
pub(super) fn computed_crc(message: &[u8]) -> u32 {
    crc32(message.get(MAGIC_POSITION..).unwrap_or_default())
}

/// Attributes and timestamp of a whole message; `None` if it is too small for its magic.
pub(super) fn fixed_part(message: &[u8]) -> Option<(Attributes, i64)> {
    let [magic, attributes] = *message.get(MAGIC_POSITION..)?.first_chunk::<2>()?;
    let (timestamp, lengths) = match magic {
        0 => (NO_TIMESTAMP, MAGIC_POSITION + 2),
        _ => {
            let field = message.get(MAGIC_POSITION + 2..)?.first_chunk::<8>()?;
            (i64::from_be_bytes(*field), MAGIC_POSITION + 10)
        }
    };
    let attributes = Attributes::from_bits(u16::from(attributes));
    (message.len() >= lengths + 8).then_some((attributes, timestamp))
}

/// Where the message that starts at `start` ends and what its offset field says; `None` if it is cut.
pub(super) fn extent(data: &[u8], start: usize) -> Result<Option<(i64, usize)>, &'static str> {
    let Some(overhead) = data.get(start..).and_then(<[u8]>::first_chunk::<LOG_OVERHEAD>) else {
        return Ok(None);
    };
    let mut rest = &overhead[..];
    let (offset, size) = (i64::from_be_bytes(take(&mut rest)?), i32::from_be_bytes(take(&mut rest)?));
    if size < SMALLEST_SIZE {
        return Err("message size is too small");
    }
    // Positive and less than 31 bits.
    let end = start + LOG_OVERHEAD + size as usize;
    Ok((end <= data.len()).then_some((offset, end)))
}

/// Parses the whole message that starts at `start`.
pub(super) fn parse(data: &[u8], start: usize) -> Result<Message<'_>, &'static str> {
    let (offset, end) = extent(data, start)?.ok_or(CUT)?;
    // After the CRC, which is the whole set's business.
    let mut rest = &data[start + MAGIC_POSITION..end];
    let [magic, attributes] = take(&mut rest)?;
    let timestamp = match magic {
        0 => NO_TIMESTAMP,
        1 => i64::from_be_bytes(take(&mut rest)?),
        _ => return Err("unknown message magic"),
    };
    let key_length = i32::from_be_bytes(take(&mut rest)?);
    let key_position = end - rest.len();
    let key = nullable(&mut rest, key_length)?;
    let value_length = i32::from_be_bytes(take(&mut rest)?);
    let value_position = end - rest.len();
    let value = nullable(&mut rest, value_length)?;
    Ok(Message {
        offset,
        magic: magic as i8,
        attributes: Attributes::from_bits(u16::from(attributes)),
        timestamp,
        key,
        key_position,
        value,
        value_position,
        end,
    })
}

/// What a walk over a decompressed set finds.
pub(super) struct Survey {
    pub(super) count: u32,
    /// The offset field of the last message.
    pub(super) last_offset: i64,
}

/// Counts the messages of a decompressed set. As in Java, a cut one at the end is ignored.
pub(super) fn survey(data: &[u8]) -> Result<Survey, (u32, &'static str)> {
    let mut survey = Survey { count: 0, last_offset: -1 };
    let mut start = 0;
    while let Some((offset, end)) = extent(data, start).map_err(|reason| (survey.count, reason))? {
        survey.count += 1;
        survey.last_offset = offset;
        start = end;
    }
    Ok(survey)
}

fn nullable<'a>(rest: &mut &'a [u8], length: i32) -> Result<Option<&'a [u8]>, &'static str> {
    let Ok(length) = usize::try_from(length) else {
        return Ok(None);
    };
    let (bytes, after) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = after;
    Ok(Some(bytes))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(CUT)?;
    *rest = after;
    Ok(*taken)
}
