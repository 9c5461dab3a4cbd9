//! /auth/login: the one call without a token.

use super::args::Args;
use super::edge::Edge;
use super::intake::Intake;
use super::reply::Reply;
use super::table::{Access, Endpoint, Form, Kind, Method, Param, Wire, optional, required};
use crate::codes::Code;
use crate::ops::{Call, Credentials, Result};
use axum::http::HeaderMap;
use std::sync::Arc;

/// Its parameters.
const PARAMS: &[Param] = &[
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
    optional(
        "signerId",
        Kind::Id,
        "用户 id，如不传该参数，那么此时获取的是平台自身的长效令牌，反之获取的是指定用户的长效令牌",
        "For the signer's own token; without it the platform's",
        "\"1\"",
    ),
];

/// The call.
pub(super) const CALLS: &[Endpoint] = &[Endpoint {
    wire: Wire::Login,
    method: Method::Post,
    path: "/auth/login",
    tag: "令牌",
    title: "获取长效令牌",
    en: "A token of 15 minutes in the answer's token header; answers carry a new one once a third of its life is left",
    access: Access::Signer,
    form: Form::Json,
    creates: false,
    params: PARAMS,
    rules: &[],
    data: "",
    failures: &[(201, "signerId 格式不正确"), (402, "登录失败，appId 或 appKey 错误")],
    files: &[],
}];

/// Serves a login.
pub(super) async fn handle(
    edge: &Arc<Edge>,
    headers: &HeaderMap,
    intake: &mut Intake,
    call: Call,
) -> Result<Reply> {
    edge.admit_address(&call)?;
    let args = Args::check_params(PARAMS, edge.body_fields(Form::Json, headers, intake).await?.0)?;
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
