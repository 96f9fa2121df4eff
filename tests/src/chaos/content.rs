//! What a record says: who sent it and its number, in a value of a hundred bytes that can be made again, so that a damaged
//! one is told from all that were sent. Text without line breaks, as other programs print it.

/// How long every value is.
pub const VALUE_BYTES: usize = 100;

/// The last record of each partition, sent when all others have their result.
pub const END: &[u8] = b"the end";

const FILLER: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// Which record: a sender's number and the record's among that sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    /// Who sent it.
    pub sender: u16,
    /// Its place among what that one sent, from 0.
    pub number: u32,
}

impl RecordId {
    /// The record's value.
    #[must_use]
    pub fn value(self) -> [u8; VALUE_BYTES] {
        let Self { sender, number } = self;
        let mut value = [0; VALUE_BYTES];
        let start = format!("{sender:05} {number:010} ");
        let sum = crc32c::crc32c(start.as_bytes());
        let start = format!("{start}{sum:08x} ");
        value[..start.len()].copy_from_slice(start.as_bytes());
        for (place, byte) in (sum % 64..).zip(&mut value[start.len()..]) {
            *byte = FILLER[(place % 64) as usize];
        }
        value
    }

    /// The record that has this value; `None` if none has it.
    #[must_use]
    pub fn of_value(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value.get(..16)?).ok()?;
        let (sender, number) = text.split_once(' ')?;
        let id = Self { sender: sender.parse().ok()?, number: number.parse().ok()? };
        (value == id.value()).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_record_and_none_if_a_byte_is_changed() {
        for id in [RecordId { sender: 0, number: 0 }, RecordId { sender: 3, number: u32::MAX }] {
            let mut value = id.value();
            assert_eq!(RecordId::of_value(&value), Some(id));
            for place in 0..VALUE_BYTES {
                value[place] ^= 1;
                assert_eq!(RecordId::of_value(&value), None, "{place}");
                value[place] ^= 1;
            }
            assert_eq!(RecordId::of_value(&value[..99]), None);
        }
    }
}
