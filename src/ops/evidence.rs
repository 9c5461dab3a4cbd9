//! 存证证书: what a court gets of a deposit, in one ZIP that can be checked without the appliance.

use super::appliance::facts;
use super::evidence_trail::Signed;
use super::{Appliance, Call, Caller, Error, Result};
use crate::audit::{Act, AuditReader, Ending, Proof};
use crate::codes::Code;
use crate::evidence::{self, Contents};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Appliance {
    /// Lets evidence packages prove their records; without it they say so.
    pub fn read_log_through(&self, reader: Arc<dyn AuditReader>) {
        // The first one stays: there is one log.
        self.reader.get_or_init(|| reader);
    }

    /// The evidence package of a deposit, a ZIP.
    ///
    /// # Errors
    /// 20303 not granted, 10206 no such deposit, 501 when the log cannot be read here, and what signing the report may fail with.
    pub fn evidence_package(&self, call: &Call, caller: &Caller, id: u64) -> Result<Vec<u8>> {
        if !caller.app.grants.evidence {
            return Err(Code::NoEvidenceService.into());
        }
        let deposit = self.deposited(caller, id)?;
        let proof = self.anchored(call, self.prove(call, deposit.record)?);
        let trail = self.trail(call, caller, &deposit.sha256)?;
        let document = match &deposit.archive {
            Some(archive) => self.archived(call, archive, &deposit.sha256)?,
            None => None,
        };
        let facts = facts([("deposit", id.into()), ("document_sha256", deposit.sha256.clone().into())]);
        self.note(call, Self::actor(call, caller), Act::ReadEvidence, facts, Ending::Done)?;
        let told = json!({
            "czId": deposit.id, "sid": deposit.sid, "sha256": deposit.sha256, "size": deposit.size,
            "path": deposit.path, "depositedAt": deposit.at.millis(), "record": deposit.record,
            "archived": document.is_some(),
        });
        let told = serde_json::to_vec_pretty(&told).map_err(Error::internal)?;
        let (report, issuer) =
            self.evidence_report(call, caller, &deposit, &proof, &trail, document.is_some(), &told)?;
        let rows = trail.iter().map(shown).collect::<Result<Vec<Value>>>()?;
        let rows = serde_json::to_vec_pretty(&rows).map_err(Error::internal)?;
        let mut related: Vec<Proof> = Vec::new();
        for signed in &trail {
            related.push(signed.proof.clone());
            related.extend(signed.outcome.clone());
            related.extend(signed.consent.as_ref().map(|(proof, _)| proof.clone()));
        }
        related.sort_by_key(|proof| proof.number);
        related.dedup_by_key(|proof| proof.number);
        let certificates: BTreeSet<&[u8]> =
            trail.iter().flat_map(|s| &s.chain).chain(&issuer).map(Vec::as_slice).collect();
        let key = proof.key.clone();
        evidence::package(&Contents {
            proof,
            related,
            key: &key,
            timestamp: deposit.token.as_ref().map(|token| token.0.as_slice()),
            certificates: certificates.into_iter().collect(),
            document: document.as_deref(),
            sheet: &report,
            extra: vec![("deposit.json", &told), ("signatures.json", &rows)],
        })
        .map_err(Error::internal)
    }

    /// The proof that a record is in the log.
    pub(super) fn prove(&self, call: &Call, record: u64) -> Result<Proof> {
        let reader =
            self.reader.get().ok_or_else(|| Error::new(Code::Disabled).because("the log cannot be read"))?;
        Ok(reader.prove(call.cx, record)?)
    }

    /// The proof with a time stamp over its checkpoint, where one is to be had: the log proves the record without it too.
    fn anchored(&self, call: &Call, mut proof: Proof) -> Proof {
        if proof.anchor.is_none() && self.ports.timestamps.is_some() {
            match self.anchor(call, proof.size, &proof.checkpoint) {
                Ok(token) => proof.anchor = Some(token),
                Err(error) => {
                    tracing::warn!(request = %call.cx.request, %error, "evidence without an anchor");
                }
            }
        }
        proof
    }
}

fn shown(signed: &Signed) -> Result<Value> {
    let mut row = serde_json::to_value(&signed.row).map_err(Error::internal)?;
    if let Some(row) = row.as_object_mut() {
        row.insert("signer_name".into(), signed.name.clone().into());
    }
    Ok(row)
}
