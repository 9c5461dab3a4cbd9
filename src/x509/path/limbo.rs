#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
//! x509-limbo's cases about paths. Those about host names and the Web PKI's own rules are not ours.

use super::{Crl, PolicyInputs, Purpose, Request, RevocationPolicy, TrustStore, validate};
use der::DecodePem;
use hufu_api::UnixTime;
use serde::Deserialize;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_cert::Certificate;

#[derive(Deserialize)]
struct Suite {
    testcases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<String>,
    expected_result: String,
    #[serde(default)]
    crls: Vec<String>,
}

fn judge(case: &Case) -> Result<(), String> {
    let text = |e: der::Error| e.to_string();
    let mut store = TrustStore::new();
    for pem in &case.trusted_certs {
        store.add_pem(pem).map_err(|e| e.to_string())?;
    }
    let mut pool = Vec::new();
    for pem in &case.untrusted_intermediates {
        pool.push(std::sync::Arc::new(Certificate::from_pem(pem).map_err(text)?));
    }
    let mut crls = Vec::new();
    for pem in &case.crls {
        let (_, der) = der::pem::decode_vec(pem.as_bytes()).unwrap();
        crls.push(Crl::from_der(&der).map_err(|e| e.to_string())?);
    }
    let leaf = Certificate::from_pem(&case.peer_certificate).map_err(text)?;
    let at = match &case.validation_time {
        Some(time) => OffsetDateTime::parse(time, &Rfc3339).unwrap().unix_timestamp(),
        None => 1_764_000_000,
    };
    let at = UnixTime::from_seconds(at);
    let revocation = if crls.is_empty() { RevocationPolicy::Ignore } else { RevocationPolicy::Require };
    let request = Request {
        store: &store,
        pool: &pool,
        crls: &crls,
        ocsp: &[],
        at,
        now: at,
        purpose: Purpose::Any,
        revocation,
        policies: PolicyInputs::default(),
        check: super::tests_support::check,
    };
    validate(&leaf, &request).map(|_| ()).map_err(|f| f.error.to_string())
}

/// Beginnings of case names that this validator judges otherwise, and why.
const OTHERWISE: [(&str, &str); 24] = [
    ("webpki::", "rules of the Web PKI and host names"),
    ("online::", "host names; algorithms of today's Web"),
    ("rfc5280::san::", "host names"),
    ("rfc5280::ca-as-leaf-wrong-san", "host names"),
    ("rfc5280::nc::permitted-dns-match-noncritical", "criticality of an extension that is obeyed anyway"),
    ("rfc5280::nc::invalid-dnsname-leading-period", "accepted as a subtree, as many CAs mean it"),
    ("rfc5280::nc::not-allowed-in-ee", "no effect in a leaf"),
    ("rfc5280::nc::nc-forbids-dnsname-wildcard-san", "host names"),
    ("rfc5280::nc::permitted-self-issued", "a self-signed leaf under its own key: no anchor of that key"),
    ("rfc5280::pc::ica-noncritical-pc", "criticality of an extension that is obeyed anyway"),
    ("cve::cve-2025-61727", "host names with wildcards"),
    ("pathlen::max-chain-depth-0-exhausted", "the caller's depth is fixed here"),
    ("pathlen::max-chain-depth-1-exhausted", "the caller's depth is fixed here"),
    ("pathological::nc-dos-", "bounded by time instead of refused"),
    ("crl::crlnumber-missing", "a list without number cannot take deltas, else it is as good"),
    ("rfc5280::aki::", "key identifiers are hints"),
    ("rfc5280::ski::", "key identifiers are hints"),
    ("rfc5280::serial::", "serial numbers only have to match"),
    ("rfc5280::eku::", "asked for any purpose here; Purpose has its own tests"),
    ("rfc5280::validity::expired-root", "an anchor's own validity does not count (6.1.1 (d))"),
    ("rfc5280::ca-empty-subject", "names chain all the same"),
    ("rfc5280::unknown-critical-extension-root", "an anchor's extensions do not count (6.1.1 (d))"),
    ("rfc5280::root-", "an anchor's extensions do not count (6.1.1 (d))"),
    ("rfc5280::leaf-ku-keycertsign", "harmless without cA"),
];

/// Cases in the table that must nevertheless be judged as expected: they would be a hole.
const NEVER_OTHERWISE: [&str; 3] = [
    "webpki::cryptographydotio-chain-missing-intermediate",
    "rfc5280::chain-untrusted-root",
    "rfc5280::duplicate-extensions",
];

fn otherwise(id: &str) -> bool {
    !NEVER_OTHERWISE.contains(&id) && OTHERWISE.iter().any(|(begin, _)| id.starts_with(begin))
}

#[test]
fn limbo() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        eprintln!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let file = PathBuf::from(corpora).join("x509-limbo/limbo-generated.json");
    let suite: Suite = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    let agrees = |c: &Case| judge(c).is_ok() == (c.expected_result == "SUCCESS");
    for (begin, why) in OTHERWISE {
        let differs = suite.testcases.iter().any(|c| c.id.starts_with(begin) && !agrees(c));
        // Cases of the live Web are judged at today's date: whether any differs depends on the day.
        assert!(
            differs || *begin == *"online::",
            "{begin} ({why}) is judged as expected; take it off the table"
        );
    }
    for case in suite.testcases.iter().filter(|c| !otherwise(&c.id)) {
        asked += 1;
        let verdict = judge(case);
        if verdict.is_ok() != (case.expected_result == "SUCCESS") {
            wrong.push(format!("{}: expected {}, got {verdict:?}", case.id, case.expected_result));
        }
    }
    assert!(wrong.is_empty(), "{} of {asked} differ:\n{}", wrong.len(), wrong.join("\n"));
}
