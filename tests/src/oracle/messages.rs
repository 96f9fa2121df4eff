//! Lines about messages: `fixtures`, `mutations` and `downgrade`.

use bytes::{Bytes, BytesMut};
use ottla_protocol::api::ApiKey;
use ottla_protocol::frame::{self, FrameBuf};
use ottla_protocol::json::{from_json, to_json};
use ottla_protocol::message::Message;
use ottla_protocol::messages::response_header::ResponseHeader;
use serde_json::Value;

use super::{any, hex, hex_field, int_field, text_field};

/// What can be done with a message whose type is known only by name.
struct Codec {
    name: &'static str,
    /// Reads a body and writes it again.
    round_trip: fn(&Bytes, i16) -> Result<RoundTrip, String>,
    /// Reads a body and prints it.
    print: fn(&Bytes, i16) -> Result<Value, String>,
    /// Reads JSON of the first version and writes it in the second.
    parse: fn(&Value, i16, i16) -> Result<Bytes, String>,
}

/// How many bytes were read, and what was written.
type RoundTrip = (usize, Bytes);

fn round_trip<M: Message>(body: &Bytes, version: i16) -> Result<RoundTrip, String> {
    let (message, read) = M::decode_prefix(body, version).map_err(|e| e.to_string())?;
    let mut out = FrameBuf::new();
    message.encode(version, &mut out).map_err(|e| format!("cannot be written again: {e}"))?;
    Ok((read, out.into_bytes()))
}

fn print<M: Message>(body: &Bytes, version: i16) -> Result<Value, String> {
    let (message, _) = M::decode_prefix(body, version).map_err(|e| e.to_string())?;
    to_json(&message, version).map_err(|e| e.to_string())
}

fn parse<M: Message>(json: &Value, json_version: i16, version: i16) -> Result<Bytes, String> {
    let message: M = from_json(json, json_version).map_err(|e| format!("cannot read the json: {e}"))?;
    message.to_bytes(version).map_err(|e| e.to_string())
}

macro_rules! codecs {
    ($($module:ident::$name:ident;)*) => {
        static CODECS: &[Codec] = &[$(Codec {
            name: stringify!($name),
            round_trip: round_trip::<ottla_protocol::messages::$module::$name>,
            print: print::<ottla_protocol::messages::$module::$name>,
            parse: parse::<ottla_protocol::messages::$module::$name>,
        },)*];
    };
}

ottla_protocol::__each_message!(codecs);

fn codec(line: &Value) -> Result<&'static Codec, String> {
    let name = text_field(line, "name")?;
    CODECS.iter().find(|codec| codec.name == name).ok_or_else(|| format!("no such message: {name}"))
}

/// A body that Kafka wrote: it reads completely, writes back to the same bytes, and none of its strict prefixes reads
/// as a whole message.
pub fn check_fixture(line: &Value) -> Result<(), String> {
    let codec = codec(line)?;
    let version = int_field(line, "version")? as i16;
    let body = Bytes::from(hex_field(line, "hex")?);
    if text_field(line, "case")? == "frame" {
        return check_frame(line, codec, body);
    }
    any::check(line, &body, version)?;
    let (read, written) = (codec.round_trip)(&body, version)?;
    if read != body.len() {
        return Err(format!("{} of {} bytes read", read, body.len()));
    }
    if written != body {
        return Err(format!("written back as {}", hex(&written)));
    }
    check_json(line, codec, &body, version)?;
    let prefixes = if body.len() <= 4096 { body.len() } else { 0 };
    for len in 0..prefixes {
        if (codec.round_trip)(&body.slice(..len), version).is_ok() {
            return Err(format!("its first {len} of {} bytes read as a whole message", body.len()));
        }
    }
    Ok(())
}

/// The line's JSON is what the body prints as, and reads as the body; but for unknown tagged fields, which it lacks.
fn check_json(line: &Value, codec: &Codec, body: &Bytes, version: i16) -> Result<(), String> {
    let expected = &line["json"];
    let printed = (codec.print)(body, version)?;
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
    let written = (codec(line)?.parse)(&line["json"], json_version, int_field(line, "version")? as i16);
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
    let (read, written) = (codec.round_trip)(&body, version)?;
    let again = [&out.into_bytes()[..], &written].concat();
    if read != body.len() || again != frame {
        return Err(format!("written back as {}", hex(&again)));
    }
    check_json(line, codec, &body, version)?;
    any::check(line, &body, version)?;
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

/// A damaged body: an error where Java says so. Where Java is lenient, refusing is allowed for text that is not UTF-8.
pub fn check_mutation(line: &Value) -> Result<(), String> {
    let codec = codec(line)?;
    let body = Bytes::from(hex_field(line, "hex")?);
    let found = (codec.round_trip)(&body, int_field(line, "version")? as i16);
    match (text_field(line, "verdict")?, found) {
        ("ok", Ok((read, written))) => {
            let remaining = int_field(line, "remaining")? as usize;
            if body.len() - read != remaining {
                return Err(format!("{} bytes left over, Java leaves {remaining}", body.len() - read));
            }
            let expected = hex_field(line, "reencoded")?;
            if written != expected {
                return Err(format!("written back as {}", hex(&written)));
            }
            Ok(())
        }
        ("ok", Err(error)) if error.contains("utf-8") => Ok(()),
        ("ok", Err(error)) => Err(format!("Java reads it, we do not: {error}")),
        (_, Ok(_)) => Err("Java refuses it, we read it".to_owned()),
        (_, Err(_)) => Ok(()),
    }
}
