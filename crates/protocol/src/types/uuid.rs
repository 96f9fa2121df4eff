//! Topic ids, member ids and the like: 128 bits, printed as Kafka prints them.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// 128 bits, printed and read as 22 characters of unpadded base64url. All zero means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// "None".
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// Whether this means "none".
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        // 21 characters of 6 bits, then the last 2 bits padded on the right.
        let text: String = (0..22u32)
            .map(|at| if at < 21 { bits >> (122 - 6 * at) } else { bits << 4 })
            .map(|index| char::from(ALPHABET[(index & 63) as usize]))
            .collect();
        f.pad(&text)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not a UUID in Kafka's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UuidError(String);

impl fmt::Display for UuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not 22 characters of base64url: {:?}", self.0)
    }
}

impl std::error::Error for UuidError {}

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let refuse = || UuidError(text.chars().take(64).collect());
        if text.len() != 22 {
            return Err(refuse());
        }
        let mut bits = 0u128;
        for (at, c) in text.bytes().enumerate() {
            let value = ALPHABET.iter().position(|&a| a == c).ok_or_else(refuse)? as u128;
            bits = if at < 21 { bits << 6 | value } else { bits << 2 | value >> 4 };
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        for bytes in [[0; 16], [0xff; 16], std::array::from_fn(|at| at as u8 * 17)] {
            let uuid = Uuid(bytes);
            assert_eq!(uuid.to_string().parse(), Ok(uuid));
        }
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert!("short".parse::<Uuid>().is_err());
        assert!("AAAAAAAAAAAAAAAAAAAAA+".parse::<Uuid>().is_err());
    }
}
