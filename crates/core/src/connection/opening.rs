//! What a connection asks for itself: the broker's versions, and to be let in.
//!
//! Part of the machine in `connection.rs`, whose table says when.

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, encode_request};
use ottla_protocol::message::{Message, Request, VersionRange};
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::api_versions_response::ApiVersionsResponse;
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;
use ottla_protocol::types::Str;

use super::ending::{connect_error, not_kafka};
use super::error::ConnectErrorKind;
use super::login::{self, Progress};
use super::{Action, ApiVersions, Connection, State, UnderWay};
use crate::events::Role;
use crate::request::RequestError;
use crate::time::Instant;

impl Connection {
    pub(super) fn ask_for_versions(&mut self, now: Instant, version: i16) {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request.client_software_name = self.config.client_software_name.clone();
            request.client_software_version = self.config.client_software_version.clone();
        }
        let deadline = now + self.config.negotiation_timeout;
        self.write_own_in(now, &request, version, deadline);
    }

    /// One of our own requests, while the authentication is under way: that has one deadline for all of them.
    pub(super) fn write_own<R: Request>(&mut self, now: Instant, request: &R, ours: VersionRange) {
        match self.versions.negotiate(R::API_KEY, ours) {
            Ok(version) => {
                let deadline = self.authentication_due.unwrap_or_default();
                self.write_own_in(now, request, version, deadline);
            }
            Err(error) => {
                let text = format!("the broker cannot authenticate: {error}");
                self.close(connect_error(ConnectErrorKind::MechanismNotEnabled, text));
            }
        }
    }

    fn write_own_in<R: Request>(&mut self, now: Instant, request: &R, version: i16, deadline: Instant) {
        let encode = |id, client_id: &Str, out: &mut FrameBuf| {
            encode_request(out, request, version, id, Some(client_id))
        };
        let correlation_id = match self.put(encode) {
            Ok(correlation_id) => correlation_id,
            Err(error) => return self.close(RequestError::Encode(error)),
        };
        let (token, api, role) = (None, R::API_KEY, Role::Client);
        let (created, sent) = (now, now);
        self.under_way.push(UnderWay { correlation_id, token, api, version, deadline, role, created, sent });
    }

    pub(super) fn on_own_answer(&mut self, now: Instant, request: &UnderWay, body: &Bytes) {
        let version = request.version;
        let result = match request.api {
            ApiKey::API_VERSIONS => return self.on_api_versions(now, version, body),
            ApiKey::SASL_HANDSHAKE => SaslHandshakeResponse::decode_prefix(body, version)
                .map(|(response, _)| self.on_handshake(now, &response)),
            _ => SaslAuthenticateResponse::decode_prefix(body, version)
                .map(|(response, _)| self.on_authenticate(now, &response)),
        };
        if let Err(error) = result {
            let text = format!("the answer to {} cannot be read: {error}", request.api);
            self.close(connect_error(ConnectErrorKind::NotKafka, text));
        }
    }

    fn on_handshake(&mut self, now: Instant, response: &SaslHandshakeResponse) {
        match self.authentication.on_handshake(response) {
            Ok(message) => self.write_authenticate(now, message),
            Err(error) => self.close(RequestError::Connect(error)),
        }
    }

    fn on_authenticate(&mut self, now: Instant, response: &SaslAuthenticateResponse) {
        match self.authentication.on_authenticate(response) {
            Ok(Progress::Send(message)) => self.write_authenticate(now, message),
            Ok(Progress::Done { session }) => {
                let spread = self.jitter.factor(0.5) - 0.5;
                self.authentication_due = session.map(|session| now + login::renewed_after(session, spread));
                self.become_ready(now);
            }
            Err(error) => self.close(RequestError::Connect(error)),
        }
    }

    fn write_authenticate(&mut self, now: Instant, message: Bytes) {
        let mut request = SaslAuthenticateRequest::default();
        request.auth_bytes = message;
        self.write_own(now, &request, SaslAuthenticateRequest::VERSIONS);
    }

    pub(super) fn begin_authentication(&mut self, now: Instant, state: State) {
        let timeout = self.config.authentication_timeout.unwrap_or_default();
        self.authentication_due = Some(now + timeout);
        self.authentication.begin();
        self.go(state);
        self.actions.push_back(Action::Authenticate);
    }

    fn on_api_versions(&mut self, now: Instant, version: i16, body: &Bytes) {
        // A broker that does not know our version of ApiVersions answers in version 0 (KIP-511).
        let refused = body.first_chunk().is_some_and(|code| {
            version > 0 && ErrorCode(i16::from_be_bytes(*code)) == ErrorCode::UNSUPPORTED_VERSION
        });
        let body_version = if refused { 0 } else { version };
        let response = match ApiVersionsResponse::decode_prefix(body, body_version) {
            Ok((response, _)) => response,
            Err(error) => return self.close(not_kafka(format!("ApiVersions cannot be read: {error}"))),
        };
        let versions = ApiVersions::from_response(&response);
        if refused {
            // Those that say nothing speak the first version alone.
            let theirs = versions.range(ApiKey::API_VERSIONS).unwrap_or(VersionRange::new(0, 0));
            let ours = ApiVersionsRequest::VERSIONS;
            let common = theirs.intersect(ours);
            if common.is_empty() {
                let (api, theirs) = (ApiKey::API_VERSIONS, Some(theirs));
                return self.close(RequestError::UnsupportedVersion { api, ours, theirs });
            }
            if common.max >= version {
                return self.close(not_kafka("ApiVersions was refused in a version that it offers"));
            }
            self.go(State::Negotiating);
            return self.ask_for_versions(now, common.max);
        }
        if let Err(code) = ErrorCode(response.error_code).into_result() {
            return self.close(not_kafka(format!("ApiVersions was refused: {code}")));
        }
        self.versions = versions;
        match self.config.authentication_timeout {
            Some(_) => self.begin_authentication(now, State::Authenticating),
            None => self.become_ready(now),
        }
    }
}
