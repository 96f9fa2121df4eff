//! The table of crates: their ranks, what they may depend on and what must never come with them. The same table as
//! in the design; a crate that is not here is a violation.

/// One crate of the workspace.
#[derive(Debug)]
pub struct Layer {
    /// The package's name.
    pub package: &'static str,
    /// Which of ours it may depend on, dev- and build-dependencies included.
    pub may_depend_on: &'static [&'static str],
    /// What must not be in its tree with any features.
    pub never: &'static [&'static str],
    /// What must not be in its tree with the default features.
    pub never_by_default: &'static [&'static str],
    /// The oldest compiler that its normal dependencies must build with.
    pub rust_version: (u32, u32),
}

/// What people build into their programs.
const LIBRARIES: (u32, u32) = (1, 87);
/// What runs on developers' machines, and what is heavy anyway.
const THE_REST: (u32, u32) = (1, 88);

const BELOW_CLI: &[&str] = &[
    "ottla-protocol",
    "ottla-core",
    "ottla-transport",
    "ottla-client",
    "ottla-admin",
    "ottla-testbroker",
    "ottla-schema-registry",
];
const EVERYTHING: &[&str] = &[
    "ottla-protocol",
    "ottla-core",
    "ottla-transport",
    "ottla-client",
    "ottla-admin",
    "ottla-testbroker",
    "ottla-schema-registry",
    "ottla-cli",
    "ottla",
];

const fn layer(package: &'static str, may_depend_on: &'static [&'static str]) -> Layer {
    Layer { package, may_depend_on, never: &[], never_by_default: &[], rust_version: THE_REST }
}

/// Every crate, by rank.
pub const LAYERS: [Layer; 13] = [
    Layer {
        never: &["tokio", "futures", "rustls", "rand"],
        never_by_default: &["serde"],
        rust_version: LIBRARIES,
        ..layer("ottla-protocol", &[])
    },
    Layer {
        never: &["tokio", "futures", "rustls", "socket2", "rand"],
        rust_version: LIBRARIES,
        ..layer("ottla-core", &["ottla-protocol"])
    },
    Layer { rust_version: LIBRARIES, ..layer("ottla-transport", &["ottla-protocol", "ottla-core"]) },
    Layer {
        rust_version: LIBRARIES,
        ..layer("ottla-client", &["ottla-protocol", "ottla-core", "ottla-transport"])
    },
    Layer {
        rust_version: LIBRARIES,
        ..layer("ottla-admin", &["ottla-protocol", "ottla-core", "ottla-transport", "ottla-client"])
    },
    Layer {
        never: &["ottla-core", "ottla-transport", "ottla-client"],
        ..layer("ottla-testbroker", &["ottla-protocol"])
    },
    layer("ottla-schema-registry", &["ottla-protocol", "ottla-core"]),
    layer("ottla-cli", BELOW_CLI),
    Layer { rust_version: LIBRARIES, ..layer("ottla", BELOW_CLI) },
    layer("ottla-tests", EVERYTHING),
    layer("ottla-benches", &["ottla-protocol", "ottla-core", "ottla-transport"]),
    layer("ottla-example-msk-iam", EVERYTHING),
    layer("xtask", &[]),
];

/// The row of a package.
pub fn layer_of(package: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.package == package)
}
