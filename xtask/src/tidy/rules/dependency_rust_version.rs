//! `dependency-rust-version`: no normal dependency, near or far, needs a newer compiler than the crate promises. A
//! dependency that does not say passes.

use crate::tidy::layers::{Layer, layer_of};
use crate::tidy::packages::{Package, Packages};
use crate::tidy::snapshot::Snapshot;
use crate::tidy::violation::Violation;
use std::collections::{BTreeMap, VecDeque};

/// Finds dependencies that need too new a compiler.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let members = snapshot.packages.iter().filter_map(|(id, package)| {
        let layer = layer_of(&package.name)?;
        package.manifest.as_deref().map(|manifest| (id, layer, manifest))
    });
    let mut violations = Vec::new();
    for (id, layer, manifest) in members {
        for (package, first) in too_new(&snapshot.packages, id, layer) {
            let (major, minor) = layer.rust_version;
            let (needs_major, needs_minor) = package.rust_version.unwrap_or_default();
            let message = format!(
                "{} {} (by way of {first}) needs Rust {needs_major}.{needs_minor}, and {} promises {major}.{minor}: \
                 take an older version of it",
                package.name, package.version, layer.package
            );
            let line = snapshot.dependency_line(manifest, first);
            violations.push(
                Violation::new("dependency-rust-version", manifest, line, message).of_item(&package.name),
            );
        }
    }
    violations
}

/// The offenders, each with the direct dependency that brings it.
fn too_new<'a>(packages: &'a Packages, member: &str, layer: &Layer) -> Vec<(&'a Package, &'a str)> {
    let mut brought_by: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue: VecDeque<(&str, &str)> = VecDeque::new();
    let Some(root) = packages.get(member) else { return Vec::new() };
    for id in &root.normal {
        if let Some(package) = packages.get(id) {
            queue.push_back((id, &package.name));
        }
    }
    let mut offenders = Vec::new();
    while let Some((id, first)) = queue.pop_front() {
        let Some(package) = packages.get(id) else { continue };
        if brought_by.insert(id, first).is_some() {
            continue;
        }
        // Ours are judged in their own row.
        if package.manifest.is_none() && package.rust_version.is_some_and(|needs| needs > layer.rust_version)
        {
            offenders.push((package, first));
        }
        queue.extend(package.normal.iter().map(|next| (next.as_str(), first)));
    }
    offenders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, rust_version: Option<(u32, u32)>, normal: &[&str]) -> (String, Package) {
        let normal = normal.iter().map(|&id| id.to_owned()).collect();
        (name.to_owned(), Package { name: name.to_owned(), rust_version, normal, ..Package::default() })
    }

    #[test]
    fn a_far_dependency_that_is_too_new_is_found() {
        let mut snapshot = Snapshot::sample(&[("crates/core/Cargo.toml", "[dependencies]\nnear = \"1\"\n")]);
        snapshot.packages.extend([
            package("ottla-core", Some((1, 87)), &["near"]),
            package("near", None, &["far", "old"]),
            package("far", Some((1, 88)), &[]),
            package("old", Some((1, 87)), &[]),
        ]);
        let core = snapshot.packages.get_mut("ottla-core").expect("it was put in");
        core.manifest = Some("crates/core/Cargo.toml".to_owned());
        let found = check(&snapshot);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].line, 2);
        assert!(found[0].message.starts_with("far  (by way of near) needs Rust 1.88"), "{found:?}");
    }
}
