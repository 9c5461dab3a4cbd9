//! Reading a body without carrying the call out: what the fuzz targets drive.

use super::args::Args;
use super::edge::accepted;
use super::intake::Intake;
use super::settings::Settings;
use super::table::endpoints;
use crate::codes::Code;
use crate::ops::{Error, Result};
use axum::body::Body;
use bytes::Bytes;

/// Reads a body, which arrives in `pieces`, as the call at `path` (after the service prefix) does: media type, fields, and every
/// parameter against the table. The answer is the digest that an `Idempotency-Key` binds; equal requests have equal ones.
/// `most` bounds the body and each file in it, in bytes.
///
/// # Errors
/// 404 where there is no such call; else what the client would be told.
pub async fn read_body(path: &str, content_type: &str, pieces: Vec<Bytes>, most: u64) -> Result<[u8; 32]> {
    let endpoint = endpoints().find(|known| known.path == path).ok_or_else(|| Error::new(Code::NotFound))?;
    let media = accepted(endpoint.form, content_type)?;
    let stream = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let mut intake = Intake::new(Body::from_stream(stream), most, &Settings::default());
    let fields = intake.fields(&media, content_type, most).await?;
    Ok(Args::check(endpoint, fields)?.digest(endpoint.path))
}
