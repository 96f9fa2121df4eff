//! Logs and histories made by hand, each of which breaks what its test is about.

use super::*;

/// What was read of two partitions, in the order in which it came: the partition, the offset, the value.
type Log = Vec<(i32, i64, Vec<u8>)>;

fn id(sender: u16, number: u32) -> RecordId {
    RecordId { sender, number }
}

/// Two senders: 0 to 3 of the first are at 0-0, 0-2, 1-0 and 0-3; the second's 0 is at 0-1, 1 was not written, nobody
/// knows of 2, and 3 is at 1-1.
fn history() -> History {
    let at = |partition, offset| Fate::Acknowledged { partition, offset: Some(offset) };
    let first = vec![at(0, 0), at(0, 2), at(1, 0), at(0, 3)];
    let second = vec![at(0, 1), Fate::NotWritten, Fate::PerhapsWritten, at(1, 1)];
    History { partitions: 2, senders: vec![first, second] }
}

fn log() -> Log {
    let record = |partition, offset, id: RecordId| (partition, offset, id.value().to_vec());
    vec![
        record(0, 0, id(0, 0)),
        record(0, 1, id(1, 0)),
        record(0, 2, id(0, 1)),
        record(0, 3, id(0, 3)),
        (0, 4, END.to_vec()),
        record(1, 0, id(0, 2)),
        record(1, 1, id(1, 3)),
        (1, 2, END.to_vec()),
    ]
}

fn judge(history: &History, log: &Log) -> Verdict {
    let mut judge = Judge::new(history);
    for (partition, offset, value) in log {
        judge.on_record(*partition, *offset, value);
    }
    judge.finish()
}

/// Which rules a log breaks that was changed like this.
#[track_caller]
fn check(change: impl FnOnce(&mut Log), expected: &[Rule]) {
    let mut log = log();
    change(&mut log);
    let verdict = judge(&history(), &log);
    let broken: Vec<_> = verdict.broken.keys().copied().collect();
    assert_eq!(broken, expected, "{verdict}");
    assert_eq!(verdict.is_clean(), expected.is_empty());
}

#[test]
fn a_log_as_it_was_said_to_be_breaks_no_rule() {
    check(|_| {}, &[]);
    assert_eq!(judge(&history(), &log()).read, 6);
}

#[test]
fn a_record_that_is_perhaps_written_may_be_there_once() {
    check(
        |log| log.insert(7, (1, 2, id(1, 2).value().to_vec())),
        &[Rule::WrittenInOrder, Rule::ReadToTheEnd],
    );
    let before = |log: &mut Log| {
        log.insert(6, (1, 1, id(1, 2).value().to_vec()));
        log[7].1 = 2;
        log[8].1 = 3;
    };
    check(before, &[Rule::AcknowledgedIsInItsPlace]);
    let mut history = history();
    history.senders[1][3] = Fate::Acknowledged { partition: 1, offset: Some(2) };
    let mut log = log();
    before(&mut log);
    assert!(judge(&history, &log).is_clean());
    log.insert(0, (0, -1, id(1, 2).value().to_vec()));
    assert!(judge(&history, &log).broken.contains_key(&Rule::WrittenOnce));
}

#[test]
fn a_lost_record_is_found() {
    check(|log| drop(log.remove(3)), &[Rule::AcknowledgedIsKept]);
}

#[test]
fn a_record_that_was_replaced_is_found() {
    let replace = |log: &mut Log| log[3].2 = id(1, 2).value().to_vec();
    check(replace, &[Rule::AcknowledgedIsKept]);
}

#[test]
fn a_duplicate_is_found_in_its_partition_and_in_another() {
    check(|log| log.insert(4, (0, 4, id(0, 3).value().to_vec())), &[Rule::WrittenOnce, Rule::ReadToTheEnd]);
    check(|log| log.insert(7, (1, 2, id(0, 0).value().to_vec())), &[Rule::WrittenOnce, Rule::ReadToTheEnd]);
}

#[test]
fn records_in_another_order_are_found() {
    let swap = |log: &mut Log| {
        log.swap(2, 3);
        (log[2].1, log[3].1) = (2, 3);
    };
    check(swap, &[Rule::AcknowledgedIsInItsPlace, Rule::WrittenInOrder]);
    // Also where the offsets that were told are right, or none was told.
    let mut history = history();
    history.senders[0][1] = Fate::Acknowledged { partition: 0, offset: Some(3) };
    history.senders[0][3] = Fate::Acknowledged { partition: 0, offset: None };
    let mut log = log();
    swap(&mut log);
    let verdict = judge(&history, &log);
    assert_eq!(verdict.broken.into_keys().collect::<Vec<_>>(), [Rule::WrittenInOrder]);
}

#[test]
fn what_nobody_sent_is_found() {
    let mut damaged = id(0, 3).value().to_vec();
    damaged[50] ^= 1;
    check(|log| log[4] = (0, 4, damaged), &[Rule::OnlyWhatWasSent, Rule::ReadToTheEnd]);
    check(|log| log[4].2 = id(0, 4).value().to_vec(), &[Rule::OnlyWhatWasSent, Rule::ReadToTheEnd]);
    check(|log| log[4].2 = id(2, 0).value().to_vec(), &[Rule::OnlyWhatWasSent, Rule::ReadToTheEnd]);
    check(|log| log.push((2, 0, END.to_vec())), &[Rule::OnlyWhatWasSent]);
}

#[test]
fn a_record_that_was_told_as_not_written_is_found() {
    check(
        |log| log.insert(6, (1, 1, id(1, 1).value().to_vec())),
        &[Rule::NotWrittenIsNotThere, Rule::ReadToTheEnd],
    );
}

#[test]
fn a_record_at_another_offset_or_in_another_partition_is_found() {
    check(|log| log[6].1 = 7, &[Rule::AcknowledgedIsInItsPlace, Rule::ReadToTheEnd]);
    check(
        |log| {
            let (.., value) = log.remove(3);
            log.insert(6, (1, 2, value));
            log[7].1 = 3;
        },
        &[Rule::AcknowledgedIsInItsPlace],
    );
}

#[test]
fn a_reading_that_ends_early_or_goes_back_is_found() {
    check(|log| drop(log.pop()), &[Rule::ReadToTheEnd]);
    check(|log| log.push((0, 1, END.to_vec())), &[Rule::ReadToTheEnd]);
    let nothing = judge(&history(), &Vec::new());
    let broken: Vec<_> = nothing.broken.keys().copied().collect();
    assert_eq!(broken, [Rule::AcknowledgedIsKept, Rule::ReadToTheEnd]);
}
