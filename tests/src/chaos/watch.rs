//! Prints what happened on the client's connections, for whoever asks where the time went: `OTTLA_CHAOS_EVENTS=1`.

use ottla_core::events::{Event, NetworkRequest, Payload};
use std::time::{Duration, Instant};

/// Answers that come sooner say nothing.
const SLOW: Duration = Duration::from_secs(2);

/// A sink of events that prints what is worth it, with the seconds since now.
pub fn printer() -> impl Fn(&Event) + Send + Sync + 'static {
    let began = Instant::now();
    let is_wanted = std::env::var_os("OTTLA_CHAOS_EVENTS").is_some();
    move |event| {
        if let Some(text) = is_wanted.then(|| text(&event.payload)).flatten() {
            println!("{:8.2} s {:?}: {text}", began.elapsed().as_secs_f64(), event.role);
        }
    }
}

fn text(payload: &Payload) -> Option<String> {
    let named = |request: &NetworkRequest| {
        let waited = request.pending_duration;
        format!("{} to {}, written after {waited:.1?}", request.api_key, request.broker)
    };
    match payload {
        Payload::Connect(connect) => {
            Some(format!("connected to {} in {:.1?}", connect.broker, connect.duration))
        }
        Payload::Disconnect(end) => Some(format!("connection to {} ended: {}", end.broker, end.reason)),
        Payload::RequestTimeout(timeout) => Some(format!("no answer: {}", named(&timeout.request))),
        Payload::Request(answered) if answered.duration.max(answered.request.pending_duration) >= SLOW => {
            Some(format!("{}, answered after {:.1?}", named(&answered.request), answered.duration))
        }
        _ => None,
    }
}
