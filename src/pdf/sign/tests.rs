#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use super::testing::*;
use crate::pdf::syntax::Document;
use crate::pdf::syntax::inspect::inspect;
use crate::x509::testing::{Folder, judge};

/// What independent judges say about a signed file: pyHanko in strict mode, pdfsig, qpdf.
pub(super) struct Verdicts {
    pub(super) pyhanko: Option<String>,
    pub(super) pdfsig: Option<String>,
    pub(super) qpdf: Option<String>,
}

pub(super) fn ask(bytes: &[u8]) -> Verdicts {
    let folder = Folder::new();
    folder.write("signed.pdf", bytes);
    folder.write_pem("root.pem", &[&signer().0.root.certificate]);
    let pyhanko = std::env::var("HUFU_PYHANKO").unwrap_or_else(|_| "pyhanko".into());
    let run = |command: &str, args: &[&str]| {
        judge(folder.path(), command, args)
            .map(|o| format!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr)))
    };
    Verdicts {
        pyhanko: run(
            &pyhanko,
            &[
                "sign",
                "validate",
                "--pretty-print",
                "--no-revocation-check",
                "--trust",
                "root.pem",
                "--trust-replace",
                "signed.pdf",
            ],
        ),
        pdfsig: run("pdfsig", &["signed.pdf"]),
        qpdf: run("qpdf", &["--check", "signed.pdf"]),
    }
}

/// Every judge takes every signature; earlier ones keep their verdict.
pub(super) fn all_agree(bytes: &[u8], signatures: usize, fields: usize) {
    let verdicts = ask(bytes);
    if let Some(text) = verdicts.pyhanko {
        let judged = text.matches("The signature is judged VALID.").count();
        assert_eq!(judged, fields, "pyHanko:\n{text}");
    }
    if let Some(text) = verdicts.pdfsig {
        let valid = text.matches("Signature Validation: Signature is Valid.").count();
        assert_eq!(valid, fields, "pdfsig:\n{text}");
    }
    if let Some(text) = verdicts.qpdf {
        assert!(text.contains("No syntax or stream encoding errors found"), "qpdf:\n{text}");
    }
    let document = Document::open(bytes).unwrap();
    assert_eq!(inspect(&document, 100_000).unwrap().findings, []);
    let form = crate::pdf::form::read(document.latest(), &document.latest().catalog().unwrap()).unwrap();
    let mut values: Vec<_> = form.signatures.iter().filter_map(|f| f.dict.get("V").cloned()).collect();
    assert_eq!(values.len(), fields);
    values.sort_by_key(|v| v.as_reference());
    values.dedup();
    assert_eq!(values.len(), signatures);
}

#[test]
fn one_signature_in_several_places_satisfies_every_judge() {
    let original = document(3, "", "");
    let first = sign_at(&original, &[(1, 100.0, 100.0), (2, 300.0, 300.0), (3, 50.0, 700.0)]).unwrap();
    assert!(first.starts_with(&original));
    all_agree(&first, 1, 3);
    let second = sign_at(&first, &[(1, 300.0, 100.0), (1, 300.0, 400.0)]).unwrap();
    assert!(second.starts_with(&first));
    all_agree(&second, 2, 5);
    let growth = second.len() - first.len();
    assert!(growth < 8_000 + 3_500, "{growth} bytes for a signature of 4,000 reserved bytes");
}

#[test]
fn an_array_of_annotations_that_two_pages_share_is_copied() {
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots 5 0 R>>";
    let objects =
        ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>", page, page, "[]"];
    let signed = sign_at(&with_table(&objects.map(str::to_owned)), &[(1, 10.0, 10.0)]).unwrap();
    let view = Document::open(&signed).unwrap();
    let annotations = |page: u32| {
        let page = view.latest().object(crate::pdf::syntax::ObjectId::new(page)).unwrap();
        view.latest().get_array(page.as_dict().unwrap(), "Annots").unwrap().len()
    };
    assert_eq!((annotations(3), annotations(4)), (1, 0));
}

#[test]
fn invisible_signatures_and_indirect_structures() {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1/Rotate 90>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots 4 0 R>>",
        "[]",
        "<</Fields 6 0 R>>",
        "[]",
    ];
    let original = with_table(&objects.map(str::to_owned));
    let invisible = sign_placed(&original, &[], request()).unwrap();
    all_agree(&invisible, 1, 1);
    let visible = sign_at(&invisible, &[(1, 10.0, 10.0)]).unwrap();
    all_agree(&visible, 2, 2);
}

#[test]
fn a_key_given_twice_is_in_nobodys_way_while_both_say_the_same() {
    for (page, catalog) in [("/Rotate 0/Rotate 0", "/Type/Catalog"), ("", "/AcroForm<</Fields[]/Fields[]>>")]
    {
        let bytes = sign_at(&document(1, page, catalog), &[(1, 100.0, 100.0)]).unwrap();
        let view = Document::open(&bytes).unwrap();
        let catalog = view.latest().catalog().unwrap();
        let form = view.latest().get_dict(&catalog, "AcroForm").unwrap().unwrap();
        assert!(!catalog.has_duplicate_keys() && !form.has_duplicate_keys());
        if let Some(text) = ask(&bytes).pdfsig {
            assert!(text.contains("Signature is Valid.") && text.contains("Total document signed"), "{text}");
        }
    }
    for (page, catalog) in [("/Rotate 0/Rotate 90", ""), ("", "/AcroForm<</Fields[]/Fields[3 0 R]>>")] {
        let error = sign_at(&document(1, page, catalog), &[(1, 100.0, 100.0)]).unwrap_err();
        assert!(error.to_string().contains("given twice with different values"), "{error}");
    }
}

#[test]
fn annotations_without_objects_of_their_own_are_given_some() {
    let link = "<</Type/Annot/Subtype/Link/Rect[0 0 5 5]>>";
    for (annotations, array) in
        [(format!("[{link} null]"), "null".to_owned()), ("4 0 R".into(), format!("[{link}]"))]
    {
        let original = with_table(&[
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots {annotations}>>"),
            array,
        ]);
        let first = sign_at(&original, &[(1, 10.0, 10.0)]).unwrap();
        all_agree(&sign_at(&first, &[(1, 300.0, 300.0)]).unwrap(), 2, 2);
    }
}
