#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
//! What was not looked at is never taken for not there: forms beyond the bounds, revocation lists in any order.

use super::{Options, Report, VerifyError, verify};
use crate::pdf::sign::testing::{document, sign_at, signer, with_table};
use crate::x509::Revoked;
use crate::x509::path::TrustStore;
use crate::x509::testing::{crl_of, now};
use hufu_api::{Der, RevocationReason, Statement, StatusProof};

/// A form whose fields are these objects, from 3 on.
fn form(first: &str, fields: &[String]) -> Vec<u8> {
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{first}]>>>>"),
        "<</Type/Pages/Kids[]/Count 0>>".to_owned(),
    ];
    objects.extend(fields.iter().cloned());
    with_table(&objects)
}

fn judged(file: &[u8]) -> Result<Report, VerifyError> {
    verify(file, &TrustStore::new(), &Options::at(now()))
}

/// A chain of fields, the last of them a signature field.
fn nested(levels: usize) -> Vec<u8> {
    let inner = (0..levels).map(|n| format!("<</T(f)/Kids[{} 0 R]>>", n + 4));
    let last = "<</T(s)/FT/Sig/V<</Type/Sig/ByteRange[0 1 2 3]>>>>".to_owned();
    form("3 0 R", &inner.chain([last]).collect::<Vec<_>>())
}

#[test]
fn a_signature_below_any_number_of_levels_is_seen_or_the_file_is_refused() {
    assert_eq!(judged(&nested(30)).unwrap().signatures.len(), 1);
    for levels in [33, 64, 200] {
        assert!(matches!(judged(&nested(levels)), Err(VerifyError::TooLarge(_))), "{levels}");
    }
}

#[test]
fn a_signature_behind_any_number_of_fields_is_seen_or_the_file_is_refused() {
    let file = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!("<</T(f{n})/FT/Tx>>")).collect();
        let names: String = (0..count).map(|n| format!("{} 0 R ", n + 3)).collect();
        form(&names, &fields)
    };
    assert!(judged(&file(3_000)).unwrap().signatures.is_empty());
    assert!(matches!(judged(&file(20_001)), Err(VerifyError::TooLarge(_))));
}

#[test]
fn a_signature_that_was_not_judged_fails_those_that_were() {
    let count = super::found::MAX_SIGNATURES + 1;
    let field = |n: usize| format!("<</T(s{n})/FT/Sig/V {} 0 R>>", n + 3 + count);
    let value = |_| "<</Type/Sig/ByteRange[0 1 2 3]>>".to_owned();
    let objects: Vec<String> = (0..count).map(field).chain((0..count).map(value)).collect();
    let names: String = (0..count).map(|n| format!("{} 0 R ", n + 3)).collect();
    let report = judged(&form(&names, &objects)).unwrap();
    assert_eq!(report.signatures.len(), count - 1);
    for signature in &report.signatures {
        assert!(!signature.valid_modify);
        assert!(signature.findings.iter().any(|f| f.code == "too-many-signatures"));
    }
}

#[test]
fn a_signature_that_many_fields_show_is_one_and_says_so() {
    let fields: Vec<String> = (0..1_000).map(|n| format!("<</T(f{n})/FT/Sig/V 1003 0 R>>")).collect();
    let value = "<</Type/Sig/ByteRange[0 1 2 3]>>".to_owned();
    let names: String = (0..1_000).map(|n| format!("{} 0 R ", n + 3)).collect();
    let report = judged(&form(&names, &[fields, vec![value]].concat())).unwrap();
    assert_eq!((report.signatures.len(), report.signatures[0].places.len()), (1, 200));
    assert!(report.signatures[0].findings.iter().any(|f| f.code == "too-many-places"));
}

#[test]
fn a_revocation_counts_wherever_its_list_stands() {
    let (pki, own) = signer();
    let file = sign_at(&document(1, "", ""), &[(1, 100.0, 100.0)]).unwrap();
    let mut store = TrustStore::new();
    store.add_der(pki.root.certificate.der()).unwrap();
    let hour = 3_600_000;
    let told = |reason, hours_ago: i64| {
        let at = now().plus_millis(-20 * hour);
        let entry = Revoked { serial: own.certificate.serial.clone(), at, reason };
        let (with, without) = ([entry], []);
        [&with[..], &without[..]].map(|entries: &[Revoked]| {
            let made = if entries.is_empty() { 10 } else { hours_ago };
            let list = crl_of(&pki.ca, entries, now().plus_millis(-made * hour));
            Statement { proof: StatusProof::Crl(Der(list)), from: "x".into() }
        })
    };
    let trusted = |statements: &[Statement]| {
        let options = Options { statements, ..Options::at(now()) };
        verify(&file, &store, &options).unwrap().signatures[0].trusted
    };
    // The list that names the certificate is newer than the one that does not, or older.
    for hours_ago in [1, 19] {
        let [with, without] = told(RevocationReason::KeyCompromise, hours_ago);
        assert!(!trusted(&[with.clone(), without.clone()]), "{hours_ago}");
        assert!(!trusted(&[without, with]), "{hours_ago}");
    }
    assert!(trusted(&told(RevocationReason::KeyCompromise, 1)[1..]));
}

#[test]
fn who_brings_more_evidence_than_is_read_is_not_trusted() {
    let (pki, _) = signer();
    let file = sign_at(&document(1, "", ""), &[(1, 100.0, 100.0)]).unwrap();
    let mut store = TrustStore::new();
    store.add_der(pki.root.certificate.der()).unwrap();
    let judged = |count: u32| {
        let certificates: Vec<Vec<u8>> = (0..count).map(|n| n.to_be_bytes().to_vec()).collect();
        let options = Options { certificates: &certificates, ..Options::at(now()) };
        let signature = verify(&file, &store, &options).unwrap().signatures.remove(0);
        assert!(signature.valid_modify, "trust changes nothing about the document");
        (signature.trusted, signature.findings.iter().any(|f| f.code == "too-much-evidence"))
    };
    assert_eq!(judged(0), (true, false));
    assert_eq!(judged(100), (true, false));
    assert_eq!(judged(301), (false, true));
}
