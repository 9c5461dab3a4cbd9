//! Findings: one observation with its reason, and the names of the known attacks.

use super::report::Bytes;
use serde::Serialize;
use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A reader should look at it.
    Warning,
    /// The signature fails because of it.
    Failure,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The file's syntax and its revisions.
    File,
    /// The signature dictionary, /ByteRange and /Contents.
    Structure,
    /// The CMS and its cryptography.
    Cryptography,
    /// Certificates, chains and revocation.
    Trust,
    /// A time stamp.
    Time,
    /// What was changed after signing.
    Modification,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its weight.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// A stable name for programs, in kebab-case.
    pub code: &'static str,
    /// The reason for people, one sentence, with the clause it rests on where there is one.
    pub detail: String,
    /// The known attack that this looks like.
    pub attack: Option<Attack>,
    /// The bytes concerned.
    pub bytes: Option<Bytes>,
}

impl Finding {
    /// A finding that fails the signature.
    pub fn failure(subject: Subject, code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Severity::Failure, subject, code, detail.into())
    }

    /// A finding to look at.
    pub fn warning(subject: Subject, code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Severity::Warning, subject, code, detail.into())
    }

    /// A finding worth knowing.
    pub fn info(subject: Subject, code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Severity::Info, subject, code, detail.into())
    }

    fn new(severity: Severity, subject: Subject, code: &'static str, detail: String) -> Self {
        Self { severity, subject, code, detail, attack: None, bytes: None }
    }

    /// The same finding, named as an attack.
    #[must_use]
    pub fn attack(mut self, attack: Attack) -> Self {
        self.attack = Some(attack);
        self
    }

    /// The same finding about these bytes.
    #[must_use]
    pub fn at(mut self, start: u64, end: u64) -> Self {
        self.bytes = Some(Bytes { start, end });
        self
    }
}

/// Known attacks on signed PDF files, by the names of the literature (Mladenov et al. 2019, "1 Trillion Dollar
/// Refund"; Mainka et al. 2021, "Shadow Attacks"; Rohlmann et al. 2021, "Breaking the Specification").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Universal signature forgery: the signature's own entries are missing, null or senseless.
    UniversalForgery,
    /// Signature wrapping: the signed bytes were moved and others put in their place.
    Wrapping,
    /// Incremental saving: content appended after signing.
    IncrementalSaving,
    /// Incremental saving without a cross-reference section of its own.
    IncrementalSavingWithoutXref,
    /// Incremental saving without a trailer.
    IncrementalSavingWithoutTrailer,
    /// Shadow attack: content shown to the signer is hidden afterwards.
    ShadowHide,
    /// Shadow attack: what is shown is replaced by something prepared or redefined.
    ShadowReplace,
    /// Shadow attack: a prepared second document is activated.
    ShadowHideAndReplace,
    /// Evil annotation: an annotation laid over a certified document.
    EvilAnnotation,
    /// Sneaky signature: a signature field's appearance laid over a certified document.
    SneakySignature,
    /// A visible field without signature laid over the content.
    FieldOverlay,
    /// A font was replaced or redefined.
    FontSwap,
    /// An image, form or other resource was replaced.
    ResourceSwap,
    /// Layers were switched or redefined.
    OptionalContentSwap,
    /// Pages were added.
    PageAdded,
    /// Pages were removed.
    PageRemoved,
    /// Pages were put in another order.
    PageReordered,
    /// Entries of an existing signature dictionary were rewritten (/Reason, /Name, /M …).
    SignatureRewritten,
    /// Validation data was removed from the document security store.
    DssRemoved,
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UniversalForgery => "universal signature forgery (USF)",
            Self::Wrapping => "signature wrapping (SWA)",
            Self::IncrementalSaving => "incremental saving (ISA)",
            Self::IncrementalSavingWithoutXref => "incremental saving without xref (ISA)",
            Self::IncrementalSavingWithoutTrailer => "incremental saving without trailer (ISA)",
            Self::ShadowHide => "shadow attack, hide",
            Self::ShadowReplace => "shadow attack, replace",
            Self::ShadowHideAndReplace => "shadow attack, hide and replace",
            Self::EvilAnnotation => "evil annotation (EAA)",
            Self::SneakySignature => "sneaky signature (SSA)",
            Self::FieldOverlay => "overlay by an unsigned visible field",
            Self::FontSwap => "font swap",
            Self::ResourceSwap => "resource swap",
            Self::OptionalContentSwap => "optional content swap",
            Self::PageAdded => "page added",
            Self::PageRemoved => "page removed",
            Self::PageReordered => "pages reordered",
            Self::SignatureRewritten => "signature dictionary rewritten",
            Self::DssRemoved => "validation data removed",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    /// Every code of the sources stands in the catalogue of docs/VALIDATION.md.
    #[test]
    fn the_catalogue_has_every_code() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let catalogue = std::fs::read_to_string(top.join("docs/VALIDATION.md")).unwrap();
        let mut sources: Vec<_> =
            std::fs::read_dir(top.join("src/verify")).unwrap().map(|e| e.unwrap().path()).collect();
        sources.push(top.join("src/ops/status.rs"));
        let mut codes = Vec::new();
        for path in sources.iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let literals = code.split('"').skip(1).step_by(2).map(str::to_owned);
            let kebab = |s: &String| {
                s.contains('-')
                    && s.split('-').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()))
            };
            codes.extend(literals.filter(kebab));
        }
        assert!(codes.len() > 40, "{} codes were found", codes.len());
        let missing: Vec<_> = codes.iter().filter(|c| !catalogue.contains(&format!("`{c}`"))).collect();
        assert!(missing.is_empty(), "not in docs/VALIDATION.md: {missing:?}");
    }
}
