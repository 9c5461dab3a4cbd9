//! Scene certificates are bound to the document that they were made for (SHA-256 of the file before the signature) and to the
//! consent that the signature rests on (its record in the issuing appliance's audit log).

use super::finding::{Finding, Subject};
use crate::x509::asn1::{Asn1Error, Rules, Value, tag};
use crate::x509::{Certificate, SCENE_BINDING_OID};
use hufu_api::SceneBinding;
use sha2::{Digest, Sha256};

/// Ends of line between what was signed and what the signature added.
const MOST_BLANKS: usize = 16;

/// What a scene certificate says of its document; `None`: it is no scene certificate.
pub(super) fn binding(certificate: &Certificate) -> Option<Result<SceneBinding, Asn1Error>> {
    certificate.extension(&SCENE_BINDING_OID).map(|extension| read(&extension.value))
}

fn read(value: &[u8]) -> Result<SceneBinding, Asn1Error> {
    let mut fields = Value::parse(value, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let digest = fields.expect(tag::OCTET_STRING)?.content;
    let consent = fields.optional(tag::INTEGER)?.map(|number| number.unsigned()).transpose()?;
    fields.end()?;
    let document_sha256 = digest.try_into().map_err(|_| Asn1Error::Content("digest"))?;
    Ok(SceneBinding { document_sha256, consent })
}

/// Judges a signature with that binding, which added everything from `start` on: a failure where it is not one over its
/// document, else what it is bound to.
pub(super) fn judge(binding: Result<SceneBinding, Asn1Error>, bytes: &[u8], start: usize) -> Finding {
    let failure = |detail: String| Finding::failure(Subject::Cryptography, "scene-binding", detail);
    let bound = match binding {
        Ok(bound) => bound,
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
        if <[u8; 32]>::from(hash.clone().finalize()) == bound.document_sha256 {
            let consent = bound.consent.map_or_else(
                || "without a consent on record".to_owned(),
                |record| format!("with the consent of audit record {record}"),
            );
            let detail = format!("the scene certificate was made for this document alone, {consent}");
            return Finding::info(Subject::Cryptography, "scene-bound", detail);
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
    use super::super::finding::Severity;
    use super::*;
    use crate::x509::scene_binding;

    fn made_for(document: &[u8], consent: Option<u64>) -> Result<SceneBinding, Asn1Error> {
        read(&scene_binding(&SceneBinding { document_sha256: Sha256::digest(document).into(), consent }))
    }

    #[test]
    fn a_binding_fits_its_document_whoever_owns_the_line_end() {
        for (document, glue) in
            [("%%EOF", "\n"), ("%%EOF\n", ""), ("%%EOF\r\n", ""), ("%%EOF\n\n", ""), ("%%EOF", "\r\n")]
        {
            let file = format!("{document}{glue}7 0 obj");
            for start in document.trim_end().len()..=document.len() + glue.len() {
                let found = judge(made_for(document.as_bytes(), Some(7)), file.as_bytes(), start);
                assert_eq!((found.severity, found.code), (Severity::Info, "scene-bound"), "{file:?} {start}");
                assert!(found.detail.ends_with("consent of audit record 7"), "{}", found.detail);
            }
        }
        let found = judge(made_for(b"", None), b"", 0);
        assert!(found.detail.ends_with("without a consent on record"), "{}", found.detail);
    }

    #[test]
    fn a_binding_to_another_document_or_none_is_found() {
        let file = b"%%EOF\n7 0 obj";
        let other = judge(made_for(b"%%EOX\n", None), file, 6);
        assert!(other.severity == Severity::Failure && other.detail.contains("another document"));
        // Not even to one that the file begins with, earlier than its own.
        assert_eq!(judge(made_for(b"%%E", None), file, 6).severity, Severity::Failure);
        for broken in [&[0x30, 0][..], &[0x30, 3, 4, 1, 0]] {
            let found = judge(read(broken), file, 6);
            assert!(found.severity == Severity::Failure && found.detail.contains("does not read"));
        }
        // A consent number is one number, no text and no negative one.
        let mut value = scene_binding(&SceneBinding { document_sha256: [0; 32], consent: Some(7) });
        *value.last_mut().unwrap() = 0xff;
        assert!(judge(read(&value), file, 6).detail.contains("does not read"));
    }
}
