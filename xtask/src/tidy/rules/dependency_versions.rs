//! `dependency-versions`: versions stand in the workspace table and nowhere else.

use crate::tidy::manifest::dependencies;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Finds dependencies that do not come from the table.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in snapshot.files.iter().filter(|file| file.is_manifest()) {
        let entries = dependencies(&file.text);
        for entry in entries.iter().filter(|entry| entry.table != "workspace.dependencies") {
            // A table of one dependency has a line for each key.
            let inherits = entries
                .iter()
                .any(|e| (&e.table, &e.name) == (&entry.table, &entry.name) && e.sets("workspace", "true"));
            if !inherits {
                let message = format!(
                    "{} is not from the workspace table: write `{0} = {{ workspace = true }}` and put its version \
                     into the table in /Cargo.toml",
                    entry.name
                );
                violations.push(
                    Violation::new("dependency-versions", &file.path, entry.line, message)
                        .of_item(&entry.name),
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
    fn a_version_outside_the_table_is_found() {
        let text = "[dependencies]\na = { workspace = true }\n[dev-dependencies]\nb = \"1\"\n\
                    [dependencies.c]\nworkspace = true\nfeatures = [\"x\"]\n";
        let found = Snapshot::violations(check, "crates/core/Cargo.toml", text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("4: b is not from the workspace table"), "{found:?}");
    }
}
