//! The operators' console: `/console/` on the API's listener, for people with an operator's certificate. The page is a file of
//! the binary; everything it shows and does goes through the calls here, which the remote command line uses as well.

mod guard;
mod log;
mod views;

use super::admin::Health;
use super::edge::{Edge, query_fields};
use super::intake::Intake;
use super::listen::Peer;
use super::reply::{Reply, respond_plainly};
use super::settings::HttpStatus;
use super::{args::Raw, pages};
use crate::codes::Code;
use crate::ops::{Appliance, Call, Done, Error, Result, Who};
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// What the calls share.
pub(super) struct Console {
    edge: Arc<Edge>,
    health: Arc<dyn Health>,
    /// The log's size when it was last looked for.
    log_size: std::sync::atomic::AtomicU64,
}

/// A request's query, by name; the last of several counts.
struct Query(Vec<(String, String)>);

impl Query {
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        self.text(name).map(|text| text.parse().map_err(|_| Error::malformed(name))).transpose()
    }
}

/// The routes below the service prefix.
pub(super) fn router(edge: &Arc<Edge>, health: Arc<dyn Health>) -> Router {
    let console =
        Arc::new(Console { edge: Arc::clone(edge), health, log_size: std::sync::atomic::AtomicU64::new(0) });
    let page = |headers: HeaderMap| async move { pages::page("console.html", &headers) };
    Router::new()
        .route("/console/", get(page))
        .route("/console/index.html", get(page))
        .route("/console/api/whoami", reads(&console, |console, who, _, _| Ok(console.whoami(who))))
        .route("/console/api/status", reads(&console, |console, _, _, _| console.status()))
        .route(
            "/console/api/rows/{kind}",
            reads(&console, |console, _, query, kind| console.rows(query, kind)),
        )
        .route("/console/api/audit", reads(&console, |console, _, query, _| console.audit(query)))
        .route("/console/api/audit/{number}", reads(&console, |console, _, _, number| console.proof(number)))
        .route("/console/api/command", commands(&console))
}

/// A call that changes nothing: every operator's.
fn reads(
    console: &Arc<Console>,
    work: fn(&Console, &Who, &Query, &str) -> Result<Value>,
) -> axum::routing::MethodRouter {
    let console = Arc::clone(console);
    get(move |path: Option<Path<String>>, Extension(peer): Extension<Peer>, request: Request| async move {
        let begun = Instant::now();
        let id = console.edge.request_id();
        let call = console.edge.call(id, peer);
        let fields = query_fields(request.uri().query()).into_iter();
        let query = fields.filter_map(|(name, raw)| match raw {
            Raw::Text(text) => Some((name, text)),
            _ => None,
        });
        let (query, path) = (Query(query.collect()), path.map(|Path(p)| p).unwrap_or_default());
        let headers = request.headers().clone();
        let result = console
            .run(call, headers, move |console, who, _| work(console, who, &query, &path))
            .await
            .map(|value| Reply::Done(Some(value)));
        console.edge.answered("/console", &result, id, begun);
        respond_plainly(result, id, HttpStatus::Mirror)
    })
}

/// The remote form of the admin socket.
fn commands(console: &Arc<Console>) -> axum::routing::MethodRouter {
    let console = Arc::clone(console);
    post(move |Extension(peer): Extension<Peer>, request: Request| async move {
        let (parts, body) = request.into_parts();
        command(&console, peer, parts.headers, body).await
    })
}

async fn command(console: &Arc<Console>, peer: Peer, headers: HeaderMap, body: Body) -> Response<Body> {
    let begun = Instant::now();
    let edge = &console.edge;
    let id = edge.request_id();
    let call = edge.call(id, peer);
    let mut intake =
        Intake::new(body, u64::try_from(edge.settings.json_bytes).unwrap_or(u64::MAX), &edge.settings);
    let result = async {
        guard::changes(&headers)?;
        console.known(&call)?;
        let body = intake.bytes().await?;
        console
            .run(call, headers, move |console, who, call| {
                let command =
                    serde_json::from_slice(&body).map_err(|e| Error::malformed("请求体").because(e))?;
                // A refusal is an answer of its own, so that the command line can show it whole.
                let done = console.appliance().command(call, who, command);
                let done = done.unwrap_or_else(|error| {
                    tracing::info!(request = %call.cx.request, %error, "command refused");
                    Done::Refused(format!("{}: {}", error.code.number(), error.message))
                });
                serde_json::to_vec(&done).map_err(Error::internal)
            })
            .await
            .map(|body| Reply::Raw { kind: super::reply::JSON, body })
    }
    .await;
    if result.is_err() {
        intake.drain().await;
    }
    edge.answered("/console/command", &result, id, begun);
    respond_plainly(result, id, HttpStatus::Mirror)
}

impl Console {
    fn appliance(&self) -> &Appliance {
        &self.edge.appliance
    }

    /// Rate of the address, and a certificate that could be an operator's; refused ones are counted as wrong tokens are.
    fn known(&self, call: &Call) -> Result<()> {
        self.edge.admit_address(call)?;
        if call.client.is_none() {
            self.edge.count_refusal(call)?;
            return Err(Code::Forbidden.into());
        }
        Ok(())
    }

    /// Who calls, and then `work` in a slot.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        call: Call,
        headers: HeaderMap,
        work: impl FnOnce(&Self, &Who, &Call) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        guard::same_origin(&headers)?;
        self.known(&call)?;
        let console = Arc::clone(self);
        let task = move || {
            let who = console.appliance().operator(&call);
            if matches!(&who, Err(error) if error.code == Code::Forbidden) {
                console.edge.count_refusal(&call)?;
            }
            work(&console, &who?, &call)
        };
        self.edge.pool.run(task).await
    }
}
