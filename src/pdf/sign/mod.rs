//! Signatures and document time stamps as incremental updates (ISO 32000-2 12.8, ETSI EN 319 142-1).
//!
//! One signature dictionary; one widget per place, each a field of its own, all sharing that dictionary as `/V`. Of the
//! structures that show one signature in several places only this one satisfies every reader and validator.

mod appear;
mod dictionary;
mod dss;
mod field;
mod opaque;
mod prepare;
mod prepared;
mod tagged;
mod text;
mod undrawn;

use crate::pdf::appearance::Mark;
use crate::pdf::place::Place;
use crate::pdf::syntax::SyntaxError;
#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use dss::{EmbeddedSignature, ValidationMaterial, add_validation_material, embedded_signatures};
use hufu_api::UnixTime;
pub use prepare::prepare;
pub use prepared::{Prepared, Signed};

/// One signature to be made.
#[derive(Clone, Debug)]
pub struct SignatureRequest<'r> {
    /// Approval, certification or document time stamp.
    pub kind: Kind,
    /// `/SubFilter` for approval and certification signatures.
    pub format: Format,
    /// New field or an existing empty one.
    pub field: Field,
    /// Where the seal is shown; empty: an invisible signature.
    pub places: Vec<Place>,
    /// What is shown there; without it the places stay empty.
    pub mark: Option<Mark<'r>>,
    /// `/Name`, `/Reason`, `/Location`, `/ContactInfo`.
    pub about: About,
    /// `/M`; always written for signatures (PAdES takes the claimed time from here), never for document time stamps.
    pub signing_time: UnixTime,
    /// Room for the CMS in bytes (DER, before hex).
    pub reserve: usize,
    /// What becomes read-only with this signature (`/Lock` of a new field and FieldMDP).
    pub lock: Option<FieldLock>,
    /// Empty signature fields for later signers, made in the same update.
    pub later_fields: Vec<EmptyField<'r>>,
    /// 32 fresh random bytes: encryption IVs, the second half of `/ID` and field names come from them.
    pub entropy: [u8; 32],
}

/// What kind of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signer's signature.
    Approval,
    /// The author's, the first of a file, with the changes it permits afterwards.
    Certification(DocMdp),
    /// `/DocTimeStamp` with `ETSI.RFC3161` (ISO 32000-2 12.8.5).
    DocumentTimeStamp,
}

/// What a certification permits afterwards (ISO 32000-2 table 257).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocMdp {
    /// P = 1: nothing but DSS and document time stamps.
    NoChanges,
    /// P = 2: filling forms, instantiating page templates, signing.
    FillForms,
    /// P = 3: annotations as well.
    Annotate,
}

/// Format of the signature value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// `ETSI.CAdES.detached`: PAdES.
    #[default]
    Pades,
    /// `adbe.pkcs7.detached`.
    Pkcs7,
}

/// Which field carries the signature.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field {
    /// A new field; on a certified file, which permits no new visible field, its first empty signature field.
    #[default]
    Automatic,
    /// The empty signature field of this fully qualified name.
    Existing(String),
}

/// What the signature dictionary says about the signer; text strings, at most 1,000 characters each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `/Name`
    pub name: Option<String>,
    /// `/Reason`
    pub reason: Option<String>,
    /// `/Location`
    pub location: Option<String>,
    /// `/ContactInfo`
    pub contact: Option<String>,
}

/// ISO 32000-2 table 236: fields that a signature locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldLock {
    /// Every field.
    All,
    /// These fields.
    Include(Vec<String>),
    /// Every field but these.
    Exclude(Vec<String>),
}

/// An empty signature field for a later signer.
#[derive(Clone, Debug)]
pub struct EmptyField<'r> {
    /// Its partial name; no dot, not in use.
    pub name: &'r str,
    /// Where it will show its seal.
    pub place: Place,
}

/// Why a file is not signed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The file cannot be read, or not safely enough to add to it.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The certification, or the lock of a signed field, permits no changes at all.
    #[error("the document's certification permits no changes (DocMDP P=1)")]
    Certified,
    /// An earlier signature locks the field.
    #[error("the field {0:?} is locked by an earlier signature")]
    Locked(String),
    /// An earlier signature locks all fields, or all but some: a new one would be among them.
    #[error("an earlier signature locks every field, and a new one would be locked too")]
    AllLocked,
    /// The certification permits signing only in fields that are there, and none is left.
    #[error(
        "the document is certified (DocMDP P={0}): a new visible signature field would break the certification"
    )]
    NoFieldLeft(u8),
    /// Its own dictionary says that the file must not be changed.
    #[error("the document's permissions do not allow signing")]
    Permissions,
    /// Dynamic XFA: what is shown comes from the XFA stream, not from the pages.
    #[error("the document is a dynamic XFA form")]
    DynamicXfa,
    /// A structure that this writer does not add to.
    #[error("{0}")]
    Unsupported(String),
    /// Only the first signature of a file can certify it or make fields for those who sign later.
    #[error("only the first signature of a document can {0}")]
    NotFirst(&'static str),
    /// No such field, or it is not an empty signature field.
    #[error("the field {0:?} is not an empty signature field")]
    NoSuchField(String),
    /// The field's seed value (`/SV`) demands something else.
    #[error("the field {field:?} demands {demand}")]
    SeedValue {
        /// Its name.
        field: String,
        /// What it wants.
        demand: String,
    },
    /// The request contradicts itself or is out of bounds.
    #[error("{0}")]
    Request(String),
    /// The CMS does not fit the room that was left for it.
    #[error("the signature takes {needed} bytes, {reserved} were reserved")]
    Overflow {
        /// Bytes of the CMS.
        needed: usize,
        /// Bytes reserved.
        reserved: usize,
    },
    /// What was written does not pass the self-check; nothing may be released.
    #[error("self-check failed: {0}")]
    SelfCheck(String),
}
