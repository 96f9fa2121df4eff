//! `layers`: a crate depends only on the crates that the table allows, dev- and build-dependencies included.

use crate::tidy::layers::layer_of;
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;

/// Finds crates and dependencies that the table does not have.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (package, manifest) in snapshot.members() {
        let Some(layer) = layer_of(&package.name) else {
            let message =
                format!("{} has no rank: add it to the table in xtask/src/tidy/layers.rs", package.name);
            violations.push(Violation::new("layers", manifest, 1, message));
            continue;
        };
        let ours = snapshot.members().map(|(member, _)| member.name.as_str());
        let declared = ours.filter(|name| package.declared.contains(*name));
        for name in declared.filter(|name| !layer.may_depend_on.contains(name)) {
            let line = snapshot.dependency_line(manifest, name);
            let message = format!(
                "{} must not depend on {name}: a test that needs both lives in tests/, code moves down a layer",
                package.name
            );
            violations.push(Violation::new("layers", manifest, line, message).of_item(name));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::packages::Package;

    fn snapshot(packages: &[(&str, &[&str])]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (name, declared) in packages {
            let declared = declared.iter().map(|&name| name.to_owned()).collect();
            let manifest = Some(format!("crates/{name}/Cargo.toml"));
            let package = Package { name: (*name).to_owned(), manifest, declared, ..Package::default() };
            snapshot.packages.insert((*name).to_owned(), package);
        }
        snapshot
    }

    #[test]
    fn a_dependency_upwards_is_found() {
        let up = snapshot(&[
            ("ottla-core", &["ottla-client", "ottla-protocol"]),
            ("ottla-client", &[]),
            ("ottla-protocol", &[]),
        ]);
        let found = check(&up);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.starts_with("ottla-core must not depend on ottla-client"), "{found:?}");
    }

    #[test]
    fn the_test_broker_shares_nothing_with_the_client_but_the_codec() {
        let down = snapshot(&[("ottla-testbroker", &["ottla-core"]), ("ottla-core", &[])]);
        assert_eq!(check(&down).len(), 1);
    }

    #[test]
    fn nothing_depends_on_the_tests_or_on_xtask() {
        let packages: [(&str, &[&str]); 3] =
            [("ottla", &["ottla-tests", "xtask"]), ("ottla-tests", &[]), ("xtask", &[])];
        assert_eq!(check(&snapshot(&packages)).len(), 2);
    }

    #[test]
    fn a_crate_without_a_rank_is_found() {
        assert_eq!(check(&snapshot(&[("ottla-extras", &[])])).len(), 1);
    }
}
