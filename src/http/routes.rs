//! Paths to calls, and JSON for everything that is none.

use super::args::{Fields, Raw};
use super::edge::Edge;
use super::listen::Peer;
use super::openapi;
use super::reply::respond_plainly;
use super::table::{Method, endpoints};
use crate::codes::Code;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, RawPathParams, Request};
use axum::http::{Response, header};
use axum::routing::{MethodFilter, get, on};
use std::sync::Arc;

/// The API's router: every call beneath `/<service>`.
pub(super) fn router(edge: &Arc<Edge>, pages: Router) -> Router {
    let mut calls = Router::new();
    for endpoint in endpoints() {
        let edge = Arc::clone(edge);
        let handler = move |Extension(peer): Extension<Peer>, path: RawPathParams, request: Request| {
            let edge = Arc::clone(&edge);
            let fields: Fields =
                path.iter().map(|(name, value)| (name.to_owned(), Raw::Text(value.to_owned()))).collect();
            async move { edge.serve(endpoint, fields, request, peer).await }
        };
        let filter = match endpoint.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Patch => MethodFilter::PATCH,
        };
        calls = calls.route(endpoint.path, on(filter, handler));
    }
    calls = calls.route(
        "/openapi.json",
        get(|| async { ([(header::CONTENT_TYPE, "application/json")], openapi::openapi_json()) }),
    );
    let prefix = format!("/{}", edge.settings.service.trim_matches('/'));
    let (unknown, wrong) = (Arc::clone(edge), Arc::clone(edge));
    Router::new()
        .nest(
            &prefix,
            calls.merge(super::pages::router()).merge(super::page_calls::router(edge)).merge(pages),
        )
        .fallback(move || refuse(Arc::clone(&unknown), Code::NotFound))
        .method_not_allowed_fallback(move || refuse(Arc::clone(&wrong), Code::MethodNotAllowed))
}

async fn refuse(edge: Arc<Edge>, code: Code) -> Response<Body> {
    respond_plainly(Err(code.into()), edge.request_id(), edge.settings.http_status)
}
