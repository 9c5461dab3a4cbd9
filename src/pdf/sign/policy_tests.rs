//! Certification, locks, seed values, fields made beforehand, encryption: what a file permits is obeyed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::testing::*;
use super::tests::{all_agree, ask};
use super::*;
use crate::pdf::hash::PrefixHash;
use crate::pdf::place::Place;
use crate::pdf::syntax::{Document, ObjectId};
use hufu_api::HashAlgorithm;

fn place(rect: [f64; 4]) -> Place {
    Place {
        page: 1,
        page_object: ObjectId::new(4),
        rect,
        quarter_turns: 0,
        size: (rect[2] - rect[0], rect[3] - rect[1]),
        seals: vec![(0.0, 0.0)],
        captions: Vec::new(),
    }
}

fn certified(level: DocMdp, later: &[EmptyField<'_>]) -> Vec<u8> {
    let request =
        SignatureRequest { kind: Kind::Certification(level), later_fields: later.to_vec(), ..request() };
    sign_placed(&document(1, "", ""), &[(1, 50.0, 50.0)], request).unwrap()
}

#[test]
fn a_certification_permits_what_it_says() {
    let none = certified(DocMdp::NoChanges, &[]);
    assert_eq!(sign_at(&none, &[(1, 300.0, 300.0)]), Err(SignError::Certified));
    assert_eq!(sign_at(&none, &[]), Err(SignError::Certified));
    for level in [DocMdp::FillForms, DocMdp::Annotate] {
        let some = certified(level, &[]);
        assert!(matches!(sign_at(&some, &[(1, 300.0, 300.0)]), Err(SignError::NoFieldLeft(_))));
        all_agree(&sign_at(&some, &[]).unwrap(), 2, 2);
    }
    let again = SignatureRequest { kind: Kind::Certification(DocMdp::FillForms), ..request() };
    let signed = sign_at(&document(1, "", ""), &[]).unwrap();
    assert!(matches!(sign_placed(&signed, &[], again), Err(SignError::NotFirst(_))));
    let later = [EmptyField { name: "late", place: place([300.0, 100.0, 450.0, 200.0]) }];
    let prepares = SignatureRequest { later_fields: later.to_vec(), ..request() };
    assert!(matches!(sign_placed(&signed, &[], prepares), Err(SignError::NotFirst(_))));
}

#[test]
fn fields_made_with_the_certification_are_filled() {
    let later = [
        EmptyField { name: "partyB", place: place([300.0, 100.0, 450.0, 200.0]) },
        EmptyField { name: "witness", place: place([300.0, 300.0, 450.0, 400.0]) },
    ];
    let first = certified(DocMdp::FillForms, &later);
    let named = SignatureRequest { field: Field::Existing("witness".into()), ..request() };
    let second = sign_placed(&first, &[(1, 0.0, 0.0)], named.clone()).unwrap();
    let third = sign_at(&second, &[(1, 0.0, 0.0)]).unwrap();
    all_agree(&third, 3, 3);
    assert!(matches!(sign_at(&third, &[(1, 0.0, 0.0)]), Err(SignError::NoFieldLeft(2))));
    assert_eq!(sign_placed(&third, &[], named), Err(SignError::NoSuchField("witness".into())));
}

#[test]
fn names_with_dots_and_names_in_use_are_refused() {
    for bad in ["a.b", "", "partyB"] {
        let later = [
            EmptyField { name: "partyB", place: place([300.0, 100.0, 450.0, 200.0]) },
            EmptyField { name: bad, place: place([300.0, 300.0, 450.0, 400.0]) },
        ];
        let request = SignatureRequest { later_fields: later.to_vec(), ..request() };
        assert!(
            matches!(sign_placed(&document(1, "", ""), &[], request), Err(SignError::Request(_))),
            "{bad}"
        );
    }
}

#[test]
fn locked_fields_stay_as_they_are() {
    let later = [
        EmptyField { name: "partyB", place: place([300.0, 100.0, 450.0, 200.0]) },
        EmptyField { name: "partyC", place: place([300.0, 300.0, 450.0, 400.0]) },
    ];
    let lock = Some(FieldLock::Include(vec!["partyB".into()]));
    let first = SignatureRequest { later_fields: later.to_vec(), lock, ..request() };
    let signed = sign_placed(&document(1, "", ""), &[(1, 50.0, 50.0)], first).unwrap();
    let fill = |name: &str| {
        sign_placed(&signed, &[], SignatureRequest { field: Field::Existing(name.into()), ..request() })
    };
    assert_eq!(fill("partyB"), Err(SignError::Locked("partyB".into())));
    all_agree(&fill("partyC").unwrap(), 2, 2);
}

/// An empty field with a seed value, as another product would have made it.
fn with_seed_value(seed: &str) -> Vec<u8> {
    with_table(&[
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>".to_owned(),
        format!(
            "<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/F 4/P 3 0 R/Rect[10 10 110 60]/SV<</Type/SV{seed}>>>>"
        ),
    ])
}

#[test]
fn seed_values_are_obeyed() {
    let fill = |seed: &str, reason: &str| {
        let mut request = SignatureRequest { field: Field::Existing("S".into()), ..request() };
        request.about.reason = Some(reason.into());
        sign_placed(&with_seed_value(seed), &[], request)
    };
    let refused = |seed: &str| matches!(fill(seed, "agreed"), Err(SignError::SeedValue { .. }));
    assert!(refused("/Ff 2/SubFilter[/adbe.pkcs7.detached]"));
    assert!(refused("/Ff 64/DigestMethod[(SHA512)]"));
    assert!(refused("/Ff 8/Reasons[(approved)(seen)]"));
    assert!(refused("/MDP<</P 2>>"));
    assert!(refused("/Cert<</Ff 1/Subject[(x)]>>"));
    all_agree(
        &fill("/Ff 74/SubFilter[/ETSI.CAdES.detached]/DigestMethod[(SHA256)]/Reasons[(agreed)]", "agreed")
            .unwrap(),
        1,
        1,
    );
    assert!(fill("/SubFilter[/adbe.pkcs7.detached]", "x").is_ok(), "a wish is not a demand");
}

#[test]
fn a_document_time_stamp_is_added_even_to_what_permits_nothing() {
    let none = certified(DocMdp::NoChanges, &[]);
    let stamp = SignatureRequest { kind: Kind::DocumentTimeStamp, ..request() };
    // The token is not a time stamp here; the structure is what counts.
    let out = sign_placed(&none, &[], stamp).unwrap();
    let text = String::from_utf8_lossy(&out[none.len()..]).into_owned();
    assert!(
        text.contains("/Type/DocTimeStamp")
            && text.contains("/SubFilter/ETSI.RFC3161")
            && !text.contains("/M(")
    );
    if let Some(verdict) = ask(&out).pyhanko {
        assert!(
            verdict.contains("The signature is judged VALID."),
            "the certification keeps its verdict: {verdict}"
        );
    }
}

#[test]
fn dynamic_forms_and_contradictions_are_refused() {
    let xfa = document(1, "", "/NeedsRendering true/AcroForm<</Fields[]/XFA(x)>>");
    assert_eq!(sign_at(&xfa, &[]), Err(SignError::DynamicXfa));
    let plain = document(1, "", "");
    let open = Document::open(&plain).unwrap();
    let other = PrefixHash::of(HashAlgorithm::Sha256, b"something else");
    assert!(matches!(prepare(&open, &other, &request()), Err(SignError::Request(_))));
    let small = SignatureRequest { reserve: 100, ..request() };
    assert!(matches!(signed(&plain, &small), Err(SignError::Overflow { reserved: 100, .. })));
}

#[test]
fn fifty_signatures_in_a_row_stay_valid() {
    let mut bytes = document(1, "", "");
    for n in 0..50 {
        bytes =
            sign_at(&bytes, &[(1, f64::from(n % 5) * 100.0, f64::from(n / 5) * 70.0)]).unwrap_or_else(|e| {
                panic!("signature {n}: {e}");
            });
    }
    let verdicts = ask(&bytes);
    if let Some(text) = verdicts.pdfsig {
        assert_eq!(text.matches("Signature Validation: Signature is Valid.").count(), 50);
    }
}

#[test]
fn validation_material_keeps_the_signatures_verdict() {
    let signed = sign_at(&document(1, "", ""), &[(1, 50.0, 50.0)]).unwrap();
    let (pki, _) = signer();
    let found = embedded_signatures(&Document::open(&signed).unwrap()).unwrap();
    let contents = found[0].contents.clone();
    let material = [ValidationMaterial { contents, certificates: pki.chain(), ..Default::default() }];
    let once = [
        signed.as_slice(),
        &add_validation_material(&Document::open(&signed).unwrap(), &material, [1; 32]).unwrap(),
    ]
    .concat();
    let twice = [
        once.as_slice(),
        &add_validation_material(&Document::open(&once).unwrap(), &material, [2; 32]).unwrap(),
    ]
    .concat();
    assert!(twice.len() - once.len() < 700, "what is stored already is not stored again");
    all_agree(&twice, 1, 1);
    let known = |bytes: &[u8]| embedded_signatures(&Document::open(bytes).unwrap()).unwrap();
    assert!(!known(&signed)[0].has_material && known(&once)[0].has_material && known(&twice).len() == 1);
    let again = sign_at(&twice, &[(1, 300.0, 300.0)]).unwrap();
    all_agree(&again, 2, 2);
}

#[test]
fn a_lock_on_all_fields_holds_for_new_ones() {
    for lock in [FieldLock::All, FieldLock::Exclude(vec!["other".into()])] {
        let first = SignatureRequest { lock: Some(lock), ..request() };
        let signed = sign_placed(&document(1, "", ""), &[(1, 50.0, 50.0)], first).unwrap();
        assert_eq!(sign_at(&signed, &[(1, 300.0, 300.0)]), Err(SignError::AllLocked));
        assert_eq!(sign_at(&signed, &[]), Err(SignError::AllLocked));
        let stamp = SignatureRequest { kind: Kind::DocumentTimeStamp, ..request() };
        assert!(sign_placed(&signed, &[], stamp).is_ok(), "a time stamp is no change");
    }
    let some = SignatureRequest { lock: Some(FieldLock::Include(vec!["other".into()])), ..request() };
    let signed = sign_placed(&document(1, "", ""), &[(1, 50.0, 50.0)], some).unwrap();
    all_agree(&sign_at(&signed, &[(1, 300.0, 300.0)]).unwrap(), 2, 2);
}

/// A file that says it is PDF/A of this part.
fn archived(part: u8) -> Vec<u8> {
    let xmp = format!(
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
         <rdf:Description rdf:about='' xmlns:pdfaid='http://www.aiim.org/pdfa/ns/id/'><pdfaid:part>{part}</pdfaid:part>\
         <pdfaid:conformance>B</pdfaid:conformance></rdf:Description></rdf:RDF></x:xmpmeta>"
    );
    with_table(&[
        "<</Type/Catalog/Pages 2 0 R/Metadata 5 0 R>>".to_owned(),
        "<</Type/Pages/Kids[4 0 R]/Count 1>>".to_owned(),
        "null".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>".to_owned(),
        format!("<</Type/Metadata/Subtype/XML/Length {}>>\nstream\n{xmp}\nendstream", xmp.len()),
    ])
}

#[test]
fn a_time_stamp_on_certified_pdf_a_brings_no_appearance_of_its_own() {
    for part in [2, 3, 1] {
        for places in [&[(1, 50.0, 50.0)][..], &[]] {
            let certify = SignatureRequest { kind: Kind::Certification(DocMdp::NoChanges), ..request() };
            let certified = sign_placed(&archived(part), places, certify).unwrap();
            let stamp = SignatureRequest { kind: Kind::DocumentTimeStamp, ..request() };
            let out = sign_placed(&certified, &[], stamp).unwrap();
            let added = String::from_utf8_lossy(&out[certified.len()..]).into_owned();
            // PDF/A-1 wants one, and it is that of an invisible certification. A seal's would be drawn by some readers.
            assert_eq!(added.contains("/AP"), part == 1 && places.is_empty());
            assert!(!added.contains("/XObject"), "{added}");
            if let Some(verdict) = ask(&out).pyhanko {
                assert!(verdict.contains("The signature is judged VALID."), "part {part}: {verdict}");
            }
        }
    }
}
