//! The timed part: wall clock, processor time and bytes on the wire from one moment to another.

use std::time::Instant;

use super::process_usage::cpu_seconds;
use super::traffic::Traffic;

/// Running since it was made.
#[derive(Debug)]
pub struct Meter {
    traffic: Traffic,
    started: Instant,
    cpu_seconds: f64,
    wire_bytes: u64,
}

/// What a timed part took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub secs: f64,
    pub cpu: f64,
    pub wire_bytes: u64,
}

impl Meter {
    /// Starts.
    pub fn start(traffic: &Traffic) -> Self {
        let wire_bytes = traffic.bytes();
        Self { traffic: traffic.clone(), started: Instant::now(), cpu_seconds: cpu_seconds(), wire_bytes }
    }

    /// Stops.
    pub fn stop(self) -> Measured {
        Measured {
            secs: self.started.elapsed().as_secs_f64(),
            cpu: cpu_seconds() - self.cpu_seconds,
            wire_bytes: self.traffic.bytes() - self.wire_bytes,
        }
    }
}
