//! One function for each parser of bytes that others choose. A function returns: a panic is a finding, and what must hold is asserted.

mod certificates;
mod documents;
mod frames;
mod log;
mod requests;

pub use certificates::{ca_answer, certificate, cms, csr, revocation, timestamp};
pub use documents::{difference, locate, pdf_read, pdf_sign, render, verify};
pub use frames::{plugin_frame, worker_frame};
pub use log::{audit_record, evidence};
pub use requests::{configuration, http_body, multipart, placement, png};

/// What a target does with its bytes.
pub type Run = fn(&[u8]);

/// Every target: its name, the folder of its seeds, what it does.
pub const ALL: &[(&str, &str, Run)] = &[
    ("audit_record", "audit_record", audit_record),
    ("ca_answer", "ca_answer", ca_answer),
    ("certificate", "certificate", certificate),
    ("cms", "cms", cms),
    ("configuration", "configuration", configuration),
    ("csr", "csr", csr),
    ("difference", "difference", difference),
    ("evidence", "evidence", evidence),
    ("http_body", "http_body", http_body),
    ("locate", "pdf", locate),
    ("multipart", "multipart", multipart),
    ("pdf_read", "pdf", pdf_read),
    ("pdf_sign", "pdf", pdf_sign),
    ("placement", "placement", placement),
    ("plugin_frame", "plugin_frame", plugin_frame),
    ("png", "png", png),
    ("render", "pdf", render),
    ("revocation", "revocation", revocation),
    ("timestamp", "timestamp", timestamp),
    ("verify", "pdf", verify),
    ("worker_frame", "worker_frame", worker_frame),
];

/// Splits off the first byte, which chooses among variants; 0 where there is none.
fn choice(bytes: &[u8]) -> (usize, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest))
}

/// Splits at the first line feed.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
