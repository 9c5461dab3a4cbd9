//! The built-in pages: compiled into the binary, under a policy that lets nothing in from elsewhere.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// No inline script or style, nothing from another origin, no framing, no form target, no plugin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the pages.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal, $file:literal;)*) => {
        &[$(Asset { name: $name, kind: kind_of($name), bytes: include_bytes!(concat!("pages/", $file)) }),*]
    };
}

/// Scripts, styles, and the libraries kept in `vendor`.
const ASSETS: &[Asset] = assets! {
    "common.js", "common.js";
    "console.css", "console/console.css";
    "console.js", "console/console.js";
    "console-audit.js", "console/audit.js";
    "console-approvals.js", "console/approvals.js";
    "console-call.js", "console/call.js";
    "console-chart.js", "console/chart.js";
    "console-rows.js", "console/rows.js";
    "console-status.js", "console/status.js";
    "docs.js", "docs.js";
    "handwriting.js", "handwriting.js";
    "icon.svg", "icon.svg";
    "index.js", "index.js";
    "perfect-freehand.mjs", "vendor/perfect-freehand.mjs";
    "perfect-freehand.LICENSE", "vendor/perfect-freehand.LICENSE";
    "revisions.js", "revisions.js";
    "style.css", "style.css";
    "verify.js", "verify.js";
};

const PAGES: &[Asset] = assets! {
    "console.html", "console/console.html";
    "index.html", "index.html";
    "docs.html", "docs.html";
    "handwriting.html", "handwriting.html";
    "verify.html", "verify.html";
};

const fn kind_of(name: &str) -> &'static str {
    match name.as_bytes() {
        [.., b'.', b'c', b's', b's'] => "text/css; charset=utf-8",
        [.., b'.', b'j', b's'] | [.., b'.', b'm', b'j', b's'] => "text/javascript; charset=utf-8",
        [.., b'.', b's', b'v', b'g'] => "image/svg+xml",
        [.., b'.', b'h', b't', b'm', b'l'] => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

/// Entity tags (RFC 9110, 8.8.3) by name.
static TAGS: LazyLock<Vec<(&'static str, HeaderValue)>> = LazyLock::new(|| {
    let tag = |asset: &Asset| {
        let hash = hex::encode(Sha256::digest(asset.bytes));
        HeaderValue::from_str(&format!("\"{}\"", hash.get(..24).unwrap_or(&hash)))
            .ok()
            .map(|tag| (asset.name, tag))
    };
    PAGES.iter().chain(ASSETS).filter_map(tag).collect()
});

/// The pages and their files, below the service prefix.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { page("index.html", &headers) }))
        .route("/index.html", get(|headers: HeaderMap| async move { page("index.html", &headers) }))
        .route("/docs", get(|headers: HeaderMap| async move { page("docs.html", &headers) }))
        .route("/verify.html", get(|headers: HeaderMap| async move { page("verify.html", &headers) }))
        .route(
            "/assets/{name}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move {
                ASSETS
                    .iter()
                    .find(|asset| asset.name == name)
                    .map_or_else(missing, |asset| answer(asset, &headers))
            }),
        )
}

/// One of the pages by its file name.
pub(super) fn page(name: &str, headers: &HeaderMap) -> Response<Body> {
    PAGES.iter().find(|page| page.name == name).map_or_else(missing, |page| answer(page, headers))
}

fn answer(asset: &Asset, asked: &HeaderMap) -> Response<Body> {
    let tag = TAGS.iter().find(|(name, _)| *name == asset.name).map(|(_, tag)| tag.clone());
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|theirs| tag.as_ref() == Some(theirs));
    let mut response = Response::new(if known { Body::empty() } else { Body::from(asset.bytes) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // The address of the handwriting page is a secret.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(
        "permissions-policy",
        HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    );
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn missing() -> Response<Body> {
    let mut response = Response::new(Body::from(r#"{"code":404,"msg":"接口不存在"}"#));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn fetch(path: &str, tag: Option<&HeaderValue>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let response = router::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn pages_come_under_a_strict_policy() {
        for path in ["/", "/index.html", "/docs", "/verify.html"] {
            let (status, headers, body) = fetch(path, None).await;
            assert_eq!(status, 200, "{path}");
            assert!(body.starts_with("<!doctype html>"), "{path}");
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        }
        assert_eq!(fetch("/assets/nothing.js", None).await.0, 404);
        assert_eq!(fetch("/assets/..%2Findex.html", None).await.0, 404);
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_sent_again() {
        let (_, headers, body) = fetch("/assets/style.css", None).await;
        assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/css") && !body.is_empty());
        let (status, _, body) = fetch("/assets/style.css", Some(&headers[header::ETAG])).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }

    #[test]
    fn pages_need_nothing_inline_and_nothing_from_elsewhere() {
        let files: Vec<(&str, &str)> = PAGES
            .iter()
            .chain(ASSETS)
            // A namespace of SVG is a name that looks like an address.
            .filter(|asset| !asset.name.ends_with("LICENSE") && !asset.name.ends_with("svg"))
            .map(|asset| (asset.name, std::str::from_utf8(asset.bytes).unwrap()))
            .collect();
        for (name, text) in &files {
            for outside in ["http://", "https://", "//cdn", "eval(", "innerHTML", "document.write"] {
                assert!(!text.contains(outside), "{name}: {outside}");
            }
            if name.ends_with(".html") {
                assert!(
                    !text.contains(" style=") && !text.contains(" onclick=") && !text.contains("<style"),
                    "{name}"
                );
                // A script element has a source and no content.
                assert_eq!(text.matches("<script").count(), text.matches("></script>").count(), "{name}");
                for (_, link) in text.match_indices("assets/").map(|(at, _)| (at, text.split_at(at + 7).1)) {
                    let file = link.split('"').next().unwrap();
                    assert!(ASSETS.iter().any(|asset| asset.name == file), "{name}: {file}");
                }
            }
        }
        // What a script imports is there.
        for (name, text) in files.iter().filter(|(name, _)| name.ends_with("js")) {
            for (at, _) in text.match_indices(" from \"./") {
                let rest = text.split_at(at + 9).1;
                let file = rest.split('"').next().unwrap();
                assert!(ASSETS.iter().any(|asset| asset.name == file), "{name}: {file}");
            }
        }
    }
}
