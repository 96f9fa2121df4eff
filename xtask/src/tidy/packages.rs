//! Packages and their dependencies, as Cargo resolves them.

use super::layers::LAYERS;
use crate::workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A package of the workspace or from a registry.
#[derive(Debug, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The compiler it needs, where it says so.
    pub rust_version: Option<(u32, u32)>,
    /// Its manifest from the workspace's root; nothing for packages from elsewhere.
    pub manifest: Option<String>,
    /// The names in its manifest, dev- and build-dependencies included.
    pub declared: BTreeSet<String>,
    /// The ids of the normal dependencies that all features together resolve to, on every platform.
    pub normal: Vec<String>,
}

/// Every package by Cargo's id.
pub type Packages = BTreeMap<String, Package>;

/// What comes with a package: the names in its tree of normal and build dependencies.
#[derive(Debug)]
pub struct Tree {
    /// The package at the root.
    pub package: String,
    /// Whether this is the tree with all features, or the one with the default features.
    pub all_features: bool,
    /// The names, the root's included.
    pub names: BTreeSet<String>,
}

/// Reads the packages of the workspace and of all they depend on.
pub fn packages() -> Result<Packages> {
    let metadata = workspace::metadata(&["--all-features"])?;
    let root = metadata["workspace_root"].as_str().context("cargo metadata names no workspace_root")?;
    parse(&metadata, Path::new(root)).context("cargo metadata has another form than expected")
}

/// Reads the trees that some rule of the table speaks about. `cargo tree` and not the metadata: the latter mixes
/// the features that other members ask for into every tree.
pub fn trees() -> Result<Vec<Tree>> {
    let mut trees = Vec::new();
    for layer in LAYERS.iter().filter(|layer| !layer.never.is_empty()) {
        for all_features in [false, true] {
            let package = layer.package.to_owned();
            let names = tree_names(&package, all_features)?;
            trees.push(Tree { package, all_features, names });
        }
    }
    Ok(trees)
}

fn tree_names(package: &str, all_features: bool) -> Result<BTreeSet<String>> {
    let mut command = workspace::cargo();
    command.args(["tree", "--quiet", "--package", package, "--edges", "normal,build", "--target", "all"]);
    command.args(["--prefix", "none", "--format", "{p}"]);
    if all_features {
        command.arg("--all-features");
    }
    let output = command.output().context("cannot run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn parse(metadata: &Value, root: &Path) -> Option<Packages> {
    let members: BTreeSet<_> =
        metadata["workspace_members"].as_array()?.iter().filter_map(Value::as_str).collect();
    let mut packages = Packages::new();
    for package in metadata["packages"].as_array()? {
        let id = package["id"].as_str()?;
        let declared = package["dependencies"].as_array()?.iter().filter_map(|d| d["name"].as_str());
        let manifest = package["manifest_path"].as_str().map(Path::new).filter(|_| members.contains(id));
        let manifest = manifest.and_then(|path| path.strip_prefix(root).ok());
        let parsed = Package {
            name: package["name"].as_str()?.to_owned(),
            version: package["version"].as_str()?.to_owned(),
            rust_version: package["rust_version"].as_str().and_then(compiler),
            manifest: manifest.map(|path| path.to_string_lossy().into_owned()),
            declared: declared.map(str::to_owned).collect(),
            normal: Vec::new(),
        };
        packages.insert(id.to_owned(), parsed);
    }
    for node in metadata["resolve"]["nodes"].as_array()? {
        let is_normal = |dep: &&Value| {
            dep["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
        };
        let normal = node["deps"].as_array()?.iter().filter(is_normal).filter_map(|dep| dep["pkg"].as_str());
        packages.get_mut(node["id"].as_str()?)?.normal = normal.map(str::to_owned).collect();
    }
    Some(packages)
}

/// `1.87` or `1.87.0`.
fn compiler(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_is_read() {
        let dependency = |name: &str, kind: Value| json!({"name": name, "kind": kind});
        let metadata = json!({
            "workspace_members": ["us"],
            "packages": [
                {"id": "us", "name": "ottla-core", "version": "0.1.0", "rust_version": "1.87",
                 "manifest_path": "/w/crates/core/Cargo.toml",
                 "dependencies": [dependency("bytes", json!(null)), dependency("insta", json!("dev"))]},
                {"id": "them", "name": "bytes", "version": "1.0.0", "rust_version": null,
                 "manifest_path": "/elsewhere/Cargo.toml", "dependencies": []},
            ],
            "resolve": {"nodes": [
                {"id": "us", "deps": [{"pkg": "them", "dep_kinds": [{"kind": null}]},
                                      {"pkg": "dev", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "them", "deps": []},
            ]},
        });
        let packages = parse(&metadata, Path::new("/w")).expect("the form is right");
        let us = &packages["us"];
        assert_eq!(us.manifest.as_deref(), Some("crates/core/Cargo.toml"));
        assert_eq!(us.rust_version, Some((1, 87)));
        assert_eq!(us.declared, BTreeSet::from(["bytes".to_owned(), "insta".to_owned()]));
        assert_eq!(us.normal, ["them"]);
        assert_eq!((packages["them"].manifest.as_deref(), packages["them"].rust_version), (None, None));
    }
}
