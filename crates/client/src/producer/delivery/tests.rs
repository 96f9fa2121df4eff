//! Whom an outcome reaches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::super::interceptors::{Acknowledgement, ProducerInterceptor};
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
    Ok(Delivered::new(base_offset, -1))
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
        [true, true, false, false, true],
        "the fourth one's was handed out"
    );
    batch.resolve(RecordRange { first: 2, count: 1, of: 5 }, at(30));
    let offsets: Vec<_> = waiters.iter_mut().map(Waiter::offset).collect();
    assert_eq!(offsets, [Some(10), Some(11), Some(30), None, None], "nobody knows the last one's");
}

#[test]
fn a_handle_that_is_polled_again_keeps_one_waker() {
    let (batch, mut waiters) = batch(1);
    let first = Arc::clone(&waiters[0].bell);
    assert!(waiters[0].poll().is_pending());
    waiters[0].bell = Arc::default();
    assert!(waiters[0].poll().is_pending());
    batch.resolve(RecordRange { first: 0, count: 1, of: 1 }, at(40));
    assert_eq!((first.0.load(Ordering::Relaxed), waiters[0].rings()), (0, 1), "the latest");
}

#[test]
fn a_handle_becomes_its_result_once_that_is_known() {
    let batch = Arc::new(BatchState::new(&"t".into(), 3));
    let delivery = Delivery::new(Arc::clone(&batch), 1, 5);
    let delivery = delivery.try_into_result().expect_err("not known");
    batch.resolve(RecordRange { first: 0, count: 2, of: 2 }, at(40));
    let metadata = delivery.try_into_result().expect("known").expect("delivered");
    assert_eq!(
        (&**metadata.topic(), metadata.partition, metadata.offset, metadata.timestamp),
        ("t", 3, Some(41), 5)
    );
}

/// What every record pays for.
#[test]
fn a_handle_is_a_batch_and_two_numbers() {
    assert_eq!(size_of::<Delivery>(), 24);
}

#[test]
fn interceptors_hear_of_each_record_once_whatever_its_range() {
    #[derive(Default)]
    struct Noting(Mutex<Vec<(u32, Option<i64>)>>);

    impl ProducerInterceptor for Noting {
        fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
            let index = acknowledgement.headers.len() as u32;
            let offset = acknowledgement.result.ok().and_then(|sent| sent.offset);
            self.0.lock().expect("nobody panics").push((index, offset));
        }
    }

    let noting = Arc::new(Noting::default());
    let interceptors = Interceptors::new(vec![Box::new(Arc::clone(&noting))]);
    let batch = Arc::new(BatchState::new(&"t".into(), 0));
    // As many headers as the index says.
    let watch = |index: u32| {
        let headers = vec![OwnedHeader::new("h", None); index as usize];
        Delivery::new(Arc::clone(&batch), index, 0).watch(interceptors.clone(), headers);
    };
    let heard = || std::mem::take(&mut *noting.0.lock().expect("nobody panics"));
    let range = |first, count| RecordRange { first, count, of: 4 };
    watch(0);
    watch(2);
    watch(3);
    assert_eq!(heard(), []);
    batch.resolve(range(2, 2), at(20));
    assert_eq!(heard(), [(2, Some(20)), (3, Some(21))]);
    batch.resolve(range(0, 2), at(7));
    assert_eq!(heard(), [(0, Some(7))]);
    // One whose batch was resolved before anybody could watch it.
    watch(1);
    assert_eq!(heard(), [(1, Some(8))]);
}
