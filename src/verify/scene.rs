//! Scene certificates are bound to the document that they were made for: SHA-256 of the file before the signature.

use super::finding::{Finding, Subject};
use crate::x509::asn1::{Asn1Error, Rules, Value, tag};
use crate::x509::{Certificate, SCENE_BINDING_OID};
use sha2::{Digest, Sha256};

/// Ends of line between what was signed and what the signature added.
const MOST_BLANKS: usize = 16;

/// What a scene certificate says of its document; `None`: it is no scene certificate.
pub(super) fn binding(certificate: &Certificate) -> Option<Result<[u8; 32], Asn1Error>> {
    certificate.extension(&SCENE_BINDING_OID).map(|extension| document_of(&extension.value))
}

fn document_of(value: &[u8]) -> Result<[u8; 32], Asn1Error> {
    let mut fields = Value::parse(value, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let digest = fields.expect(tag::OCTET_STRING)?.content;
    fields.optional(tag::INTEGER)?;
    fields.end()?;
    digest.try_into().map_err(|_| Asn1Error::Content("digest"))
}

/// Why a signature with that binding, which added everything from `start` on, is not one over its document.
pub(super) fn unbound(binding: Result<[u8; 32], Asn1Error>, bytes: &[u8], start: usize) -> Option<Finding> {
    let failure = |detail: String| Some(Finding::failure(Subject::Cryptography, "scene-binding", detail));
    let wanted = match binding {
        Ok(wanted) => wanted,
        Err(error) => return failure(format!("the scene certificate's binding does not read: {error}")),
    };
    // A line end between two revisions may be the earlier one's or the later one's.
    let blank = |at: usize| bytes.get(at).is_some_and(|b| matches!(b, b'\r' | b'\n'));
    let mut length = start;
    while length > 0 && start - length < 2 && blank(length - 1) {
        length -= 1;
    }
    let mut hash = Sha256::new();
    hash.update(bytes.get(..length).unwrap_or_default());
    for _ in 0..MOST_BLANKS {
        if <[u8; 32]>::from(hash.clone().finalize()) == wanted {
            return None;
        }
        let Some(next) = bytes.get(length).filter(|_| length < start || blank(length)) else { break };
        hash.update([*next]);
        length += 1;
    }
    failure("the scene certificate was made for another document than the one that is signed".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::x509::scene_binding;
    use hufu_api::SceneBinding;

    fn made_for(document: &[u8]) -> Result<[u8; 32], Asn1Error> {
        let scene = SceneBinding { document_sha256: Sha256::digest(document).into(), consent: Some(7) };
        document_of(&scene_binding(&scene))
    }

    #[test]
    fn a_binding_fits_its_document_whoever_owns_the_line_end() {
        for (document, glue) in
            [("%%EOF", "\n"), ("%%EOF\n", ""), ("%%EOF\r\n", ""), ("%%EOF\n\n", ""), ("%%EOF", "\r\n")]
        {
            let file = format!("{document}{glue}7 0 obj");
            for start in document.trim_end().len()..=document.len() + glue.len() {
                assert_eq!(
                    unbound(made_for(document.as_bytes()), file.as_bytes(), start),
                    None,
                    "{file:?} {start}"
                );
            }
        }
    }

    #[test]
    fn a_binding_to_another_document_or_none_is_found() {
        let file = b"%%EOF\n7 0 obj";
        let other = unbound(made_for(b"%%EOX\n"), file, 6).unwrap();
        assert!(other.detail.contains("another document"));
        // Not even to one that the file begins with, earlier than its own.
        assert!(unbound(made_for(b"%%E"), file, 6).is_some());
        assert!(unbound(document_of(&[0x30, 0]), file, 6).unwrap().detail.contains("does not read"));
        assert!(unbound(made_for(b""), b"", 0).is_none());
    }
}
