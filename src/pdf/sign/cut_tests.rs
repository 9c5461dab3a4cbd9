//! Files that lost their end: nothing that a reader still finds there is left out of what is signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::testing::*;
use super::tests::ask;
use super::*;
use crate::pdf::syntax::{Document, Object, ObjectId};
use crate::pdf::update::Patch;

/// The file up to its last `startxref`.
fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memmem::rfind(bytes, b"startxref").unwrap()]
}

/// An unsigned file of two revisions; the second turns its page, object 4.
fn turned() -> Vec<u8> {
    let plain = document(1, "", "");
    let document = Document::open(&plain).unwrap();
    let mut patch = Patch::new(document.latest(), [3; 32]);
    patch.set(ObjectId::new(4), "Rotate", 90.into()).unwrap();
    let tail = patch.finish().unwrap();
    [plain, tail].concat()
}

fn rotation(bytes: &[u8]) -> Option<i64> {
    let document = Document::open(bytes).unwrap();
    let Object::Dictionary(page) = document.latest().object(ObjectId::new(4)).unwrap() else { return None };
    page.get("Rotate").and_then(Object::as_integer)
}

#[test]
fn a_signed_file_without_its_end_is_refused() {
    let one = sign_at(&document(1, "", ""), &[(1, 50.0, 50.0)]).unwrap();
    let two = sign_at(&one, &[(1, 300.0, 300.0)]).unwrap();
    for whole in [&one, &two] {
        for torn in
            [cut(whole), &whole[..whole.len() - 6], &whole[..whole.len() - 14], &whole[..whole.len() - 40]]
        {
            let error = sign_at(torn, &[(1, 50.0, 300.0)]).unwrap_err();
            assert!(matches!(error, SignError::Syntax(SyntaxError::SignedAndDamaged(_))), "{error}");
        }
        // Nothing is lost with a line end.
        assert!(sign_at(&whole[..whole.len() - 1], &[(1, 50.0, 300.0)]).is_ok());
        assert!(sign_at(&[whole.as_slice(), b" \r\n"].concat(), &[(1, 50.0, 300.0)]).is_ok());
    }
}

#[test]
fn an_unsigned_file_without_its_end_is_signed_as_it_was_left() {
    let whole = turned();
    for torn in [cut(&whole), &whole[..whole.len() - 14]] {
        let signed = sign_at(torn, &[(1, 50.0, 50.0)]).unwrap();
        assert_eq!(rotation(&signed), Some(90), "the newest revision is the one that is signed");
        if let Some(text) = ask(&signed).pdfsig {
            assert!(text.contains("Signature Validation: Signature is Valid."), "{text}");
        }
    }
    let inside = memchr::memmem::rfind(&whole, b"endobj").unwrap() - 4;
    let error = sign_at(&whole[..inside], &[(1, 50.0, 50.0)]).unwrap_err();
    assert!(
        matches!(error, SignError::Syntax(SyntaxError::Structure(_))),
        "half an object is not had back: {error}"
    );
    let remark = [document(1, "", "").as_slice(), b"% saved by a mail gateway\n"].concat();
    assert!(sign_at(&remark, &[(1, 50.0, 50.0)]).is_ok(), "a remark hides nothing");
}
