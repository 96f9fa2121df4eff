//! What the pages of `docs/connecting` show works: their properties are read, and no page is missing.

use ottla_client::config::Config;
use ottla_tests::pages::PAGES;
use ottla_tests::real_kafka::unique;
use std::fs;
use std::path::Path;

/// The blocks of a page that are marked with this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_page_is_compiled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connecting");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the folder of the pages")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    let mut known: Vec<_> = PAGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    assert_eq!(names, known);
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
