//! Messages whose type is known only by name, as lines name them.

use bytes::Bytes;
use ottla_protocol::error::{DecodeError, DecodeErrorKind};
use ottla_protocol::frame::FrameBuf;
use ottla_protocol::json::{from_json, to_json};
use ottla_protocol::message::Message;
use serde_json::Value;

use super::text_field;

/// What can be done with a message of one type.
pub struct Codec {
    name: &'static str,
    /// Reads a body.
    pub read: fn(&Bytes, i16) -> Result<ReadMessage, DecodeError>,
    /// Reads JSON of the first version and writes it in the second.
    pub parse: fn(&Value, i16, i16) -> Result<Bytes, String>,
    /// Fails if a strict prefix of a body reads as a message, be bytes left over or not.
    pub refuses_prefixes: fn(&Bytes, i16) -> Result<(), String>,
}

/// A body that was read.
pub struct ReadMessage {
    /// How many bytes it took.
    pub len: usize,
    /// Written again.
    pub written: Result<Bytes, String>,
    /// Printed as JSON.
    pub printed: Result<Value, String>,
}

impl Codec {
    /// The codec of the message that a line is about.
    ///
    /// # Errors
    /// If there is no such message.
    pub fn of(line: &Value) -> Result<&'static Codec, String> {
        let name = text_field(line, "name")?;
        CODECS.iter().find(|codec| codec.name == name).ok_or_else(|| format!("no such message: {name}"))
    }
}

fn read<M: Message>(body: &Bytes, version: i16) -> Result<ReadMessage, DecodeError> {
    let (message, len) = M::decode_prefix(body, version)?;
    let mut out = FrameBuf::new();
    let written = message.encode(version, &mut out).map(|()| out.into_bytes());
    Ok(ReadMessage {
        len,
        written: written.map_err(|error| format!("cannot be written again: {error}")),
        printed: to_json(&message, version).map_err(|error| format!("cannot be printed: {error}")),
    })
}

fn parse<M: Message>(json: &Value, json_version: i16, version: i16) -> Result<Bytes, String> {
    let message: M = from_json(json, json_version).map_err(|e| format!("cannot read the json: {e}"))?;
    message.to_bytes(version).map_err(|e| e.to_string())
}

fn refuses_prefixes<M: Message>(body: &Bytes, version: i16) -> Result<(), String> {
    for len in 0..body.len() {
        // `decode` is `decode_prefix` and a look at what is left, so that its error tells of both.
        match M::decode(&body.slice(..len), version).map_err(|error| error.kind()) {
            Err(kind) if !matches!(kind, DecodeErrorKind::TrailingBytes(_)) => {}
            _ => return Err(format!("its first {len} of {} bytes read as a whole message", body.len())),
        }
    }
    Ok(())
}

macro_rules! codecs {
    ($($module:ident::$name:ident;)*) => {
        static CODECS: &[Codec] = &[$(Codec {
            name: stringify!($name),
            read: read::<ottla_protocol::messages::$module::$name>,
            parse: parse::<ottla_protocol::messages::$module::$name>,
            refuses_prefixes: refuses_prefixes::<ottla_protocol::messages::$module::$name>,
        },)*];
    };
}

ottla_protocol::__each_message!(codecs);
