//! SMS channel `sms-http`: one templated HTTPS request to any gateway, and a test of its answer. See README.md.

mod settings;

use hufu_api::{
    ChannelError, Cx, Factory, Host, Mobile, PhoneRegion, PluginError, SignerKind, SmsChannel, SmsReceipt,
    SmsText,
};
use hufu_https::{Call, Client, Scheme, Secret, Template, TemplateError};
use settings::{Settings, Success};
use std::collections::BTreeMap;
use std::path::Path;

/// How the registry builds it.
pub const FACTORY: Factory<dyn SmsChannel> = Factory { kind: "sms-http", build };

/// The largest answer that is looked at.
const MAX_ANSWER: u64 = 64 * 1024;

/// The values that templates can use, beside `secret.NAME`.
const VALUES: [&str; 8] = ["phone", "country", "e164", "code", "minutes", "signer", "request", "text"];

/// A gateway.
#[derive(Debug)]
pub struct SmsHttp {
    client: Client,
    method: String,
    url: Template,
    headers: Vec<(String, Template)>,
    body: Option<Template>,
    text: Template,
    secrets: BTreeMap<String, Secret>,
    hong_kong_macao: String,
    success: Success,
}

fn build(host: &Host<'_>, table: toml::Table) -> Result<Box<dyn SmsChannel>, PluginError> {
    let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
    Ok(Box::new(SmsHttp::new(settings, host.base, Scheme::HttpsOnly)?))
}

impl SmsHttp {
    fn new(settings: Settings, base: &Path, scheme: Scheme) -> Result<Self, PluginError> {
        settings.check()?;
        let mut secrets = BTreeMap::new();
        for (name, file) in &settings.secrets {
            let secret = hufu_https::read_secret(&base.join(file))?;
            secret.text()?;
            secrets.insert(format!("secret.{name}"), secret);
        }
        let known: Vec<&str> = VALUES.into_iter().chain(secrets.keys().map(String::as_str)).collect();
        let parse = |what: &str, text: &str, escape| {
            Template::parse(text, escape, &known).map_err(|e| PluginError(format!("{what}: {e}")))
        };
        let mut headers = Vec::new();
        for (name, value) in &settings.headers {
            headers
                .push((name.clone(), parse(&format!("headers.{name}"), value, hufu_https::Escape::Plain)?));
        }
        Ok(Self {
            client: Client::new(&settings.tls, base, scheme)?,
            url: parse("url", &settings.url, hufu_https::Escape::Url)?,
            headers,
            body: settings
                .body
                .as_deref()
                .map(|b| parse("body", b, settings.body_escape.into()))
                .transpose()?,
            text: parse("text", &settings.text, hufu_https::Escape::Plain)?,
            method: settings.method,
            secrets,
            hong_kong_macao: settings.hong_kong_macao,
            success: settings.success,
        })
    }

    fn country(&self, region: PhoneRegion) -> &str {
        match region {
            PhoneRegion::Mainland => "86",
            PhoneRegion::HongKongMacao => &self.hong_kong_macao,
            PhoneRegion::Taiwan => "886",
        }
    }
}

impl SmsChannel for SmsHttp {
    fn send(&self, cx: Cx, to: &Mobile, text: SmsText<'_>) -> Result<SmsReceipt, ChannelError> {
        let country = self.country(to.region);
        // E.164 has no trunk prefix: Taiwan's 09… is +8869….
        let national =
            if to.region == PhoneRegion::Taiwan { to.number.trim_start_matches('0') } else { &to.number };
        let e164 = format!("+{country}{national}");
        let minutes = text.valid_minutes.to_string();
        let request = cx.request.to_string();
        let signer = match text.signer {
            SignerKind::Person => "person",
            SignerKind::Company => "company",
        };
        let mut values = BTreeMap::from([
            ("phone", to.number.as_str()),
            ("country", country),
            ("e164", &e164),
            ("code", text.code),
            ("minutes", &minutes),
            ("signer", signer),
            ("request", &request),
        ]);
        for (name, secret) in &self.secrets {
            values.insert(name, secret.text().map_err(|e| ChannelError::Unavailable(e.0))?);
        }
        let unusable = |e: TemplateError| ChannelError::Unavailable(e.to_string());
        let words = self.text.fill(&values).map_err(unusable)?;
        values.insert("text", &words);
        let url = self.url.fill(&values).map_err(unusable)?;
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            headers.push((name.clone(), template.fill(&values).map_err(unusable)?));
        }
        let body = self.body.as_ref().map(|b| b.fill(&values)).transpose().map_err(unusable)?;
        let call = Call {
            method: &self.method,
            url: &url,
            headers: &headers,
            body: body.as_deref().map(str::as_bytes),
            limit: MAX_ANSWER,
        };
        let answer = self.client.call(cx, &call)?;
        self.success.judge(answer.status, &answer.body)
    }
}

#[cfg(test)]
mod tests;
