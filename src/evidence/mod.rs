//! Evidence kernel: the package that proves a deposit (存证), and its verification.
//!
//! Bytes in, bytes out. A package is a ZIP file that stands on its own: `hufu evidence verify` checks it, and so does the
//! `verify.sh` inside it with nothing but openssl, xxd and a shell.
//!
//! ```text
//! README.txt            what this is and how to check it
//! verify.sh             the check, with openssl
//! report.pdf            存证证书, the readable sheet
//! record.json           the deposit's audit record, canonical (RFC 8785)
//! path.txt              its number, the tree's size, and the RFC 6962 inclusion path, one hash a line
//! checkpoint            the C2SP signed note over the tree
//! checkpoint.tsr        RFC 3161 token over the note, if it was anchored
//! key.txt, key.pem      the checkpoint key: C2SP verifier key, and as PEM for openssl
//! document.tsr          RFC 3161 token over the document's SHA-256, if there is one
//! document              the file itself, if the archive keeps it
//! related/N.json, .txt  records of the same document's signatures and consents, with their paths
//! certificates/N.pem    certificates of the document's signers, TSA and CAs
//! …                     what else the appliance tells, as JSON
//! ```

mod check;
mod package;

pub use check::{EvidenceFinding, Judgement, report, verify};
pub use package::{Contents, package};

/// Why a package or sheet cannot be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The proof that is to be packed does not hold itself.
    #[error("the proof does not hold: {0}")]
    Proof(String),
    /// Not a ZIP file, or one beyond all bounds.
    #[error("not an evidence package: {0}")]
    Package(String),
}

#[cfg(test)]
mod tests;
