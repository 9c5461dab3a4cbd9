//! Paths to calls, and JSON for everything that is none.

use super::args::{Fields, Raw};
use super::edge::Edge;
use super::listen::Peer;
use super::reply::respond;
use super::table::{Method, endpoints};
use super::{byte_sign, login, openapi, validate};
use crate::codes::Code;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, RawPathParams, Request};
use axum::http::{Response, header};
use axum::routing::{MethodFilter, get, on, post};
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
    let for_login = Arc::clone(edge);
    calls = calls.route(
        login::PATH,
        post(move |Extension(peer): Extension<Peer>, request: Request| {
            login::serve(Arc::clone(&for_login), request, peer)
        }),
    );
    for path in [validate::PATH, validate::FULL, byte_sign::SIGN, byte_sign::LOG] {
        let edge = Arc::clone(edge);
        let handler = move |Extension(peer): Extension<Peer>, request: Request| {
            let edge = Arc::clone(&edge);
            async move {
                match path {
                    validate::PATH | validate::FULL => validate::serve(edge, request, peer, path).await,
                    _ => byte_sign::serve(edge, request, peer, path).await,
                }
            }
        };
        calls = calls.route(path, post(handler));
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
    respond(Err(code.into()), None, edge.request_id(), edge.settings.http_status)
}
