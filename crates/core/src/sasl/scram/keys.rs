//! The arithmetic of SCRAM (RFC 5802, section 3): from a password to a proof, and back to the server's signature.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::ScramMechanism;
use crate::sasl::secret::Secret;

/// What client and server have in common: the password, salted and hashed many times.
#[derive(Debug)]
pub(super) struct SaltedPassword {
    mechanism: ScramMechanism,
    bytes: Secret,
}

impl SaltedPassword {
    /// `Hi(password, salt, iterations)`, which takes as long as there are iterations.
    pub(super) fn new(mechanism: ScramMechanism, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let bytes = match mechanism {
            ScramMechanism::Sha256 => hi::<Hmac<Sha256>>(password, salt, iterations),
            ScramMechanism::Sha512 => hi::<Hmac<Sha512>>(password, salt, iterations),
        };
        Self { mechanism, bytes }
    }

    /// `ClientProof`.
    pub(super) fn client_proof(&self, auth_message: &str) -> Secret {
        let mut proof = self.hmac(self.bytes.expose(), b"Client Key");
        let stored_key = match self.mechanism {
            ScramMechanism::Sha256 => Secret::new(Sha256::digest(proof.expose()).to_vec()),
            ScramMechanism::Sha512 => Secret::new(Sha512::digest(proof.expose()).to_vec()),
        };
        let signature = self.hmac(stored_key.expose(), auth_message.as_bytes());
        xor(proof.expose_mut(), signature.expose());
        proof
    }

    /// Whether this is the `ServerSignature`. Takes as long for any signature of the right length.
    pub(super) fn is_server_signature(&self, signature: &[u8], auth_message: &str) -> bool {
        let server_key = self.hmac(self.bytes.expose(), b"Server Key");
        let (key, message) = (server_key.expose(), auth_message.as_bytes());
        match self.mechanism {
            ScramMechanism::Sha256 => {
                keyed::<Hmac<Sha256>>(key).chain_update(message).verify_slice(signature)
            }
            ScramMechanism::Sha512 => {
                keyed::<Hmac<Sha512>>(key).chain_update(message).verify_slice(signature)
            }
        }
        .is_ok()
    }

    fn hmac(&self, key: &[u8], message: &[u8]) -> Secret {
        match self.mechanism {
            ScramMechanism::Sha256 => finished(keyed::<Hmac<Sha256>>(key).chain_update(message)),
            ScramMechanism::Sha512 => finished(keyed::<Hmac<Sha512>>(key).chain_update(message)),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8]) -> M {
    <M as Mac>::new_from_slice(key).expect("an HMAC takes keys of any length")
}

fn finished<M: Mac>(mac: M) -> Secret {
    Secret::new(mac.finalize().into_bytes().to_vec())
}

/// PBKDF2 (RFC 8018) with one block, which is what `Hi` is.
fn hi<M: Mac + KeyInit + Clone>(password: &[u8], salt: &[u8], iterations: u32) -> Secret {
    // The key is hashed once; each iteration starts from a copy of that state.
    let keyed: M = keyed(password);
    let mut block = keyed.clone().chain_update(salt).chain_update([0, 0, 0, 1]).finalize().into_bytes();
    let mut result = Secret::new(block.to_vec());
    for _ in 1..iterations {
        block = keyed.clone().chain_update(&block).finalize().into_bytes();
        xor(result.expose_mut(), &block);
    }
    result
}

fn xor(bytes: &mut [u8], others: &[u8]) {
    for (byte, other) in bytes.iter_mut().zip(others) {
        *byte ^= other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mechanism: ScramMechanism, (password, salt, iterations): (&str, &str, u32), expected: &str) {
        let salted = SaltedPassword::new(mechanism, password.as_bytes(), salt.as_bytes(), iterations);
        let hex: String = salted.bytes.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{mechanism:?} {password} {salt} {iterations}");
    }

    /// The vectors that Python's `hashlib.pbkdf2_hmac` gives for the inputs of RFC 6070.
    #[test]
    fn salted_passwords_are_pbkdf2() {
        check(
            ScramMechanism::Sha256,
            ("password", "salt", 1),
            "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b",
        );
        check(
            ScramMechanism::Sha256,
            ("password", "salt", 2),
            "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43",
        );
        check(
            ScramMechanism::Sha256,
            ("passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 300),
            "d4de84cdb20a7916ca23be9303f66df58d1b2407247b2212263e0589701d86a9",
        );
        check(
            ScramMechanism::Sha256,
            (&"p".repeat(200), "s", 3),
            "713497d53557fa244334579f7b13c07df1f0c4c2f1f46fad201c5804742e127f",
        );
        check(
            ScramMechanism::Sha512,
            ("password", "salt", 1),
            "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252\
             c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce",
        );
        check(
            ScramMechanism::Sha512,
            ("password", "salt", 2),
            "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e9f0040713f18aefdb866d53c\
             f76cab2868a39b9f7840edce4fef5a82be67335c77a6068e04112754f27ccf4e",
        );
        check(
            ScramMechanism::Sha512,
            ("passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 300),
            "5d377855c42483f365029aeb3d583735338a224d5d5884754574b3e8a2b27a26\
             cd62912484e6656929bce55db861cec1f47dfae7247d429726bf79b89ae53103",
        );
        check(
            ScramMechanism::Sha512,
            (&"p".repeat(200), "s", 3),
            "b65d8859db584bb91459566d85dc3c43b6a279f326caddf0bced59bbd21838a4\
             cc98bbe21c38cd6b92a3af050138b75fab80b26443e1097cae28c84457964d77",
        );
    }
}
