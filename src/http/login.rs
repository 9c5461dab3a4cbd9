//! /auth/login: the one call without a token.

use super::args::{Args, json_fields};
use super::edge::{Edge, media_type};
use super::intake::Intake;
use super::listen::Peer;
use super::reply::{Reply, respond};
use super::table::{Kind, Need, Param, optional, required};
use crate::codes::Code;
use crate::ops::{Call, Credentials, Result};
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, header};
use std::sync::Arc;
use std::time::Instant;

/// Its path.
pub(super) const PATH: &str = "/auth/login";

/// Its parameters.
pub(super) const PARAMS: &[Param] = &[
    required(
        "appId",
        Kind::Loose { least: 1, most: 64, pattern: None },
        "应用 id，在开放平台注册应用获得",
        "The application",
        "\"2018051800000000\"",
    ),
    required(
        "appKey",
        Kind::Text { least: 1, most: 256, pattern: None },
        "应用密码，在开放平台注册应用获得",
        "Its key",
        "\"ABCdef123\"",
    ),
    Param {
        need: Need::Optional,
        ..optional(
            "signerId",
            Kind::Id,
            "用户 id，如不传该参数，那么此时获取的是平台自身的长效令牌，反之获取的是指定用户的长效令牌",
            "For the signer's own token; without it the platform's",
            "\"1\"",
        )
    },
];

/// Serves a login.
pub(super) async fn serve(edge: Arc<Edge>, request: Request<Body>, peer: Peer) -> Response<Body> {
    let begun = Instant::now();
    let id = edge.request_id();
    let (parts, body) = request.into_parts();
    let limit = u64::try_from(edge.settings.json_bytes).unwrap_or(u64::MAX);
    let mut intake = Intake::new(body, limit, &edge.settings);
    let result = handle(&edge, &parts.headers, &mut intake, edge.call(id, peer)).await;
    if result.is_err() {
        intake.drain().await;
    }
    edge.answered(PATH, &result, id, begun);
    respond(result, None, id, edge.settings.http_status)
}

async fn handle(edge: &Arc<Edge>, headers: &HeaderMap, intake: &mut Intake, call: Call) -> Result<Reply> {
    edge.admit_address(&call)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if media_type(kind) != "application/json" {
        return Err(Code::UnsupportedMediaType.into());
    }
    let args = Args::check_params(PARAMS, json_fields(&intake.bytes().await?)?)?;
    // Waiting its turn costs no slot.
    tokio::time::sleep(edge.appliance.login_delay(args.required("appId")?, call.from)?).await;
    let worker = Arc::clone(edge);
    let token = edge
        .pool
        .run(move || {
            let shown = Credentials {
                app: args.required("appId")?,
                key: args.required("appKey")?,
                signer: args.some_id("signerId"),
            };
            let result = worker.appliance.login(&call, shown);
            if matches!(&result, Err(error) if matches!(error.code, Code::LoginFailed | Code::AppNotFound)) {
                worker.count_refusal(&call)?;
            }
            result
        })
        .await?;
    Ok(Reply::LoggedIn(token))
}
