//! Why a record was not delivered.

use std::fmt;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::SealError;

use crate::request::RequestError;

/// The longest text of a broker that is kept, in bytes.
const MAX_MESSAGE: usize = 512;

/// Why records were not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceError {
    kind: ProduceErrorKind,
    /// Shared, as each record's handle has the error, and apart, as results on the path of every record have room for it.
    detail: Option<Arc<Detail>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Detail {
    /// What the broker said beside its code.
    message: Option<Box<str>>,
    /// The last thing that went wrong before.
    cause: Option<Cause>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Broker(ErrorCode),
    Request(RequestError),
    Seal(SealError),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProduceErrorKind {
    /// The broker refused the record, or the whole batch: it is not written.
    Refused(ErrorCode),
    /// `delivery.timeout.ms` passed and the batch is certainly not written.
    TimedOut,
    /// The batch was given up, and an attempt had no answer: it may be written.
    PerhapsWritten,
    /// The queue was purged before the batch was written: it is not.
    Purged,
    /// The producer was closed before the batch was written: it is not.
    Closed,
    /// The request cannot be made: the batch is not written.
    Unsendable,
    /// The batch could not be compressed.
    Seal,
    /// Our own state machine was about to do what it must not. Please report it.
    Invariant,
}

impl ProduceError {
    fn new(kind: ProduceErrorKind, cause: Option<Cause>) -> Self {
        let detail = cause.map(|cause| Arc::new(Detail { message: None, cause: Some(cause) }));
        Self { kind, detail }
    }

    pub(super) fn broker(code: ErrorCode) -> Self {
        Self::new(ProduceErrorKind::Refused(code), None)
    }

    /// With what the broker said, if it said something.
    pub(super) fn saying(self, message: Option<&str>) -> Self {
        let Some(message) = message.filter(|message| !message.is_empty()) else { return self };
        let message = Some(cut(message, MAX_MESSAGE).into());
        Self { detail: Some(Arc::new(Detail { message, cause: self.cause().cloned() })), ..self }
    }

    pub(super) fn request(error: RequestError) -> Self {
        let kind = if error.is_perhaps_applied() {
            ProduceErrorKind::PerhapsWritten
        } else {
            ProduceErrorKind::Unsendable
        };
        Self::new(kind, Some(Cause::Request(error)))
    }

    /// The producer has no id: nothing was sent, whatever became of the request for one.
    pub(super) fn no_identity(error: RequestError) -> Self {
        Self::new(ProduceErrorKind::Unsendable, Some(Cause::Request(error)))
    }

    pub(super) fn seal(error: SealError) -> Self {
        Self::new(ProduceErrorKind::Seal, Some(Cause::Seal(error)))
    }

    pub(super) fn invariant() -> Self {
        Self::new(ProduceErrorKind::Invariant, None)
    }

    pub(super) fn timed_out(perhaps_written: bool, last: Option<ProduceError>) -> Self {
        Self::given_up(ProduceErrorKind::TimedOut, perhaps_written, last)
    }

    /// For the reason `kind`, unless the batch may be written all the same.
    pub(super) fn given_up(
        kind: ProduceErrorKind,
        perhaps_written: bool,
        last: Option<ProduceError>,
    ) -> Self {
        let kind = if perhaps_written { ProduceErrorKind::PerhapsWritten } else { kind };
        let Some(last) = last else { return Self::new(kind, None) };
        let cause = match last.kind {
            ProduceErrorKind::Refused(code) => Some(Cause::Broker(code)),
            _ => last.cause().cloned(),
        };
        Self::new(kind, cause).saying(last.message())
    }

    fn cause(&self) -> Option<&Cause> {
        self.detail.as_ref()?.cause.as_ref()
    }

    /// What happened.
    pub fn kind(&self) -> ProduceErrorKind {
        self.kind
    }

    /// Whether the record may be in the log all the same.
    pub fn is_perhaps_written(&self) -> bool {
        self.kind == ProduceErrorKind::PerhapsWritten
    }

    /// Whether the same may succeed later. The producer itself has already tried for `delivery.timeout.ms`.
    pub fn is_retriable(&self) -> bool {
        match (self.kind, self.cause()) {
            (ProduceErrorKind::Refused(code), _) => code.is_retriable(),
            // Somebody wanted it so.
            (ProduceErrorKind::Purged | ProduceErrorKind::Closed, _) => false,
            (_, Some(Cause::Request(error))) => error.is_retriable(),
            (ProduceErrorKind::TimedOut | ProduceErrorKind::PerhapsWritten, _) => true,
            _ => false,
        }
    }

    /// What the broker said beside its code, at most 512 bytes of it.
    pub fn message(&self) -> Option<&str> {
        self.detail.as_ref()?.message.as_deref()
    }

    /// The broker's code, where one said why.
    pub fn code(&self) -> Option<ErrorCode> {
        match (self.kind, self.cause()) {
            (ProduceErrorKind::Refused(code), _) => Some(code),
            (_, Some(Cause::Broker(code))) => Some(*code),
            _ => None,
        }
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ProduceErrorKind::Refused(code) => write!(f, "the broker refused the record: {code}")?,
            ProduceErrorKind::TimedOut => f.write_str("not delivered in time, and not written")?,
            ProduceErrorKind::PerhapsWritten => {
                f.write_str("not acknowledged; it may be written all the same")?
            }
            ProduceErrorKind::Purged => f.write_str("purged from the queue, and not written")?,
            ProduceErrorKind::Closed => f.write_str("the producer was closed before it was written")?,
            ProduceErrorKind::Unsendable => f.write_str("the batch could not be sent")?,
            ProduceErrorKind::Seal => f.write_str("the batch could not be sealed")?,
            ProduceErrorKind::Invariant => f.write_str("a state machine went wrong; please report it")?,
        }
        if let Some(Cause::Broker(code)) = self.cause() {
            write!(f, "; the last answer was {code}")?;
        }
        match self.message() {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ProduceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.cause() {
            Some(Cause::Request(error)) => Some(error),
            Some(Cause::Seal(error)) => Some(error),
            _ => None,
        }
    }
}

/// At most `limit` bytes of `text`, whole characters.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brokers_text_is_shown_and_cut_between_characters() {
        let error = ProduceError::broker(ErrorCode::INVALID_RECORD).saying(Some("no key"));
        assert!(error.to_string().ends_with(": no key"), "{error}");
        let long = format!("x{}", "ł".repeat(400));
        let error = ProduceError::broker(ErrorCode::INVALID_RECORD).saying(Some(&long));
        assert_eq!(error.message().map(str::len), Some(511));
        assert_eq!(ProduceError::broker(ErrorCode::INVALID_RECORD).saying(Some("")).message(), None);
    }
}
