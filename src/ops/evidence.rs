//! 存证证书: what a court gets of a deposit, in one ZIP that can be checked without the appliance.

use super::appliance::facts;
use super::deposit::Deposit;
use super::paper::{Attachment, paper};
use super::sign::{Signature, beijing};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, AuditReader, Ending, Proof};
use crate::codes::Code;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hufu_api::Space;
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use std::sync::Arc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Signatures of one document that a package tells of.
const MOST_SIGNATURES: usize = 100;

const STEPS: &str = "\
Hufu evidence package
=====================

deposit.json      what was deposited: SHA-256 and size of the file, business id, time
proof.json        the audit record of the deposit with its RFC 6962 inclusion proof
checkpoint.txt    the signed checkpoint (C2SP tlog-checkpoint) that the proof leads to
checkpoint.tsr    RFC 3161 token over checkpoint.txt, when it has been anchored
timestamp.tsr     RFC 3161 token over the file's SHA-256, when a time source was configured
signatures.json   signatures of the same file made here, each with its record and proof
report.pdf        the same for people, with the data attached

To check without Hufu:

1. sha256sum FILE must print the sha256 of deposit.json.
2. openssl ts -verify -digest SHA256 -in timestamp.tsr -token_in -CAfile roots.pem
3. The leaf hash is SHA-256(0x00 || base64-decoded \"record\" of proof.json). Fold \"hashes\" over it as RFC 6962 2.1.1
   says for leaf \"number\" in a tree of \"size\"; the result must be the root hash in line 3 of checkpoint.txt.
4. Check the signature line of checkpoint.txt with the log's public key (C2SP signed-note).
5. openssl ts -verify -data checkpoint.txt -in checkpoint.tsr -token_in -CAfile roots.pem
";

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
        let mut files: Vec<(&str, Vec<u8>)> = vec![
            ("README.txt", STEPS.as_bytes().to_vec()),
            ("deposit.json", told),
            ("proof.json", serde_json::to_vec_pretty(&shown(&proof)).map_err(Error::internal)?),
            ("checkpoint.txt", proof.checkpoint.into_bytes()),
            ("signatures.json", serde_json::to_vec_pretty(&signatures).map_err(Error::internal)?),
            ("report.pdf", report),
        ];
        files.extend(proof.anchor.map(|token| ("checkpoint.tsr", token)));
        files.extend(deposit.token.map(|token| ("timestamp.tsr", token.0)));
        archive(&files).map_err(Error::internal)
    }

    fn prove(&self, call: &Call, record: u64) -> Result<Proof> {
        let reader =
            self.reader.get().ok_or_else(|| Error::new(Code::Disabled).because("the log cannot be read"))?;
        Ok(reader.prove(call.cx, record)?)
    }

    fn signatures_of(&self, call: &Call, caller: &Caller, sha256: &str) -> Result<Vec<Value>> {
        let mut found: Vec<Signature> = Vec::new();
        table::each_in_app(self.store(), Space::Signature, &caller.app.id, |_, bytes| {
            // Rows taken over from an older installation tell less, and nothing that could be proven.
            if let Ok(row) = serde_json::from_slice::<Signature>(bytes) {
                if row.output_sha256 == sha256 && found.len() < MOST_SIGNATURES {
                    found.push(row);
                }
            }
            Ok(())
        })?;
        found
            .into_iter()
            .map(|row| {
                let proof = self.prove(call, row.record)?;
                let consent = row.consent.map(|record| self.prove(call, record)).transpose()?;
                Ok(json!({
                    "signature": row, "proof": shown(&proof), "consent": consent.as_ref().map(shown),
                }))
            })
            .collect()
    }
}

fn shown(proof: &Proof) -> Value {
    json!({
        "number": proof.number,
        "record": STANDARD.encode(&proof.record),
        "size": proof.size,
        "hashes": proof.hashes.iter().map(hex::encode).collect::<Vec<_>>(),
        "checkpoint": proof.checkpoint,
    })
}

fn report(deposit: &Deposit, proof: &Proof, signatures: &[Value], data: &[u8]) -> Result<Vec<u8>> {
    let mut lines = vec![
        format!("存证编号 czId：{}", deposit.id),
        format!("业务编号 sid：{}", deposit.sid),
        format!("存证时间：{}（北京时间）", beijing(deposit.at)?),
        format!("文件 SHA-256：{}", deposit.sha256),
        format!("文件大小：{} 字节", deposit.size),
        format!("审计记录编号：{}，审计树大小：{}", proof.number, proof.size),
        format!("可信时间戳：{}", if deposit.token.is_some() { "有（timestamp.tsr）" } else { "无" }),
        String::new(),
        format!("本文件的签署记录：{} 条（signatures.json）", signatures.len()),
    ];
    lines.push(String::new());
    lines.push("核验步骤见 README.txt；附件 deposit.json 为机器可读形式。".into());
    Ok(paper("存证证书", &lines, &Attachment { name: "deposit.json", kind: "application/json", bytes: data }))
}

fn archive(files: &[(&str, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in files {
        out.start_file(*name, options)?;
        out.write_all(bytes)?;
    }
    Ok(out.finish()?.into_inner())
}
