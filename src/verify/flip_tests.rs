#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]
//! One bit flipped, in every region of a signed file: nothing in signed bytes, padding or trailing bytes is accepted, and
//! each answer says which region it was.

use super::{Options, Report, Severity, Subject, verify};
use crate::pdf::sign::testing::{document, sign_at, signer};
use crate::x509::path::TrustStore;
use crate::x509::testing::now;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Flips per region; each region is walked from end to end whatever its length.
const FLIPS: usize = 600;

struct File {
    bytes: Vec<u8>,
    store: TrustStore,
    /// From `<` to behind `>` of the signature value.
    hole: Range<usize>,
    /// Octets of the CMS, padding not counted.
    cms: usize,
}

impl File {
    fn new() -> Self {
        let bytes = sign_at(&document(2, "", ""), &[(1, 100.0, 100.0)]).unwrap();
        let mut store = TrustStore::new();
        store.add_der(signer().0.root.certificate.der()).unwrap();
        let range = &judged(&bytes, &store).unwrap().signatures[0].byte_range.clone();
        let at = |n: u64| usize::try_from(n).unwrap();
        let hole = at(range[1])..at(range[2]);
        let der = hex::decode(&bytes[hole.start + 1..hole.end - 1]).unwrap();
        let cms = 4 + usize::from(der[2]) * 256 + usize::from(der[3]);
        assert_eq!(der[..2], [0x30, 0x82], "a sequence with two octets of length");
        Self { bytes, store, hole, cms }
    }

    /// Where this certificate's digits stand.
    fn digits_of(&self, certificate: &[u8]) -> Range<usize> {
        let digits = hex::encode(certificate);
        let at = memchr::memmem::find(&self.bytes, digits.as_bytes()).expect("the certificate is in the CMS");
        at..at + digits.len()
    }

    /// Flips bits all over `region` and gives every judged report, or what a file that cannot be read says.
    fn flipped(&self, region: Range<usize>, mut judge: impl FnMut(usize, Result<Report, String>)) {
        let count = FLIPS.min(region.len() * 8);
        for n in 0..count {
            let at = region.start + n * region.len() / count;
            let mut bytes = self.bytes.clone();
            bytes[at] ^= 1 << (n % 8);
            judge(at, judged(&bytes, &self.store).map_err(|e| e.to_string()));
        }
    }
}

fn judged(bytes: &[u8], store: &TrustStore) -> Result<Report, super::VerifyError> {
    verify(bytes, store, &Options::at(now()))
}

/// A failure of the subject, or one of the codes.
fn says(report: &Report, subject: Subject, codes: &[&str]) -> bool {
    let all = report.findings.iter().chain(report.signatures.iter().flat_map(|s| &s.findings));
    let mut failures = all.filter(|f| f.severity == Severity::Failure);
    failures.any(|f| f.subject == subject || codes.contains(&f.code))
}

#[test]
fn signed_bytes() {
    let file = File::new();
    assert!(judged(&file.bytes, &file.store).unwrap().passed());
    let trailer = memchr::memmem::rfind(&file.bytes, b"trailer").unwrap();
    let regions = [
        ("first run", 0..file.hole.start),
        ("second run", file.hole.end..trailer),
        ("trailer", trailer..file.bytes.len()),
    ];
    for (name, region) in regions {
        file.flipped(region, |at, report| {
            // A file that cannot be read any more says where; a signature that is not found any more is not accepted.
            let Ok(report) = report else { return };
            assert!(!report.unmodified(), "{name}, byte {at}");
            let told = report.signatures.is_empty()
                || report.signatures.iter().any(|s| !s.digest_ok)
                || says(&report, Subject::Structure, &["trailing-bytes"]);
            assert!(told, "{name}, byte {at}: {report:#?}");
        });
    }
}

#[test]
fn the_signature_value() {
    let file = File::new();
    let issuers: Vec<Range<usize>> = signer().0.chain().iter().map(|c| file.digits_of(c)).collect();
    let value = file.hole.start..file.hole.start + 1 + 2 * file.cms;
    file.flipped(value, |at, report| {
        // An upper-case digit is the same digit; issuers' certificates are not signed and have a test of their own.
        let same = file.bytes[at].is_ascii_alphabetic() && report.as_ref().is_ok_and(Report::passed);
        if same || issuers.iter().any(|r| r.contains(&at)) {
            return;
        }
        let Ok(report) = report else { return };
        assert!(!report.passed(), "byte {at} is accepted");
        let told = report.signatures.is_empty()
            || says(&report, Subject::Cryptography, &[])
            || says(&report, Subject::Structure, &[])
            || says(&report, Subject::Trust, &[]);
        assert!(told, "byte {at}: {report:#?}");
    });
}

#[test]
fn padding() {
    let file = File::new();
    let padding = file.hole.start + 1 + 2 * file.cms..file.hole.end - 1;
    assert!(padding.len() > 500);
    file.flipped(padding, |at, report| {
        let report = report.unwrap();
        assert!(!report.unmodified(), "byte {at}");
        assert!(says(&report, Subject::Structure, &[]), "byte {at}: {report:#?}");
    });
}

#[test]
fn unsigned_certificates() {
    let file = File::new();
    let (pki, identity) = signer();
    let mut known = pki.chain();
    known.extend([identity.certificate.der().to_vec(), pki.root.certificate.der().to_vec()]);
    let known: Vec<String> = known.iter().map(|der| hex::encode(Sha256::digest(der))).collect();
    for issuer in pki.chain() {
        file.flipped(file.digits_of(&issuer), |at, report| {
            let Ok(report) = report else { return };
            let signature = &report.signatures[0];
            // The signer is who he was or nobody, and is trusted only through certificates that hold.
            let sound = signature.chain.iter().all(|c| known.contains(&c.sha256));
            assert!(!signature.trusted || sound, "byte {at}: {signature:#?}");
        });
    }
}

#[test]
fn trailing_bytes() {
    let file = File::new();
    let mut longer = file.bytes.clone();
    longer.extend(b" \r\n \n");
    let white = File { bytes: longer, store: file.store, hole: file.hole, cms: file.cms };
    assert!(judged(&white.bytes, &white.store).unwrap().unmodified(), "white space is nothing");
    let end = white.bytes.len();
    for at in end - 5..end {
        for bit in 0..8 {
            let mut bytes = white.bytes.clone();
            bytes[at] ^= 1 << bit;
            if b" \r\n\t\0\x0c".contains(&bytes[at]) {
                continue;
            }
            let report = judged(&bytes, &white.store).unwrap();
            assert!(!report.unmodified(), "byte {at}, bit {bit}");
            assert!(says(&report, Subject::File, &["trailing-bytes"]), "byte {at}, bit {bit}: {report:#?}");
        }
    }
}
