//! Where a secured cluster's certificates, tokens and tickets are. Only paths; nothing here reads or writes.

use std::path::{Path, PathBuf};

/// The folder `<cluster>/security`.
#[derive(Clone, Debug)]
pub struct SecurityFolder {
    path: PathBuf,
}

impl SecurityFolder {
    /// The folder inside a cluster's.
    pub fn new(cluster: &Path) -> SecurityFolder {
        SecurityFolder { path: cluster.join("security") }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Certificates and keys.
    pub fn pki(&self) -> PathBuf {
        self.path.join("pki")
    }

    /// One file of [`Self::pki`].
    pub fn pki_file(&self, name: &str) -> PathBuf {
        self.pki().join(name)
    }

    /// Tokens and the key that signs them.
    pub fn oauth(&self) -> PathBuf {
        self.path.join("oauth")
    }

    /// One file of [`Self::oauth`].
    pub fn oauth_file(&self, name: &str) -> PathBuf {
        self.oauth().join(name)
    }

    /// The Kerberos realm.
    pub fn kerberos(&self) -> PathBuf {
        self.path.join("kerberos")
    }

    /// What `KRB5_CONFIG` names.
    pub fn krb5_conf(&self) -> PathBuf {
        self.kerberos().join("krb5.conf")
    }

    /// A principal's keys.
    pub fn keytab(&self, name: &str) -> PathBuf {
        self.kerberos().join(format!("{name}.keytab"))
    }
}
