//! Answers: the only place that knows what JSON the document wants.

use super::settings::HttpStatus;
use crate::codes::Code;
use crate::ops::{Error, Signing};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hufu_api::RequestId;
use serde_json::{Value, json};

/// The documented content type.
pub(super) const JSON: &str = "application/json;charset=UTF-8";

/// What a call answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// `{"code":200,"msg":true}` with `data`, where there is any.
    Done(Option<Value>),
    /// /auth/login: `"msg":"成功"` and the token in its header.
    LoggedIn(String),
    /// An answer of another shape (003), or a file.
    Raw {
        /// Content-Type.
        kind: &'static str,
        /// The body.
        body: Vec<u8>,
    },
}

impl Reply {
    /// `data` with one id.
    pub(super) fn id(name: &str, id: u64) -> Self {
        Self::Done(Some(json!({ name: id })))
    }

    /// summaryId, and what the signer should know, where there is something.
    pub(super) fn signing(signing: &Signing) -> Self {
        Self::Done(Some(signing_data(signing)))
    }
}

/// `data` of a signing call; `warnings` is an extension that most answers do not have.
pub(super) fn signing_data(signing: &Signing) -> Value {
    let mut data = json!({ "summaryId": signing.id });
    if let (Some(fields), false) = (data.as_object_mut(), signing.warnings.is_empty()) {
        fields.insert("warnings".into(), json!(signing.warnings));
    }
    data
}

/// A failure with its body in the call's own format.
pub(super) struct Failure {
    pub(super) code: Code,
    /// As [`Error::status`].
    pub(super) status: Option<u16>,
    pub(super) body: Value,
}

impl Failure {
    /// In a format.
    pub(super) fn new(error: &Error, format: fn(&Error) -> Value) -> Self {
        Self { code: error.code, status: error.status, body: format(error) }
    }
}

/// Builds the HTTP response of a call.
pub(super) fn respond(
    result: std::result::Result<Reply, Failure>,
    renewed: Option<String>,
    request: RequestId,
    mode: HttpStatus,
) -> Response<Body> {
    let (code, exact) = result.as_ref().map_or_else(|f| (f.code, f.status), |_| (Code::Ok, None));
    let mut token = renewed;
    let (kind, body) = match result {
        Ok(Reply::Done(None)) => (JSON, br#"{"code":200,"msg":true}"#.to_vec()),
        Ok(Reply::Done(Some(data))) => {
            (JSON, json!({"code": 200, "msg": true, "data": data}).to_string().into_bytes())
        }
        Ok(Reply::LoggedIn(fresh)) => {
            token = Some(fresh);
            (JSON, r#"{"code":200,"msg":"成功"}"#.as_bytes().to_vec())
        }
        Ok(Reply::Raw { kind, body }) => (kind, body),
        Err(failure) => (JSON, failure.body.to_string().into_bytes()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status(code, exact, mode);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&request.to_string()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Some(Ok(token)) = token.map(|t| HeaderValue::from_str(&t)) {
        headers.insert(HeaderName::from_static("token"), token);
    }
    if matches!(code, Code::TooManyRequests | Code::Overloaded) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The body of a failure.
pub(super) fn failure(error: &Error) -> Value {
    json!({"code": error.code.number(), "msg": error.message})
}

/// As [`respond`], for what fails in the document's shape.
pub(super) fn respond_plainly(
    result: std::result::Result<Reply, Error>,
    request: RequestId,
    mode: HttpStatus,
) -> Response<Body> {
    respond(result.map_err(|error| Failure::new(&error, failure)), None, request, mode)
}

fn status(code: Code, exact: Option<u16>, mode: HttpStatus) -> StatusCode {
    let number = match mode {
        HttpStatus::Mirror => exact.unwrap_or(code.entry().status),
        HttpStatus::Documented if code.is_edge() => code.entry().status,
        HttpStatus::Documented => 200,
    };
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http_body_util::BodyExt;

    async fn text(response: Response<Body>) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_documents_shapes() {
        let done = respond(Ok(Reply::id("signerId", 349)), None, RequestId(1), HttpStatus::Documented);
        assert_eq!(done.headers()["content-type"], "application/json;charset=UTF-8");
        assert_eq!(text(done).await, r#"{"code":200,"data":{"signerId":349},"msg":true}"#);
        let login = respond(Ok(Reply::LoggedIn("t".into())), None, RequestId(1), HttpStatus::Documented);
        assert_eq!(login.headers()["token"], "t");
        assert_eq!(text(login).await, r#"{"code":200,"msg":"成功"}"#);
        let bad = respond_plainly(Err(Error::malformed("signerId")), RequestId(1), HttpStatus::Documented);
        assert_eq!(bad.status(), 200);
        assert_eq!(text(bad).await, r#"{"code":201,"msg":"signerId 格式不正确"}"#);
    }

    #[test]
    fn status_of_codes() {
        assert_eq!(status(Code::Unauthorized, None, HttpStatus::Documented), 200);
        assert_eq!(status(Code::Unauthorized, None, HttpStatus::Mirror), 401);
        assert_eq!(status(Code::NotFound, None, HttpStatus::Documented), 404);
        assert_eq!(status(Code::Overloaded, None, HttpStatus::Documented), 503);
        assert_eq!(status(Code::SidExists, None, HttpStatus::Mirror), 409);
        assert_eq!(status(Code::BadParameter, Some(404), HttpStatus::Mirror), 404);
        assert_eq!(status(Code::BadParameter, Some(404), HttpStatus::Documented), 200);
    }

    #[test]
    fn causes_stay_inside() {
        let error = Error::internal("the disk at /secret/path says no");
        assert_eq!(failure(&error), json!({"code": 500, "msg": "系统异常"}));
    }
}
