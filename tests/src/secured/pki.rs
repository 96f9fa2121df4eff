//! Certificates and keys, good and bad, made for one test. Two authorities: the one to trust, and another.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Valid for as long as anyone will look.
const VALID: (i32, i32) = (2020, 2099);
const EXPIRED: (i32, i32) = (2020, 2021);
const NOT_YET_VALID: (i32, i32) = (2098, 2099);

/// A certificate and its key, as PEM.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Someone who signs.
pub struct Authority {
    /// Its own certificate, as PEM.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Signs for hosts.
    #[must_use]
    pub fn sign(&self, hosts: &[&str]) -> Leaf {
        self.sign_for(hosts, VALID)
    }

    /// Signs what has expired.
    #[must_use]
    pub fn sign_expired(&self, hosts: &[&str]) -> Leaf {
        self.sign_for(hosts, EXPIRED)
    }

    /// Signs what is not valid yet.
    #[must_use]
    pub fn sign_not_yet_valid(&self, hosts: &[&str]) -> Leaf {
        self.sign_for(hosts, NOT_YET_VALID)
    }

    fn sign_for(&self, hosts: &[&str], years: (i32, i32)) -> Leaf {
        let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Leaf { certificate, key: key.serialize_pem() }
    }
}
