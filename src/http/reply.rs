//! Answers: the only place that knows what JSON the document wants.

use super::settings::HttpStatus;
use crate::codes::Code;
use crate::ops::Error;
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
}

/// Builds the HTTP response of a call; a failure has its code and its body.
pub(super) fn respond(
    result: std::result::Result<Reply, (Code, Value)>,
    renewed: Option<String>,
    request: RequestId,
    mode: HttpStatus,
) -> Response<Body> {
    let code = result.as_ref().map_or_else(|(code, _)| *code, |_| Code::Ok);
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
        Err((_, body)) => (JSON, body.to_string().into_bytes()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status(code, mode);
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
    respond(result.map_err(|error| (error.code, failure(&error))), None, request, mode)
}

fn status(code: Code, mode: HttpStatus) -> StatusCode {
    let number = match mode {
        HttpStatus::Mirror => code.entry().status,
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
        assert_eq!(status(Code::Unauthorized, HttpStatus::Documented), 200);
        assert_eq!(status(Code::Unauthorized, HttpStatus::Mirror), 401);
        assert_eq!(status(Code::NotFound, HttpStatus::Documented), 404);
        assert_eq!(status(Code::Overloaded, HttpStatus::Documented), 503);
        assert_eq!(status(Code::SidExists, HttpStatus::Mirror), 409);
    }

    #[test]
    fn causes_stay_inside() {
        let error = Error::internal("the disk at /secret/path says no");
        assert_eq!(failure(&error), json!({"code": 500, "msg": "系统异常"}));
    }
}
