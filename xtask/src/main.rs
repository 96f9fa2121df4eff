//! Build tooling.

fn main() {}
