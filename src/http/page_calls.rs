//! What the built-in pages call. No token: a handwriting link is its own secret, and the verify page shows nothing but what
//! the caller sent.

use super::args::Raw;
use super::edge::{Edge, media_type, query_fields};
use super::intake::Intake;
use super::listen::Peer;
use super::pages;
use super::pool::Pool;
use super::reply::{Reply, respond_plainly};
use crate::codes::Code;
use crate::ops::{Call, Error, Result};
use crate::render::{PagePicture, RenderError, page_picture};
use crate::seal::{Colour, Handwriting};
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request};
use axum::http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pages that are drawn at a time: the rasteriser may take long over a hostile file, and must not take the slots of signing.
const PICTURES: usize = 2;
/// How long a picture may wait for its turn, and take.
const PICTURE_TURN: Duration = Duration::from_secs(20);
const PICTURE_TIME: Duration = Duration::from_secs(10);

/// The routes below the service prefix.
pub(super) fn router(edge: &Arc<Edge>) -> Router {
    let pictures = Pool::new(PICTURES, PICTURE_TURN);
    let (of_link, submitting) = (Arc::clone(edge), Arc::clone(edge));
    let (judging, showing) = (Arc::clone(edge), Arc::clone(edge));
    Router::new()
        .route(
            "/handwriting/{token}",
            get(|headers: HeaderMap| async move { pages::page("handwriting.html", &headers) }).post(
                move |Path(token): Path<String>, Extension(peer): Extension<Peer>, request: Request| async move {
                    let edge = submitting;
                    serve(&edge, request, peer, "/handwriting", JSON, |edge, call, _, body| {
                        written(edge, call, token, body)
                    })
                    .await
                },
            ),
        )
        .route(
            "/handwriting/{token}/invitation",
            get(
                move |Path(token): Path<String>, Extension(peer): Extension<Peer>, request: Request| async move {
                    let edge = of_link;
                    serve(&edge, request, peer, "/handwriting/invitation", NOTHING, |edge, call, _, _| {
                        invitation(edge, call, token)
                    })
                    .await
                },
            ),
        )
        .route(
            "/verify",
            post(move |Extension(peer): Extension<Peer>, request: Request| async move {
                serve(&judging, request, peer, "/verify", PDF, |edge, call, _, body| judged(edge, call, body)).await
            }),
        )
        .route(
            "/verify/page",
            post(move |Extension(peer): Extension<Peer>, request: Request| async move {
                picture(&showing, &pictures, request, peer).await
            }),
        )
}

/// The media type a call takes, and the setting that bounds it.
#[derive(Clone, Copy)]
struct Takes {
    media: &'static str,
    limit: fn(&Edge) -> u64,
}

const NOTHING: Takes = Takes { media: "", limit: |_| 0 };
const JSON: Takes = Takes {
    media: "application/json",
    limit: |edge| u64::try_from(edge.settings.json_bytes).unwrap_or(u64::MAX),
};
const PDF: Takes = Takes { media: "application/pdf", limit: |edge| edge.appliance.settings().stream_bytes };

/// Serves a call without token: rate of the address, type and size of the body, then `work`.
async fn serve<W, F>(
    edge: &Arc<Edge>,
    request: Request<Body>,
    peer: Peer,
    path: &'static str,
    takes: Takes,
    work: W,
) -> Response<Body>
where
    W: FnOnce(Arc<Edge>, Call, Parts, Bytes) -> F,
    F: Future<Output = Result<Reply>>,
{
    let begun = Instant::now();
    let id = edge.request_id();
    let (parts, body) = request.into_parts();
    let mut intake = Intake::new(body, (takes.limit)(edge), &edge.settings);
    let call = edge.call(id, peer);
    let result = async {
        edge.admit_address(&call)?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if media_type(kind) != takes.media && !takes.media.is_empty() {
            return Err(Code::UnsupportedMediaType.into());
        }
        let _place = edge.upload_place().await?;
        let body = intake.bytes().await?;
        work(Arc::clone(edge), call, parts, body).await
    }
    .await;
    if result.is_err() {
        intake.drain().await;
    }
    edge.answered(path, &result, id, begun);
    respond_plainly(result, id, edge.settings.http_status)
}

/// Who guesses links is slowed like who guesses passwords.
fn counted<T>(edge: &Edge, call: &Call, result: Result<T>) -> Result<T> {
    if matches!(&result, Err(error) if error.code == Code::NotFound) {
        edge.count_refusal(call)?;
    }
    result
}

async fn invitation(edge: Arc<Edge>, call: Call, token: String) -> Result<Reply> {
    let worker = Arc::clone(&edge);
    let found = edge.pool.run(move || counted(&worker, &call, worker.appliance.invitation(&token))).await?;
    Ok(Reply::Done(Some(json!({ "name": found.name, "expires": found.expires.millis() }))))
}

/// What the page submits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    color: String,
    width: f64,
    height: f64,
    strokes: Vec<Vec<(f64, f64)>>,
}

async fn written(edge: Arc<Edge>, call: Call, token: String, body: Bytes) -> Result<Reply> {
    let worker = Arc::clone(&edge);
    let id = edge
        .pool
        .run(move || {
            let sent: Written =
                serde_json::from_slice(&body).map_err(|e| Error::malformed("请求体").because(e))?;
            let colour = Colour::from_code(&sent.color).ok_or_else(|| Error::malformed("color"))?;
            let Written { width, height, strokes, .. } = sent;
            let written = Handwriting { width, height, strokes };
            counted(&worker, &call, worker.appliance.keep_handwriting(&call, &token, &written, colour))
        })
        .await?;
    Ok(Reply::id("moulageId", id))
}

/// The full report on a file, which is neither stored nor recorded: nobody is named who asked.
async fn judged(edge: Arc<Edge>, call: Call, body: Bytes) -> Result<Reply> {
    let worker = Arc::clone(&edge);
    let report = edge.pool.run(move || worker.appliance.judge(call.cx, &body)).await?;
    Ok(Reply::Done(Some(serde_json::to_value(&report).map_err(Error::internal)?)))
}

/// A page of the file that was sent, as PNG, with the number of pages and the page's matrix in header fields.
async fn picture(edge: &Arc<Edge>, pictures: &Pool, request: Request<Body>, peer: Peer) -> Response<Body> {
    let pictures = pictures.clone();
    let mut seen: Option<(u32, String)> = None;
    let found = &mut seen;
    let mut response = serve(edge, request, peer, "/verify/page", PDF, |_, _, parts, body| async move {
        let (mut page, mut side) = (1, 1_000);
        for (name, value) in query_fields(parts.uri.query()) {
            let number = if let Raw::Text(digits) = value { digits.parse::<u32>().ok() } else { None };
            match name.as_str() {
                "page" => page = number.ok_or_else(|| Error::malformed("page"))?,
                "side" => {
                    let pixels = number.and_then(|n| u16::try_from(n).ok());
                    side = pixels.ok_or_else(|| Error::malformed("side"))?;
                }
                _ => {}
            }
        }
        let drawn = pictures.run(move || page_picture(body, page, side).map_err(refused));
        let in_time = tokio::time::timeout(PICTURE_TURN + PICTURE_TIME, drawn).await;
        let PagePicture { png, pages, matrix } = in_time.map_err(|_| Error::new(Code::GatewayTimeout))??;
        let matrix = matrix.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        *found = Some((pages, matrix));
        Ok(Reply::Raw { kind: "image/png", body: png })
    })
    .await;
    if let Some((pages, matrix)) = seen {
        let headers = response.headers_mut();
        headers.insert("hufu-pages", HeaderValue::from(pages));
        if let Ok(matrix) = HeaderValue::from_str(&matrix) {
            headers.insert("hufu-matrix", matrix);
        }
    }
    response
}

fn refused(error: RenderError) -> Error {
    match error {
        RenderError::NoSuchPage(_) => Error::with(Code::NotFound, "页码不存在").because(error),
        RenderError::Size => Error::malformed("side").because(error),
        RenderError::Unreadable | RenderError::Failed => Error::new(Code::ContractUnreadable).because(error),
    }
}
