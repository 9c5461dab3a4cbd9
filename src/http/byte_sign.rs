//! `POST /v2/sign/byteSign` and `/v2/sign/byteSignLog` (数据签), in the wire format of validateContract.

use super::args::{Args, Fields, json_fields};
use super::edge::{Edge, media_type, query_fields};
use super::intake::Intake;
use super::listen::Peer;
use super::reply::{JSON, Reply, respond};
use super::table::{Kind, Param, required, text};
use super::validate::{failure, form, signed};
use crate::ops::{Call, Error, Result, Signatory};
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, header};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Makes a data signature.
pub(super) const SIGN: &str = "/v2/sign/byteSign";
/// Gets its log.
pub(super) const LOG: &str = "/v2/sign/byteSignLog";

pub(super) const SIGN_PARAMS: &[Param] = &[
    required(
        "hash",
        text(256),
        "原文 SHA-512 哈希，128 位十六进制",
        "SHA-512 of the original, 128 hexadecimal digits",
        "\"cf83e1357eefb8bd…\"",
    ),
    required(
        "signatories",
        Kind::Items { most: 100 },
        "签署人集合，1-30 个，均须为应用内已注册用户",
        "1 to 30 signers of the app, each once",
        r#"[{"fullName": "张三", "identityType": "1", "identityCard": "123456789123456789"}]"#,
    ),
];
pub(super) const LOG_PARAMS: &[Param] =
    &[required("seqNo", text(64), "数据签编号", "The data signature", "\"…\"")];

pub(super) async fn serve(
    edge: Arc<Edge>,
    request: Request<Body>,
    peer: Peer,
    path: &'static str,
) -> Response<Body> {
    let begun = Instant::now();
    let id = edge.request_id();
    let (parts, body) = request.into_parts();
    let limit = u64::try_from(edge.settings.json_bytes).unwrap_or(u64::MAX);
    let mut intake = Intake::new(body, limit, &edge.settings);
    let mut renewed = None;
    let query = query_fields(parts.uri.query());
    let result =
        handle(&edge, &parts.headers, query, &mut intake, edge.call(id, peer), &mut renewed, path).await;
    if result.is_err() {
        intake.drain().await;
    }
    edge.answered(path, &result, id, begun);
    let result = match result {
        Err(error) if !error.code.is_edge() => {
            Ok(Reply::Raw { kind: JSON, body: failure(&error).to_string().into_bytes() })
        }
        result => result,
    };
    respond(result, renewed, id, edge.settings.http_status)
}

async fn handle(
    edge: &Arc<Edge>,
    headers: &HeaderMap,
    mut fields: Fields,
    intake: &mut Intake,
    call: Call,
    renewed: &mut Option<String>,
    path: &'static str,
) -> Result<Reply> {
    let early = if headers.contains_key("token") {
        let caller = edge.admit(headers, &call, renewed).await?;
        caller.platform_only()?;
        Some(caller)
    } else {
        edge.admit_address(&call)?;
        None
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    fields.extend(match media_type(kind).as_str() {
        "application/json" => json_fields(&intake.bytes().await?)?,
        _ => form(edge, headers, intake).await?,
    });
    let caller = match early {
        Some(caller) => caller,
        None => signed(edge, &call, fields.clone()).await?,
    };
    let args = Args::check_params(if path == SIGN { SIGN_PARAMS } else { LOG_PARAMS }, fields)?;
    let worker = Arc::clone(edge);
    edge.pool
        .run(move || {
            let data = if path == SIGN {
                let signatories: Vec<Signatory> = serde_json::from_value(args.items("signatories")?.clone())
                    .map_err(|e| Error::malformed("signatories").because(e))?;
                let made =
                    worker.appliance.byte_sign(&call, &caller, args.required("hash")?, &signatories)?;
                json!({"presId": made.pres_id, "seqNo": made.seq_no})
            } else {
                let seq_no = args.required("seqNo")?;
                let (pres_id, pdf) = worker.appliance.byte_sign_log(&caller, seq_no)?;
                json!({"presId": pres_id, "seqNo": seq_no, "pdf": pdf})
            };
            let body = json!({"success": true, "resultCode": "0", "data": data});
            Ok(Reply::Raw { kind: JSON, body: body.to_string().into_bytes() })
        })
        .await
}
