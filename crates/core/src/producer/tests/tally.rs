//! What the producer counts is what it did.

use std::time::Duration;

use ottla_protocol::compression::Compression;
use ottla_protocol::messages::produce_response::BatchIndexAndErrorMessage;

use super::*;
use crate::metrics::{ProducerMetrics, Timing};

fn times(millis: &[u64]) -> Timing {
    let mut timing = Timing::default();
    millis.iter().for_each(|ms| timing.record(Duration::from_millis(*ms)));
    timing
}

/// Records: queued, sent, acknowledged, failed, retried, in flight, waiting.
fn records(metrics: &ProducerMetrics) -> [u64; 7] {
    [
        metrics.records_queued,
        metrics.records_sent,
        metrics.records_acknowledged,
        metrics.records_failed,
        metrics.records_retried,
        metrics.records_in_flight,
        metrics.records_waiting,
    ]
}

#[test]
fn every_record_is_counted_once_in_each_state_that_it_passes() {
    let mut world = World::new(ProducerConfig { linger: Duration::from_millis(5), ..config() });
    assert_eq!(records(&world.producer.metrics()), [0; 7]);
    for _ in 0..3 {
        world.append(10, 0, 10).expect("room");
    }
    world.append(12, 1, 10).expect("room");
    assert_eq!(records(&world.producer.metrics()), [4, 0, 0, 0, 0, 0, 4]);
    assert!(world.run(14).is_empty());
    let sent = world.run(17);
    assert_eq!(records(&world.producer.metrics()), [4, 4, 0, 0, 0, 4, 0]);
    assert_eq!(world.producer.metrics().requests_in_flight, 2);
    world.answer(20, &sent[0], ErrorCode::NONE);
    world.answer(27, &sent[1], ErrorCode::MESSAGE_TOO_LARGE);
    world.run(27);
    let metrics = world.producer.metrics();
    assert_eq!(records(&metrics), [4, 4, 3, 1, 0, 0, 0]);
    assert_eq!((metrics.requests, metrics.requests_in_flight, metrics.batches_sent), (2, 0, 2));
    assert_eq!(metrics.records_per_request(), Some(2.0));
    assert_eq!(metrics.queue_time, times(&[7, 5]));
    assert_eq!(metrics.request_latency, times(&[3, 10]));
}

#[test]
fn what_is_sent_again_is_counted_as_a_retry_and_sent_twice() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    world.append(0, 0, 10).expect("room");
    let sent = world.run(1).remove(0);
    world.answer(2, &sent, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let before = world.producer.metrics();
    assert_eq!(records(&before), [2, 2, 0, 0, 2, 0, 2]);
    let again = world.run(300).remove(0);
    world.producer.on_produced(at(400), again.token, Err(RequestError::Timeout));
    let third = world.run(2000).remove(0);
    world.answer(2001, &third, ErrorCode::NONE);
    world.run(2001);
    let metrics = world.producer.metrics();
    assert_eq!(records(&metrics), [2, 6, 2, 0, 4, 0, 0]);
    assert_eq!((metrics.requests, metrics.requests_failed), (3, 1));
    assert_eq!((metrics.batches_sent, metrics.batches_retried), (3, 2));
    assert_eq!(metrics.queue_time.count(), 1, "of the first sending alone");
    assert_eq!(metrics.request_latency, times(&[1, 1]), "of requests with an answer");
    assert_eq!(metrics.bytes_sent, 3 * metrics.bytes_compressed);

    let since = metrics.since(&before);
    assert_eq!(records(&since), [0, 4, 2, 0, 2, 0, 0]);
    assert_eq!((since.requests, since.batch_size.count()), (2, 2));
    assert_eq!(since.topics["t"].records_acknowledged, 2);
}

#[test]
fn records_that_were_never_sent_fail_too() {
    let mut world = World::new(config());
    world.producer.on_snapshot(&snapshot(0));
    world.append(0, 0, 10).expect("room");
    world.run(0);
    world.run(10_000);
    let metrics = world.producer.metrics();
    assert_eq!(records(&metrics), [1, 0, 0, 1, 0, 0, 0]);
    assert_eq!((metrics.requests, metrics.topics["t"].records_failed), (0, 1));
}

#[test]
fn sizes_are_those_of_the_batches_before_and_after_compression() {
    let compression = Compression::None;
    let mut world = World::new(ProducerConfig { compression, ..config() });
    world.append(0, 0, 100).expect("room");
    let open = world.producer.metrics();
    assert!(open.buffer_used > 100);
    assert_eq!((open.bytes_uncompressed, open.compression_rate()), (0, None));
    let sent = world.run(0).remove(0);
    let metrics = world.producer.metrics();
    assert_eq!(metrics.bytes_uncompressed, open.buffer_used as u64);
    assert_eq!(metrics.bytes_compressed, metrics.buffer_used as u64);
    assert_eq!(metrics.bytes_sent, metrics.batch_size.sum());
    assert_eq!(metrics.batch_size.max(), metrics.bytes_compressed);
    assert_eq!(metrics.compression_rate(), Some(1.0));
    assert_eq!(metrics.buffer_limit, config().buffer_memory);
    world.answer(0, &sent, ErrorCode::NONE);
    world.run(0);
    assert_eq!(world.producer.metrics().buffer_used, 0);
}

/// A codec that is not built in fails here: the batch is no part of a request.
#[test]
fn a_batch_that_cannot_be_sealed_was_not_sent() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    let (mut token, mut batches) = (None, 0);
    while let Some(action) = world.producer.poll_action(at(0).instant) {
        match action {
            Action::InitProducerId { token, .. } => {
                world.producer.on_init_producer_id(at(0), token, Ok(Ok((7, 0))));
            }
            Action::Send { token: asked, batches: unsealed, .. } => {
                (token, batches) = (Some(asked), unsealed.len());
            }
            _ => {}
        }
    }
    assert_eq!(batches, 1);
    let refused = ottla_protocol::records::SealError::Empty;
    world.producer.on_sealed(token.expect("a request"), vec![Err(refused)]);
    let metrics = world.producer.metrics();
    assert_eq!(records(&metrics), [1, 0, 0, 1, 0, 0, 0]);
    assert_eq!((metrics.requests, metrics.batches_sent), (0, 0));
}

#[test]
fn throttle_times_are_counted_where_there_are_any() {
    let mut world = World::new(ProducerConfig { enable_idempotence: false, ..config() });
    for (ms, throttle_time_ms) in [(0, 0), (1, 250), (2, -7)] {
        world.append(ms, 0, 10).expect("room");
        let sent = world.run(ms).remove(0);
        let mut response = ProduceResponse::default();
        response.throttle_time_ms = throttle_time_ms;
        world.producer.on_produced(at(ms), sent.token, Ok(&response));
        world.run(ms);
    }
    assert_eq!(world.producer.metrics().throttle_time, times(&[250]));
}

#[test]
fn splits_are_counted_and_what_goes_again_in_parts_is_no_retry() {
    let mut world = World::introduced(ProducerConfig { batch_size: 1000, ..config() });
    let before = world.producer.metrics();
    for _ in 0..4 {
        world.append(1, 0, 100).expect("room");
    }
    let sent = world.run(1).remove(0);
    world.answer(2, &sent, ErrorCode::MESSAGE_TOO_LARGE);
    for ms in 2..5 {
        for part in world.run(ms) {
            world.answer(ms, &part, ErrorCode::NONE);
        }
    }
    world.run(5);
    let metrics = world.producer.metrics().since(&before);
    assert_eq!(records(&metrics), [4, 8, 4, 0, 0, 0, 0]);
    assert_eq!(
        (metrics.batches_split, metrics.batches_sent, metrics.batches_retried),
        (1, 5, 0),
        "in four parts"
    );
}

#[test]
fn records_that_are_refused_alone_fail_alone() {
    let mut world = World::introduced(config());
    let before = world.producer.metrics();
    for _ in 0..4 {
        world.append(1, 0, 10).expect("room");
    }
    let sent = world.run(1).remove(0);
    let mut answer = PartitionProduceResponse::default();
    answer.error_code = ErrorCode::INVALID_RECORD.0;
    answer.record_errors.push(BatchIndexAndErrorMessage::default());
    world.answer_with(2, &sent, vec![answer]);
    let rest = world.run(2).remove(0);
    assert_eq!(records(&world.producer.metrics().since(&before)), [4, 7, 0, 1, 0, 3, 0]);
    world.answer(3, &rest, ErrorCode::NONE);
    world.run(3);
    assert_eq!(records(&world.producer.metrics().since(&before)), [4, 7, 3, 1, 0, 0, 0]);
}

#[test]
fn what_is_given_up_at_the_end_has_failed_and_so_have_its_requests() {
    let mut world = World::introduced(config());
    let before = world.producer.metrics();
    world.append(1, 0, 10).expect("room");
    assert_eq!(world.run(1).len(), 1);
    world.append(1, 1, 10).expect("room");
    assert_eq!(world.producer.hand_back().len(), 2);
    world.run(1);
    let metrics = world.producer.metrics().since(&before);
    assert_eq!(records(&metrics), [2, 1, 0, 2, 0, 0, 0]);
    assert_eq!((metrics.requests, metrics.requests_failed, metrics.requests_in_flight), (1, 1, 0));
}
