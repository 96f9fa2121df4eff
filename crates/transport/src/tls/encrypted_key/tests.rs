//! Keys that OpenSSL 3.0 encrypted with the password `testtest`: `openssl pkcs8 -topk8 -in key.pem` with the options
//! named.

use rustls_pki_types::PrivateKeyDer;

use super::super::pem::private_key;
use super::super::source::Source;

/// `-nocrypt`.
const PLAIN: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgop2JryRbcGsf/5aZ
KQV7+bGgPhb1Snb59boP+hHmNyWhRANCAATwSRiABZrWrZ0uDQaXWbXs+1SMewe9
9TxIX1KVOJ7Jwmkghdef2aAHF7bU+/JMACpnm+/jpyiAKUffl6mXom11
-----END PRIVATE KEY-----";
/// As OpenSSL 1.0 wrote it: `openssl ec -aes128`.
const OLD: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,2CBB9AA65FE666D840D2E84C22223625

kwcOjigWM6fBJsqxYUpm4ZTRT51l+4MjnFHyhLXz4nNZAZ17gvJvC6q1gjk4vSay
5FjSUE/NzZuiS2O+kPO3qXZszR2TYYyymIorf+KrcMu2xykouZNo2OMpCYAyc/Zp
3rPbA11CQY1BReTAB3qzLGhI6Ohpuvn+6E+nkU2TLlI=
-----END EC PRIVATE KEY-----";
/// No PKCS#8: SEC 1.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIKKdia8kW3BrH/+WmSkFe/mxoD4W9Up2+fW6D/oR5jcloAoGCCqGSM49
AwEHoUQDQgAE8EkYgAWa1q2dLg0Gl1m17PtUjHsHvfU8SF9SlTieycJpIIXXn9mg
Bxe21PvyTAAqZ5vv46cogClH35epl6JtdQ==
-----END EC PRIVATE KEY-----";
/// Each under the password `testtest`, with what it was made by.
#[cfg(feature = "encrypted-keys")]
const ENCRYPTED: [(&str, &str); 5] = [
    (
        "-v2 aes-256-cbc",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgMcV+FJHqBpAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJgWlNsT7wSfkGzNxIAPta0EgZD7
P0P8OT8YGfvn9Xssx4gdix5mSpUV/2METImBPN+3lYeBrZ1k4ZwKY4+XxWJ5Hzgf
xuWSp5YCarqSuoUiXUuAZ2KN3tWVRs8cV2Aiw3T96jAB5DtdIsysFhCpz2PuIrQz
crUeCiPdKzGTvvWOzlSNvi4hKOxvi7xuDSegOjiKKRijIxDUeMF4l/fKc6EM58g=
-----END ENCRYPTED PRIVATE KEY-----",
    ),
    (
        "-v2 aes-128-cbc -v2prf hmacWithSHA1",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAgKMhV/xyAFcQICCAAw
HQYJYIZIAWUDBAECBBDmgfLk7GkaNvRJOaEwwqt+BIGQlogFZMBI0fsud+0TX5GU
1QWZsQz9VDrazyixo0D74Dbb5WA/jmkZywADC7ASTQtM3RhYi+lbpfsgscAiVIyb
6KPY+DAXEHsc1JzWboBpuK11MhbhLm4kNiKeLMMGDR2jflmmzlkRLOVhZjladw+n
twbhZsxBOZga7hb1vAAX8WbF37i/LkRv5XRddYlTFaZk
-----END ENCRYPTED PRIVATE KEY-----",
    ),
    (
        "-v2 des3",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAhQOrJAibH/RAICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIW6oFjJLbaG4EgZDYxIHzilTLMp9T
XKA6zeY7aUy8s/D+yLKeHQ8y6UrsAqkwgySUGuOL7iYoDiaiTUfVoauUGGcpsx2L
HH42X12HFN3fAA8MctO8u3Uql3x4fcYElquNIPOlp5yXYTDU6BtMQM9Mne9G2iU2
vPJKlqnVEW40vjK6BsiWNfVhnT0ket4rv7bpXI9Pjk8Da/3O0F0=
-----END ENCRYPTED PRIVATE KEY-----",
    ),
    (
        "-scrypt",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAijV+iCknuSagICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBB0hYXmpz1F/EvjPERxpxnQBIGQBLWnFQ8adeIC
+ZjnSOS3YUUa0THkIlU5JXNIGXeBhWS9iKqoBrDWNRLGPRCTHLe/p/oV0Uf/K+N+
mA6Zd/rBUXJltT+okOQ1HPbIaI0AH9fiL19d2nz3LniVaGEMYdPGWRI8qoOUZD/O
plEm8Cc1vtWm71bG8srE6fx/uP6e4UiP+lnlTW2E9Xcw48x+VCDy
-----END ENCRYPTED PRIVATE KEY-----",
    ),
    (
        "-v1 PBE-SHA1-3DES",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQIfy32N9YMxskCAggABIGQltnvEEG2Vnkj84Fi
S39gKOctnWt/L6x7wzX8Ba2TIX7qkXGFT9KMChJlFD/So+5A20Akd7D2j4pG6ddQ
OLyxi+k1muB+lHt35FiC8jlKAXMAcYyezpv0uDEvwBuzfQgWkKHGBJEaV8L3Cen+
YXK9YjTJXiWV2GHjeVXbNAzGz/yvSnphUAkdlUd2SrY3DC32
-----END ENCRYPTED PRIVATE KEY-----",
    ),
];

fn read(pem: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let source = Source::Memory(pem.as_bytes().into());
    private_key(&source, pem.as_bytes(), password).map_err(|error| error.to_string())
}

#[test]
fn keys_without_a_password_are_read_in_each_form() {
    for pem in [PLAIN, SEC1] {
        let key = read(pem, None).expect("a key");
        assert_eq!(read(pem, Some("unused")).expect("a key"), key);
        let source = Source::Memory(key.secret_der().into());
        assert_eq!(private_key(&source, key.secret_der(), None).expect("a key"), key);
    }
}

#[test]
fn a_key_that_cannot_be_read_comes_with_the_command_that_converts_it() {
    assert!(read(OLD, Some("testtest")).expect_err("no PKCS#8").contains("openssl pkcs8 -topk8"));
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn keys_that_openssl_encrypted_are_decrypted() {
    let plain = read(PLAIN, None).expect("a key");
    for (way, pem) in ENCRYPTED {
        assert_eq!(read(pem, Some("testtest")).expect(way), plain, "{way}");
        assert!(read(pem, None).expect_err(way).contains("key_password"));
    }
    // One of each kind: deriving a key takes its time.
    for (way, pem) in [ENCRYPTED[0], ENCRYPTED[4]] {
        let among_others = format!("Bag Attributes\n{}\n{pem}\n", PLAIN.replace("PRIVATE KEY", "SOMETHING"));
        assert_eq!(read(&among_others, Some("testtest")).expect(way), plain, "{way}");
        let wrong = read(pem, Some("testtesT")).expect_err(way);
        assert!(wrong.contains("check its password") && !wrong.contains("testtesT"), "{wrong}");
    }
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn a_key_that_is_cut_short_is_an_error() {
    for (way, pem) in ENCRYPTED {
        for length in 0..pem.len() {
            read(&pem[..length], Some("testtest")).expect_err(way);
        }
    }
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn a_damaged_key_is_read_or_refused_without_a_panic() {
    let (_, pem) = ENCRYPTED[4];
    let source = Source::Memory(pem.as_bytes().into());
    let der = super::pem_section(&source, pem.as_bytes()).expect("PEM").expect("an encrypted key");
    assert!(super::pkcs12::Encrypted::read(&der).is_some());
    let mut refused = 0;
    for position in 0..der.len() {
        for flipped in 1..=255 {
            let mut damaged = der.clone();
            damaged[position] ^= flipped;
            refused += usize::from(super::pkcs12::Encrypted::read(&damaged).is_none());
        }
    }
    assert!(refused > 0);
}

#[cfg(not(feature = "encrypted-keys"))]
#[test]
fn without_the_feature_the_error_names_it() {
    let pem = PLAIN.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert!(read(&pem, None).expect_err("no password").contains("encrypted-keys"));
}
