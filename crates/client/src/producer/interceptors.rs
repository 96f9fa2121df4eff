//! What an application does around every record that a producer sends (KIP-42), such as adding a trace to its headers.
//!
//! Where none is set, nothing of this runs: sending asks once whether the list is empty. With one, each record's headers
//! are kept until it is acknowledged, so that the interceptor finds there what it wrote (KIP-512).

mod outgoing;
mod watched;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::records::OwnedHeader;

use super::Producer;
use super::delivery::{Delivery, RecordMetadata};
use super::error::{SendError, TrySendError};
use crate::error::{ClientError, ClientErrorKind};
use crate::record::Record;

pub use outgoing::OutgoingRecord;
pub(super) use watched::{WatchList, Watched};

/// Sees every record before it is queued and after it is resolved. Set by
/// [`ProducerBuilder::interceptor`](super::ProducerBuilder::interceptor).
///
/// Both methods must be quick and must not block. A panic in one is caught and told to `tracing` as an error; the record
/// is sent all the same, with what had been changed by then, and the next interceptor is called. (A program built with
/// `panic = "abort"` ends, as ever.)
///
/// One that hands on the trace that the sending task is in, as OpenTelemetry asks for, in the headers:
///
/// ```no_run
/// use ottla_client::{Acknowledgement, Client, OutgoingRecord, ProducerInterceptor};
///
/// struct Tracing;
///
/// impl ProducerInterceptor for Tracing {
///     fn on_send(&self, record: &mut OutgoingRecord<'_>) {
///         // With OpenTelemetry: `propagator.inject(&mut carrier)`, where the carrier is the headers.
///         record.header("traceparent", current_traceparent());
///     }
///
///     fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
///         if let Err(error) = acknowledgement.result {
///             let trace = acknowledgement.last_header("traceparent").and_then(|header| header.value());
///             eprintln!("{}: {error}, trace {trace:?}", acknowledgement.topic);
///         }
///     }
/// }
///
/// # fn current_traceparent() -> String { String::new() }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("localhost:9092").connect().await?;
/// let producer = client.producer().interceptor(Tracing).build()?;
/// # Ok(())
/// # }
/// ```
pub trait ProducerInterceptor: Send + Sync {
    /// A record is about to be queued; what is changed here is what is sent. Called on the task that sends, after the
    /// interceptors that were set before. `try_enqueue` calls it at every attempt.
    fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        _ = record;
    }

    /// A record was acknowledged, given up or not even queued. Called once for each [`on_send`](Self::on_send), mostly
    /// on a task of the client that other work waits for; not if the future that queues the record is dropped before it
    /// has.
    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        _ = acknowledgement;
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Acknowledgement<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; `None` if the record was refused before one was picked.
    pub partition: Option<i32>,
    /// The headers as they were sent.
    pub headers: &'a [OwnedHeader],
    /// Where the record is, or why it is not, or not certainly, written.
    pub result: Result<&'a RecordMetadata, &'a SendError>,
}

impl<'a> Acknowledgement<'a> {
    /// The last header with this key.
    #[must_use]
    pub fn last_header(&self, key: &str) -> Option<&'a OwnedHeader> {
        self.headers.iter().rfind(|header| header.key_bytes() == key.as_bytes())
    }
}

impl<I: ProducerInterceptor + ?Sized> ProducerInterceptor for Arc<I> {
    fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        (**self).on_send(record);
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        (**self).on_acknowledgement(acknowledgement);
    }
}

/// A producer's interceptors, in their order.
#[derive(Clone)]
pub(crate) struct Interceptors(Arc<[Box<dyn ProducerInterceptor>]>);

impl Interceptors {
    pub(super) fn new(interceptors: Vec<Box<dyn ProducerInterceptor>>) -> Self {
        Self(interceptors.into())
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        for interceptor in &*self.0 {
            guard("on_send", || interceptor.on_send(record));
        }
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        for interceptor in &*self.0 {
            guard("on_acknowledgement", || interceptor.on_acknowledgement(acknowledgement));
        }
    }

    /// The record is queued, and its batch will tell what became of it; or it is not, and never will be.
    fn on_queued(&self, record: OutgoingRecord<'_>, result: Result<&Delivery, &SendError>) {
        match result {
            Ok(delivery) => delivery.watch(self.clone(), record.headers),
            Err(error) => self.on_acknowledgement(&Acknowledgement {
                topic: &record.topic,
                partition: record.partition,
                headers: &record.headers,
                result: Err(error),
            }),
        }
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} interceptors", self.0.len())
    }
}

impl Producer {
    /// [`enqueue`](Self::enqueue), seen by the interceptors.
    pub(super) async fn enqueue_intercepted(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        let interceptors = &self.shared.settings.interceptors;
        let mut outgoing = OutgoingRecord::new(record);
        interceptors.on_send(&mut outgoing);
        let result = {
            let mut record = outgoing.as_record();
            match self.shared.place_and_append(&mut record) {
                Ok(delivery) => Ok(delivery),
                Err(refused) => self.enqueue_slowly(record, refused).await,
            }
        };
        interceptors.on_queued(outgoing, result.as_ref());
        result
    }

    /// [`try_enqueue`](Self::try_enqueue), seen by the interceptors. To them a refusal is final.
    pub(super) fn try_enqueue_intercepted(&self, record: Record<'_>) -> Result<Delivery, TrySendError> {
        let interceptors = &self.shared.settings.interceptors;
        let mut outgoing = OutgoingRecord::new(record);
        interceptors.on_send(&mut outgoing);
        let result = self.shared.place_and_append(&mut outgoing.as_record());
        match &result {
            Ok(delivery) => interceptors.on_queued(outgoing, Ok(delivery)),
            Err(refused) => {
                let error = final_error(refused, &outgoing.topic);
                interceptors.on_queued(outgoing, Err(&error));
            }
        }
        result
    }
}

fn final_error(refused: &TrySendError, topic: &str) -> SendError {
    match refused {
        TrySendError::UnknownTopic => {
            SendError::Client(ClientError::new(ClientErrorKind::UnknownTopic(topic.into())))
        }
        TrySendError::BufferFull => SendError::BufferFull { waited: Duration::ZERO },
        TrySendError::Refused(error) => error.clone(),
    }
}

/// Calls an interceptor: its panic is no reason not to send, and on a client's task it would end what others wait for.
fn guard(method: &str, call: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
        tracing::error!(method, panic = panic_text(&*panic), "a producer's interceptor panicked");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
