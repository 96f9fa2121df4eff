//! A mutation: a deliberate mistake in the sources, kept as data in `tests/mutations/NAME.mutation`.
//!
//! ```text
//! breaks: what is wrong now, in a few words
//! file: crates/core/src/producer/response.rs
//! caught-by: converges resolved-once
//! scenario: producer
//! worlds: 50
//! --- instead of
//! the exact text
//! --- write
//! another text
//! ```
//!
//! Not a patch: the text must be in its file exactly once wherever that is, so that a mutation moves with its code and
//! cannot rot in silence.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::Path;

/// Where mutations are, from the workspace's root.
pub const FOLDER: &str = "tests/mutations";
const EXTENSION: &str = "mutation";
const OLD: &str = "--- instead of\n";
const NEW: &str = "--- write\n";

/// A deliberate mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Its file's name: `lost-retry`.
    pub name: String,
    /// What is wrong with it.
    pub breaks: String,
    /// The source file, from the workspace's root.
    pub file: String,
    /// The checkers of which one has to report it.
    pub caught_by: Vec<String>,
    /// The scenario whose worlds it is tried in.
    pub scenario: String,
    /// How many worlds at most.
    pub worlds: u64,
    old: String,
    new: String,
}

/// All mutations of the workspace, by name.
pub fn load(root: &Path) -> Result<Vec<Mutation>> {
    let folder = root.join(FOLDER);
    let mut mutations = Vec::new();
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mutation = Mutation::parse(&name, &text).with_context(|| format!("in {}", path.display()))?;
        mutations.push(mutation);
    }
    mutations.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutations)
}

impl Mutation {
    /// Reads the format above.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let (header, rest) = text.split_once(OLD).with_context(|| format!("no line: {}", OLD.trim_end()))?;
        let (old, new) = rest.split_once(NEW).with_context(|| format!("no line: {}", NEW.trim_end()))?;
        ensure!(!old.trim().is_empty(), "nothing to replace");
        ensure!(old != new, "the mutation changes nothing");
        let mut mutation = Self {
            name: name.to_owned(),
            breaks: String::new(),
            file: String::new(),
            caught_by: Vec::new(),
            scenario: String::new(),
            worlds: 0,
            old: old.to_owned(),
            new: new.to_owned(),
        };
        for line in header.lines() {
            let (key, value) = line.split_once(": ").with_context(|| format!("no `key: value`: {line}"))?;
            let value = value.trim().to_owned();
            match key {
                "breaks" => mutation.breaks = value,
                "file" => mutation.file = value,
                "caught-by" => mutation.caught_by = value.split(' ').map(str::to_owned).collect(),
                "scenario" => mutation.scenario = value,
                "worlds" => mutation.worlds = value.parse().context("worlds is no number")?,
                _ => bail!("unknown key: {key}"),
            }
        }
        let texts = [&mutation.breaks, &mutation.file, &mutation.scenario];
        let is_whole = texts.iter().all(|text| !text.is_empty()) && !mutation.caught_by.is_empty();
        ensure!(is_whole && mutation.worlds > 0, "breaks, file, caught-by, scenario and worlds are needed");
        Ok(mutation)
    }

    /// The mutated source.
    pub fn apply(&self, source: &str) -> Result<String> {
        match source.matches(self.old.as_str()).count() {
            1 => Ok(source.replacen(self.old.as_str(), &self.new, 1)),
            times => bail!("{}: its text is {times} times in {}, not once", self.name, self.file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;
    use std::collections::BTreeSet;

    const HEADER: &str = "breaks: b\nfile: f.rs\ncaught-by: x y\nscenario: s\nworlds: 3\n";

    fn parse(text: &str) -> Result<Mutation> {
        Mutation::parse("m", text)
    }

    #[test]
    fn a_mutation_replaces_its_text_exactly_once() {
        let mutation = parse(&format!("{HEADER}--- instead of\none\n--- write\ntwo\n")).expect("well formed");
        assert_eq!((mutation.worlds, mutation.caught_by.len()), (3, 2));
        assert_eq!(mutation.apply("zero\none\nthree\n").expect("it is there"), "zero\ntwo\nthree\n");
        for source in ["", "one\none\n", "two\n"] {
            let error = mutation.apply(source).expect_err("not once").to_string();
            assert!(error.contains("times in f.rs, not once"), "{error}");
        }
    }

    #[test]
    fn what_is_not_a_mutation_is_refused() {
        for text in [
            format!("{HEADER}--- instead of\none\n"),
            format!("{HEADER}--- instead of\none\n--- write\none\n"),
            format!("{HEADER}--- instead of\n--- write\none\n"),
            format!("{HEADER}weather: fine\n--- instead of\none\n--- write\ntwo\n"),
            "file: f.rs\n--- instead of\none\n--- write\ntwo\n".to_owned(),
        ] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_mutation_of_the_workspace_still_fits_its_source() {
        for mutation in load(&workspace::root()).expect("mutations that can be read") {
            let path = workspace::root().join(&mutation.file);
            let source = fs::read_to_string(&path).unwrap_or_default();
            let applied = mutation.apply(&source);
            assert!(applied.is_ok(), "{:?}", applied.err());
        }
    }

    #[test]
    fn every_checker_has_a_mutation_and_every_mutation_a_checker() {
        let folder = workspace::root().join("tests/src/sim/checkers");
        let mut checkers = BTreeSet::new();
        for entry in fs::read_dir(&folder).expect("the checkers") {
            let source = fs::read_to_string(entry.expect("a file").path()).expect("text");
            let declared = source.split("const CHECKER: Checker = Checker { name: \"").nth(1);
            checkers.extend(declared.and_then(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()));
        }
        // A world fails without a checker too: when something panics, or does not come to its end.
        let beyond = ["panic", "trouble"];
        let mutations = load(&workspace::root()).expect("mutations that can be read");
        let mut expected = BTreeSet::new();
        for mutation in mutations {
            let named = mutation.caught_by.into_iter().filter(|name| !beyond.contains(&name.as_str()));
            let named: BTreeSet<String> = named.collect();
            assert!(!named.is_empty(), "a mutation that no checker catches");
            expected.extend(named);
        }
        assert_eq!(checkers, expected);
    }
}
