//! What is counted, in Prometheus' text form at `/metrics`.

use super::pool::Pool;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use std::time::Duration;

/// The edge's own numbers, and a registry that other parts add theirs to.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    busy: IntGauge,
}

impl Metrics {
    /// Fresh counters.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("hufu_requests_total", "Answered requests by call and code"),
            &["call", "code"],
        )?;
        let buckets = vec![0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
        let seconds = HistogramVec::new(
            HistogramOpts::new("hufu_request_seconds", "Time from request to answer by call")
                .buckets(buckets),
            &["call"],
        )?;
        let busy = IntGauge::new("hufu_slots_busy", "Worker slots in use")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(busy.clone()))?;
        Ok(Self { registry, requests, seconds, busy })
    }

    /// Where other parts register their collectors.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn answered(&self, call: &'static str, code: u32, took: Duration) {
        self.requests.with_label_values(&[call, &code.to_string()]).inc();
        self.seconds.with_label_values(&[call]).observe(took.as_secs_f64());
    }

    /// The text form.
    pub(super) fn text(&self, pool: &Pool) -> Vec<u8> {
        self.busy.set(i64::try_from(pool.busy()).unwrap_or(i64::MAX));
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            tracing::error!(%error, "metrics");
        }
        out
    }
}
