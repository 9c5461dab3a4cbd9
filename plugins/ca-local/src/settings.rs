//! The channel's file.

use hufu_api::PluginError;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Label of the CA key that issues, as the ceremony named it. None: the newest, so that a rollover needs no change here.
    pub(crate) issuer: Option<String>,
    /// Labels of CA keys that no longer issue but keep their revocation lists going. None: all but the one that issues.
    pub(crate) retired: Option<Vec<String>>,
    /// CRLDistributionPoints address; `{label}` stands for the issuer's label. None: no such extension.
    pub(crate) crl_url: Option<String>,
    /// AIA caIssuers address, `{label}` likewise.
    pub(crate) issuer_url: Option<String>,
    /// AIA OCSP address, `{label}` likewise.
    pub(crate) ocsp_url: Option<String>,
    /// A new revocation list is made after this many hours, and at each revocation.
    #[serde(default = "hours_12")]
    pub(crate) crl_every_hours: u32,
    /// A revocation list says that the next one comes within this many hours.
    #[serde(default = "hours_48")]
    pub(crate) crl_valid_hours: u32,
    /// notBefore lies this many seconds in the past, for relying parties whose clocks are behind.
    #[serde(default = "seconds_60")]
    pub(crate) backdate_seconds: u32,
    /// The longest validity that is issued, in days, whatever the profile says.
    #[serde(default = "days_1830")]
    pub(crate) longest_days: u32,
}

fn hours_12() -> u32 {
    12
}

fn hours_48() -> u32 {
    48
}

fn seconds_60() -> u32 {
    60
}

fn days_1830() -> u32 {
    1830
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        let no = |text: &str| Err(PluginError(text.to_owned()));
        if self.crl_every_hours == 0 || self.crl_valid_hours < self.crl_every_hours.saturating_mul(2) {
            return no(
                "crl_valid_hours must be at least twice crl_every_hours, so that a late list does not stop signing",
            );
        }
        if self.crl_valid_hours > 24 * 366 {
            return no("crl_valid_hours must be at most a year");
        }
        if self.backdate_seconds > 3600 {
            return no("backdate_seconds must be at most 3600");
        }
        if self.longest_days == 0 || self.longest_days > 36_600 {
            return no("longest_days must be from 1 to 36600");
        }
        let mut labels: Vec<&String> = self.issuer.iter().chain(self.retired.iter().flatten()).collect();
        labels.sort();
        if labels.windows(2).any(|two| two.first() == two.last()) {
            return no("issuer and retired must name each CA key once");
        }
        for label in labels {
            // Labels stand in addresses and keys of the store.
            if label.is_empty()
                || label.len() > 64
                || !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            {
                return no("a CA key's label must be 1 to 64 letters, digits and hyphens");
            }
        }
        for url in [&self.crl_url, &self.issuer_url, &self.ocsp_url].into_iter().flatten() {
            if !url.starts_with("http://") {
                return no("crl_url, issuer_url and ocsp_url must be http:// addresses (RFC 5280 8)");
            }
        }
        Ok(())
    }

    /// The label of the CA that issues and those of the retired ones, from the labels that there are, oldest first.
    pub(crate) fn labels(&self, known: &[String]) -> Result<(String, Vec<String>), PluginError> {
        let none = || PluginError("there is no issuing CA key; hufu init makes it".into());
        let issuer = self.issuer.as_ref().or(known.last()).ok_or_else(none)?;
        let others = || known.iter().filter(|label| *label != issuer).cloned().collect();
        Ok((issuer.clone(), self.retired.clone().unwrap_or_else(others)))
    }

    /// An address with the label put in.
    pub(crate) fn address(template: Option<&String>, label: &str) -> Option<String> {
        template.map(|t| t.replace("{label}", label))
    }
}
