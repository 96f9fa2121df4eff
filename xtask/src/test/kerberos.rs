//! The part of a test run that needs Kerberos on the client's side: a build against the system's library, and an
//! environment that names the realm. Only where the library's headers are.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// What building against the library takes.
const TOOLS: [&str; 2] = ["krb5-config", "clang"];

/// What is missing to build against the library, and how to install it; nothing where all is there.
pub fn missing() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<_> = TOOLS.into_iter().filter(|tool| !is_found(tool)).collect();
    let how = "Debian: apt-get install libkrb5-dev libclang-dev clang";
    (!missing.is_empty()).then(|| format!("{} not found ({how})", missing.join(", ")))
}

/// What the library reads, for a cluster that this file describes: the realm, a client's key, and a cache beside it.
pub fn environment(security_file: &Path) -> Result<Vec<(&'static str, String)>> {
    let text = fs::read_to_string(security_file).with_context(|| security_file.display().to_string())?;
    let all: Value = serde_json::from_str(&text).with_context(|| security_file.display().to_string())?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("the cluster has no kerberos");
    let realm = text(&all["kerberos"]["krb5_conf"])?;
    let key = text(&all["kerberos"]["keytabs"]["client"])?;
    Ok(vec![
        ("KRB5_CLIENT_KTNAME", format!("FILE:{key}")),
        ("KRB5CCNAME", format!("FILE:{key}.cache")),
        ("KRB5_CONFIG", realm),
        ("OTTLA_TEST_KAFKA_SECURED", security_file.display().to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_told_of_the_clusters_realm() {
        let file = std::env::temp_dir().join(format!("ottla-kerberos-{}.json", std::process::id()));
        let text = r#"{"kerberos":{"krb5_conf":"/k/krb5.conf","keytabs":{"client":"/k/client.keytab"}}}"#;
        fs::write(&file, text).expect("it can be written");
        let environment = environment(&file).expect("a realm");
        fs::remove_file(&file).expect("it can be removed");
        let names: Vec<_> = environment.iter().map(|(name, _)| *name).collect();
        assert_eq!(names[..3], ["KRB5_CLIENT_KTNAME", "KRB5CCNAME", "KRB5_CONFIG"]);
        assert_eq!(environment[0].1, "FILE:/k/client.keytab");
    }
}
