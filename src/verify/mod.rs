//! Judging a signed PDF: who signed, when, and what was changed since (EN 319 102-1, ISO 32000-2 12.8).

mod budget;
mod colour;
mod content;
mod cryptography;
mod diff;
mod drawing;
mod evidence;
mod finding;
mod font;
mod form;
mod found;
mod judge;
mod linearized;
mod mark;
mod pages;
mod pdf_date;
mod permissions;
mod presign;
mod release;
mod report;
mod revisions;
mod scene;
mod stamp;
mod structure;
mod text;
mod trust;
mod visible;

pub use finding::{Attack, Finding, Severity, Subject};
pub use form::FormTooLarge;
pub use judge::{Options, VerifyError, verify};
pub use presign::{inspect_before_signing, prepared_content};
pub use release::{release_check, release_check_of_update};
pub use report::{
    Bytes, CertificateReport, Change, Indication, Origin, Permission, Place, Report, RevisionReport,
    RevocationReport, RevocationStatus, SignDate, SignatureKind, SignatureReport, SubIndication, TimeSource,
    TimestampReport,
};
pub use text::render_text;
pub use visible::visible;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod drawing_tests;
#[cfg(test)]
mod flip_tests;
#[cfg(test)]
mod sm2_tests;
