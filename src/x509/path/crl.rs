//! Certificate revocation lists: complete, delta, indirect, partitioned (RFC 5280 5 and 6.3.3).

use super::purpose::{Purpose, extension, extension_in};
use super::revocation::{Status, Subject, Witness, is_fresh};
use super::verifier::Verifier;
use super::{MAX_NESTING, PathError, Request, RevocationPolicy, TrustStore, seconds, validate_nested};
use crate::x509::asn1::{Asn1Error, Reader, Rules, Value, tag};
use crate::x509::frame;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::asn1::{BitString, Uint};
use der::flagset::FlagSet;
use der::referenced::OwnedToRef;
use der::{Decode, Reader as _, SliceReader};
use hufu_api::UnixTime;
use pkix_path::names_match;
use spki::AlgorithmIdentifierOwned;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint, ReasonFlags, Reasons};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, GeneralNames};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, CrlReason};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

const ID_CE_ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// CRL extensions that are understood; another critical one makes the list useless for "good".
const UNDERSTOOD: [ObjectIdentifier; 4] = [
    ID_CE_ISSUING_DISTRIBUTION_POINT,
    rfc5280::ID_CE_DELTA_CRL_INDICATOR,
    rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER,
    rfc5280::ID_CE_CRL_NUMBER,
];
/// Entry extensions that are understood.
const UNDERSTOOD_IN_ENTRIES: [ObjectIdentifier; 4] = [
    rfc5280::ID_CE_CRL_REASONS,
    rfc5280::ID_CE_CERTIFICATE_ISSUER,
    ObjectIdentifier::new_unwrap("2.5.29.24"),
    ObjectIdentifier::new_unwrap("2.5.29.23"),
];

/// A revocation list, read but not yet believed. Its entries stay as they are until somebody is looked for: lists are long, and
/// most are looked at for nothing. Clones share them.
#[derive(Clone, Debug)]
pub struct Crl {
    /// TBSCertList as transmitted: what is signed.
    tbs: Arc<[u8]>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
    issuer: Name,
    this_update: i64,
    next_update: Option<i64>,
    number: Option<Uint>,
    base_number: Option<Uint>,
    scope: Option<IssuingDistributionPoint>,
    authority: Option<AuthorityKeyIdentifier>,
    usable: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    since: UnixTime,
    reason: Option<CrlReason>,
}

/// The fields of a TBSCertList (RFC 5280 5.1.2).
struct Fields<'a> {
    algorithm: Value<'a>,
    issuer: Value<'a>,
    this_update: Value<'a>,
    next_update: Option<Value<'a>>,
    revoked: Option<Value<'a>>,
    extensions: Option<Value<'a>>,
}

impl<'a> Fields<'a> {
    fn of(tbs: &'a [u8]) -> Result<Self, Asn1Error> {
        let mut fields = Value::parse(tbs, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
        fields.optional(tag::INTEGER)?;
        let (algorithm, issuer) = (fields.expect(tag::SEQUENCE)?, fields.expect(tag::SEQUENCE)?);
        let this_update = fields.any()?;
        let next_update = match fields.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(fields.any()?),
            _ => None,
        };
        let revoked = fields.optional(tag::SEQUENCE)?;
        let extensions = fields.optional(tag::context(0))?.map(Value::only).transpose()?;
        fields.end()?;
        Ok(Self { algorithm, issuer, this_update, next_update, revoked, extensions })
    }
}

impl Crl {
    /// Reads a DER CertificateList.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, PathError> {
        Self::read(der).map_err(|why| PathError::Constraint(format!("CRL: {why}")))
    }

    fn read(der: &[u8]) -> Result<Self, String> {
        let text = |e: der::Error| e.to_string();
        let mut outer = SliceReader::new(der).map_err(text)?;
        let (tbs, algorithm, signature) = outer
            .sequence(|seq| {
                let tbs = seq.tlv_bytes()?;
                Ok::<_, der::Error>((tbs, AlgorithmIdentifierOwned::decode(seq)?, BitString::decode(seq)?))
            })
            .map_err(text)?;
        let fields = Fields::of(tbs).map_err(|e| e.to_string())?;
        if AlgorithmIdentifierOwned::from_der(fields.algorithm.raw).map_err(text)?.oid != algorithm.oid {
            return Err("signature algorithms differ".into());
        }
        let extensions =
            fields.extensions.map_or(Ok(Extensions::new()), |e| frame::decode::<Extensions>(e.raw));
        let extensions = extensions.map_err(text)?;
        let mut usable = extensions.iter().all(|e| !e.critical || UNDERSTOOD.contains(&e.extn_id));
        let number = extension_in::<Uint>(&extensions, rfc5280::ID_CE_CRL_NUMBER)?;
        let base_number =
            extension_in::<Uint>(&extensions, rfc5280::ID_CE_DELTA_CRL_INDICATOR)?.map(|(v, _)| v);
        let scope = extension_in::<IssuingDistributionPoint>(&extensions, ID_CE_ISSUING_DISTRIBUTION_POINT)?
            .map(|(v, _)| v);
        let authority =
            extension_in::<AuthorityKeyIdentifier>(&extensions, rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER)?
                .map(|(v, _)| v);
        // RFC 5280 5.2.3: cRLNumber is never critical.
        usable &= number.as_ref().is_none_or(|(_, critical)| !critical);
        let time = |value: Value<'_>| Time::from_der(value.raw).map(seconds).map_err(text);
        Ok(Self {
            this_update: time(fields.this_update)?,
            next_update: fields.next_update.map(time).transpose()?,
            issuer: frame::decode::<Name>(fields.issuer.raw).map_err(text)?,
            tbs: tbs.into(),
            algorithm,
            signature,
            number: number.map(|(v, _)| v),
            base_number,
            scope,
            authority,
            usable,
        })
    }

    fn is_delta(&self) -> bool {
        self.base_number.is_some()
    }

    /// False when the certificate's serial number stands nowhere in it. A quick look, before anything is believed.
    fn may_name(&self, certificate: &Certificate) -> bool {
        let serial = significant(certificate.tbs_certificate.serial_number.as_bytes());
        memchr::memmem::find(&self.tbs, serial).is_some()
    }

    /// The first entry about the certificate. In an indirect list an entry without certificateIssuer has the issuer of the one
    /// before it (5.3.3).
    ///
    /// # Errors
    /// When the entries cannot be read, or one of them has a critical extension that is not understood.
    fn entry(&self, certificate: &Certificate) -> Result<Option<Entry>, String> {
        let fields = Fields::of(&self.tbs).map_err(|e| e.to_string())?;
        let Some(revoked) = fields.revoked else { return Ok(None) };
        let tbs = &certificate.tbs_certificate;
        let wanted = significant(tbs.serial_number.as_bytes());
        let indirect = self.scope.as_ref().is_some_and(|s| s.indirect_crl);
        let (mut of_issuer, mut found) = (names_match(&self.issuer, &tbs.issuer), None);
        let mut entries = revoked.children().map_err(|e| e.to_string())?;
        while !entries.is_empty() {
            let (serial, date, extensions) = entry_fields(&mut entries).map_err(|e| e.to_string())?;
            // Serial numbers may be negative (PKITS 4.4.14): the first look is a quick one.
            let this_one = found.is_none()
                && significant(serial.content) == wanted
                && SerialNumber::from_der(serial.raw).is_ok_and(|s| s == tbs.serial_number);
            let mut reason = None;
            if let Some(extensions) = extensions.filter(|e| indirect || this_one || may_be_critical(e.raw)) {
                let extensions: Extensions = frame::decode(extensions.raw).map_err(|e| e.to_string())?;
                if extensions.iter().any(|e| e.critical && !UNDERSTOOD_IN_ENTRIES.contains(&e.extn_id)) {
                    return Err(
                        "an entry of the revocation list has a critical extension that is not understood"
                            .into(),
                    );
                }
                if let Some(named) = entry_issuer(&extensions)?.filter(|_| indirect) {
                    of_issuer = names_match(&named, &tbs.issuer);
                }
                reason = extension_in::<CrlReason>(&extensions, rfc5280::ID_CE_CRL_REASONS)?.map(|(v, _)| v);
            }
            if this_one && of_issuer {
                let since = Time::from_der(date.raw).map(seconds).map_err(|e| e.to_string())?;
                found = Some(Entry { since: UnixTime::from_seconds(since), reason });
            }
        }
        Ok(found)
    }

    /// Reasons that this list speaks of.
    fn reasons(&self) -> ReasonFlags {
        self.scope.as_ref().and_then(|s| s.only_some_reasons).map_or_else(all_reasons, |r| r & all_reasons())
    }
}

/// Serial number, date and extensions of the next entry.
fn entry_fields<'a>(
    entries: &mut Reader<'a>,
) -> Result<(Value<'a>, Value<'a>, Option<Value<'a>>), Asn1Error> {
    let mut fields = entries.expect(tag::SEQUENCE)?.children()?;
    let (serial, date) = (fields.expect(tag::INTEGER)?, fields.any()?);
    let extensions = fields.optional(tag::SEQUENCE)?;
    fields.end()?;
    Ok((serial, date, extensions))
}

/// Without leading zeros.
fn significant(integer: &[u8]) -> &[u8] {
    integer.iter().position(|&b| b != 0).and_then(|n| integer.get(n..)).unwrap_or_default()
}

/// Whether BOOLEAN TRUE stands somewhere in it.
fn may_be_critical(extensions: &[u8]) -> bool {
    memchr::memmem::find(extensions, &[1, 1, 0xff]).is_some()
}

fn entry_issuer(extensions: &Extensions) -> Result<Option<Name>, String> {
    let names = extension_in::<GeneralNames>(extensions, rfc5280::ID_CE_CERTIFICATE_ISSUER)?;
    Ok(names.and_then(|(names, _)| names.into_iter().find_map(directory)))
}

fn directory(name: GeneralName) -> Option<Name> {
    match name {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    }
}

fn all_reasons() -> ReasonFlags {
    FlagSet::full() - Reasons::Unused
}

/// What one list, or a delta of it, says of the certificate.
struct Saying {
    /// thisUpdate of the list.
    made: i64,
    /// `None`: the list speaks of all revocations of its scope and has none of this certificate.
    entry: Option<Entry>,
    witness: Witness,
}

/// Everything that believed lists say of one certificate. The order of the lists does not matter.
#[derive(Default)]
struct Sayings(Vec<Saying>);

impl Sayings {
    /// A revocation stays whatever another list leaves out: lists of the same CA need not be of the same time, and the older one
    /// may be fresh as well. Only what is newer takes back: `removeFromCRL`, and for a certificate on hold a list without it
    /// (5.3.1, 5.2.4).
    fn revocation(&self) -> Option<(UnixTime, Witness)> {
        let reason = |s: &Saying| s.entry.and_then(|e| e.reason);
        let removed = |s: &Saying| reason(s) == Some(CrlReason::RemoveFromCRL);
        let entries = self.0.iter().filter(|s| !removed(s)).filter(|s| {
            let held = reason(s) == Some(CrlReason::CertificateHold);
            !self
                .0
                .iter()
                .any(|o| (removed(o) && o.made >= s.made) || (held && o.entry.is_none() && o.made > s.made))
        });
        entries.filter_map(|s| Some((s.entry?.since, s.witness))).min_by_key(|(since, _)| *since)
    }
}

/// The status that the lists at hand give (6.3.3). All of them are looked at.
pub(super) fn status(subject: &Subject<'_>, request: &Request<'_>, verifier: &Verifier) -> Status {
    let points =
        match extension::<CrlDistributionPoints>(subject.certificate, rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS)
        {
            Ok(found) => found.map(|(points, _)| points.0).unwrap_or_default(),
            Err(why) => return Status::Unknown(why),
        };
    // "repeat the process above with any available CRLs not specified in a distribution point but issued by the
    // certificate issuer": a point of its own at the end.
    let own = DistributionPoint { distribution_point: None, reasons: None, crl_issuer: None };
    let mut covered = ReasonFlags::default();
    let mut why = String::from("no revocation data");
    let mut sayings = Sayings::default();
    let mut witness = None;
    let named = request.crls.iter().any(|c| c.may_name(subject.certificate));
    for (point, implied) in points.iter().map(|p| (p, false)).chain([(&own, true)]) {
        for (n, crl) in request.crls.iter().enumerate().filter(|(_, c)| !c.is_delta()) {
            if crl.this_update > request.now.seconds() || !in_scope(crl, point, implied, subject) {
                continue;
            }
            let deltas: Vec<&Crl> = request.crls.iter().filter(|d| applies(d, crl)).collect();
            let reasons = crl.reasons() & point.reasons.unwrap_or_else(all_reasons);
            // Where no list names the certificate, what adds nothing costs no signature check.
            if !named && (reasons - covered).is_empty() {
                continue;
            }
            if let Err(reason) = believe(crl, subject, request, verifier) {
                why = reason;
                continue;
            }
            let deltas: Vec<&Crl> = deltas
                .into_iter()
                .filter(|d| d.this_update <= request.now.seconds())
                .filter(|d| believe(d, subject, request, verifier).is_ok())
                .collect();
            let says = Witness::Crl(n);
            let said = std::iter::once(crl).chain(deltas.iter().copied()).try_for_each(|list| {
                let entry = list.entry(subject.certificate)?;
                // A delta without the certificate says that nothing happened since its base.
                let all_of_it = !list.is_delta() && reasons.contains(Reasons::CertificateHold);
                if entry.is_some() || all_of_it {
                    sayings.0.push(Saying { made: list.this_update, entry, witness: says });
                }
                Ok(())
            });
            if let Err(reason) = said {
                why = reason;
                continue;
            }
            let fresh = |c: &Crl| is_fresh(c.this_update, c.next_update, request);
            if !fresh(crl) && !deltas.iter().any(|d| fresh(d)) {
                why = "the revocation list is not of that time".into();
                continue;
            }
            covered |= reasons;
            witness = Some(says);
        }
    }
    let revoked = sayings.revocation().map(|(since, says)| Status::revoked(since, request.at, says));
    match (revoked, witness) {
        (Some(revoked @ Status::Revoked(..)), _) => revoked,
        (later, Some(witness)) if covered.contains(all_reasons()) => later.unwrap_or(Status::Good(witness)),
        (_, None) => Status::Unknown(why),
        _ => Status::Unknown("the revocation lists at hand do not cover all reasons".into()),
    }
}

/// 6.3.3 (b): the list is the one that the distribution point speaks of, and of this kind of certificate.
fn in_scope(crl: &Crl, point: &DistributionPoint, implied: bool, subject: &Subject<'_>) -> bool {
    let issuer = &subject.certificate.tbs_certificate.issuer;
    let indirect = crl.scope.as_ref().is_some_and(|s| s.indirect_crl);
    let by_issuer = match &point.crl_issuer {
        Some(names) => indirect && directories(names).any(|n| names_match(n, &crl.issuer)),
        None => names_match(&crl.issuer, issuer),
    };
    if !by_issuer {
        return false;
    }
    let Some(scope) = &crl.scope else { return true };
    let ca = extension::<BasicConstraints>(subject.certificate, rfc5280::ID_CE_BASIC_CONSTRAINTS)
        .is_ok_and(|c| c.is_some_and(|(c, _)| c.ca));
    if scope.only_contains_attribute_certs
        || (scope.only_contains_user_certs && ca)
        || (scope.only_contains_ca_certs && !ca)
    {
        return false;
    }
    let Some(listed) = &scope.distribution_point else { return true };
    if implied {
        return false;
    }
    let listed = full_names(listed, &crl.issuer);
    let wanted = match &point.distribution_point {
        Some(name) => {
            let base = point.crl_issuer.as_ref().and_then(|n| directories(n).next()).unwrap_or(issuer);
            full_names(name, base)
        }
        None => point.crl_issuer.clone().unwrap_or_default(),
    };
    listed.iter().any(|a| wanted.iter().any(|b| same_name(a, b)))
}

fn directories(names: &GeneralNames) -> impl Iterator<Item = &Name> {
    names.iter().filter_map(|n| match n {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    })
}

/// A distribution point name as full names.
fn full_names(name: &DistributionPointName, base: &Name) -> GeneralNames {
    match name {
        DistributionPointName::FullName(names) => names.clone(),
        DistributionPointName::NameRelativeToCRLIssuer(relative) => {
            let mut full = base.clone();
            full.0.push(relative.clone());
            vec![GeneralName::DirectoryName(full)]
        }
    }
}

fn same_name(a: &GeneralName, b: &GeneralName) -> bool {
    match (a, b) {
        (GeneralName::DirectoryName(a), GeneralName::DirectoryName(b)) => names_match(a, b),
        (a, b) => a == b,
    }
}

/// 6.3.3 (c): a delta of this base: same issuer, scope and key, made for this or an earlier base, and newer.
fn applies(delta: &Crl, base: &Crl) -> bool {
    let (Some(from), Some(base_number), Some(number)) = (&delta.base_number, &base.number, &delta.number)
    else {
        return false;
    };
    let value = |n: &Uint| {
        let bytes = n.as_bytes();
        (bytes.len(), bytes.to_vec())
    };
    names_match(&delta.issuer, &base.issuer)
        && delta.scope == base.scope
        && delta.authority == base.authority
        && value(from) <= value(base_number)
        && value(base_number) < value(number)
}

/// 6.3.3 (f) and (g): signed by a certificate of the CRL issuer's name that may sign CRLs and that chains to the same
/// trust anchor.
fn believe(
    crl: &Crl,
    subject: &Subject<'_>,
    request: &Request<'_>,
    verifier: &Verifier,
) -> Result<(), String> {
    if !crl.usable {
        return Err("the revocation list has a critical extension that is not understood".into());
    }
    let own = [subject.issuer, &subject.anchor.certificate];
    let candidates = own.into_iter().chain(request.pool.iter().map(|c| &**c));
    let mut why = String::from("the issuer of the revocation list is not there");
    for issuer in candidates.filter(|c| names_match(&c.tbs_certificate.subject, &crl.issuer)) {
        let signed = verifier.verify(
            crl.algorithm.owned_to_ref(),
            issuer.tbs_certificate.subject_public_key_info.owned_to_ref(),
            &crl.tbs,
            crl.signature.raw_bytes(),
        );
        if !signed {
            why = "the signature of the revocation list does not verify".into();
            continue;
        }
        if let Err(reason) = super::purpose::check(issuer, Purpose::CrlSigning) {
            why = reason;
            continue;
        }
        if issuer == subject.issuer || *issuer == subject.anchor.certificate {
            return Ok(());
        }
        match issuer_is_valid(issuer, subject, request, verifier) {
            Ok(()) => return Ok(()),
            Err(reason) => why = format!("the issuer of the revocation list is not valid: {reason}"),
        }
    }
    Err(why)
}

/// A CRL issuer that is not in the chain needs a chain of its own to the same anchor. Its own revocation counts too,
/// unless it could only be told by lists that it signs itself.
fn issuer_is_valid(
    issuer: &Certificate,
    subject: &Subject<'_>,
    request: &Request<'_>,
    verifier: &Verifier,
) -> Result<(), String> {
    if subject.nesting >= MAX_NESTING {
        return Ok(());
    }
    let mut store = TrustStore::new();
    store.insert(subject.anchor.clone());
    let revocation = match request.revocation {
        RevocationPolicy::Require => RevocationPolicy::WhereKnown,
        other => other,
    };
    let nested = Request { store: &store, purpose: Purpose::CrlSigning, revocation, ..request.clone() };
    validate_nested(issuer, &nested, verifier, subject.nesting + 1)
        .map(|_| ())
        .map_err(|f| f.error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lists say of one certificate: when each was made, and the reason of its entry; `None` has no entry.
    fn revoked(lists: &[(i64, Option<Option<CrlReason>>)]) -> bool {
        let since = crate::x509::testing::now();
        let say = |&(made, entry): &(i64, Option<Option<CrlReason>>)| Saying {
            made,
            entry: entry.map(|reason| Entry { since, reason }),
            witness: Witness::Crl(0),
        };
        Sayings(lists.iter().map(say).collect()).revocation().is_some()
    }

    #[test]
    fn only_what_is_newer_takes_a_revocation_back() {
        const NONE: Option<Option<CrlReason>> = None;
        const HOLD: Option<Option<CrlReason>> = Some(Some(CrlReason::CertificateHold));
        const REMOVED: Option<Option<CrlReason>> = Some(Some(CrlReason::RemoveFromCRL));
        const KEY: Option<Option<CrlReason>> = Some(Some(CrlReason::KeyCompromise));
        const BARE: Option<Option<CrlReason>> = Some(None);
        for (lists, stays) in [
            (&[(1, NONE)][..], false),
            (&[(1, KEY)], true),
            (&[(1, BARE)], true),
            // A list without it takes nothing back, older or newer.
            (&[(1, KEY), (2, NONE)], true),
            (&[(2, KEY), (1, NONE)], true),
            (&[(1, BARE), (2, NONE)], true),
            // Of a hold a newer one does.
            (&[(1, HOLD)], true),
            (&[(1, HOLD), (2, NONE)], false),
            (&[(1, HOLD), (1, NONE)], true),
            (&[(2, HOLD), (1, NONE)], true),
            (&[(1, HOLD), (2, NONE), (3, HOLD)], true),
            // removeFromCRL says it in words.
            (&[(1, HOLD), (2, REMOVED)], false),
            (&[(2, HOLD), (1, REMOVED)], true),
            (&[(1, HOLD), (1, REMOVED)], false),
            (&[(1, REMOVED)], false),
            (&[(1, HOLD), (2, REMOVED), (3, KEY)], true),
        ] {
            assert_eq!(revoked(lists), stays, "{lists:?}");
            let reversed: Vec<_> = lists.iter().rev().copied().collect();
            assert_eq!(revoked(&reversed), stays, "{reversed:?}: the order does not matter");
        }
    }
}
