//! A request's way: rate, token, body, parameters, slot, operation, answer.

use super::args::{Args, Fields, Raw};
use super::intake::{FORM_BODY, Intake, JSON_BODY, MOST_FIELDS};
use super::listen::Peer;
use super::metrics::Metrics;
use super::pool::Pool;
use super::rate::Buckets;
use super::reply::{Failure, Reply, failure, respond};
use super::settings::Settings;
use super::table::{Access, Endpoint, Form, Wire};
use super::{junziqian, login};
use crate::codes::Code;
use crate::ops::{Appliance, Authenticated, Call, Caller, Error, IdempotencyKey, Origin, Result};
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, header};
use hufu_api::{Cx, RequestId};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// What an operation past its deadline is given before the client is told without it.
const LATE: Duration = Duration::from_secs(2);

/// What all requests share.
pub(super) struct Edge {
    pub(super) appliance: Arc<Appliance>,
    pub(super) settings: Settings,
    pub(super) pool: Pool,
    pub(super) metrics: Arc<Metrics>,
    pub(super) uploads: Semaphore,
    by_address: Buckets<IpAddr>,
    by_app: Buckets<String>,
    refused: Buckets<IpAddr>,
    request_base: u64,
    request_next: AtomicU64,
}

impl Edge {
    pub(super) fn new(appliance: Arc<Appliance>, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let mut base = [0; 8];
        // Request ids only have to differ; a generator that fails leaves them counting from zero.
        if appliance.ports().entropy.fill(&mut base).is_err() {
            base = [0; 8];
        }
        Self {
            pool: Pool::new(settings.slots, Duration::from_millis(settings.queue_millis)),
            uploads: Semaphore::new(settings.uploads.max(1)),
            by_address: Buckets::new(settings.rate.per_address),
            by_app: Buckets::new(settings.rate.per_app),
            refused: Buckets::new(settings.rate.refused_per_address),
            request_base: u64::from_be_bytes(base),
            request_next: AtomicU64::new(1),
            appliance,
            settings,
            metrics,
        }
    }

    /// A fresh request id: a random half of this process, and a count.
    pub(super) fn request_id(&self) -> RequestId {
        let count = self.request_next.fetch_add(1, Ordering::Relaxed);
        RequestId((u128::from(self.request_base) << 64) | u128::from(count))
    }

    pub(super) fn call(&self, request: RequestId, peer: Peer) -> Call {
        let time = Duration::from_secs(u64::from(self.appliance.settings().deadline_seconds));
        let now = Instant::now();
        Call {
            cx: Cx { request, deadline: now.checked_add(time).unwrap_or(now) },
            from: Origin::Address(peer.address.ip().to_canonical()),
            client: peer.client,
            idempotency: None,
        }
    }

    /// Serves a call of the table.
    pub(super) async fn serve(
        self: Arc<Self>,
        endpoint: &'static Endpoint,
        path_fields: Fields,
        request: Request<Body>,
        peer: Peer,
    ) -> Response<Body> {
        let begun = Instant::now();
        let id = self.request_id();
        let (parts, body) = request.into_parts();
        let mut intake = Intake::new(body, self.body_limit(endpoint.form), &self.settings);
        let mut renewed = None;
        let result = self
            .handle(
                endpoint,
                path_fields,
                &parts.headers,
                parts.uri.query(),
                &mut intake,
                self.call(id, peer),
                &mut renewed,
            )
            .await;
        if result.is_err() {
            intake.drain().await;
        }
        self.answered(endpoint.path, &result, id, begun);
        let result = match (endpoint.wire, result) {
            (Wire::Junziqian(_), Err(error)) => Err(Failure::new(&error, junziqian::failure)),
            (_, result) => result.map_err(|error| Failure::new(&error, failure)),
        };
        respond(result, renewed, id, self.settings.http_status)
    }

    #[allow(clippy::too_many_arguments)] // the parts of one request, taken apart once
    async fn handle(
        self: &Arc<Self>,
        endpoint: &'static Endpoint,
        mut fields: Fields,
        headers: &HeaderMap,
        query: Option<&str>,
        intake: &mut Intake,
        mut call: Call,
        renewed: &mut Option<String>,
    ) -> Result<Reply> {
        let (run, signed) = match endpoint.wire {
            Wire::Login => return login::handle(self, headers, intake, call).await,
            Wire::Summary(run) => (run, false),
            // With a token a stranger is sent away before the body is read; a signed request carries its parameters in it.
            Wire::Junziqian(run) => (run, !headers.contains_key("token")),
        };
        let known = if signed {
            self.admit_address(&call)?;
            None
        } else {
            Some(self.admit(headers, &call, renewed).await?)
        };
        if let (Some(caller), Access::Platform) = (&known, endpoint.access) {
            caller.platform_only()?;
        }
        if endpoint.form == Form::Query || matches!(endpoint.wire, Wire::Junziqian(_)) {
            fields.extend(query_fields(query));
            if fields.len() > MOST_FIELDS {
                return Err(Error::malformed("查询参数").because("too many fields"));
            }
        }
        let (body, _place) = self.body_fields(endpoint.form, headers, intake).await?;
        fields.extend(body);
        let caller = match known {
            Some(caller) => caller,
            None => junziqian::caller(self, &call, fields.clone()).await?,
        };
        let args = Args::check(endpoint, fields)?;
        if endpoint.creates {
            call.idempotency = idempotency(headers)?
                .map(|name| IdempotencyKey { request: args.digest(endpoint.path), name });
        }
        let edge = Arc::clone(self);
        // An operation keeps its deadline itself, unless the kernel holds it: then the client is told a little later.
        let told = call.cx.deadline + LATE;
        self.pool.run_until(told, move || run(&edge.appliance, &call, &caller, args)).await
    }

    /// Rate limits and the token.
    pub(super) async fn admit(
        self: &Arc<Self>,
        headers: &HeaderMap,
        call: &Call,
        renewed: &mut Option<String>,
    ) -> Result<Caller> {
        self.admit_address(call)?;
        let token = headers.get("token").and_then(|t| t.to_str().ok());
        let found = self.appliance.authenticate(call, token);
        if found.is_err() {
            self.count_refusal(call)?;
        }
        let Authenticated { caller, renewed: fresh } = found?;
        if !self.by_app.take(caller.app.id.clone(), Instant::now()) {
            return Err(Code::TooManyRequests.into());
        }
        *renewed = fresh;
        Ok(caller)
    }

    pub(super) fn admit_address(&self, call: &Call) -> Result<()> {
        let Origin::Address(ip) = call.from else { return Ok(()) };
        let now = Instant::now();
        if self.by_address.take(ip, now) && self.refused.has(ip, now) {
            Ok(())
        } else {
            Err(Code::TooManyRequests.into())
        }
    }

    /// Counts a refused request; 429 once an address has too many of them.
    pub(super) fn count_refusal(&self, call: &Call) -> Result<()> {
        let Origin::Address(ip) = call.from else { return Ok(()) };
        if self.refused.take(ip, Instant::now()) { Ok(()) } else { Err(Code::TooManyRequests.into()) }
    }

    fn body_limit(&self, form: Form) -> u64 {
        let json = u64::try_from(self.settings.json_bytes).unwrap_or(u64::MAX);
        let file = self.appliance.settings().stream_bytes;
        match form {
            // The file, and what stands around it.
            Form::Multipart => file.saturating_add(1 << 20),
            // Two files; Base64 takes a third more, and percent signs.
            Form::Upload => file.saturating_mul(4),
            Form::Json | Form::Query | Form::Any => json,
        }
    }

    /// The body's fields, and the place that an upload has in memory as long as it is kept.
    pub(super) async fn body_fields(
        &self,
        form: Form,
        headers: &HeaderMap,
        intake: &mut Intake,
    ) -> Result<(Fields, Option<SemaphorePermit<'_>>)> {
        if form == Form::Query {
            return Ok((Fields::new(), None));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = accepted(form, kind)?;
        let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        let length: Option<u64> = length.and_then(|v| v.parse().ok());
        if length.is_some_and(|length| length > self.body_limit(form)) {
            return Err(Code::PayloadTooLarge.into());
        }
        let file_limit = self.appliance.settings().stream_bytes;
        if media == JSON_BODY {
            return Ok((intake.fields(&media, kind, file_limit).await?, None));
        }
        let place = self.upload_place().await?;
        let fields = intake.fields(&media, kind, file_limit).await?;
        // Signing has a bound of its own: the slots.
        Ok((fields, (form == Form::Upload).then_some(place)))
    }

    /// A place for an upload in memory.
    pub(super) async fn upload_place(&self) -> Result<SemaphorePermit<'_>> {
        let wait = Duration::from_millis(self.settings.queue_millis.saturating_mul(5));
        match tokio::time::timeout(wait, self.uploads.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::new(Code::Overloaded).because("no place for an upload")),
        }
    }

    /// Metrics and the log line of an answer.
    pub(super) fn answered(&self, path: &'static str, result: &Result<Reply>, id: RequestId, begun: Instant) {
        let took = begun.elapsed();
        let code = result.as_ref().map_or_else(|e| e.code, |_| Code::Ok);
        self.metrics.answered(path, code.number(), took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match result {
            Err(Error { code: Code::Internal, detail, .. }) => {
                tracing::error!(request = %id, call = path, micros, detail = detail.as_deref(), "failed");
            }
            Err(error) => tracing::info!(
                request = %id, call = path, micros, code = code.number(), detail = error.detail.as_deref(), "refused"
            ),
            Ok(_) => tracing::debug!(request = %id, call = path, micros, "done"),
        }
    }
}

/// The media type of a body that a call of this form takes; 415 for any other.
pub(super) fn accepted(form: Form, content_type: &str) -> Result<String> {
    let media = media_type(content_type);
    let takes = match media.as_str() {
        JSON_BODY => matches!(form, Form::Json | Form::Any) && is_utf8(content_type),
        FORM_BODY => matches!(form, Form::Multipart | Form::Upload | Form::Any),
        "application/x-www-form-urlencoded" => matches!(form, Form::Upload | Form::Any),
        _ => false,
    };
    if takes { Ok(media) } else { Err(Code::UnsupportedMediaType.into()) }
}

/// The media type without parameters, lower case.
pub(super) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_utf8(content_type: &str) -> bool {
    content_type.split(';').skip(1).all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            matches!(value.trim().trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "utf8")
        }
        _ => true,
    })
}

/// The query's fields, one more than may be: whoever has that many is refused.
pub(super) fn query_fields(query: Option<&str>) -> Fields {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .take(MOST_FIELDS + 1)
        .map(|(name, value)| (name.into_owned(), Raw::Text(value.into_owned())))
        .collect()
}

/// The Idempotency-Key header: 1 to 255 visible characters.
fn idempotency(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(name) if (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(name.to_owned()))
        }
        _ => Err(Error::malformed("Idempotency-Key")),
    }
}
