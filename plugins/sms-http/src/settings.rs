//! The channel's file and the test of the gateway's answer.

use hufu_api::{ChannelError, PluginError, SmsReceipt};
use hufu_https::{Escape, Tls};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `GET`, `POST` or `PUT`.
    #[serde(default = "post")]
    pub(crate) method: String,
    /// The gateway's address; places are percent-encoded.
    pub(crate) url: String,
    /// Header fields.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: Option<String>,
    /// How places in the body are escaped.
    #[serde(default)]
    pub(crate) body_escape: BodyEscape,
    /// The words of the message, for gateways that take free text as `{{text}}`.
    #[serde(default = "words")]
    pub(crate) text: String,
    /// Secrets: name and file; used as `{{secret.NAME}}`.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, PathBuf>,
    /// Country code for region 1 (Hong Kong and Macao share it in the API): `852` or `853`.
    #[serde(default = "hong_kong")]
    pub(crate) hong_kong_macao: String,
    /// When the gateway has taken the message.
    #[serde(default)]
    pub(crate) success: Success,
    /// Roots and client certificate.
    #[serde(default)]
    pub(crate) tls: Tls,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyEscape {
    #[default]
    Json,
    Url,
    Xml,
}

impl From<BodyEscape> for Escape {
    fn from(escape: BodyEscape) -> Self {
        match escape {
            BodyEscape::Json => Self::Json,
            BodyEscape::Url => Self::Url,
            BodyEscape::Xml => Self::Xml,
        }
    }
}

fn post() -> String {
    "POST".into()
}

fn words() -> String {
    "验证码 {{code}}，{{minutes}} 分钟内有效。".into()
}

fn hong_kong() -> String {
    "852".into()
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        if !["GET", "POST", "PUT"].contains(&self.method.as_str()) {
            return Err(PluginError("method: must be GET, POST or PUT".into()));
        }
        if self.method == "GET" && self.body.is_some() {
            return Err(PluginError("body: a GET request has none".into()));
        }
        if !["852", "853"].contains(&self.hong_kong_macao.as_str()) {
            return Err(PluginError("hong_kong_macao: must be \"852\" or \"853\"".into()));
        }
        let pointer = |p: &String| p.is_empty() || p.starts_with('/');
        if !self.success.json.keys().chain(&self.success.receipt).chain(&self.success.reason).all(pointer) {
            return Err(PluginError("success: JSON pointers (RFC 6901) begin with /".into()));
        }
        Ok(())
    }
}

/// When the gateway has taken the message: all that is given must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Success {
    /// Status codes; 200 to 299 when empty.
    pub(crate) status: Vec<u16>,
    /// JSON pointers (RFC 6901) and the value that must stand there, compared as text.
    pub(crate) json: BTreeMap<String, String>,
    /// A text that the body must contain.
    pub(crate) contains: Option<String>,
    /// JSON pointer to the gateway's reference of the message.
    pub(crate) receipt: Option<String>,
    /// JSON pointer to the gateway's own words when it refuses.
    pub(crate) reason: Option<String>,
}

impl Success {
    /// Judges an answer: taken, refused with the gateway's words, or out of order.
    pub(crate) fn judge(&self, status: u16, body: &[u8]) -> Result<SmsReceipt, ChannelError> {
        if status >= 500 || status == 429 {
            return Err(ChannelError::Unavailable(format!("the gateway answered {status}")));
        }
        let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let at = |pointer: &str| json.as_ref().and_then(|j| j.pointer(pointer)).map(as_text);
        let taken =
            if self.status.is_empty() { (200..300).contains(&status) } else { self.status.contains(&status) };
        let fits = self.json.iter().all(|(pointer, wanted)| at(pointer).as_deref() == Some(wanted));
        let said =
            self.contains.as_ref().is_none_or(|text| String::from_utf8_lossy(body).contains(text.as_str()));
        if taken && fits && said {
            return Ok(SmsReceipt(self.receipt.as_deref().and_then(at)));
        }
        if taken && !self.json.is_empty() && json.is_none() {
            return Err(ChannelError::BadAnswer("the gateway's answer is not JSON".into()));
        }
        let reason =
            self.reason.as_deref().and_then(at).unwrap_or_else(|| format!("the gateway answered {status}"));
        Err(ChannelError::Refused(reason.chars().filter(|c| !c.is_control()).take(200).collect()))
    }
}

fn as_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
