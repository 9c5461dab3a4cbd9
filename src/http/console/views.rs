//! What the console shows beside the log: who looks, how the parts are, how much was done, an app's rows.

use super::{Console, Query};
use crate::codes::Code;
use crate::ops::{Error, Result, Role, Rows, Who};
use serde_json::{Value, json};

/// Rows of a page where the query does not say.
const PAGE: u64 = 50;

impl Console {
    pub(super) fn whoami(&self, who: &Who) -> Value {
        json!({
            "name": who.name(),
            "role": who.role(),
            "approvals": self.appliance().settings().approvals,
            "mayApprove": who.role() == Role::Admin,
            "service": self.edge.settings.service,
            "version": env!("CARGO_PKG_VERSION"),
            "now": self.appliance().ports().clock.now_untrusted().millis(),
        })
    }

    pub(super) fn status(&self) -> Result<Value> {
        let mut parts = self.health.parts();
        parts.push(crate::http::admin::slots(&self.edge));
        let apps = self.appliance().app_views()?.len();
        Ok(json!({
            "word": crate::http::admin::word(&parts).1,
            "parts": parts,
            "apps": apps,
            "requests": self.appliance().requests()?.len(),
            "history": self.edge.metrics.history(),
            "now": self.appliance().ports().clock.now_untrusted().millis(),
        }))
    }

    pub(super) fn rows(&self, query: &Query, kind: &str) -> Result<Value> {
        let rows = Rows::from_name(kind).ok_or_else(|| Error::new(Code::NotFound))?;
        let app = query.text("app").ok_or_else(|| Error::missing("app"))?;
        let limit = usize::try_from(query.number("limit")?.unwrap_or(PAGE)).unwrap_or(usize::MAX);
        let found = self.appliance().browse(app, rows, query.number("before")?, limit)?;
        Ok(json!({ "rows": found }))
    }
}
