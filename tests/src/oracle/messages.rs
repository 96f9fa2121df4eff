//! Lines about messages as Kafka writes them: `fixtures` and `downgrade`. Damaged ones are in `mutations`.

use bytes::{Bytes, BytesMut};
use ottla_protocol::api::ApiKey;
use ottla_protocol::frame::{self, FrameBuf};
use ottla_protocol::message::Message;
use ottla_protocol::messages::response_header::ResponseHeader;
use serde_json::Value;

use super::codec::{Codec, ReadMessage};
use super::{any, hex, hex_field, int_field, text_field};

/// A body that Kafka wrote: it reads completely, writes back to the same bytes, and none of its strict prefixes reads
/// as a whole message.
pub fn check_fixture(line: &Value) -> Result<(), String> {
    let codec = Codec::of(line)?;
    let version = int_field(line, "version")? as i16;
    let body = Bytes::from(hex_field(line, "hex")?);
    if text_field(line, "case")? == "frame" {
        return check_frame(line, codec, body);
    }
    check_body(line, codec, &body, version)?;
    (codec.refuses_prefixes)(&body, version)
}

/// The body reads completely and writes back to the same bytes, also by its API's key; the line's JSON is what it prints
/// as, and reads as the body, but for unknown tagged fields, which it lacks.
fn check_body(line: &Value, codec: &Codec, body: &Bytes, version: i16) -> Result<(), String> {
    any::check(line, body, version)?;
    let ReadMessage { len, written, printed } =
        (codec.read)(body, version).map_err(|error| error.to_string())?;
    if len != body.len() {
        return Err(format!("{len} of {} bytes read", body.len()));
    }
    let written = written?;
    if written != body {
        return Err(format!("written back as {}", hex(&written)));
    }
    let (expected, printed) = (&line["json"], printed?);
    if printed != *expected {
        return Err(format!("printed as {printed}"));
    }
    if text_field(line, "case")? == "unknown_tags" {
        return Ok(());
    }
    let written = (codec.parse)(expected, version, version)?;
    if written != *body {
        return Err(format!("its json is written as {}", hex(&written)));
    }
    Ok(())
}

/// A message of a high version written in a lower one: what is missing there is dropped or refused as Kafka does.
pub fn check_downgrade(line: &Value) -> Result<(), String> {
    let json_version = int_field(line, "jsonVersion")? as i16;
    let written = (Codec::of(line)?.parse)(&line["json"], json_version, int_field(line, "version")? as i16);
    match (line["error"].as_str(), written) {
        (None, Ok(written)) if written == hex_field(line, "hex")? => Ok(()),
        (None, Ok(written)) => Err(format!("written as {}", hex(&written))),
        (None, Err(error)) => Err(format!("Java writes it, we do not: {error}")),
        (Some(error), Ok(_)) => Err(format!("Java refuses it, we write it: {error}")),
        (Some(_), Err(_)) => Ok(()),
    }
}

/// A frame: its size, header and body read as the line says and write back to the same bytes.
fn check_frame(line: &Value, codec: &Codec, bytes: Bytes) -> Result<(), String> {
    let mut buffer = BytesMut::from(&bytes[..]);
    let frame = frame::split_frame(&mut buffer, bytes.len())
        .map_err(|e| e.to_string())?
        .filter(|_| buffer.is_empty())
        .ok_or("the frame's size is not what it says")?;
    let header = &line["header"];
    let version = int_field(line, "version")? as i16;
    let header_version = int_field(line, "headerVersion")? as i16;
    let mut out = FrameBuf::new();
    let body = if text_field(line, "kind")? == "request" {
        let (found, body) = frame::decode_request_header(&frame).map_err(|e| e.to_string())?;
        let expected = (
            int_field(header, "requestApiKey")? as i16,
            int_field(header, "requestApiVersion")? as i16,
            int_field(header, "correlationId")? as i32,
            header["clientId"].as_str(),
        );
        let found_fields = (
            found.request_api_key,
            found.request_api_version,
            found.correlation_id,
            found.client_id.as_deref(),
        );
        if found_fields != expected {
            return Err(format!("header is {found:?}"));
        }
        found.encode(header_version, &mut out).map_err(|e| e.to_string())?;
        body
    } else {
        let (found, read) =
            ResponseHeader::decode_prefix(&frame, header_version).map_err(|e| e.to_string())?;
        if found.correlation_id != int_field(header, "correlationId")? as i32 {
            return Err(format!("header is {found:?}"));
        }
        found.encode(header_version, &mut out).map_err(|e| e.to_string())?;
        frame.slice(read..)
    };
    check_body(line, codec, &body, version)?;
    let again = [&out.into_bytes()[..], &body].concat();
    if again != frame {
        return Err(format!("written back as {}", hex(&again)));
    }
    check_header_version(line, version, header_version)
}

/// The header's version follows from the API's.
fn check_header_version(line: &Value, version: i16, header_version: i16) -> Result<(), String> {
    let api = ApiKey(int_field(line, "apiKey")? as i16).api().ok_or("no such API")?;
    let ours = match text_field(line, "kind")? {
        "request" => api.request_header_version(version),
        _ => api.response_header_version(version),
    };
    if ours != header_version {
        return Err(format!("header version {ours}, Kafka's is {header_version}"));
    }
    Ok(())
}
