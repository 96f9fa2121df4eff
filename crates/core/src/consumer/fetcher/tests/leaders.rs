//! What a broker refused because it does not lead, and another one does (KIP-951).

use super::*;

/// Partition 0 was refused by node 1, which led it in epoch 7, with this code.
fn refused(code: ErrorCode) -> Hand {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    let sent = hand.send();
    assert_eq!(sent.node_id, 1);
    hand.answer(sent.token, vec![refusal(0, code)]);
    assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata));
    assert_eq!(hand.next(), None);
    hand
}

#[test]
fn another_leader_is_asked_at_once() {
    use ErrorCode as Code;
    for code in [Code::NOT_LEADER_OR_FOLLOWER, Code::FENCED_LEADER_EPOCH, Code::KAFKA_STORAGE_ERROR] {
        let mut hand = refused(code);
        hand.cluster.leaders.insert(0, 2);
        let sent = hand.send();
        assert_eq!((sent.node_id, sent.partitions), (2, vec![(0, 10)]), "{code}");
        // If that one refuses too, it is waited again.
        hand.answer(sent.token, vec![refusal(0, code)]);
        assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata));
        assert_eq!(hand.next(), None);
    }
}

#[test]
fn the_same_leader_is_asked_after_a_backoff() {
    let mut hand = refused(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    hand.wake();
    assert_eq!(hand.send().node_id, 1);
}
