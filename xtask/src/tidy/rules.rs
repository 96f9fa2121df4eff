//! Every rule. Each is a function from the workspace to what breaks it; to add one, add a file and a line.

mod biased_select;
mod clock;
mod core_purity;
mod default_features;
mod dependency_rust_version;
mod dependency_versions;
mod file_length;
mod file_opening;
mod file_size;
mod forbidden_dependencies;
mod function_length;
mod inherited_lints;
mod layers;
mod left_behind;
mod names;
mod random_hashing;
mod unwrap;

use super::snapshot::Snapshot;
use super::violation::Violation;

/// A rule.
pub type Rule = fn(&Snapshot) -> Vec<Violation>;

/// All of them.
pub const RULES: [Rule; 17] = [
    biased_select::check,
    clock::check,
    core_purity::check,
    default_features::check,
    dependency_rust_version::check,
    dependency_versions::check,
    file_length::check,
    file_opening::check,
    file_size::check,
    forbidden_dependencies::check,
    function_length::check,
    inherited_lints::check,
    layers::check,
    left_behind::check,
    names::check,
    random_hashing::check,
    unwrap::check,
];
