//! What is counted, in Prometheus' text form at `/metrics`.

use super::pool::Pool;
use parking_lot::Mutex;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Samples kept for the console's chart, one every ten seconds: an hour.
const SAMPLES: usize = 360;

/// What was done since the sample before.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sample {
    /// Milliseconds since 1970.
    at: i64,
    /// Requests that were answered.
    answered: u64,
    /// Signatures and document time stamps.
    signed: u64,
    /// Answers that are our own fault: codes from 500.
    failed: u64,
}

/// Counts since the start, and what they were at the last sample.
#[derive(Debug, Default)]
struct Totals {
    answered: AtomicU64,
    signed: AtomicU64,
    failed: AtomicU64,
    samples: Mutex<(Option<[u64; 3]>, VecDeque<Sample>)>,
}

/// The edge's own numbers, and a registry that other parts add theirs to.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    busy: IntGauge,
    totals: Totals,
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
        Ok(Self { registry, requests, seconds, busy, totals: Totals::default() })
    }

    /// Where other parts register their collectors.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn answered(&self, call: &'static str, code: u32, took: Duration) {
        self.requests.with_label_values(&[call, &code.to_string()]).inc();
        self.seconds.with_label_values(&[call]).observe(took.as_secs_f64());
        self.totals.answered.fetch_add(1, Ordering::Relaxed);
        if code == 200 && (call.starts_with("/sign/") || call.starts_with("/tsa/")) {
            self.totals.signed.fetch_add(1, Ordering::Relaxed);
        }
        if (500..600).contains(&code) {
            self.totals.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a sample; `at` in milliseconds since 1970.
    pub(super) fn sample(&self, at: i64) {
        let now = [&self.totals.answered, &self.totals.signed, &self.totals.failed]
            .map(|total| total.load(Ordering::Relaxed));
        let mut samples = self.totals.samples.lock();
        if let Some([answered, signed, failed]) = samples.0.replace(now) {
            samples.1.push_back(Sample {
                at,
                answered: now[0] - answered,
                signed: now[1] - signed,
                failed: now[2] - failed,
            });
        }
        if samples.1.len() > SAMPLES {
            samples.1.pop_front();
        }
    }

    /// The samples, oldest first.
    pub(super) fn history(&self) -> Vec<Sample> {
        self.totals.samples.lock().1.iter().copied().collect()
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
