//! `docs/configuration.md` shows the table.

use std::fmt::Write;
use std::path::Path;

use ottla_client::config::{self, Key, Status};

const BEGIN: &str = "<!-- the table begins -->\n";
const END: &str = "<!-- the table ends -->\n";

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn status(key: &Key) -> String {
    match key.status() {
        Status::Supported => String::new(),
        Status::WithoutEffect(reason) => format!("**no effect**: {reason}"),
        Status::JvmOnly(reason) => format!("**Java only**: {reason}"),
        Status::NotYet(reason) => format!("**not yet**: {reason}"),
        Status::Only([], reason) => format!("**refused**: {reason}"),
        Status::Only(values, reason) => {
            let values: Vec<String> = values
                .iter()
                .map(|value| if value.is_empty() { "empty".to_owned() } else { code(value) })
                .collect();
            format!("**only {}**: {reason}", values.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn row(key: &Key) -> String {
    let names: Vec<String> = [key.name()].iter().chain(key.aliases()).map(|name| code(name)).collect();
    let roles: Vec<String> = key.roles().iter().map(ToString::to_string).collect();
    let default = match key.default() {
        None => String::new(),
        Some("") => "empty".to_owned(),
        Some(default) => code(default),
    };
    let mut meaning: Vec<String> = vec![status(key), key.description().to_owned()];
    if key.is_secret() {
        meaning.push("secret".to_owned());
    }
    meaning.retain(|part| !part.is_empty());
    let cells = [names.join("<br>"), roles.join(", "), key.kind().to_string(), default, meaning.join("; ")];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn tables() -> String {
    let mut text = String::new();
    for (title, keys) in config::SECTIONS {
        _ = write!(text, "\n### {title}\n\n| key | of | values | default | |\n|---|---|---|---|---|\n");
        text.extend(keys.iter().map(row));
    }
    text.push('\n');
    text
}

/// With `OTTLA_REWRITE_DOCS` in the environment, the page is rewritten.
#[test]
fn the_page_on_configuration_shows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(&path).expect("the page").replace("\r\n", "\n");
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let expected = format!("{before}{BEGIN}{}{END}{after}", tables());
    if std::env::var_os("OTTLA_REWRITE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("the page can be written");
        return;
    }
    assert!(
        page == expected,
        "docs/configuration.md is not what the table says: \
         OTTLA_REWRITE_DOCS=1 cargo test -p ottla-tests --test configuration"
    );
}
