//! `inherited-lints`: every package takes the workspace's lints, `unsafe_code = "forbid"` among them.

use crate::tidy::snapshot::Snapshot;
use crate::tidy::source::SourceFile;
use crate::tidy::violation::Violation;

/// Finds packages that do not.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let manifests = snapshot.files.iter().filter(|file| file.is_manifest());
    let packages = manifests.filter(|file| file.text.lines().any(|line| line.trim() == "[package]"));
    let message = "the workspace's lints are missing: add `[lints]` and `workspace = true`";
    let violation = |file: &SourceFile| Violation::new("inherited-lints", &file.path, 1, message);
    packages.filter(|file| !inherits(&file.text)).map(violation).collect()
}

fn inherits(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_the_lints_is_found() {
        for (text, violations) in [
            ("[package]\nname = \"a\"\n[lints]\nworkspace = true\n", 0),
            ("[workspace]\nmembers = []\n", 0),
            ("[package]\nname = \"a\"\n", 1),
            ("[package]\nname = \"a\"\n[lints]\n[dependencies.b]\nworkspace = true\n", 1),
        ] {
            let found = Snapshot::violations(check, "crates/core/Cargo.toml", text);
            assert_eq!(found.len(), violations, "{text}");
        }
    }
}
