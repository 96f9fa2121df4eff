//! A record of the workload: its value begins with its number, so that it is known wherever it turns up.

use bytes::Bytes;
use ottla_protocol::compression::Decompressor;
use ottla_protocol::records::RecordSet;

use crate::sim::history::{RecordId, Stored};

/// No batch of the workload is larger, decompressed.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// The value of a record, with so many bytes behind its number.
pub(super) fn value(id: RecordId, padding: usize) -> Vec<u8> {
    let mut value = id.0.to_be_bytes().to_vec();
    value.resize(8 + padding, b'.');
    value
}

/// What is in a batch's bytes, or in those of several; what is broken or cut off ends it.
pub(super) fn read(batches: Bytes, decompressor: &mut Decompressor) -> Vec<Stored> {
    let mut all = Vec::new();
    for batch in RecordSet::new(batches).map_while(Result::ok).filter(|batch| !batch.is_control()) {
        let Ok(records) = batch.records_with(decompressor, MAX_BATCH_BYTES) else { break };
        for record in records.iter().map_while(Result::ok) {
            let number = record.value.and_then(|value| value.first_chunk().copied());
            let id = RecordId(number.map_or(u64::MAX, u64::from_be_bytes));
            all.push(Stored { offset: record.offset, id });
        }
    }
    all
}
