//! A header that owns its parts, where one is kept longer than the record it belongs to.

use std::str::Utf8Error;

use bytes::Bytes;

use super::Header;

/// A header that owns its parts (KIP-82).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedHeader {
    key: Bytes,
    value: Option<Bytes>,
}

impl OwnedHeader {
    /// A header. The key should be UTF-8: nobody checks it, but most clients cannot read another.
    pub fn new(key: impl Into<Bytes>, value: Option<Bytes>) -> Self {
        Self { key: key.into(), value }
    }

    /// The key.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn key(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.key)
    }

    /// The key's bytes.
    #[must_use]
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// The value, or null.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// The header, borrowed.
    #[must_use]
    pub fn as_header(&self) -> Header<'_> {
        Header::with_key_bytes(&self.key, self.value())
    }
}

impl From<Header<'_>> for OwnedHeader {
    fn from(header: Header<'_>) -> Self {
        Self::new(Bytes::copy_from_slice(header.key_bytes()), header.value().map(Bytes::copy_from_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_key_that_is_not_text_is_kept() {
        let header = OwnedHeader::new(vec![0xff], None);
        assert!(header.key().is_err());
        assert_eq!(header.as_header().key_bytes(), [0xff]);
    }
}
