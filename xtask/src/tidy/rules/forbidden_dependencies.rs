//! `forbidden-dependencies`: what the table says must not come with a crate does not, however far down its tree.

use crate::tidy::layers::layer_of;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Finds them.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for tree in &snapshot.trees {
        let Some(layer) = layer_of(&tree.package) else { continue };
        let manifest =
            snapshot.members().find(|(package, _)| package.name == tree.package).map(|(_, path)| path);
        let manifest = manifest.unwrap_or("Cargo.toml");
        let with = if tree.all_features { "all features" } else { "its default features" };
        let by_default: &[&str] = if tree.all_features { &[] } else { layer.never_by_default };
        for &name in layer.never.iter().chain(by_default).filter(|name| tree.names.contains(**name)) {
            let message = format!(
                "{name} comes with {} with {with}: see `cargo tree -p {0} -i {name} --edges normal,build`",
                tree.package
            );
            let line = snapshot.dependency_line(manifest, name);
            violations.push(Violation::new("forbidden-dependencies", manifest, line, message).of_item(name));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::packages::Tree;

    fn violations(all_features: bool, names: &[&str]) -> usize {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let tree = Tree { package: "ottla-protocol".to_owned(), all_features, names };
        check(&Snapshot { trees: vec![tree], ..Snapshot::default() }).len()
    }

    #[test]
    fn a_runtime_in_protocol_is_found_with_any_features() {
        assert_eq!(violations(false, &["bytes", "tokio"]), 1);
        assert_eq!(violations(true, &["bytes", "tokio"]), 1);
        assert_eq!(violations(true, &["bytes", "tokio-util"]), 0);
    }

    #[test]
    fn serde_in_protocol_is_an_optional_feature() {
        assert_eq!(violations(false, &["bytes", "serde"]), 1);
        assert_eq!(violations(true, &["bytes", "serde"]), 0);
    }
}
