//! `cargo xtask codegen`: one committed Rust file per message spec of Apache Kafka.
//!
//! The specs are entries of the published `kafka-clients` jar, whose version and checksum are pinned
//! (`xtask/kafka-version.toml`); neither they nor their prose are copied into the repository.

mod emit;
mod names;
mod registry;
mod source;
mod spec;
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use spec::Spec;

use crate::workspace;

/// Generates the protocol's messages from Kafka's specs.
#[derive(Args)]
pub struct Codegen {
    /// Compare with what is committed instead of writing.
    #[arg(long)]
    check: bool,
    /// A folder of specs, or a kafka-clients jar, instead of the pinned release from Maven.
    #[arg(long, value_name = "DIR|JAR")]
    specs: Option<PathBuf>,
    /// Where to write instead of the protocol crate's sources.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(options: &Codegen) -> Result<()> {
    let source = match &options.specs {
        Some(path) => path.clone(),
        None => source::pinned_jar()?,
    };
    let texts = source::read(&source)?;
    let count = texts.len();
    let mut specs = Vec::new();
    for (name, text) in &texts {
        specs.extend(Spec::parse(text).with_context(|| format!("{name} of {}", source.display()))?);
    }
    let files = format(files(&specs))?;
    let root = match &options.out {
        Some(dir) => dir.clone(),
        None => workspace::root().join("crates/protocol/src"),
    };
    if options.check {
        check(&root, &files)?;
    } else {
        write(&root, &files)?;
    }
    let skipped = count - specs.len();
    println!(
        "codegen: {count} specs, {skipped} without a valid version, {} files {}",
        files.len(),
        if options.check { "up to date" } else { "written" }
    );
    Ok(())
}

/// All generated files by their path below the protocol crate's sources.
fn files(specs: &[Spec]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> =
        specs.iter().map(|s| (format!("messages/{}.rs", emit::module(s)), emit::file(s))).collect();
    files.insert("messages.rs".to_owned(), registry::modules(specs));
    files.insert("messages/any.rs".to_owned(), registry::any(specs));
    files.insert("messages/apis.rs".to_owned(), registry::apis(specs));
    files
}

/// Formats each text as rustfmt would in place.
fn format(files: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    files.into_iter().map(|(path, text)| Ok((path, rustfmt(&text)?))).collect()
}

fn rustfmt(text: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(workspace::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt: install it with `rustup component add rustfmt`")?;
    let mut stdin = child.stdin.take().expect("its standard input is piped");
    stdin.write_all(text.as_bytes()).context("rustfmt does not take its input")?;
    drop(stdin);
    let output = child.wait_with_output().context("rustfmt does not end")?;
    ensure!(output.status.success(), "rustfmt refuses generated code");
    String::from_utf8(output.stdout).context("rustfmt answers in another encoding")
}

fn write(root: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    let messages = root.join("messages");
    fs::create_dir_all(&messages).with_context(|| format!("cannot make {}", messages.display()))?;
    for stale in stale(root, files)? {
        fs::remove_file(&stale).with_context(|| format!("cannot remove {}", stale.display()))?;
    }
    for (path, text) in files {
        let path = root.join(path);
        // A file that stays the same keeps its time, so that nothing is built again for it.
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn check(root: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    let mut differing: Vec<String> = files
        .iter()
        .filter(|(path, text)| !fs::read_to_string(root.join(path)).is_ok_and(|old| old == **text))
        .map(|(path, _)| path.clone())
        .collect();
    differing.extend(stale(root, files)?.iter().map(|path| format!("{} (no spec has it)", path.display())));
    if !differing.is_empty() {
        bail!("generated code is out of date, run `cargo xtask codegen`: {}", differing.join(", "));
    }
    Ok(())
}

/// Files among the messages that no spec gives any more.
fn stale(root: &Path, files: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
    let messages = root.join("messages");
    let Ok(entries) = fs::read_dir(&messages) else { return Ok(Vec::new()) };
    let mut stale = Vec::new();
    for entry in entries {
        let path = entry.context("cannot list the messages")?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !files.contains_key(&format!("messages/{name}")) {
            stale.push(path);
        }
    }
    Ok(stale)
}
