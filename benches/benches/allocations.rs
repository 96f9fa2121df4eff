//! Counts the allocations of one run of every case.

use allocation_counter::{AllocationInfo, measure};
use ottla_benches::cases;

fn main() {
    println!("{:<55} {:>8} {:>12} {:>15} {:>12}", "allocations, bytes", "ottla", "", "kafka-protocol", "");
    for mut case in cases() {
        let ours = count(&mut case.ottla);
        let theirs = count(&mut case.kafka_protocol);
        println!(
            "{:<55} {:>8} {:>12} {:>15} {:>12}",
            case.name, ours.count_total, ours.bytes_total, theirs.count_total, theirs.bytes_total
        );
    }
}

fn count(run: &mut dyn FnMut()) -> AllocationInfo {
    // What is made once and kept is not counted.
    run();
    measure(run)
}
