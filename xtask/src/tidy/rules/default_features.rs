//! `default-features`: every dependency of the workspace table says `default-features = false`, so that a feature
//! comes in only because someone wrote it down.

use crate::tidy::manifest::dependencies;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Finds entries with default features.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.files.iter().filter(|file| file.path == "Cargo.toml") {
        for entry in dependencies(&file.text).iter().filter(|entry| entry.table == "workspace.dependencies") {
            if !entry.sets("default-features", "false") {
                let message =
                    format!("{} lacks `default-features = false`: name the features it needs", entry.name);
                violations.push(
                    Violation::new("default-features", &file.path, entry.line, message).of_item(&entry.name),
                );
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_default_features_is_found() {
        let text = "[workspace.dependencies]\na = { version = \"1\", default-features = false }\nb = \"1\"\n";
        let found = Snapshot::violations(check, "Cargo.toml", text);
        assert_eq!(found, ["3: b lacks `default-features = false`: name the features it needs"]);
    }
}
