//! Documents and real signatures for the tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::{About, Field, Format, Kind, SignError, SignatureRequest, Signed, prepare};
use crate::cms::{AttributesSpec, Encapsulated, SignedDataSpec, oid};
use crate::pdf::appearance::Mark;
use crate::pdf::hash::PrefixHash;
use crate::pdf::place::{Anchor, Placement, Point, resolve};
use crate::pdf::syntax::Document;
use crate::seal::SealForm;
use crate::verify::release_check_of_update;
use crate::x509::SignatureAlgorithm;
use crate::x509::testing::{Identity, Pki, now};
use hufu_api::HashAlgorithm;
use std::fmt::Write as _;

/// One hierarchy and one signer for all tests of a process.
pub(crate) fn signer() -> &'static (Pki, Identity) {
    static ONE: std::sync::OnceLock<(Pki, Identity)> = std::sync::OnceLock::new();
    ONE.get_or_init(|| {
        let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
        let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
        (pki, signer)
    })
}

/// A red frame with a filled circle's square, 100 x 100 points.
pub(crate) fn seal() -> SealForm {
    let content =
        b"q 1 0 0 rg 1 0 0 RG 4 w 2 2 96 96 re S 30 30 m 70 30 l 70 70 l 30 70 l h f Q".to_vec().into();
    SealForm { width: 100.0, height: 100.0, content, image: None }
}

pub(crate) fn request<'r>() -> SignatureRequest<'r> {
    SignatureRequest {
        kind: Kind::Approval,
        format: Format::Pades,
        field: Field::Automatic,
        places: Vec::new(),
        mark: None,
        about: About { name: Some("张三".into()), reason: Some("Test (a\\b)".into()), ..About::default() },
        signing_time: now(),
        reserve: 4_000,
        lock: None,
        later_fields: Vec::new(),
        entropy: [7; 32],
    }
}

/// Signs with a real PAdES B-B signature and runs all checks that stand before a file's release.
pub(crate) fn signed(bytes: &[u8], request: &SignatureRequest<'_>) -> Result<Signed, SignError> {
    let document = Document::open_to_sign(bytes)?;
    let prefix = PrefixHash::of(HashAlgorithm::Sha256, bytes);
    let prepared = prepare(&document, &prefix, request)?;
    let (pki, identity) = signer();
    let cms = cms(pki, identity, prepared.digest());
    let signed = prepared.embed(&cms)?;
    signed.check(&cms)?;
    release_check_of_update(&document, signed.tail(), &cms)
        .map_err(|finding| SignError::SelfCheck(format!("{}: {}", finding.code, finding.detail)))?;
    Ok(signed)
}

fn cms(pki: &Pki, identity: &Identity, digest: &[u8]) -> Vec<u8> {
    let algorithm = identity.key.algorithm();
    let attributes = AttributesSpec {
        content_type: oid::DATA,
        message_digest: digest,
        algorithm,
        certificate: identity.certificate.der(),
        signing_time: None,
        algorithm_protection: false,
        others: &[],
    }
    .build()
    .unwrap();
    let spec = SignedDataSpec {
        content: Encapsulated::Detached,
        signer: &identity.certificate,
        chain: &pki.chain(),
        with_certificates: true,
        algorithm,
        signed_attributes: &attributes,
    };
    spec.assemble(&identity.key.sign(&attributes), None).unwrap()
}

/// Signs at these points and gives the whole file.
pub(crate) fn sign_at(bytes: &[u8], points: &[(u32, f64, f64)]) -> Result<Vec<u8>, SignError> {
    sign_placed(bytes, points, request())
}

pub(crate) fn sign_placed(
    bytes: &[u8],
    points: &[(u32, f64, f64)],
    mut request: SignatureRequest<'_>,
) -> Result<Vec<u8>, SignError> {
    let seal = seal();
    let mark = Mark { seal: &seal, caption: None };
    let points = points.iter().map(|&(page, x, y)| Point { page, x, y }).collect();
    let document = Document::open_to_sign(bytes)?;
    request.places = resolve(&document, &Placement::At(points), &mark, Anchor::LowerLeft)
        .map_err(|e| SignError::Request(e.to_string()))?;
    let mut request = SignatureRequest { mark: Some(mark), ..request };
    request.entropy[0] ^= bytes.len().to_le_bytes()[0];
    request.entropy[1] ^= bytes.len().to_le_bytes()[1];
    request.entropy[2] ^= bytes.len().to_le_bytes()[2];
    Ok([bytes, signed(bytes, &request)?.tail()].concat())
}

/// A document of `pages` A4 pages with a table; `page` is added to each page's dictionary.
pub(crate) fn document(pages: usize, page: &str, catalog: &str) -> Vec<u8> {
    let kids: String = (0..pages).map(|i| format!("{} 0 R ", i + 4)).collect();
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R{catalog}>>"),
        format!("<</Type/Pages/Kids[{kids}]/Count {pages}/MediaBox[0 0 595 842]>>"),
        "<</Length 42>>\nstream\nBT /F1 24 Tf 100 700 Td (Contract) Tj ET  \nendstream".to_owned(),
    ];
    objects.extend((0..pages).map(|_| {
        format!(
            "<</Type/Page/Parent 2 0 R/Contents 3 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1\
             /BaseFont/Helvetica>>>>>>{page}>>"
        )
    }));
    with_table(&objects)
}

/// Objects 1.. with a cross-reference table.
pub(crate) fn with_table(objects: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut rows = "0000000000 65535 f \n".to_owned();
    for (i, object) in objects.iter().enumerate() {
        writeln!(rows, "{:010} 00000 n ", out.len()).unwrap();
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", i + 1).bytes());
    }
    let (at, size) = (out.len(), objects.len() + 1);
    out.extend(
        format!("xref\n0 {size}\n{rows}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n")
            .bytes(),
    );
    out
}
