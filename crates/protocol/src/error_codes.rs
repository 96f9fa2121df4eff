//! The error codes that a message carries, wherever they are in it.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::message::Message;
use crate::types::{Int32Array, Str, TaggedFields, Uuid};
use crate::walk::{Array, Field, Visitor, Walk};

/// Fields that say what their struct is about, by the names that the specs give them.
const KEYS: &[&str] = &[
    "name",
    "topic",
    "topicId",
    "partition",
    "partitionIndex",
    "index",
    "groupId",
    "key",
    "memberId",
    "resourceName",
];

/// An error code in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundErrorCode {
    /// The code; never [`ErrorCode::NONE`].
    pub code: ErrorCode,
    /// What it is about, from the outside in: the fields of the structs around it that name a topic, a partition, a
    /// group or the like, with their values. Empty if it is about the whole message.
    pub of: Vec<(&'static str, String)>,
}

/// All error codes in a message that are errors.
pub fn error_codes_in(message: &impl Message) -> Vec<FoundErrorCode> {
    let mut search = Search { structs: Vec::new(), found: Vec::new() };
    message.walk(&mut search);
    search.found
}

struct Search {
    structs: Vec<Struct>,
    /// Those of inner structs have yet to learn what is around them, for its fields may follow them.
    found: Vec<FoundErrorCode>,
}

struct Struct {
    code: ErrorCode,
    keys: Vec<(&'static str, String)>,
    /// Where the codes that were found within it begin.
    first: usize,
}

impl Search {
    fn key(&mut self, f: &'static Field, value: impl FnOnce() -> String) {
        if let Some(inner) = self.structs.last_mut().filter(|_| KEYS.contains(&f.name)) {
            inner.keys.push((f.name, value()));
        }
    }
}

impl Visitor for Search {
    fn begin(&mut self, _: &'static str) {
        self.structs.push(Struct { code: ErrorCode::NONE, keys: Vec::new(), first: self.found.len() });
    }

    fn int16(&mut self, f: &'static Field, x: i16) {
        if let Some(inner) = self.structs.last_mut().filter(|_| f.name == "errorCode") {
            inner.code = ErrorCode(x);
        }
    }

    fn int32(&mut self, f: &'static Field, x: i32) {
        self.key(f, || x.to_string());
    }

    fn uuid(&mut self, f: &'static Field, x: &Uuid) {
        if !x.is_zero() {
            self.key(f, || x.to_string());
        }
    }

    fn string(&mut self, f: &'static Field, x: Option<&Str>) {
        if let Some(x) = x.filter(|x| !x.is_empty()) {
            self.key(f, || x.to_string());
        }
    }

    fn array(&mut self, _: &'static Field, x: Option<&dyn Array>) {
        for index in 0..x.map_or(0, Array::len) {
            let Some(x) = x else { return };
            x.walk_element(index, self);
        }
    }

    fn structure(&mut self, _: &'static Field, x: Option<&dyn Walk>) {
        if let Some(x) = x {
            x.walk(self);
        }
    }

    fn end(&mut self, _: &TaggedFields, _: bool) {
        let Some(ended) = self.structs.pop() else { return };
        // What a message says of itself (the member that joined) is no place within it.
        if !self.structs.is_empty() {
            for found in &mut self.found[ended.first..] {
                found.of.splice(0..0, ended.keys.iter().cloned());
            }
        }
        if ended.code.is_error() {
            let of = if self.structs.is_empty() { Vec::new() } else { ended.keys };
            self.found.insert(ended.first, FoundErrorCode { code: ended.code, of });
        }
    }

    fn bool(&mut self, _: &'static Field, _: bool) {}
    fn int8(&mut self, _: &'static Field, _: i8) {}
    fn uint16(&mut self, _: &'static Field, _: u16) {}
    fn uint32(&mut self, _: &'static Field, _: u32) {}
    fn int64(&mut self, _: &'static Field, _: i64) {}
    fn float64(&mut self, _: &'static Field, _: f64) {}
    fn bytes(&mut self, _: &'static Field, _: Option<&Bytes>) {}
    fn records(&mut self, _: &'static Field, _: Option<&Bytes>) {}
    fn int32s(&mut self, _: &'static Field, _: Option<&Int32Array>) {}
    fn tags(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::heartbeat_response::HeartbeatResponse;
    use crate::messages::metadata_response::{
        MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
    };

    #[test]
    fn codes_are_found_with_what_they_are_about() {
        let partition = MetadataResponsePartition { error_code: 5, partition_index: 3, ..Default::default() };
        let topic = MetadataResponseTopic {
            error_code: 29,
            name: Some("t".into()),
            partitions: vec![MetadataResponsePartition::default(), partition],
            ..Default::default()
        };
        let topics = vec![MetadataResponseTopic::default(), topic];
        let response = MetadataResponse { topics, ..Default::default() };
        let topic = ("name", "t".to_owned());
        let expected = [
            FoundErrorCode { code: ErrorCode(29), of: vec![topic.clone()] },
            FoundErrorCode { code: ErrorCode(5), of: vec![topic, ("partitionIndex", "3".to_owned())] },
        ];
        assert_eq!(error_codes_in(&response), expected);
    }

    #[test]
    fn a_code_of_the_whole_message_is_about_nothing_else() {
        assert_eq!(error_codes_in(&HeartbeatResponse::default()), []);
        let response = HeartbeatResponse { error_code: 27, ..Default::default() };
        assert_eq!(error_codes_in(&response), [FoundErrorCode { code: ErrorCode(27), of: Vec::new() }]);
    }
}
