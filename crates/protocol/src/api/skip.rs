//! The way to what stands behind the topics of a Produce response, for those who want nothing else of it.
//!
//! The one response on a hot path whose throttle time does not stand in front. It is skipped by hand: to decode it twice
//! would cost allocations for every request of a producer.

/// What follows the topics, in versions 3 to 13; `None` where the bytes end before.
pub(super) fn produced_topics(version: i16, body: &[u8]) -> Option<&[u8]> {
    let mut rest = Rest { bytes: body, is_flexible: version >= 9 };
    for _ in 0..rest.length()? {
        if version >= 13 {
            rest.skip(16)?;
        } else {
            rest.bytes_or_text()?;
        }
        for _ in 0..rest.length()? {
            rest.partition(version)?;
        }
        rest.tagged_fields()?;
    }
    Some(rest.bytes)
}

struct Rest<'a> {
    bytes: &'a [u8],
    is_flexible: bool,
}

impl Rest<'_> {
    fn partition(&mut self, version: i16) -> Option<()> {
        // The index, the code, the base offset, the time of the append; the start of the log.
        self.skip(4 + 2 + 8 + 8)?;
        if version >= 5 {
            self.skip(8)?;
        }
        if version >= 8 {
            for _ in 0..self.length()? {
                self.skip(4)?;
                self.bytes_or_text()?;
                self.tagged_fields()?;
            }
            self.bytes_or_text()?;
        }
        self.tagged_fields()
    }

    /// Of an array; no more than the bytes that are left, so that no length makes anyone run for long.
    fn length(&mut self) -> Option<usize> {
        let length = if self.is_flexible {
            self.varint()?.saturating_sub(1)
        } else {
            usize::try_from(i32::from_be_bytes(self.take()?)).unwrap_or(0)
        };
        (length <= self.bytes.len()).then_some(length)
    }

    /// Text or bytes whose length is two bytes long where it is not a varint; null included.
    fn bytes_or_text(&mut self) -> Option<()> {
        let length = if self.is_flexible {
            self.varint()?.saturating_sub(1)
        } else {
            usize::try_from(i16::from_be_bytes(self.take()?)).unwrap_or(0)
        };
        self.skip(length)
    }

    fn tagged_fields(&mut self) -> Option<()> {
        if self.is_flexible {
            for _ in 0..self.varint()? {
                self.varint()?;
                let length = self.varint()?;
                self.skip(length)?;
            }
        }
        Some(())
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for at in 0..5 {
            let [byte] = self.take()?;
            value |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes = self.bytes.get(count..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::api::ApiKey;
    use crate::message::Message;
    use crate::messages::produce_response::{
        BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceResponse, ProduceResponse,
        TopicProduceResponse,
    };
    use crate::types::Uuid;

    fn response(version: i16, topics: usize) -> ProduceResponse {
        let mut response = ProduceResponse { throttle_time_ms: 1234, ..ProduceResponse::default() };
        for topic in 0..topics {
            let mut of_topic = TopicProduceResponse::default();
            match version {
                13.. => of_topic.topic_id = Uuid([7; 16]),
                _ => of_topic.name = "x".repeat(topic * 100).into(),
            }
            for index in 0..topic {
                let mut partition =
                    PartitionProduceResponse { index: index as i32, ..PartitionProduceResponse::default() };
                if version >= 8 && index % 2 == 1 {
                    partition.error_message = Some("no".into());
                    let batch_index_error_message = (index > 1).then(|| "why".into());
                    let record = BatchIndexAndErrorMessage {
                        batch_index_error_message,
                        ..BatchIndexAndErrorMessage::default()
                    };
                    partition.record_errors = vec![record; index];
                }
                if version >= 10 {
                    partition.current_leader.leader_epoch = 5;
                }
                of_topic.partition_responses.push(partition);
            }
            response.responses.push(of_topic);
        }
        if version >= 10 {
            response.node_endpoints.push(NodeEndpoint::default());
        }
        response
    }

    #[test]
    fn the_throttle_time_is_found_in_every_version_and_not_in_a_part_of_the_response() {
        let api = ApiKey::PRODUCE;
        for version in ProduceResponse::VERSIONS.min..=ProduceResponse::VERSIONS.max {
            for topics in 0..5 {
                let body = response(version, topics).to_bytes(version).expect("a valid response");
                assert_eq!(api.throttle_time_ms_in(version, &body), Some(1234), "{version} {topics}");
                let end =
                    (0..body.len()).find(|end| api.throttle_time_ms_in(version, &body[..*end]).is_some());
                let tail = body.len() - end.unwrap_or(body.len());
                assert!(tail < 40, "{tail}");
                for end in 0..body.len() - tail.max(1) {
                    assert_eq!(api.throttle_time_ms_in(version, &body[..end]), None);
                }
            }
        }
    }

    #[test]
    fn a_throttle_time_is_written_where_it_is_read() {
        let api = ApiKey::PRODUCE;
        for version in ProduceResponse::VERSIONS.min..=ProduceResponse::VERSIONS.max {
            let mut expected = response(version, 3);
            let mut body = expected.to_bytes(version).expect("a valid response").to_vec();
            assert!(api.set_throttle_time_ms_in(version, &mut body, 77));
            expected.throttle_time_ms = 77;
            assert_eq!(body, expected.to_bytes(version).expect("a valid response"), "{version}");
        }
        assert!(!ApiKey::API_VERSIONS.set_throttle_time_ms_in(3, &mut [0; 100], 77));
        assert!(!ApiKey::METADATA.set_throttle_time_ms_in(12, &mut [0; 3], 77));
    }

    #[test]
    fn lengths_that_lie_are_not_followed() {
        for byte in [0x7f, 0x80, 0xff, 0x01] {
            for version in [3, 9, 13] {
                _ = ApiKey::PRODUCE.throttle_time_ms_in(version, &[byte; 100]);
            }
        }
    }
}
