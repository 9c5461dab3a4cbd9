//! The one error type of operations: a documented code, the exact message for the client, and what only the log may see.

use crate::audit::AuditError;
use crate::codes::Code;
use crate::keys::KeyError;
use hufu_api::{ChannelError, ClockError, EntropyError, StoreError};

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}{}", .detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
pub struct Error {
    /// The documented code.
    pub code: Code,
    /// What the client reads.
    pub message: String,
    /// The cause in our own words, for the log alone.
    pub detail: Option<String>,
    /// The HTTP status under `server.http_status = "mirror"`, where the cause has a more exact one than its code.
    pub status: Option<u16>,
}

/// What operations return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `code` with its own message.
    pub fn new(code: Code) -> Self {
        Self { code, message: code.message().to_owned(), detail: None, status: None }
    }

    /// `code` with a more exact message.
    pub fn with(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, status: None }
    }

    /// The same with the cause for the log.
    #[must_use]
    pub fn because(mut self, detail: impl std::fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// The same with a more exact HTTP status than its code's.
    #[must_use]
    pub fn mirrored(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// 201: the parameter is malformed or out of range.
    pub fn malformed(parameter: &str) -> Self {
        Self::with(Code::BadParameter, format!("{parameter} 格式不正确"))
    }

    /// 201: the parameter is missing.
    pub fn missing(parameter: &str) -> Self {
        Self::with(Code::BadParameter, format!("{parameter} 为空"))
    }

    /// 20001: a PATCH to the value that is there already.
    pub fn unchanged(parameter: &str) -> Self {
        Self::with(Code::NoPermission, format!("修改的{parameter}与当前值一致"))
    }

    /// 20110 with the reason.
    pub fn signing(reason: impl std::fmt::Display) -> Self {
        Self::with(Code::SigningFailed, format!("签署失败：{reason}"))
    }

    /// 500: a fault of our own; the cause goes to the log.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal).because(detail)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            // A poisoned store is opened anew as soon as its disk takes writes again.
            StoreError::Conflict(_) | StoreError::Stalled | StoreError::Poisoned(_) => {
                Self::new(Code::Overloaded).because(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<AuditError> for Error {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Unavailable(_) | AuditError::Timeout | AuditError::Interrupted => {
                Self::new(Code::Overloaded).because(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<ClockError> for Error {
    fn from(error: ClockError) -> Self {
        Self::new(Code::Overloaded).because(error)
    }
}

impl From<EntropyError> for Error {
    fn from(error: EntropyError) -> Self {
        Self::internal(error)
    }
}

/// A key operation's failure; `otherwise` is the code where the token itself failed rather than being away.
pub(super) fn key_error(error: &KeyError, otherwise: Code) -> Error {
    match error {
        KeyError::Unavailable(_) | KeyError::Timeout => Error::new(Code::Overloaded).because(error),
        _ => Error::new(otherwise).because(error),
    }
}

/// A certificate channel's failure.
pub(super) fn ca_error(error: &ChannelError) -> Error {
    match error {
        // The channel's name and its reason: the CA's no, or why it cannot be asked now.
        ChannelError::Refused(why) | ChannelError::Unavailable(why) => {
            Error::with(Code::CertificateRefused, format!("zjca 证书申请失败：{why}")).because(error)
        }
        ChannelError::Unsupported => Error::new(Code::CertificateRefused).because(error),
        ChannelError::Timeout => Error::new(Code::GatewayTimeout).because(error),
        ChannelError::BadAnswer(_) => Error::new(Code::CertificateInvalid).because(error),
        _ => Error::new(Code::BadGateway).because(error),
    }
}

/// A time-stamping authority's failure: the document is not released (20110) unless the policy says otherwise.
pub(super) fn stamp_error(error: &ChannelError) -> Error {
    let reason = match error {
        ChannelError::Refused(_) => "时间戳服务拒绝请求",
        ChannelError::Timeout => "时间戳服务超时",
        ChannelError::BadAnswer(_) => "时间戳服务返回无效",
        _ => "时间戳服务不可用",
    };
    Error::signing(reason).because(error)
}

/// An SMS gateway's failure.
pub(super) fn sms_error(error: &ChannelError) -> Error {
    Error::new(Code::SmsUnavailable).because(error)
}
