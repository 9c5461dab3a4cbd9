//! The verdict over a file: every signature found, covered, verified, compared, trusted.

mod compared;

use super::budget::{Budget, Covered};
use super::cryptography::{self, Format, Judged};
use super::diff::Known;
use super::evidence::Evidence;
use super::finding::{Attack, Finding, Severity, Subject};
use super::form::FormTooLarge;
use super::found::{self, Found};
use super::report::{
    Bytes, Indication, Permission, Report, RevisionReport, SignDate, SignatureKind, SignatureReport,
    SubIndication, TimeSource, TimestampReport,
};
use super::stamp::{self, Stamped};
use super::structure::{self, Coverage, as_u64};
use super::trust::{self, Question};
use super::{form, linearized, pages, pdf_date, presign, revisions, scene};
use crate::pdf::syntax::inspect::Inspection;
use crate::pdf::syntax::{Dict, Document, Limits, Object, SyntaxError, View};
use crate::x509::path::{Purpose, RevocationPolicy, TrustStore, Verifier};
use crate::x509::signature::Work;
use compared::Compared;
use hufu_api::{Statement, UnixTime};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// How to judge.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The time now; trust is judged for it where no time stamp proves an earlier time.
    pub now: UnixTime,
    /// Certificates (DER) beside those in the file that may be issuers.
    pub certificates: &'a [Vec<u8>],
    /// OCSP responses and revocation lists beside those in the file.
    pub statements: &'a [Statement],
    /// What to do about revocation that nothing decides.
    pub revocation: RevocationPolicy,
}

impl Options<'_> {
    /// Judges at `now` with what the file brings along.
    pub const fn at(now: UnixTime) -> Self {
        Self { now, certificates: &[], statements: &[], revocation: RevocationPolicy::WhereKnown }
    }
}

/// Why a file cannot be judged at all.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be read as a PDF without guessing.
    #[error("the file is not a sound PDF: {0}")]
    Unreadable(#[from] SyntaxError),
    /// Its form has more than is looked at: there may be signatures that nobody saw.
    #[error("the file cannot be judged: {0}")]
    TooLarge(#[from] FormTooLarge),
}

/// Judges a signed PDF. Nothing is fetched; nothing but the arguments counts.
///
/// # Errors
/// [`VerifyError`] when the file cannot be read. A file that can be read always gets a report, with every signature
/// whose verdict cannot be reached as not valid.
pub fn verify(bytes: &[u8], store: &TrustStore, options: &Options<'_>) -> Result<Report, VerifyError> {
    let document = Document::open_within(bytes, limits())?;
    Ok(Case::new(&document, store, options)?.report())
}

/// Tighter than for reading: a signed file is walked again and again, by signature and by revision.
fn limits() -> Limits {
    Limits { sections: 256, nodes: 150_000, work_per_byte: 64, ..Limits::default() }
}

/// One signature on its way to the report.
struct Candidate {
    found: Found,
    coverage: Result<Coverage, Vec<Finding>>,
    /// Index of the covered revision.
    revision: Result<usize, Finding>,
    judged: Judged,
    timestamp: bool,
}

impl Candidate {
    /// Digest, signature and structure hold, whatever came later.
    fn sound(&self) -> bool {
        self.coverage.is_ok() && self.revision.is_ok() && self.judged.digest_ok && self.judged.signature_ok
    }

    fn end(&self) -> usize {
        self.coverage.as_ref().map_or(0, |c| c.end)
    }
}

/// Where the bytes end that a sound signature covers.
fn signed_up_to(candidates: &[Candidate]) -> usize {
    candidates.iter().filter(|c| c.sound()).map(Candidate::end).max().unwrap_or(0)
}

struct Case<'c, 'a> {
    document: &'c Document<'a>,
    store: &'c TrustStore,
    options: &'c Options<'c>,
    evidence: Evidence,
    verifier: Verifier,
    work: Work,
    known: Known,
    candidates: Vec<Candidate>,
    inspection: Option<Result<Inspection, Finding>>,
    /// Not every signature was judged: fails all of them.
    incomplete: Option<Finding>,
    findings: Vec<Finding>,
}

impl<'c, 'a> Case<'c, 'a> {
    fn new(
        document: &'c Document<'a>,
        store: &'c TrustStore,
        options: &'c Options<'c>,
    ) -> Result<Self, VerifyError> {
        let mut findings = Vec::new();
        let (found, more) = found::signatures(document)?;
        if let Err(error) = form::listed_fields(document.latest()) {
            if found.is_empty() {
                return Err(error.into());
            }
            let detail = format!("the form cannot be read ({error}): the pages' widgets were looked at");
            findings.push(Finding::warning(Subject::File, "form-unreadable", detail));
        }
        if grants_usage(document.latest()) {
            let detail = "the file has a usage rights signature (/Perms /UR3), which only says what a viewer may do: it is not judged";
            findings.push(Finding::info(Subject::File, "usage-rights", detail));
        }
        let incomplete = more.then(|| {
            let detail = format!("more than {} signatures: the rest was not judged", found::MAX_SIGNATURES);
            Finding::failure(Subject::File, "too-many-signatures", detail)
        });
        findings.extend(incomplete.clone());
        let evidence =
            Evidence::of_dss(document.latest()).with_outside(options.certificates, options.statements);
        let mut budget = Budget::of_file(document.bytes().len());
        let mut found = found;
        // In the order of the file, so that each continues the hash of the one before it.
        found
            .sort_by_cached_key(|f| structure::byte_range(document.as_of(f.revision), &f.dict).map(|r| r[1]));
        let mut candidates: Vec<Candidate> =
            found.into_iter().map(|f| candidate(document, f, &evidence, &mut budget)).collect();
        candidates.sort_by_key(|c| (c.end(), c.found.holder));
        let later = candidates.iter().any(|c| {
            c.revision.as_ref().is_ok_and(|r| r + 1 < document.revisions().len()) || c.revision.is_err()
        });
        let inspection = later.then(|| revisions::strict(document));
        let signed = signed_up_to(&candidates);
        findings.extend(revisions::trailing(document, signed, signed));
        if later {
            findings.extend(presign::unused(document));
        }
        let verifier = trust::verifier();
        let known = Known::of_file(document.bytes().len());
        let work = budget.work;
        Ok(Self {
            document,
            store,
            options,
            evidence,
            verifier,
            work,
            known,
            candidates,
            inspection,
            incomplete,
            findings,
        })
    }

    fn report(self) -> Report {
        let compared = self.compare_all();
        let pages: HashMap<u32, u32> = pages::pages(self.document.latest())
            .unwrap_or_default()
            .iter()
            .zip(1..)
            .map(|(id, number)| (id.number, number))
            .collect();
        let proofs = self.document_timestamps();
        let mut signatures = Vec::new();
        for (n, candidate) in self.candidates.iter().enumerate() {
            let changes = compared.get(n).cloned().unwrap_or_default();
            signatures.push(self.signature(n, candidate, changes, &pages, &proofs));
        }
        let mut by_revision = self.changes_by_revision(&compared);
        let revisions = self
            .document
            .revisions()
            .iter()
            .enumerate()
            .map(|(n, r)| RevisionReport {
                start: as_u64(r.start),
                end: as_u64(r.end),
                changes: by_revision.remove(&n).unwrap_or_default(),
            })
            .collect();
        let bytes = self.document.bytes();
        Report {
            length: as_u64(bytes.len()),
            sha256: hex::encode(Sha256::digest(bytes)),
            validation_time: self.options.now,
            signatures,
            revisions,
            findings: self.findings,
        }
    }

    /// Verified document time stamps with the revision that each covers: proofs of existence for what is before.
    fn document_timestamps(&self) -> BTreeMap<usize, TimestampReport> {
        let mut out = BTreeMap::new();
        for (n, candidate) in self.candidates.iter().enumerate().filter(|(_, c)| c.timestamp) {
            if let Some(token) = &candidate.judged.token {
                let stamped = Stamped::Document(candidate.judged.digest_ok);
                out.insert(
                    n,
                    stamp::judge(token, &stamped, &self.evidence, self.question(self.options.now, false)),
                );
            }
        }
        out
    }

    fn question(&self, at: UnixTime, proven: bool) -> Question<'_> {
        Question {
            store: self.store,
            at,
            now: self.options.now,
            proven,
            purpose: Purpose::Signing,
            revocation: self.options.revocation,
            verifier: &self.verifier,
            work: &self.work,
        }
    }

    fn signature(
        &self,
        index: usize,
        candidate: &Candidate,
        compared: Compared,
        pages: &HashMap<u32, u32>,
        proofs: &BTreeMap<usize, TimestampReport>,
    ) -> SignatureReport {
        let (found, judged) = (&candidate.found, &candidate.judged);
        let view = self.document.as_of(found.revision);
        let mut findings: Vec<Finding> = Vec::new();
        let mut sub = structural_findings(candidate, &mut findings);
        if !found.present {
            let detail = "the newest revision does not show this signature any more";
            findings.push(
                Finding::failure(Subject::Modification, "signature-removed", detail)
                    .attack(Attack::SignatureRewritten),
            );
            sub.get_or_insert(SubIndication::HashFailure);
        }
        findings.extend(judged.findings.iter().cloned());
        findings.extend(self.incomplete.clone());
        let (places, more_places) = found::places(view, found, pages);
        if more_places {
            let detail = format!("{} fields show this signature: not all are listed", found.fields.len());
            findings.push(Finding::warning(Subject::Structure, "too-many-places", detail));
        }
        let at_end =
            candidate.end() >= self.document.revisions().last().map_or(0, |r| r.end).saturating_sub(2);
        let trailing = revisions::trailing(self.document, candidate.end(), signed_up_to(&self.candidates));
        if let (Some(trailing), true) = (trailing, candidate.coverage.is_ok()) {
            findings.push(trailing);
        }
        findings.extend(linearized::begins_elsewhere(self.document));
        findings.extend(compared.findings);
        let modified = compared.changes.iter().any(|c| c.permission == Permission::Forbidden)
            || findings.iter().any(|f| f.severity == Severity::Failure && f.subject != Subject::Cryptography);
        let valid_modify = candidate.sound() && found.present && !modified;
        let timestamp = self.timestamp(index, candidate, proofs);
        let disorder = timestamp.as_ref().filter(|own| self.out_of_order(candidate, own, proofs));
        findings.extend(disorder.map(|_| {
            let detail = "a document time stamp over this one is of an earlier time";
            Finding::warning(Subject::Time, "timestamp-order", detail)
        }));
        let disorder = disorder.map(|_| SubIndication::TimestampOrderFailure);
        let proven = self.proven_time(candidate, timestamp.as_ref(), proofs);
        let (chain, trusted, trust_problem) =
            self.trust(candidate, timestamp.as_ref(), proven, &mut findings);
        let sub = sub.or(judged.problem.filter(|p| is_fatal(*p)));
        let sub = sub
            .or(modified.then_some(SubIndication::HashFailure))
            .or(judged.problem)
            .or(trust_problem)
            .or(disorder);
        let text = |key: &str| found.dict.get(key).and_then(Object::as_string).map(|s| s.to_text());
        let sign_name = chain
            .first()
            .map(|c| c.common_name.clone().unwrap_or_else(|| c.subject.clone()))
            .or_else(|| text("Name"))
            .unwrap_or_default();
        SignatureReport {
            places,
            object: found.object,
            kind: kind(self.document.latest(), candidate),
            sub_filter: name_of(&found.dict, "SubFilter"),
            byte_range: structure::byte_range(view, &found.dict)
                .map(|r| r.map(as_u64).to_vec())
                .unwrap_or_default(),
            unsigned_bytes: unsigned(candidate, self.document.bytes().len()),
            revision: candidate.revision.as_ref().ok().and_then(|r| u32::try_from(*r).ok()).unwrap_or(0),
            covers_whole_file: at_end && candidate.coverage.is_ok(),
            indication: sub.map_or(Indication::TotalPassed, indication),
            sub_indication: sub,
            digest_ok: judged.digest_ok,
            signature_ok: judged.signature_ok,
            valid_modify,
            trusted,
            sign_name,
            sign_date: sign_date(candidate, timestamp.as_ref()),
            reason: text("Reason"),
            location: text("Location"),
            digest_algorithm: judged.digest_algorithm.clone(),
            signature_algorithm: judged.signature_algorithm.clone(),
            chain,
            timestamp,
            changes: compared.changes,
            findings,
        }
    }

    fn timestamp(
        &self,
        index: usize,
        candidate: &Candidate,
        proofs: &BTreeMap<usize, TimestampReport>,
    ) -> Option<TimestampReport> {
        if candidate.timestamp {
            return proofs.get(&index).cloned();
        }
        let token = candidate.judged.token.as_ref()?;
        let judged = &candidate.judged;
        let evidence = self.evidence.with_carried(&judged.certificates, &judged.crls, &judged.ocsp);
        let stamped = Stamped::Bytes(&judged.signature);
        Some(stamp::judge(token, &stamped, &evidence, self.question(self.options.now, false)))
    }

    /// A verified document time stamp over a verified time stamp is of an earlier time.
    fn out_of_order(
        &self,
        candidate: &Candidate,
        own: &TimestampReport,
        proofs: &BTreeMap<usize, TimestampReport>,
    ) -> bool {
        own.verified
            && proofs.iter().any(|(n, over)| {
                let covers = self.candidates.get(*n).is_some_and(|c| c.sound() && c.end() > candidate.end());
                covers && over.verified && stamp::out_of_order(own.time, over.time)
            })
    }

    /// The earliest time at which something verified proves that the signature existed.
    fn proven_time(
        &self,
        candidate: &Candidate,
        own: Option<&TimestampReport>,
        proofs: &BTreeMap<usize, TimestampReport>,
    ) -> Option<UnixTime> {
        let later = proofs
            .iter()
            .filter(|(n, p)| {
                p.verified && self.candidates.get(**n).is_some_and(|c| c.sound() && c.end() > candidate.end())
            })
            .map(|(_, p)| p.time);
        let own = own.filter(|t| t.verified && candidate.judged.signature_ok).map(|t| t.time);
        later.chain(own).min()
    }

    fn trust(
        &self,
        candidate: &Candidate,
        timestamp: Option<&TimestampReport>,
        proven: Option<UnixTime>,
        findings: &mut Vec<Finding>,
    ) -> (Vec<super::CertificateReport>, bool, Option<SubIndication>) {
        let judged = &candidate.judged;
        if let (true, Some(stamp)) = (candidate.timestamp, timestamp) {
            let chain = match &judged.signer {
                Some(signer) if stamp.chain.is_empty() => vec![trust::describe(signer)],
                _ => stamp.chain.clone(),
            };
            return (chain, stamp.verified, stamp.sub_indication);
        }
        let Some(signer) = &judged.signer else { return (Vec::new(), false, None) };
        let evidence = self.evidence.with_carried(&judged.certificates, &judged.crls, &judged.ocsp);
        let question = self.question(proven.unwrap_or(self.options.now), proven.is_some());
        let answer = trust::ask(signer, &evidence, question);
        findings.extend(answer.findings);
        let weak = answer.weak.then_some(SubIndication::CryptoConstraintsFailure);
        (answer.chain, answer.problem.is_none(), answer.problem.or(weak))
    }
}

fn candidate(document: &Document<'_>, found: Found, evidence: &Evidence, budget: &mut Budget) -> Candidate {
    let bytes = document.bytes();
    let view = document.as_of(found.revision);
    let timestamp = found.dict.is_name("SubFilter", "ETSI.RFC3161");
    let coverage = structure::coverage(view, &found.dict);
    let mut judged = Judged::default();
    let revision = match &coverage {
        Ok(coverage) => revisions::covered(document, coverage.end),
        Err(_) => Err(Finding::info(Subject::Structure, "no-coverage", "nothing is covered")),
    };
    if let Ok(coverage) = &coverage {
        judged = cryptography_of(bytes, view, &found.dict, coverage, evidence, budget);
    }
    if let Ok(revision) = &revision {
        bound(document, *revision, &mut judged, budget);
    }
    Candidate { found, coverage, revision, judged, timestamp }
}

/// A scene certificate must be this document's.
fn bound(document: &Document<'_>, revision: usize, judged: &mut Judged, budget: &mut Budget) {
    let Some(binding) = judged.signer.as_ref().and_then(scene::binding) else { return };
    let start = document.revisions().get(revision).map_or(0, |r| r.start);
    if budget.hash(start).is_err() {
        return;
    }
    let finding = scene::judge(binding, document.bytes(), start);
    if finding.severity == Severity::Failure {
        judged.problem.get_or_insert(SubIndication::SigConstraintsFailure);
    }
    judged.findings.push(finding);
}

fn cryptography_of(
    bytes: &[u8],
    view: View<'_, '_>,
    dict: &Dict,
    coverage: &Coverage,
    evidence: &Evidence,
    budget: &mut Budget,
) -> Judged {
    let sub_filter = dict.get("SubFilter").and_then(Object::as_name).unwrap_or(b"adbe.pkcs7.detached");
    // What calls itself a time stamp and is a signature is neither (ISO 32000-2 12.8.5).
    let named_stamp = dict.is_name("Type", "DocTimeStamp");
    let format = Format::of(sub_filter).filter(|format| !named_stamp || *format == Format::Timestamp);
    let Some(format) = format else {
        let kind = if named_stamp { " in a document time stamp" } else { "" };
        let detail = format!("/SubFilter {}{kind} is not supported", String::from_utf8_lossy(sub_filter));
        let finding = Finding::failure(Subject::Cryptography, "sub-filter", detail);
        return Judged {
            problem: Some(SubIndication::FormatFailure),
            findings: vec![finding],
            ..Judged::default()
        };
    };
    let covered = Covered { bytes, hole: coverage.hole, end: coverage.end };
    let cert = match view.get(dict, "Cert") {
        Ok(Object::String(s)) => Some(s.as_bytes().to_vec()),
        Ok(Object::Array(items)) => items.first().and_then(Object::as_string).map(|s| s.as_bytes().to_vec()),
        _ => None,
    };
    cryptography::judge(format, &coverage.contents, covered, cert.as_deref(), &evidence.certificates, budget)
}

fn structural_findings(candidate: &Candidate, findings: &mut Vec<Finding>) -> Option<SubIndication> {
    match (&candidate.coverage, &candidate.revision) {
        (Err(reasons), _) => {
            findings.extend(reasons.iter().cloned());
            Some(SubIndication::FormatFailure)
        }
        (Ok(_), Err(reason)) => {
            findings.push(reason.clone());
            Some(SubIndication::FormatFailure)
        }
        _ => None,
    }
}

/// Problems that mean the signature is broken rather than weak.
const fn is_fatal(sub: SubIndication) -> bool {
    matches!(sub, SubIndication::FormatFailure | SubIndication::HashFailure | SubIndication::SigCryptoFailure)
}

/// EN 319 102-1 5.1.3, tables 5 and 6.
const fn indication(sub: SubIndication) -> Indication {
    match sub {
        SubIndication::FormatFailure
        | SubIndication::HashFailure
        | SubIndication::SigCryptoFailure
        | SubIndication::Revoked
        | SubIndication::Expired
        | SubIndication::NotYetValid => Indication::TotalFailed,
        _ => Indication::Indeterminate,
    }
}

fn kind(view: View<'_, '_>, candidate: &Candidate) -> SignatureKind {
    if candidate.timestamp {
        return SignatureKind::DocumentTimestamp;
    }
    let certified = view.catalog().ok().and_then(|catalog| {
        let perms = view.get_dict(&catalog, "Perms").ok()??;
        perms.get("DocMDP")?.as_reference()
    });
    match (certified, candidate.found.object) {
        (Some(id), Some(number)) if id.number == number => SignatureKind::Certification,
        _ => SignatureKind::Approval,
    }
}

fn name_of(dict: &Dict, key: &str) -> String {
    dict.get(key)
        .and_then(Object::as_name)
        .map(|n| String::from_utf8_lossy(n).into_owned())
        .unwrap_or_default()
}

/// Everything outside the ByteRange, the /Contents value apart.
fn unsigned(candidate: &Candidate, length: usize) -> Vec<Bytes> {
    match &candidate.coverage {
        Ok(coverage) if coverage.end < length => {
            vec![Bytes { start: as_u64(coverage.end), end: as_u64(length) }]
        }
        Ok(_) => Vec::new(),
        Err(_) => vec![Bytes { start: 0, end: as_u64(length) }],
    }
}

/// The time stamp if its signature and imprint hold, else the signer's claims.
fn sign_date(candidate: &Candidate, timestamp: Option<&TimestampReport>) -> Option<SignDate> {
    let stamped = timestamp.filter(|t| {
        t.indication != Indication::TotalFailed
            && t.sub_indication != Some(SubIndication::TimestampOrderFailure)
    });
    if let Some(stamp) = stamped {
        return Some(SignDate { time: stamp.time, source: TimeSource::Timestamp });
    }
    if let Some(time) = candidate.judged.signing_time {
        return Some(SignDate { time, source: TimeSource::SigningTimeAttribute });
    }
    let written = candidate.found.dict.get("M").and_then(Object::as_string)?;
    Some(SignDate { time: pdf_date::parse(&written.to_text())?, source: TimeSource::DictionaryM })
}

/// Whether the catalogue has a signature for usage rights (12.8.2.3), which no field shows.
fn grants_usage(view: View<'_, '_>) -> bool {
    let permissions = view.catalog().and_then(|catalog| view.get_dict(&catalog, "Perms")).ok().flatten();
    permissions.is_some_and(|permissions| permissions.contains("UR3") || permissions.contains("UR"))
}
