//! Whatever bytes a peer sends, the protocol crate does not panic and keeps to its memory: messages, record batches,
//! compressed data, headers, blobs, numbers, JSON. Nor does the core, while it authenticates.
//!
//! Inputs are random bytes and damaged bytes of Kafka's own. Memory is counted by the allocator, for each thread on
//! its own. The run closes with a table of what was tried.
//!
//! `cargo xtask soak --only hostile --minutes M` runs it for minutes. Seeded: a failure names its kind, its round and
//! its bytes, and round N is the same in every run.

mod blobs;
mod bombs;
mod damage;
mod json;
mod messages;
mod records;
mod report;
mod sasl;

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use report::Report;

/// A share of the work of one round.
#[derive(Clone, Copy)]
struct Share {
    round: u64,
    worker: usize,
    workers: usize,
}

impl Share {
    /// A seed that no other kind, round and worker has.
    fn seed(self, kind: &str) -> u64 {
        u64::from(crc32c::crc32c(kind.as_bytes())) << 32 | self.round << 8 | self.worker as u64
    }
}

fn minutes() -> Duration {
    let minutes = std::env::var("OTTLA_SOAK_MINUTES").ok();
    Duration::from_secs(60 * minutes.map_or(0, |text| text.parse::<u64>().expect("a number of minutes")))
}

#[test]
fn no_bytes_make_the_protocol_panic_or_take_more_memory_than_it_may() {
    let (began, minutes) = (Instant::now(), minutes());
    let (bodies, batches) = (&damage::Bodies::load(), &records::Batches::load());
    let exchanges = &sasl::Exchanges::load();
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut report = Report::default();
    let mut round = 0;
    // One round, and in a soak as many as there is time for.
    while round == 0 || began.elapsed() < minutes {
        thread::scope(|scope| {
            let run = move |worker| {
                let share = Share { round, worker, workers };
                let mut part = Report::default();
                messages::attack(share, bodies, &mut part);
                json::attack(share, bodies, &mut part);
                records::attack(share, batches, &mut part);
                blobs::attack(share, bodies, &mut part);
                sasl::attack(share, exchanges, &mut part);
                part
            };
            let parts: Vec<_> = (0..workers).map(|worker| scope.spawn(move || run(worker))).collect();
            for part in parts {
                report += part.join().expect("the first failure is printed above");
            }
        });
        round += 1;
    }
    println!("{report}rounds 0 to {}, which are the seeds", round - 1);
    report.assert_that_enough_decodes();
}
