//! How an application adds a mechanism: `AWS_MSK_IAM`, by which Amazon MSK knows IAM principals.
//!
//! The client's one message is JSON that holds a presigned request (Signature Version 4) for the broker's host; the
//! broker answers with JSON that names its version. Everything that is asked of a mechanism is in two traits of
//! `ottla_client::sasl`; signing is the crate `aws-sigv4`.
//!
//! Not here: where AWS credentials come from. [`MskIamCredentials`] asks a function before each authentication, which is
//! where `aws-config` or an instance's metadata service would be asked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use ottla_client::sasl::{
    CredentialsProvider, Exchange, Mechanism, Providing, SaslError, SaslErrorKind, Start, Step,
};
use serde_json::{Map, Value, json};

const NAME: &str = "AWS_MSK_IAM";
const VERSION: &str = "2020_10_22";
const SERVICE: &str = "kafka-cluster";
const ACTION: &str = "kafka-cluster:Connect";
/// How long the signature is good: as long as Amazon's own clients say.
const EXPIRES: Duration = Duration::from_secs(900);
/// The broker's answer is two short members.
const MAX_ANSWER_SIZE: usize = 64 * 1024;

/// The mechanism with credentials that stay as they are.
#[derive(Clone)]
pub struct MskIam {
    region: String,
    credentials: Credentials,
}

impl MskIam {
    /// For brokers in this region.
    pub fn new(region: impl Into<String>, credentials: Credentials) -> Self {
        Self { region: region.into(), credentials }
    }

    /// The message for the broker on `host`, signed at this time.
    fn message(&self, host: &str, unix_ms: i64) -> Result<String, SaslError> {
        let invalid = |what: &dyn fmt::Display| {
            let text = format!("the request to {host} cannot be signed: {what}");
            SaslError::new(SaslErrorKind::CredentialsInvalid, text)
        };
        let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(EXPIRES);
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(time)
            .settings(settings)
            .build()
            .map_err(|error| invalid(&error))?;
        let url = format!("https://{host}/?Action=kafka-cluster%3AConnect");
        let headers = std::iter::once(("host", host));
        let request = SignableRequest::new("GET", &url, headers, SignableBody::Bytes(b""));
        let signed = sign(request.map_err(|error| invalid(&error))?, &SigningParams::V4(parameters));
        let (instructions, _) = signed.map_err(|error| invalid(&error))?.into_parts();
        let mut members = Map::new();
        for (name, value) in [("version", VERSION), ("host", host), ("action", ACTION)] {
            members.insert(name.to_owned(), value.into());
        }
        members.insert("user-agent".to_owned(), concat!("ottla/", env!("CARGO_PKG_VERSION")).into());
        for (name, value) in instructions.params() {
            members.insert(name.to_lowercase(), Value::from(value.as_ref()));
        }
        Ok(json!(members).to_string())
    }
}

impl Mechanism for MskIam {
    fn name(&self) -> &str {
        NAME
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        let message = self.message(start.host(), start.now().unix_ms)?;
        Ok(Box::new(MskIamExchange::Opening(message)))
    }
}

impl fmt::Debug for MskIam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MskIam").field("region", &self.region).finish_non_exhaustive()
    }
}

enum MskIamExchange {
    Opening(String),
    AwaitingAnswer,
    Over,
}

impl Exchange for MskIamExchange {
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError> {
        match (std::mem::replace(self, Self::Over), challenge) {
            (Self::Opening(message), None) => {
                *self = Self::AwaitingAnswer;
                Ok(Step::Respond(Bytes::from(message)))
            }
            (Self::AwaitingAnswer, Some(answer)) if answer.len() <= MAX_ANSWER_SIZE => {
                let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
                if answer.get("version").and_then(Value::as_str) == Some(VERSION) {
                    return Ok(Step::Done);
                }
                let text = format!("the broker's answer is not one of {NAME}, check that it is amazon's");
                Err(SaslError::new(SaslErrorKind::MalformedMessage, text))
            }
            (Self::AwaitingAnswer, Some(_)) => {
                Err(SaslError::new(SaslErrorKind::MessageTooLarge, "the broker's answer has no end"))
            }
            _ => Err(SaslError::new(SaslErrorKind::Misuse, format!("no such step of {NAME}"))),
        }
    }
}

impl fmt::Debug for MskIamExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MskIamExchange")
    }
}

/// Credentials that are being fetched.
pub type FetchingCredentials = Pin<Box<dyn Future<Output = Result<Credentials, String>> + Send>>;

/// Asks for AWS credentials before each authentication, for those that expire.
pub struct MskIamCredentials {
    region: String,
    fetch: Box<dyn Fn() -> FetchingCredentials + Send + Sync>,
}

impl MskIamCredentials {
    /// For brokers in this region. `fetch` should answer from a cache mostly, as AWS's own providers do.
    pub fn new(
        region: impl Into<String>,
        fetch: impl Fn() -> FetchingCredentials + Send + Sync + 'static,
    ) -> Self {
        Self { region: region.into(), fetch: Box::new(fetch) }
    }
}

impl CredentialsProvider for MskIamCredentials {
    fn mechanism<'a>(&'a self, _host: &'a str) -> Providing<'a> {
        Box::pin(async {
            let credentials = (self.fetch)().await.map_err(|what| {
                let text = format!("there are no aws credentials: {what}");
                SaslError::new(SaslErrorKind::CredentialsUnavailable, text)
            })?;
            Ok(Arc::new(MskIam::new(&self.region, credentials)) as Arc<dyn Mechanism>)
        })
    }
}

impl fmt::Debug for MskIamCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MskIamCredentials").field("region", &self.region).finish_non_exhaustive()
    }
}
