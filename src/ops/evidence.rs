//! 存证证书: what a court gets of a deposit, in one ZIP that can be checked without the appliance.

use super::appliance::facts;
use super::deposit::Deposit;
use super::paper::{Attachment, paper};
use super::sign::{Signature, beijing};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, AuditReader, Ending, Proof};
use crate::codes::Code;
use crate::evidence::{self, Contents};
use hufu_api::Space;
use serde_json::{Value, json};
use std::sync::Arc;

/// Signatures of one document that a package tells of.
const MOST_SIGNATURES: usize = 100;

impl Appliance {
    /// Lets evidence packages prove their records; without it they say so.
    pub fn read_log_through(&self, reader: Arc<dyn AuditReader>) {
        // The first one stays: there is one log.
        self.reader.get_or_init(|| reader);
    }

    /// The evidence package of a deposit, a ZIP.
    ///
    /// # Errors
    /// 20303 not granted, 10206 no such deposit, 501 when the log cannot be read here.
    pub fn evidence_package(&self, call: &Call, caller: &Caller, id: u64) -> Result<Vec<u8>> {
        if !caller.app.grants.evidence {
            return Err(Code::NoEvidenceService.into());
        }
        let deposit = self.deposited(caller, id)?;
        let proof = self.prove(call, deposit.record)?;
        let signatures = self.signatures_of(call, caller, &deposit.sha256)?;
        let facts = facts([("deposit", id.into()), ("document_sha256", deposit.sha256.clone().into())]);
        self.note(call, Self::actor(call, caller), Act::ReadEvidence, facts, Ending::Done)?;
        let told = json!({
            "czId": deposit.id, "sid": deposit.sid, "sha256": deposit.sha256, "size": deposit.size,
            "path": deposit.path, "depositedAt": deposit.at.millis(), "record": deposit.record,
        });
        let told = serde_json::to_vec_pretty(&told).map_err(Error::internal)?;
        let report = report(&deposit, &proof, &signatures, &told)?;
        let mut related: Vec<Proof> = signatures.iter().flat_map(|s| s.proofs.iter().cloned()).collect();
        related.sort_by_key(|proof| proof.number);
        related.dedup_by_key(|proof| proof.number);
        let rows: Vec<&Value> = signatures.iter().map(|s| &s.shown).collect();
        let rows = serde_json::to_vec_pretty(&rows).map_err(Error::internal)?;
        let key = proof.key.clone();
        evidence::package(&Contents {
            proof,
            related,
            key: &key,
            timestamp: deposit.token.as_ref().map(|token| token.0.as_slice()),
            certificates: Vec::new(),
            document: None,
            sheet: &report,
            extra: vec![("deposit.json", &told), ("signatures.json", &rows)],
        })
        .map_err(Error::internal)
    }

    fn prove(&self, call: &Call, record: u64) -> Result<Proof> {
        let reader =
            self.reader.get().ok_or_else(|| Error::new(Code::Disabled).because("the log cannot be read"))?;
        Ok(reader.prove(call.cx, record)?)
    }

    fn signatures_of(&self, call: &Call, caller: &Caller, sha256: &str) -> Result<Vec<Signed>> {
        let mut found: Vec<Signature> = Vec::new();
        table::each_in_app(self.store(), Space::Signature, &caller.app.id, |_, bytes| {
            // Rows taken over from an older installation tell less, and nothing that could be proven.
            if let Ok(row) = serde_json::from_slice::<Signature>(bytes)
                && row.output_sha256 == sha256
                && found.len() < MOST_SIGNATURES
            {
                found.push(row);
            }
            Ok(())
        })?;
        found
            .into_iter()
            .map(|row| {
                let mut proofs = vec![self.prove(call, row.record)?];
                if let Some(record) = row.consent {
                    proofs.push(self.prove(call, record)?);
                }
                Ok(Signed { shown: serde_json::to_value(&row).map_err(Error::internal)?, proofs })
            })
            .collect()
    }
}

/// A signature of the deposited file: its row, and the proofs of its record and of its consent.
struct Signed {
    shown: Value,
    proofs: Vec<Proof>,
}

fn report(deposit: &Deposit, proof: &Proof, signatures: &[Signed], data: &[u8]) -> Result<Vec<u8>> {
    let mut lines = vec![
        format!("存证编号 czId：{}", deposit.id),
        format!("业务编号 sid：{}", deposit.sid),
        format!("存证时间：{}（北京时间）", beijing(deposit.at)?),
        format!("文件 SHA-256：{}", deposit.sha256),
        format!("文件大小：{} 字节", deposit.size),
        format!("审计记录编号：{}，审计树大小：{}", proof.number, proof.size),
        format!("可信时间戳：{}", if deposit.token.is_some() { "有（document.tsr）" } else { "无" }),
        String::new(),
        format!("本文件的签署记录：{} 条（signatures.json）", signatures.len()),
    ];
    lines.push(String::new());
    lines.push("核验步骤见 README.txt；附件 deposit.json 为机器可读形式。".into());
    Ok(paper("存证证书", &lines, &Attachment { name: "deposit.json", kind: "application/json", bytes: data }))
}
