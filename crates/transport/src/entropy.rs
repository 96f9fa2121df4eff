//! The one place that asks the operating system for randomness.

use std::io;

use ottla_core::random::Entropy;

/// Where randomness that nobody may guess comes from.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum EntropySource {
    /// The operating system.
    #[default]
    System,
    /// Always the same, for worlds that must repeat. Nothing is secret with it.
    #[cfg(feature = "__simulation")]
    Fixed([u8; Entropy::SIZE]),
}

impl EntropySource {
    /// Bytes for one use.
    ///
    /// # Errors
    /// The operating system has none.
    pub fn draw(&self) -> io::Result<Entropy> {
        match self {
            Self::System => {
                let mut bytes = [0; Entropy::SIZE];
                getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
                Ok(Entropy::from_bytes(bytes))
            }
            #[cfg(feature = "__simulation")]
            Self::Fixed(bytes) => Ok(Entropy::from_bytes(*bytes)),
        }
    }
}
