//! How a deposited document came about: its signatures, back to the first, with their certificates and consents.

use super::rows::Certificate;
use super::sign::Signature;
use super::{Appliance, Call, Caller, Result, table};
use crate::audit::{Body, Entry, Proof, RecordNumber};
use hufu_api::{Order, Space};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::Bound;

/// Signatures of one document that a package tells of.
const MOST_SIGNATURES: usize = 100;
/// Rows looked at in one step.
const PAGE: usize = 1_000;
/// Records read in one step, and how far behind an intent its outcome is looked for.
const RECORDS: usize = 256;
const FARTHEST: u64 = 65_536;

/// One signature of the document: its row, its signer's name, the proofs of its records (the intent names the file that came in, the
/// outcome the one that went out) and of its consent, its certificate.
pub(super) struct Signed {
    pub(super) row: Signature,
    pub(super) name: Option<String>,
    /// Leaf first, DER; empty when the certificate is not kept any more.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) proof: Proof,
    pub(super) outcome: Option<Proof>,
    pub(super) consent: Option<(Proof, Entry)>,
}

impl Appliance {
    /// The signatures that made the file with this digest, and those that were put under it later, oldest first.
    pub(super) fn trail(&self, call: &Call, caller: &Caller, sha256: &str) -> Result<Vec<Signed>> {
        let mut rows = self.signature_rows(&caller.app.id, sha256)?;
        rows.sort_by_key(|row| row.id);
        rows.into_iter().map(|row| self.signed(call, caller, row)).collect()
    }

    /// Newest to oldest: what made this file has an older number than it, so one pass follows the whole way back.
    fn signature_rows(&self, app: &str, sha256: &str) -> Result<Vec<Signature>> {
        let prefix = table::prefix(app);
        let last = [prefix.as_slice(), &[0xff; 9]].concat();
        let mut wanted = BTreeSet::from([sha256.to_owned()]);
        let mut found = Vec::new();
        let mut from = Bound::Excluded(last);
        loop {
            let bound = from.as_ref().map(Vec::as_slice);
            let page = self.store().scan(Space::Signature, bound, Order::Descending, PAGE)?;
            let (full, mut next) = (page.len() == PAGE, None);
            for (key, stored) in page {
                if !key.starts_with(&prefix) || found.len() == MOST_SIGNATURES {
                    return Ok(found);
                }
                // Rows taken over from an older installation tell less, and nothing that could be proven.
                if let Ok(row) = serde_json::from_slice::<Signature>(&stored.value) {
                    if wanted.contains(&row.output_sha256) {
                        wanted.insert(row.document_sha256.clone());
                        found.push(row);
                    } else if row.document_sha256 == sha256 {
                        found.push(row);
                    }
                }
                next = Some(key);
            }
            match next {
                Some(key) if full => from = Bound::Excluded(key),
                _ => return Ok(found),
            }
        }
    }

    fn signed(&self, call: &Call, caller: &Caller, row: Signature) -> Result<Signed> {
        let certificate = self.certificate_of(&caller.app.id, &row)?;
        let consent = match row.consent {
            None => None,
            Some(record) => {
                let proof = self.prove(call, record)?;
                let entry = Entry::parse(&proof.record).map_err(super::Error::internal)?;
                Some((proof, entry))
            }
        };
        Ok(Signed {
            proof: self.prove(call, row.record)?,
            outcome: self.outcome_of(call, row.record)?.map(|record| self.prove(call, record)).transpose()?,
            name: certificate.as_ref().map(|c| c.subject.common_name.clone()),
            chain: certificate.map(|c| c.chain.into_iter().map(|der| der.0).collect()).unwrap_or_default(),
            consent,
            row,
        })
    }

    /// The record that closes an intent; it comes soon after.
    fn outcome_of(&self, call: &Call, intent: RecordNumber) -> Result<Option<RecordNumber>> {
        let Some(reader) = self.reader.get() else { return Ok(None) };
        let mut next = intent + 1;
        while next - intent <= FARTHEST {
            let records = reader.read(call.cx, next, RECORDS)?;
            let closes = |entry: &&Entry| matches!(entry.body, Body::Outcome { of, .. } if of == intent);
            if let Some(outcome) = records.iter().find(closes) {
                return Ok(Some(outcome.number));
            }
            match records.last() {
                Some(last) => next = last.number + 1,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The certificate that a signature was made with: the signer's present one as a rule, else an older or a scene one.
    fn certificate_of(&self, app: &str, row: &Signature) -> Result<Option<Certificate>> {
        let fits = |certificate: &Certificate| {
            certificate
                .chain
                .first()
                .is_some_and(|leaf| hex::encode(Sha256::digest(&leaf.0)) == row.certificate_sha256)
        };
        let signer =
            table::read::<super::rows::Signer>(self.store(), &table::in_app(Space::Signer, app, row.signer))?;
        if let Some(id) = signer.and_then(|signer| signer.value.certificate) {
            let present =
                table::read::<Certificate>(self.store(), &table::in_app(Space::Certificate, app, id))?;
            if let Some(present) = present.map(|row| row.value).filter(fits) {
                return Ok(Some(present));
            }
        }
        let mut found = None;
        table::each_in_app(self.store(), Space::Certificate, app, |_, bytes| {
            if found.is_none()
                && let Ok(certificate) = serde_json::from_slice::<Certificate>(bytes)
                && certificate.signer == row.signer
                && fits(&certificate)
            {
                found = Some(certificate);
            }
            Ok(())
        })?;
        Ok(found)
    }
}
