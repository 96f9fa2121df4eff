//! What happened, as JSON: one line each, to be read by people and compared as text.

use serde_json::{Value, json};

use super::history::{ClientEvent, Event, Happened, Place};

impl Happened {
    /// In one line.
    pub fn to_json(&self) -> String {
        match &self.event {
            Event::Client(event) => {
                let mut line = event.to_json();
                line["micros"] = json!(self.at.as_micros() as u64);
                line.to_string()
            }
            Event::Cluster(entry) => entry.to_json(),
        }
    }
}

impl ClientEvent {
    fn to_json(&self) -> Value {
        match self {
            Self::Sent { producer, id, topic, size, has_key } => json!({
                "event": "sent", "producer": producer, "id": id.0, "topic": topic, "size": size, "hasKey": has_key,
            }),
            Self::Acknowledged { producer, id, place, offset } => {
                let place = text(place);
                json!({"event": "acknowledged", "producer": producer, "id": id.0, "at": place, "offset": offset})
            }
            Self::Failed { producer, id, perhaps_written, code, closed, error } => json!({
                "event": "failed", "producer": producer, "id": id.0, "perhapsWritten": perhaps_written,
                "code": code.map(|code| code.0), "closed": closed, "error": error,
            }),
            Self::Purged { producer, records } => {
                json!({"event": "purged", "producer": producer, "records": records})
            }
            Self::HandedBack { producer, id, place, perhaps_written } => json!({
                "event": "handedBack", "producer": producer, "id": id.0, "at": text(place),
                "perhapsWritten": perhaps_written,
            }),
            Self::ProducerMemory { producer, used_bytes, limit_bytes } => json!({
                "event": "producerMemory", "producer": producer, "used": used_bytes, "limit": limit_bytes,
            }),
            Self::Assigned { consumer, group, place } => {
                json!({"event": "assigned", "consumer": consumer, "group": group, "at": text(place)})
            }
            Self::Revoked { consumer, group, place, lost } => json!({
                "event": "revoked", "consumer": consumer, "group": group, "at": text(place), "lost": lost,
            }),
            Self::HandedOut { consumer, group, place, offset, id } => json!({
                "event": "handedOut", "consumer": consumer, "group": group, "at": text(place),
                "offset": offset, "id": id.0,
            }),
            Self::GivenBack { consumer, group } => {
                json!({"event": "givenBack", "consumer": consumer, "group": group})
            }
            Self::ConsumerClosed { consumer, group } => {
                json!({"event": "consumerClosed", "consumer": consumer, "group": group})
            }
            Self::FaultsStopped => json!({"event": "faultsStopped"}),
            Self::Converged => json!({"event": "converged"}),
        }
    }
}

fn text(place: &Place) -> String {
    format!("{}-{}", place.topic, place.partition)
}
