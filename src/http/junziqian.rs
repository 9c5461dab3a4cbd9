//! 君子签's wire format: signed requests, and answers with `success` and `resultCode`.

use super::args::{Fields, Raw};
use super::edge::Edge;
use super::reply::{JSON, Reply};
use crate::codes::Code;
use crate::ops::{Call, Caller, Error, RequestSignature, Result};
use serde_json::{Value, json};
use std::sync::Arc;

/// The answer of a call that succeeded.
pub(super) fn done(data: &Value) -> Reply {
    let body = json!({"success": true, "resultCode": "0", "data": data});
    Reply::Raw { kind: JSON, body: body.to_string().into_bytes() }
}

/// `{"success":false,…}` as in the document's sample; what the edge refuses also has its number.
pub(super) fn failure(error: &Error) -> Value {
    let (result, message) = match error.code {
        Code::Unauthorized | Code::AppOffline | Code::AppNotFound => ("HTTP_PARAM_ERROR", "app_secret不可用"),
        Code::Internal => ("SYSTEM_ERROR", error.message.as_str()),
        _ => ("HTTP_PARAM_ERROR", error.message.as_str()),
    };
    let mut body = json!({"success": false, "resultCode": result, "msg": message});
    if let (true, Some(body)) = (error.code.is_edge(), body.as_object_mut()) {
        body.insert("code".into(), error.code.number().into());
    }
    body
}

/// The caller behind a signed request.
pub(super) async fn caller(edge: &Arc<Edge>, call: &Call, fields: Fields) -> Result<Caller> {
    let (worker, call) = (Arc::clone(edge), call.clone());
    edge.pool
        .run(move || {
            let text = |name: &str| {
                fields.iter().find_map(|(known, raw)| match raw {
                    Raw::Text(text) | Raw::Json(Value::String(text)) if known == name => Some(text.as_str()),
                    _ => None,
                })
            };
            let missing = || Error::new(Code::Unauthorized);
            let shown = RequestSignature {
                app: text("app_key").ok_or_else(missing)?,
                ts: text("ts").ok_or_else(missing)?,
                nonce: text("nonce").ok_or_else(missing)?,
                method: text("encry_method").filter(|m| !m.is_empty()),
                sign: text("sign").ok_or_else(missing)?,
            };
            let result = worker.appliance.authenticate_signed(&call, shown);
            if result.is_err() {
                worker.count_refusal(&call)?;
            }
            result
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refused_stranger_looks_the_same() {
        let expected = json!({"success": false, "resultCode": "HTTP_PARAM_ERROR", "msg": "app_secret不可用"});
        assert_eq!(failure(&Code::Unauthorized.into()), expected);
        assert_eq!(failure(&Code::AppOffline.into()), expected);
    }
}
