//! What can go wrong in a group.

use std::fmt;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::GroupId;

use crate::request::RequestError;

/// Something that a group could not do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupError {
    kind: GroupErrorKind,
    group_id: GroupId,
    api: Option<ApiKey>,
    cause: Option<Cause>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupErrorKind {
    /// The user may not use the group (`GROUP_AUTHORIZATION_FAILED`).
    AuthorizationFailed,
    /// Another consumer runs with the same `group.instance.id`.
    FencedInstance,
    /// The group's members share no assignor, or the group is not of consumers.
    InconsistentProtocol,
    /// `session.timeout.ms` is outside of what the broker allows (`group.min.session.timeout.ms` and its max).
    InvalidSessionTimeout,
    /// The broker does not accept the name of the group.
    InvalidGroupId,
    /// The group has `group.max.size` members.
    GroupFull,
    /// The broker is too old for what is asked: static membership needs Kafka 2.3.
    UnsupportedVersion,
    /// This consumer is no member, or of another generation than the one in which the operation was asked for.
    NotMember,
    /// The group rebalances: the offsets belong to a generation that ends.
    RebalanceInProgress,
    /// The time for the operation (`default.api.timeout.ms`) is over. A commit may have been carried out.
    Timeout,
    /// More operations are under way than a group keeps.
    TooManyOperations,
    /// A request failed in a way that trying again does not mend.
    Request,
    /// An answer that could be read but makes no sense.
    BadAnswer,
    /// The broker answered with a code that nothing else here is for.
    Broker,
    /// The group was left.
    Closed,
    /// Our own state machine was about to do what it must not. Please report it.
    Invariant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Code(ErrorCode),
    Request(RequestError),
}

impl GroupError {
    pub(crate) fn new(kind: GroupErrorKind, group_id: &GroupId) -> Self {
        Self { kind, group_id: group_id.clone(), api: None, cause: None }
    }

    /// The error that a broker's code is, for a request of `api`.
    pub(crate) fn from_code(code: ErrorCode, group_id: &GroupId, api: ApiKey) -> Self {
        let kind = match code {
            ErrorCode::GROUP_AUTHORIZATION_FAILED => GroupErrorKind::AuthorizationFailed,
            ErrorCode::FENCED_INSTANCE_ID => GroupErrorKind::FencedInstance,
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL => GroupErrorKind::InconsistentProtocol,
            ErrorCode::INVALID_SESSION_TIMEOUT => GroupErrorKind::InvalidSessionTimeout,
            ErrorCode::INVALID_GROUP_ID => GroupErrorKind::InvalidGroupId,
            ErrorCode::GROUP_MAX_SIZE_REACHED => GroupErrorKind::GroupFull,
            ErrorCode::UNSUPPORTED_VERSION => GroupErrorKind::UnsupportedVersion,
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => GroupErrorKind::NotMember,
            ErrorCode::REBALANCE_IN_PROGRESS => GroupErrorKind::RebalanceInProgress,
            _ => GroupErrorKind::Broker,
        };
        Self { api: Some(api), cause: Some(Cause::Code(code)), ..Self::new(kind, group_id) }
    }

    /// The error that a failed request of `api` is.
    pub(crate) fn from_request(error: RequestError, group_id: &GroupId, api: ApiKey) -> Self {
        let kind = match &error {
            RequestError::UnsupportedVersion { .. } => GroupErrorKind::UnsupportedVersion,
            RequestError::Closed => GroupErrorKind::Closed,
            _ => GroupErrorKind::Request,
        };
        Self { api: Some(api), cause: Some(Cause::Request(error)), ..Self::new(kind, group_id) }
    }

    /// The same cause under another name: what an operation failed with last when its time was over.
    pub(crate) fn with_kind(mut self, kind: GroupErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> GroupErrorKind {
        self.kind
    }

    /// The group.
    pub fn group_id(&self) -> &GroupId {
        &self.group_id
    }

    /// The API whose request failed, if one did.
    pub fn api(&self) -> Option<ApiKey> {
        self.api
    }

    /// The broker's code, if it answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.cause {
            Some(Cause::Code(code)) => Some(code),
            _ => None,
        }
    }

    /// Whether the same may succeed later, in the same membership.
    pub fn is_retriable(&self) -> bool {
        match self.kind {
            GroupErrorKind::Timeout | GroupErrorKind::TooManyOperations => true,
            GroupErrorKind::Broker => self.code().is_some_and(ErrorCode::is_retriable),
            GroupErrorKind::Request => {
                matches!(&self.cause, Some(Cause::Request(error)) if error.is_retriable())
            }
            _ => false,
        }
    }

    /// Whether nothing but a change of configuration, rights or brokers helps. An error that is neither retriable nor
    /// fatal concerns the operation alone: membership goes on or is being taken up again.
    pub fn is_fatal(&self) -> bool {
        use GroupErrorKind as K;
        !self.is_retriable() && !matches!(self.kind, K::NotMember | K::RebalanceInProgress)
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            GroupErrorKind::AuthorizationFailed => "not authorized to use the group; grant READ on it",
            GroupErrorKind::FencedInstance => "another consumer uses the same group.instance.id",
            GroupErrorKind::InconsistentProtocol => {
                "the members of the group share no assignor; see partition.assignment.strategy"
            }
            GroupErrorKind::InvalidSessionTimeout => {
                "session.timeout.ms is outside of what the broker allows; see group.max.session.timeout.ms"
            }
            GroupErrorKind::InvalidGroupId => "the broker does not accept the group's name",
            GroupErrorKind::GroupFull => "the group is full; see group.max.size",
            GroupErrorKind::UnsupportedVersion => "the broker is too old for what the group needs",
            GroupErrorKind::NotMember => {
                "this consumer is not a member of the group's generation; see max.poll.interval.ms"
            }
            GroupErrorKind::RebalanceInProgress => "the group rebalances",
            GroupErrorKind::Timeout => "not done in time; see default.api.timeout.ms",
            GroupErrorKind::TooManyOperations => "too many commits and lookups are under way",
            GroupErrorKind::Request => "a request of the group failed",
            GroupErrorKind::BadAnswer => "an answer makes no sense",
            GroupErrorKind::Broker => "the broker refused a request of the group",
            GroupErrorKind::Closed => "the group was left",
            GroupErrorKind::Invariant => "a state machine went wrong; please report it",
        })?;
        write!(f, ": group {}", self.group_id)?;
        if let Some(api) = self.api {
            write!(f, ", {api}")?;
        }
        match &self.cause {
            Some(Cause::Code(code)) => write!(f, ", {code}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for GroupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Some(Cause::Code(code)) => Some(code),
            Some(Cause::Request(error)) => Some(error),
            None => None,
        }
    }
}
