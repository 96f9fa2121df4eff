//! Whom an outcome reaches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Waiter {
    delivery: Delivery,
    bell: Arc<Bell>,
}

impl Waiter {
    fn poll(&mut self) -> Poll<Result<RecordMetadata, SendError>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        Pin::new(&mut self.delivery).poll(&mut Context::from_waker(&waker))
    }

    /// The record's offset, once it is known.
    fn offset(&mut self) -> Option<i64> {
        match self.poll() {
            Poll::Ready(result) => result.expect("delivered").offset,
            Poll::Pending => None,
        }
    }

    /// How often it was woken since the last look.
    fn rings(&self) -> usize {
        self.bell.0.swap(0, Ordering::Relaxed)
    }
}

/// A batch with a waiter for each of its records.
fn batch(count: u32) -> (Arc<BatchState>, Vec<Waiter>) {
    let batch = Arc::new(BatchState::new(&"t".into(), 3));
    let waiter = |index| Waiter {
        delivery: Delivery::new(Arc::clone(&batch), index, i64::from(index)),
        bell: Arc::default(),
    };
    let waiters = (0..count).map(waiter).collect();
    (batch, waiters)
}

fn at(base_offset: i64) -> Result<Delivered, ProduceError> {
    Ok(Delivered { base_offset, log_append_time: -1 })
}

#[test]
fn an_outcome_of_the_whole_batch_is_every_records() {
    let (batch, mut waiters) = batch(3);
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    batch.resolve(RecordRange { first: 0, count: 3, of: 3 }, at(40));
    assert_eq!(waiters.iter().map(Waiter::rings).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(waiters.iter_mut().map(Waiter::offset).collect::<Vec<_>>(), [Some(40), Some(41), Some(42)]);
}

#[test]
fn a_range_resolves_its_records_and_wakes_who_waits_for_them() {
    let (batch, mut waiters) = batch(5);
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    batch.resolve(RecordRange { first: 3, count: 1, of: 5 }, at(70));
    // Now each says which record it waits for.
    assert_eq!(
        waiters.iter_mut().map(Waiter::offset).collect::<Vec<_>>(),
        [None, None, None, Some(70), None]
    );
    waiters.iter().for_each(|waiter| _ = waiter.rings());
    batch.resolve(RecordRange { first: 0, count: 2, of: 5 }, at(10));
    assert_eq!(waiters.iter().map(Waiter::rings).collect::<Vec<_>>(), [1, 1, 0, 0, 0]);
    batch.resolve(RecordRange { first: 4, count: 1, of: 5 }, at(-1));
    assert_eq!(waiters.iter().map(Waiter::rings).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
    assert_eq!(
        waiters.iter().map(|waiter| waiter.delivery.try_result().is_some()).collect::<Vec<_>>(),
        [true, true, false, true, true]
    );
    batch.resolve(RecordRange { first: 2, count: 1, of: 5 }, at(30));
    let offsets: Vec<_> = waiters.iter_mut().map(Waiter::offset).collect();
    assert_eq!(offsets, [Some(10), Some(11), Some(30), Some(70), None], "the last one's is not known");
}

/// What every record pays for.
#[test]
fn a_handle_is_a_batch_and_two_numbers() {
    assert_eq!(size_of::<Delivery>(), 24);
}
