//! Reading a request's body: never more than the limit, never slower than the minimum rate.

use super::args::{Fields, Raw, json_fields};
use super::settings::Settings;
use crate::codes::Code;
use crate::ops::{Error, Result};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Media types of bodies that are not application/x-www-form-urlencoded.
pub(super) const JSON_BODY: &str = "application/json";
pub(super) const FORM_BODY: &str = "multipart/form-data";
/// Files that come in Base64 where a body is urlencoded.
const BASE64_FILES: &[&str] = &["contractFile", "byteSignLogFile"];

/// Bytes of an unwanted body that are read and thrown away, so that the client sees the answer rather than a reset.
const DRAINED: u64 = 64 << 20;
/// Fields of a form or query.
pub(super) const MOST_FIELDS: usize = 64;
/// A form field that is not a file.
const MOST_TEXT: usize = 128 * 1_024;

/// A body on its way in.
pub(super) struct Intake {
    body: Body,
    limit: u64,
    received: u64,
    begun: Instant,
    grace: Duration,
    rate: u64,
    ended: bool,
}

impl Intake {
    pub(super) fn new(body: Body, limit: u64, settings: &Settings) -> Self {
        Self {
            body,
            limit,
            received: 0,
            begun: Instant::now(),
            grace: Duration::from_secs(settings.body_grace_seconds),
            rate: settings.body_bytes_per_second.max(1),
            ended: false,
        }
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.ended {
                return Ok(None);
            }
            let earned = Duration::from_millis(self.received.saturating_mul(1_000) / self.rate);
            let deadline = self.begun + self.grace + earned;
            let frame = match timeout_at(deadline, self.body.frame()).await {
                Err(_) => {
                    self.ended = true;
                    return Err(Code::RequestTimeout.into());
                }
                Ok(None) => {
                    self.ended = true;
                    return Ok(None);
                }
                Ok(Some(Err(error))) => {
                    self.ended = true;
                    return Err(Error::malformed("请求体").because(error));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            self.received = self.received.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            if self.received > self.limit {
                return Err(Code::PayloadTooLarge.into());
            }
            return Ok(Some(data));
        }
    }

    /// The whole body.
    pub(super) async fn bytes(&mut self) -> Result<Bytes> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut all = BytesMut::from(&first[..]);
        all.extend_from_slice(&second);
        while let Some(more) = self.next().await? {
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }

    /// The fields of a body of that media type; a file may have `file_limit` bytes.
    pub(super) async fn fields(
        &mut self,
        media: &str,
        content_type: &str,
        file_limit: u64,
    ) -> Result<Fields> {
        match media {
            JSON_BODY => json_fields(&self.bytes().await?),
            FORM_BODY => self.form(content_type, file_limit).await,
            _ => self.urlencoded(BASE64_FILES).await,
        }
    }

    /// The fields of a multipart/form-data body; a file may have `file_limit` bytes.
    async fn form(&mut self, content_type: &str, file_limit: u64) -> Result<Fields> {
        let malformed = |e: &dyn std::fmt::Display| Error::malformed("请求体").because(e);
        let boundary = multer::parse_boundary(content_type).map_err(|e| malformed(&e))?;
        // multer's stream wants `io::Error`; ours is kept beside it.
        let mut refused = None;
        let read = {
            let pieces = stream::unfold((&mut *self, &mut refused), |(intake, refused)| async move {
                match intake.next().await {
                    Ok(Some(bytes)) => Some((Ok(bytes), (intake, refused))),
                    Ok(None) => None,
                    Err(error) => {
                        *refused = Some(error);
                        Some((Err(std::io::Error::other("refused")), (intake, refused)))
                    }
                }
            });
            read_fields(multer::Multipart::new(Box::pin(pieces), boundary), file_limit).await
        };
        match (refused, read) {
            (Some(error), _) => Err(error),
            (None, read) => read,
        }
    }

    /// The fields of an application/x-www-form-urlencoded body; `files` are in Base64.
    async fn urlencoded(&mut self, files: &[&str]) -> Result<Fields> {
        let body = self.bytes().await?;
        form_urlencoded::parse(&body)
            .enumerate()
            .map(|(before, (name, value))| {
                if before >= MOST_FIELDS {
                    return Err(Error::malformed("请求体").because("too many fields"));
                }
                let file = files.contains(&&*name) && !value.is_empty();
                let raw =
                    if file { Raw::File(decoded(&name, &value)?) } else { Raw::Text(value.into_owned()) };
                Ok((name.into_owned(), raw))
            })
            .collect()
    }

    /// Reads on and throws away what is left, within bounds.
    pub(super) async fn drain(&mut self) {
        self.limit = DRAINED;
        self.rate = self.rate.max(1 << 20);
        while let Ok(Some(_)) = self.next().await {}
    }
}

async fn read_fields(mut form: multer::Multipart<'_>, file_limit: u64) -> Result<Fields> {
    let malformed = |e: multer::Error| Error::malformed("请求体").because(e);
    let mut fields = Fields::new();
    while let Some(mut field) = form.next_field().await.map_err(malformed)? {
        if fields.len() >= MOST_FIELDS {
            return Err(Error::malformed("请求体").because("too many fields"));
        }
        let Some(name) = field.name().map(str::to_owned) else { continue };
        let is_file = field.file_name().is_some();
        let mut bytes = BytesMut::new();
        while let Some(piece) = field.chunk().await.map_err(malformed)? {
            bytes.extend_from_slice(&piece);
            let length = bytes.len();
            if u64::try_from(length).unwrap_or(u64::MAX) > file_limit {
                return Err(Code::PayloadTooLarge.into());
            }
            if !is_file && length > MOST_TEXT && !looks_like_file(&bytes) {
                return Err(Error::malformed(&name));
            }
        }
        let raw = if is_file {
            Raw::File(bytes.freeze())
        } else {
            match String::from_utf8(bytes.to_vec()) {
                Ok(text) => Raw::Text(text),
                Err(_) => Raw::File(bytes.freeze()),
            }
        };
        fields.push((name, raw));
    }
    Ok(fields)
}

fn decoded(name: &str, value: &str) -> Result<Bytes> {
    // A plus sign that a client forgot to escape has become a space.
    let clean: String =
        value.chars().map(|c| if c == ' ' { '+' } else { c }).filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(clean).map(Bytes::from).map_err(|_| Error::malformed(name))
}

/// Some clients send a file without a file name.
fn looks_like_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"%PDF-")
}
