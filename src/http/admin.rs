//! The loopback listener: `/health` and `/metrics`, read only.

use super::edge::Edge;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works.
    Up,
    /// It works, and needs attention soon.
    Warning,
    /// It does not work.
    Down,
}

/// A part of the appliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// In words, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether signing needs it.
    pub vital: bool,
}

/// Knows the state of the parts behind the edge.
pub trait Health: Send + Sync {
    /// Every part now; must answer within a second.
    fn parts(&self) -> Vec<Part>;
}

pub(super) fn router(edge: Arc<Edge>, health: Arc<dyn Health>) -> Router {
    let metrics = Arc::clone(&edge);
    Router::new().route("/health", get(move || health_of(Arc::clone(&edge), Arc::clone(&health)))).route(
        "/metrics",
        get(move || async move {
            (
                [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
                metrics.metrics.text(&metrics.pool),
            )
        }),
    )
}

async fn health_of(edge: Arc<Edge>, health: Arc<dyn Health>) -> impl IntoResponse {
    let mut parts = tokio::task::spawn_blocking(move || health.parts()).await.unwrap_or_default();
    parts.push(slots(&edge));
    let (status, word) = word(&parts);
    let body = serde_json::json!({ "status": word, "parts": parts }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}

/// The worker slots.
pub(super) fn slots(edge: &Edge) -> Part {
    let busy = edge.pool.busy();
    let full = busy >= edge.settings.slots;
    Part {
        name: "slots".into(),
        state: if full { State::Warning } else { State::Up },
        detail: Some(format!("{busy} of {} in use", edge.settings.slots)),
        vital: true,
    }
}

/// All parts in a word: up, degraded, or down when one is down that signing needs.
pub(super) fn word(parts: &[Part]) -> (StatusCode, &'static str) {
    let vital = parts.iter().filter(|p| p.vital).map(|p| p.state).max().unwrap_or(State::Up);
    let worst = parts.iter().map(|p| p.state).max().unwrap_or(State::Up);
    match (vital, worst) {
        (State::Down, _) => (StatusCode::SERVICE_UNAVAILABLE, "down"),
        (_, State::Up) => (StatusCode::OK, "up"),
        _ => (StatusCode::OK, "degraded"),
    }
}
