//! Records of a batch whose acknowledgement interceptors wait for.

use std::sync::{Mutex, MutexGuard};

use ottla_core::producer::RecordRange;
use ottla_protocol::records::OwnedHeader;
use ottla_protocol::types::TopicName;

use super::{Acknowledgement, Interceptors};
use crate::producer::delivery::RecordMetadata;
use crate::producer::error::SendError;

/// The records of one batch that are watched. Each is taken out once.
#[derive(Debug, Default)]
pub(in crate::producer) struct WatchList {
    records: Mutex<Vec<Watched>>,
}

/// A record that interceptors have seen on its way out.
#[derive(Debug)]
pub(in crate::producer) struct Watched {
    pub(in crate::producer) index: u32,
    pub(in crate::producer) timestamp: i64,
    pub(in crate::producer) headers: Vec<OwnedHeader>,
    pub(in crate::producer) interceptors: Interceptors,
}

impl WatchList {
    pub(in crate::producer) fn push(&self, record: Watched) {
        self.lock().push(record);
    }

    /// Those of a range.
    pub(in crate::producer) fn take(&self, range: &RecordRange) -> Vec<Watched> {
        let mut records = self.lock();
        if records.is_empty() || range.is_all() {
            return std::mem::take(&mut *records);
        }
        let (taken, left) = std::mem::take(&mut *records).into_iter().partition(|r| range.contains(r.index));
        *records = left;
        taken
    }

    /// The one with this index, unless somebody else has taken it.
    pub(in crate::producer) fn take_one(&self, index: u32) -> Option<Watched> {
        let mut records = self.lock();
        let at = records.iter().position(|record| record.index == index)?;
        Some(records.swap_remove(at))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.records.lock().expect("nothing panics while it holds the list")
    }
}

impl Watched {
    /// Tells the interceptors.
    pub(in crate::producer) fn acknowledge(
        &self,
        topic: &TopicName,
        partition: i32,
        result: &Result<RecordMetadata, SendError>,
    ) {
        self.interceptors.on_acknowledgement(&Acknowledgement {
            topic,
            partition: Some(partition),
            headers: &self.headers,
            result: result.as_ref(),
        });
    }
}
