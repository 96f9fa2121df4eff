//! What pages of `docs` show works: their properties are read, what they name exists, and no page is missing.

use ottla_client::config::Config;
use ottla_tests::pages::PAGES;
use ottla_tests::real_kafka::unique;
use std::fs;
use std::path::{Path, PathBuf};

/// The blocks of a page that are marked with this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_page_is_compiled() {
    for folder in ["connecting", "migrating"] {
        let mut names: Vec<_> = fs::read_dir(docs().join(folder))
            .expect("the folder of the pages")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        let known = PAGES.iter().filter_map(|(name, _)| name.strip_prefix(folder)?.strip_prefix('/'));
        let mut known: Vec<_> = known.map(ToOwned::to_owned).collect();
        known.sort();
        assert_eq!(names, known, "{folder}");
    }
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// What stands between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn what_a_migration_table_offers_is_in_code_that_is_compiled() {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    for (name, page) in PAGES.iter().filter(|(name, _)| name.starts_with("migrating/")) {
        let code = squeezed(&blocks(page, "rust,no_run").concat());
        let mut checked = 0;
        // Only tables of calls have "ottla" over their second column.
        for table in page.split("\n\n").filter(|text| header(text).is_some_and(|title| title == "ottla")) {
            for row in table.lines().skip(2) {
                for call in row.split(" | ").nth(1).into_iter().flat_map(quoted) {
                    assert!(code.contains(&squeezed(call)), "{name}: no code has {call}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 15, "{name}: the table of calls was found: {checked}");
    }
}

/// The title of a table's second column.
fn header(text: &str) -> Option<&str> {
    text.strip_prefix('|')?.lines().next()?.split('|').nth(1).map(str::trim)
}

#[test]
fn what_holds_a_guarantee_exists() {
    let (_, page) = PAGES.iter().find(|(name, _)| *name == "guarantees.md").expect("the page");
    let (_, table) = page.split_once("## What holds this").expect("its last part");
    let mut sources = String::new();
    for folder in ["crates/core/src", "tests/tests", "tests/src"] {
        read_all(&docs().join("..").join(folder), &mut sources);
    }
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut names = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        for checker in quoted(cells[2]) {
            assert!(sources.contains(&format!("mod {checker};")), "no checker {checker}");
            names += 1;
        }
        for test in quoted(cells[3]).filter(|name| name.contains('_')) {
            assert!(sources.contains(&format!("fn {test}(")), "no test {test}");
            names += 1;
        }
    }
    assert!(names > 20, "the table was found: {names}");
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("text"));
        }
    }
}

#[test]
fn what_pages_show_as_properties_makes_a_client() {
    // The pages name files that only exist where they are followed.
    let folder = std::env::temp_dir().join(unique("pages"));
    fs::create_dir_all(&folder).expect("a folder");
    let authority = ottla_tests::secured::Authority::new("ca");
    let leaf = authority.sign(&["client"]);
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
    write("ca.pem", &authority.certificate);
    write("client-with-key.pem", &format!("{}{}", leaf.key, leaf.certificate));
    for (name, page) in PAGES {
        for text in blocks(page, "properties") {
            let text = text.replace("/etc/kafka", &folder.display().to_string());
            let config = Config::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let unused = config.unused(&[]);
            assert!(unused.is_empty(), "{name}: {unused:?}");
            config.client().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    fs::remove_dir_all(folder).expect("the folder was there");
}
