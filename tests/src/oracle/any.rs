//! Requests and responses taken for what their API's key says, not for a type that is known beforehand.

use bytes::Bytes;
use ottla_protocol::any::{AnyRequest, AnyResponse};
use ottla_protocol::api::ApiKey;
use serde_json::Value;

use super::{hex, int_field, same, text_field};

macro_rules! round_trip {
    ($any:ident, $line:ident, $body:ident, $version:ident) => {{
        let key = ApiKey(int_field($line, "apiKey")? as i16);
        let message = $any::decode(key, $body, $version).map_err(|e| format!("by key {key:?}: {e}"))?;
        same("API by key", message.api_key(), key)?;
        same("name by key", message.name(), text_field($line, "name")?)?;
        let json = message.to_json($version).map_err(|e| format!("printed by key {key:?}: {e}"))?;
        same("JSON by key", &json, &$line["json"])?;
        if text_field($line, "case")? != "unknown_tags" {
            let parsed = $any::from_json(key, &json, $version).map_err(|e| e.to_string())?;
            same("parsed by key", parsed.as_ref(), Some(&message))?;
        }
        message.to_bytes($version).map_err(|e| format!("by key {key:?} it cannot be written again: {e}"))?
    }};
}

/// The body of a fixture: by API key and version it is read completely, as the message of that name, and written back
/// to the same bytes. Headers and data types have no API.
pub fn check(line: &Value, body: &Bytes, version: i16) -> Result<(), String> {
    let written = match text_field(line, "kind")? {
        "request" => round_trip!(AnyRequest, line, body, version),
        "response" => round_trip!(AnyResponse, line, body, version),
        _ => return Ok(()),
    };
    if written != *body {
        return Err(format!("by key it is written back as {}", hex(&written)));
    }
    Ok(())
}
