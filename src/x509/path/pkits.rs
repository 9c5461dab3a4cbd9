#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
//! NIST PKITS, all cases that the corpus describes.

use super::{
    Crl, MAX_COST, PolicyInputs, Purpose, Request, RevocationPolicy, TrustStore, Verifier, validate_within,
};
use const_oid::ObjectIdentifier;
use hufu_api::UnixTime;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_cert::Certificate;

#[derive(Deserialize)]
struct Case {
    id: String,
    name: String,
    cert: Option<String>,
    #[serde(default)]
    other_certs: Vec<String>,
    #[serde(default)]
    crls: Vec<String>,
    revocation: Option<bool>,
    error: Option<Expected>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Expected {
    class: String,
}

#[derive(Deserialize, Default)]
struct Params {
    #[serde(default)]
    user_initial_policy_set: Vec<String>,
    #[serde(default)]
    initial_explicit_policy: bool,
    #[serde(default)]
    initial_policy_mapping_inhibit: bool,
    #[serde(default)]
    initial_any_policy_inhibit: bool,
}

fn read(base: &Path, kind: &str, name: &str) -> Vec<u8> {
    std::fs::read(base.join(kind).join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn judge(base: &Path, case: &Case) -> Result<(), String> {
    let root = read(base, "certs", "TrustAnchorRootCertificate.crt");
    let mut store = TrustStore::new();
    store.add_der(&root).unwrap();
    let verifier = Verifier::new(super::tests_support::check, MAX_COST);
    let certificate = |name: &String| {
        let (certificate, stand_in) =
            super::read(&read(base, "certs", name)).map_err(|e| format!("{name}: {e}"))?;
        verifier.admit(stand_in.as_slice());
        Ok::<Certificate, String>(certificate)
    };
    let mut pool = Vec::new();
    for name in &case.other_certs {
        pool.push(Arc::new(certificate(name)?));
    }
    let mut crls = vec![Crl::from_der(&read(base, "crls", "TrustAnchorRootCRL.crl")).unwrap()];
    for name in &case.crls {
        crls.push(Crl::from_der(&read(base, "crls", name)).map_err(|e| format!("{name}: {e}"))?);
    }
    let params = case.params.as_ref();
    let policies = PolicyInputs {
        acceptable: params
            .map(|p| p.user_initial_policy_set.iter().map(|o| ObjectIdentifier::new(o).unwrap()).collect())
            .unwrap_or_default(),
        explicit: params.is_some_and(|p| p.initial_explicit_policy),
        inhibit_mapping: params.is_some_and(|p| p.initial_policy_mapping_inhibit),
        inhibit_any: params.is_some_and(|p| p.initial_any_policy_inhibit),
    };
    let name = case.cert.as_ref().unwrap();
    let leaf = certificate(name)?;
    let at = UnixTime::from_seconds(1_388_534_400); // 2014-01-01
    let revocation =
        if case.revocation == Some(false) { RevocationPolicy::Ignore } else { RevocationPolicy::Require };
    let request = Request {
        store: &store,
        pool: &pool,
        crls: &crls,
        ocsp: &[],
        at,
        now: at,
        purpose: Purpose::Any,
        revocation,
        policies,
        check: super::tests_support::check,
    };
    validate_within(&leaf, &request, &verifier).map(|_| ()).map_err(|f| f.error.to_string())
}

#[test]
fn pkits() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        eprintln!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let base = PathBuf::from(corpora).join("pkits");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(base.join("pkits.json")).unwrap()).unwrap();
    assert_eq!(cases.len(), 246);
    let mut wrong = Vec::new();
    for case in &cases {
        let verdict = judge(&base, case);
        if verdict.is_ok() != case.error.is_none() {
            let expected = case.error.as_ref().map_or("valid", |e| e.class.as_str());
            wrong.push(format!("{} {}: expected {expected}, got {verdict:?}", case.id, case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of 246 differ:\n{}", wrong.len(), wrong.join("\n"));
}
