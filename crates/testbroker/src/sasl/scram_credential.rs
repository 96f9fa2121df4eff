//! What a server keeps of a SCRAM password (RFC 5802, section 3), and the arithmetic around it.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::mechanism::ScramMechanism;

/// A user's salt, iterations and keys: enough to check the password, not enough to log in with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramCredential {
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
    pub(crate) stored_key: Vec<u8>,
    pub(crate) server_key: Vec<u8>,
}

impl ScramCredential {
    /// Of a password, taken as it is: like Kafka, without SASLprep. Costs time by the iterations, of which 0 counts as 1.
    pub fn new(mechanism: ScramMechanism, password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted = mechanism.salted_password(password.as_bytes(), salt, iterations);
        let client_key = mechanism.hmac(&salted, b"Client Key");
        Self {
            salt: salt.to_vec(),
            iterations: iterations.max(1),
            stored_key: mechanism.hash(&client_key),
            server_key: mechanism.hmac(&salted, b"Server Key"),
        }
    }

    /// As it is stored: with keys that were made elsewhere.
    pub fn stored(salt: &[u8], iterations: u32, stored_key: &[u8], server_key: &[u8]) -> Self {
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: stored_key.to_vec(),
            server_key: server_key.to_vec(),
        }
    }
}

impl ScramMechanism {
    pub(crate) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    pub(crate) fn hmac(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => finish(keyed::<Hmac<Sha256>>(key), bytes),
            Self::Sha512 => finish(keyed::<Hmac<Sha512>>(key), bytes),
        }
    }

    /// `Hi` of the RFC: PBKDF2 with one block.
    pub(crate) fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => hi(&keyed::<Hmac<Sha256>>(password), salt, iterations),
            Self::Sha512 => hi(&keyed::<Hmac<Sha512>>(password), salt, iterations),
        }
    }
}

fn keyed<M: Mac + hmac::digest::KeyInit>(key: &[u8]) -> M {
    <M as Mac>::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn finish<M: Mac>(mut mac: M, bytes: &[u8]) -> Vec<u8> {
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

fn hi<M: Mac + Clone>(keyed: &M, salt: &[u8], iterations: u32) -> Vec<u8> {
    let mut mac = keyed.clone();
    mac.update(salt);
    mac.update(&1u32.to_be_bytes());
    let mut last = mac.finalize().into_bytes();
    let mut sum = last.to_vec();
    for _ in 1..iterations {
        let mut mac = keyed.clone();
        mac.update(&last);
        last = mac.finalize().into_bytes();
        sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}
