//! Where specs come from: the pinned jar, another jar, or a folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

use crate::pins::Pins;

/// Where a kafka-clients jar keeps its specs.
const ENTRIES: &str = "common/message/";

/// The jar of the pinned release, from Maven, its checksum compared.
pub fn pinned_jar() -> Result<PathBuf> {
    Pins::load()?
        .kafka_clients_jar()
        .context("cannot fetch the specs; `--specs DIR|JAR` takes them from a folder or jar that you have")
}

/// The specs' names and texts, by name.
pub fn read(source: &Path) -> Result<Vec<(String, String)>> {
    let mut texts = if source.is_dir() { read_folder(source) } else { read_jar(source) }
        .with_context(|| format!("cannot read specs: {}", source.display()))?;
    ensure!(!texts.is_empty(), "no message specs (*.json) in {}", source.display());
    texts.sort();
    Ok(texts)
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            texts.push((name, fs::read_to_string(&path)?));
        }
    }
    Ok(texts)
}

fn read_jar(jar: &Path) -> Result<Vec<(String, String)>> {
    let mut archive = ZipArchive::new(File::open(jar)?)?;
    let mut texts = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at)?;
        let Some(name) = entry.name().strip_prefix(ENTRIES).filter(|name| name.ends_with(".json")) else {
            continue;
        };
        let name = name.to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        texts.push((name, text));
    }
    Ok(texts)
}
