//! A browser shows its certificate to whichever page asks for a request: only our own page may.

use crate::codes::Code;
use crate::http::edge::media_type;
use crate::ops::Result;
use axum::http::{HeaderMap, header};

/// Refuses requests that a browser makes for another site's page.
pub(super) fn same_origin(headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = match (text("origin"), text("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix("https://") == Some(host),
        (Some(_), None) => false,
    };
    if site && origin { Ok(()) } else { Err(Code::Forbidden.into()) }
}

/// What changes something is JSON and carries a field that a form cannot send and another site's script may not.
pub(super) fn changes(headers: &HeaderMap) -> Result<()> {
    same_origin(headers)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if media_type(kind) != "application/json" {
        return Err(Code::UnsupportedMediaType.into());
    }
    if headers.contains_key("hufu-console") { Ok(()) } else { Err(Code::Forbidden.into()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderName;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        fields.iter().map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn another_sites_page_is_refused() {
        let host = ("host", "hufu.example:8443");
        assert!(same_origin(&headers(&[host])).is_ok(), "no browser");
        assert!(same_origin(&headers(&[host, ("origin", "https://hufu.example:8443")])).is_ok());
        assert!(same_origin(&headers(&[host, ("origin", "https://evil.example")])).is_err());
        assert!(same_origin(&headers(&[host, ("origin", "null")])).is_err());
        assert!(same_origin(&headers(&[host, ("sec-fetch-site", "cross-site")])).is_err());
        assert!(same_origin(&headers(&[host, ("sec-fetch-site", "same-site")])).is_err());
    }

    #[test]
    fn a_form_cannot_give_commands() {
        let json = ("content-type", "application/json");
        assert!(changes(&headers(&[json, ("hufu-console", "1")])).is_ok());
        assert!(changes(&headers(&[json])).is_err());
        assert!(changes(&headers(&[("content-type", "text/plain"), ("hufu-console", "1")])).is_err());
    }
}
