//! Jars by Maven coordinates, kept under `target/maven` so that a second call does not run Maven.
//! Not a resolver: Maven itself decides what a pom's runtime needs.

use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const INSTALL: &str = "install Maven and a JDK of version 17 or later \
(Debian: apt-get install maven openjdk-17-jdk-headless)";

/// A broker's jars are some 100 MB; a slow line takes minutes.
const FETCH_LIMIT: Duration = Duration::from_secs(15 * 60);

/// `group:artifact:version`, as Maven names a jar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinates {
    /// Such as `org.apache.kafka`.
    pub group: String,
    /// Such as `kafka-clients`.
    pub artifact: String,
    /// Such as `4.3.0`.
    pub version: String,
}

impl Coordinates {
    /// Coordinates of one jar.
    pub fn new(group: &str, artifact: &str, version: &str) -> Coordinates {
        Coordinates { group: group.into(), artifact: artifact.into(), version: version.into() }
    }

    fn file_name(&self) -> String {
        format!("{}-{}.jar", self.artifact, self.version)
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

/// One jar without its dependencies.
pub fn jar(group: &str, artifact: &str, version: &str) -> Result<PathBuf> {
    let coordinates = Coordinates::new(group, artifact, version);
    let folder = cached(&cache()?, artifact, std::slice::from_ref(&coordinates), Reach::JarOnly)?;
    Ok(folder.join(coordinates.file_name()))
}

/// One jar whose SHA-256 sum must be `sha256` (lower-case hex).
pub fn verified_jar(coordinates: &Coordinates, sha256: &str) -> Result<PathBuf> {
    let path = jar(&coordinates.group, &coordinates.artifact, &coordinates.version)?;
    verify(&path, sha256)?;
    Ok(path)
}

/// A folder with the given jars and everything they need at run time. `name` only makes the folder's name
/// readable. Where two versions of a jar meet, one that is listed here wins over one that is pulled in.
pub fn runtime_libs(name: &str, coordinates: &[Coordinates]) -> Result<PathBuf> {
    cached(&cache()?, name, coordinates, Reach::Runtime)
}

/// The tools that [`jar`] and [`runtime_libs`] need.
pub const TOOLS: [&str; 2] = ["java", "mvn"];

/// Says which of the tools are missing and how to install them; nothing where all run.
pub fn missing(tools: &[&str]) -> Option<String> {
    let missing: Vec<_> = tools.iter().copied().filter(|tool| !runs(tool)).collect();
    (!missing.is_empty()).then(|| format!("{} not found: {INSTALL}", missing.join(" and ")))
}

/// Compares a file's SHA-256 sum with the wanted one.
pub fn verify(path: &Path, wanted: &str) -> Result<()> {
    let found = sha256(path)?;
    if found != wanted {
        bail!(
            "wrong checksum: {}\n  wanted {wanted}\n  found  {found}\n  \
             delete this file and its copy in Maven's local repository (~/.m2/repository) and try again; \
             if the release was changed on purpose, put the new sum into {}",
            path.display(),
            crate::pins::FILE,
        );
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Reach {
    JarOnly,
    Runtime,
}

fn cache() -> Result<PathBuf> {
    Ok(workspace::target_directory()?.join("maven"))
}

fn runs(tool: &str) -> bool {
    Command::new(tool).arg("-version").output().is_ok_and(|output| output.status.success())
}

/// The folder's name carries a digest of the pom, so a folder that exists is complete and is what was asked
/// for; it appears by one rename.
fn cached(cache: &Path, name: &str, coordinates: &[Coordinates], reach: Reach) -> Result<PathBuf> {
    let pom = pom(coordinates);
    let mut digest = Sha256::new();
    digest.update(&pom);
    digest.update([reach as u8]);
    let folder = cache.join(format!("{name}-{}", &hex(&digest.finalize())[..12]));
    if folder.is_dir() {
        return Ok(folder);
    }
    let staging = Staging::new(cache, name)?;
    let libs = staging.path.join("libs");
    let pom_path = staging.path.join("pom.xml");
    fs::write(&pom_path, pom).with_context(|| format!("cannot write {}", pom_path.display()))?;
    copy_dependencies(&pom_path, &libs, reach).with_context(|| {
        let list: Vec<_> = coordinates.iter().map(Coordinates::to_string).collect();
        format!("cannot fetch {}", list.join(", "))
    })?;
    for wanted in coordinates {
        if !libs.join(wanted.file_name()).is_file() {
            bail!("maven copied no {} for {wanted}", wanted.file_name());
        }
    }
    match fs::rename(&libs, &folder) {
        Ok(()) => Ok(folder),
        // Another process was first; its folder holds the same.
        Err(_) if folder.is_dir() => Ok(folder),
        Err(error) => Err(error).with_context(|| format!("cannot move jars to {}", folder.display())),
    }
}

fn copy_dependencies(pom: &Path, libs: &Path, reach: Reach) -> Result<()> {
    let mut command = Command::new("mvn");
    command.args(["-q", "-B", "-Dstyle.color=never", "-f"]).arg(pom).arg("dependency:copy-dependencies");
    command.arg(format!("-DoutputDirectory={}", libs.display())).arg("-DincludeScope=runtime");
    if reach == Reach::JarOnly {
        command.arg("-DexcludeTransitive=true");
    }
    if let Some(missing) = missing(&TOOLS) {
        bail!("{missing}");
    }
    let log = pom.with_extension("log");
    let status = process::run(&mut command, &log, FETCH_LIMIT)?;
    if !status.success() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = said.lines().filter(|line| line.starts_with("[ERROR] ")).take(3).collect();
        bail!("mvn failed ({status}):\n  {}", lines.join("\n  "));
    }
    Ok(())
}

fn pom(coordinates: &[Coordinates]) -> String {
    let mut pom = String::from(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>local</groupId>\n  <artifactId>fetch</artifactId>\n  <version>1</version>\n  \
         <packaging>pom</packaging>\n  <dependencies>\n",
    );
    for Coordinates { group, artifact, version } in coordinates {
        pom.push_str(&format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        ));
    }
    pom.push_str("  </dependencies>\n</project>\n");
    pom
}

/// A scratch folder beside the cached ones, removed when dropped.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn new(cache: &Path, name: &str) -> Result<Staging> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = cache.join(format!(".{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Staging { path })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays behind is found by nobody and goes with `cargo clean`.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn sha256(path: &Path) -> Result<String> {
    let cannot_read = || format!("cannot read {}", path.display());
    let mut file = fs::File::open(path).with_context(cannot_read)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer).with_context(cannot_read)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> Staging {
        Staging::new(&std::env::temp_dir(), name).expect("the temporary folder is writable")
    }

    #[test]
    fn a_wrong_checksum_names_the_file_and_both_sums() {
        let scratch = scratch("checksum");
        let file = scratch.path.join("empty.jar");
        fs::write(&file, b"").expect("the scratch folder is writable");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        verify(&file, empty).expect("the sum of nothing is well known");
        let error = verify(&file, "97a5").expect_err("another sum is refused").to_string();
        for part in ["empty.jar", "wanted 97a5", empty, "delete this file", crate::pins::FILE] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn a_folder_that_exists_is_used_without_maven() {
        let scratch = scratch("cached");
        let wanted = [Coordinates::new("no.such.group", "nothing", "1")];
        let mut digest = Sha256::new();
        digest.update(pom(&wanted));
        digest.update([Reach::Runtime as u8]);
        let folder = scratch.path.join(format!("kafka-{}", &hex(&digest.finalize())[..12]));
        fs::create_dir(&folder).expect("the scratch folder is writable");
        let found = cached(&scratch.path, "kafka", &wanted, Reach::Runtime).expect("nothing is fetched");
        assert_eq!(found, folder);
    }

    #[test]
    fn a_pom_lists_every_coordinate() {
        let pom = pom(&[Coordinates::new("g", "a", "1"), Coordinates::new("g", "b", "2")]);
        assert_eq!(pom.matches("<dependency>").count(), 2);
        assert!(pom.contains("<artifactId>b</artifactId><version>2</version>"));
    }
}
