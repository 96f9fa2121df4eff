//! `PBE-SHA1-3DES` (RFC 7292, appendices B and C): the one encryption of PEM keys that Kafka on Java 17 can read, so
//! keys made for it are encrypted so. No crate that is light enough has it.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef};
use pkcs8::der::{AnyRef, Decode, Reader, SliceReader};
use pkcs8::spki::AlgorithmIdentifier;
use sha1::{Digest, Sha1};

/// `pbeWithSHAAnd3-KeyTripleDES-CBC`.
const ALGORITHM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
/// The block of SHA-1, in bytes.
const BLOCK: usize = 64;
/// More rounds than anyone asks for; OpenSSL asks for 2048.
const MAX_ROUNDS: u32 = 10_000_000;

/// A key that is encrypted in this way.
#[derive(Debug)]
pub(super) struct Encrypted<'a> {
    salt: &'a [u8],
    rounds: u32,
    ciphertext: &'a [u8],
}

impl<'a> Encrypted<'a> {
    /// The key in `der`, if it is encrypted in this way.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let (algorithm, ciphertext) = reader
            .sequence(|reader| {
                let algorithm = AlgorithmIdentifier::<AnyRef<'a>>::decode(reader)?;
                Ok((algorithm, OctetStringRef::decode(reader)?))
            })
            .ok()?;
        if algorithm.oid != ALGORITHM {
            return None;
        }
        let parameters = algorithm.parameters?;
        let (salt, rounds) =
            parameters.sequence(|reader| Ok((OctetStringRef::decode(reader)?, u32::decode(reader)?))).ok()?;
        let fits = (1..=MAX_ROUNDS).contains(&rounds) && !salt.is_empty();
        fits.then(|| Self { salt: salt.as_bytes(), rounds, ciphertext: ciphertext.as_bytes() })
    }

    /// The key in the clear, or nothing if the password is another.
    pub(super) fn decrypt(&self, password: &str) -> Option<Vec<u8>> {
        let key: [u8; 24] = self.derive(1, password);
        let iv: [u8; 8] = self.derive(2, password);
        let cipher = cbc::Decryptor::<des::TdesEde3>::new(&key.into(), &iv.into());
        cipher.decrypt_padded_vec_mut::<Pkcs7>(self.ciphertext).ok()
    }

    /// Appendix B.2: `id` 1 for the key, 2 for the initialization vector.
    fn derive<const N: usize>(&self, id: u8, password: &str) -> [u8; N] {
        let password: Vec<u8> = password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
        let mut input = filled(self.salt);
        input.extend(filled(&password));
        let mut output = [0; N];
        for part in output.chunks_mut(Sha1::output_size()) {
            let mut digest = Sha1::new().chain_update([id; BLOCK]).chain_update(&input).finalize();
            for _ in 1..self.rounds {
                digest = Sha1::digest(digest);
            }
            part.copy_from_slice(&digest[..part.len()]);
            // Each block of the input, as one large number, grows by the digest repeated, plus one.
            for block in input.chunks_mut(BLOCK) {
                let mut carry = 1;
                for (position, byte) in block.iter_mut().enumerate().rev() {
                    carry += u16::from(*byte) + u16::from(digest[position % digest.len()]);
                    *byte = carry.to_be_bytes()[1];
                    carry >>= 8;
                }
            }
        }
        output
    }
}

/// `bytes` again and again, up to the end of a block.
fn filled(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().div_ceil(BLOCK) * BLOCK;
    bytes.iter().copied().cycle().take(length).collect()
}
