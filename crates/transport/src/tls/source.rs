//! Where certificates and keys come from: a file, which may change, or memory.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use ottla_core::connection::ConnectError;

use super::failure::unusable;

/// No certificate store is larger, in bytes: a wrong path, such as a device, must not fill the memory.
const MAX_CONTENT: u64 = 16 * 1024 * 1024;

#[derive(Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl Source {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// What is in it now. Blocks.
    pub(crate) fn read(&self) -> Result<Arc<[u8]>, ConnectError> {
        let path = match self {
            Self::File(path) => path,
            Self::Memory(content) => return Ok(Arc::clone(content)),
        };
        let mut content = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_CONTENT + 1).read_to_end(&mut content))
            .map_err(|error| unusable(format!("cannot read {self}: {error}")))?;
        if content.len() as u64 > MAX_CONTENT {
            return Err(unusable(format!(
                "{self} is no certificate or key: it is larger than {MAX_CONTENT} bytes"
            )));
        }
        Ok(content.into())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory(_) => f.write_str("what was given in memory"),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => fmt::Debug::fmt(path, f),
            // It may be a private key.
            Self::Memory(content) => write!(f, "[{} bytes]", content.len()),
        }
    }
}
