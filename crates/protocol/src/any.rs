//! Requests and responses of any API, by key and version: for proxies and tools that learn from the wire what they
//! have before them.
//!
//! The enums are generated (`messages/any.rs`); what they can do is written here, once, over the same walks that the
//! messages themselves use. So an [`AnyRequest`] reads, writes, prints and compares as the message in it does.
//!
//! ```
//! use ottla_protocol::any::AnyRequest;
//! use ottla_protocol::api::ApiKey;
//! use ottla_protocol::frame::decode_request_header;
//! # use ottla_protocol::frame::{encode_request, FrameBuf};
//! # use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
//! # let mut out = FrameBuf::new();
//! # encode_request(&mut out, &HeartbeatRequest::default(), 4, 1, None)?;
//! # let frame = out.into_bytes().slice(4..);
//!
//! let (header, body) = decode_request_header(&frame)?;
//! let version = header.request_api_version;
//! let mut request = AnyRequest::decode(ApiKey(header.request_api_key), &body, version)?;
//! if let AnyRequest::Heartbeat(heartbeat) = &mut request {
//!     heartbeat.group_id = "tenant-7.orders".into();
//! }
//! let changed = request.to_bytes(version)?;
//! # assert_ne!(changed, body);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::{self, Debug, Formatter};

use bytes::Bytes;

use crate::api::{Api, ApiKey};
use crate::codec::{Decoder, Encoder, debug, equal};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::frame::FrameBuf;
#[cfg(feature = "json")]
use crate::json::{self, JsonError};
pub use crate::messages::any::{AnyRequest, AnyResponse};
use crate::walk::Walk;

macro_rules! any {
    ($name:ident) => {
        impl $name {
            /// Its API.
            pub fn api_key(&self) -> ApiKey {
                ApiKey(self.parts().0)
            }

            /// The name of its spec.
            pub fn name(&self) -> &'static str {
                self.parts().1
            }

            /// Reads a message that is all of `bytes`. Text and bytes in it share the memory of `bytes`.
            ///
            /// # Errors
            /// An API that this build does not have ([`DecodeErrorKind::UnknownApi`]), a version that the specs do not
            /// have ([`DecodeErrorKind::UnknownVersion`]), or the first thing that is wrong, within the bounds of
            /// [`Message::decode`](crate::message::Message::decode).
            pub fn decode(api_key: ApiKey, bytes: &Bytes, version: i16) -> Result<Self, DecodeError> {
                let (message, read) = Self::decode_prefix(api_key, bytes, version)?;
                all_read(message.name(), bytes, read)?;
                Ok(message)
            }

            /// Reads a message from the start of `bytes` and says how many bytes it took, as Java's clients and brokers
            /// do, which ignore what follows.
            ///
            /// # Errors
            /// As [`decode`](Self::decode), but for bytes that are left over.
            pub fn decode_prefix(
                api_key: ApiKey,
                bytes: &Bytes,
                version: i16,
            ) -> Result<(Self, usize), DecodeError> {
                let unknown = || DecodeError::new(DecodeErrorKind::UnknownApi(api_key.0), 0);
                let mut message = Self::empty(api_key).ok_or_else(unknown)?;
                let name = message.name();
                let read = read(api(api_key.0), name, bytes, version, message.walk_mut())?;
                Ok((message, read))
            }

            /// Appends the message to `out`.
            ///
            /// # Errors
            /// A field that cannot be written in this version. What was appended until then stays in `out`.
            pub fn encode(&self, version: i16, out: &mut FrameBuf) -> Result<(), EncodeError> {
                let (key, name, message) = self.parts();
                write(api(key), name, version, message, out)
            }

            /// The message as bytes of its own.
            ///
            /// # Errors
            /// As [`encode`](Self::encode).
            pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
                let mut out = FrameBuf::new();
                self.encode(version, &mut out)?;
                Ok(out.into_bytes())
            }

            /// The message of `version` as JSON, as [`json::to_json`] prints it.
            ///
            /// # Errors
            /// As [`encode`](Self::encode).
            #[cfg(feature = "json")]
            pub fn to_json(&self, version: i16) -> Result<serde_json::Value, EncodeError> {
                let (key, name, message) = self.parts();
                json::write(name, message, version, version >= api(key).flexible_from)
            }

            /// Reads the JSON of a message of `version`, as [`json::from_json`] does; `None` if this build does not
            /// have the API.
            ///
            /// # Errors
            /// The first field that is missing or of another shape.
            #[cfg(feature = "json")]
            pub fn from_json(
                api_key: ApiKey,
                json: &serde_json::Value,
                version: i16,
            ) -> Result<Option<Self>, JsonError> {
                let Some(mut message) = Self::empty(api_key) else { return Ok(None) };
                json::read(message.name(), json, message.walk_mut(), version)?;
                Ok(Some(message))
            }
        }

        impl Debug for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                debug(self.parts().2, f)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                let ((key, _, message), (other_key, _, other)) = (self.parts(), other.parts());
                key == other_key && equal(message, other)
            }
        }
    };
}

any!(AnyRequest);
any!(AnyResponse);

fn api(key: i16) -> &'static Api {
    ApiKey(key).api().expect("the specs have the API of every variant")
}

fn read(
    api: &Api,
    name: &str,
    bytes: &Bytes,
    version: i16,
    message: &mut dyn Walk,
) -> Result<usize, DecodeError> {
    if !api.versions.contains(version) {
        let mut error = DecodeError::new(DecodeErrorKind::UnknownVersion(version), 0);
        error.within(name);
        return Err(error);
    }
    Decoder::new(bytes, version, version >= api.flexible_from).read(name, message)
}

fn all_read(name: &str, bytes: &Bytes, read: usize) -> Result<(), DecodeError> {
    if read == bytes.len() {
        return Ok(());
    }
    let mut error = DecodeError::new(DecodeErrorKind::TrailingBytes(bytes.len() - read), read);
    error.within(name);
    Err(error)
}

fn write(
    api: &Api,
    name: &str,
    version: i16,
    message: &dyn Walk,
    out: &mut FrameBuf,
) -> Result<(), EncodeError> {
    if !api.versions.contains(version) {
        return Err(EncodeError::new(EncodeErrorKind::UnknownVersion, version, name.to_owned()));
    }
    Encoder::new(out, version, version >= api.flexible_from).write(name, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::messages::fetch_request::FetchRequest;

    #[test]
    fn an_api_that_we_do_not_have_is_an_error_that_says_so() {
        for key in [-1, 7, i16::MAX] {
            let error = AnyRequest::decode(ApiKey(key), &Bytes::new(), 0).expect_err("no such API");
            assert_eq!(error.kind(), DecodeErrorKind::UnknownApi(key));
            assert!(AnyResponse::empty(ApiKey(key)).is_none());
        }
    }

    #[test]
    fn a_version_that_we_do_not_have_is_an_error_both_ways() {
        for version in [-1, FetchRequest::VERSIONS.max + 1] {
            let error =
                AnyRequest::decode(ApiKey::FETCH, &Bytes::new(), version).expect_err("no such version");
            assert_eq!(error.kind(), DecodeErrorKind::UnknownVersion(version));
            assert_eq!(error.path(), "FetchRequest");
            let request = AnyRequest::empty(ApiKey::FETCH).expect("Fetch is always there");
            let error = request.to_bytes(version).expect_err("no such version");
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::UnknownVersion, "FetchRequest"));
        }
    }

    #[test]
    fn what_is_left_over_is_an_error_of_decode_alone() {
        let bytes = Bytes::from(
            [
                &AnyRequest::empty(ApiKey::HEARTBEAT)
                    .expect("it is always there")
                    .to_bytes(4)
                    .expect("it can be written")[..],
                &[1, 2],
            ]
            .concat(),
        );
        let error = AnyRequest::decode(ApiKey::HEARTBEAT, &bytes, 4).expect_err("two bytes too many");
        assert_eq!(error.kind(), DecodeErrorKind::TrailingBytes(2));
        let (_, read) = AnyRequest::decode_prefix(ApiKey::HEARTBEAT, &bytes, 4).expect("it is there");
        assert_eq!(read, bytes.len() - 2);
    }

    #[test]
    fn messages_of_different_apis_differ_even_if_their_fields_do_not() {
        let of = |key| AnyRequest::empty(key).expect("it is always there");
        assert_eq!(of(ApiKey::HEARTBEAT), of(ApiKey::HEARTBEAT));
        assert_ne!(of(ApiKey::SASL_HANDSHAKE), of(ApiKey::SASL_AUTHENTICATE));
    }

    #[test]
    fn every_api_of_the_build_has_both_enums_agree_with_the_table() {
        for api in ApiKey::all() {
            let (request, response) = (AnyRequest::empty(api.key), AnyResponse::empty(api.key));
            assert_eq!(request.is_some(), response.is_some(), "{}", api.name);
            let (Some(request), Some(response)) = (request, response) else { continue };
            assert_eq!((request.api_key(), response.api_key()), (api.key, api.key));
            assert_eq!(request.name(), format!("{}Request", api.name));
            assert_eq!(response.name(), format!("{}Response", api.name));
            assert!(format!("{response:?}").starts_with(response.name()));
        }
    }
}
