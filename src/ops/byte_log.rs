//! 数据签验签: whose signatures a log carries, and over which record. Nothing is taken from the record that its signatures, or
//! the appliance's own copy of the log, do not prove.

use super::byte_sign::{Record, record};
use super::sign::syntax_error;
use super::{Appliance, Call, Caller, Error, Result};
use crate::codes::Code;
use crate::pdf::syntax::Document;
use crate::verify::{Report, SignatureKind, SignatureReport};
use sha2::{Digest, Sha512};

/// A log that was checked against its original.
#[derive(Clone, Debug)]
pub struct JudgedLog {
    /// What the log says; the revision that each signatory signed says the same.
    pub record: Record,
    /// The verdict over the log's own signatures.
    pub report: Report,
    /// Who made each of the report's signatures; `None` for time stamps.
    pub signers: Vec<Option<LogSigner>>,
}

/// Who made one signature of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSigner {
    /// The name in the certificate that signed, or the signatory's in a log that the appliance made itself.
    pub name: String,
    /// The identity number: only from a log that the appliance made itself, since no certificate has it.
    pub identity_card: Option<String>,
    /// The signature holds, nothing was changed, and the signer is proven: by a trusted chain to a certificate of that name, or
    /// by the appliance's own copy.
    pub valid: bool,
}

/// What the appliance itself knows of a log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// It made this very log.
    Same,
    /// It made a log of that number and record, with other bytes.
    Altered,
    /// It made none of that number.
    Unknown,
}

impl Appliance {
    /// Judges a log and compares it with the original.
    ///
    /// # Errors
    /// 201 when the log is no log or names another original, when it contradicts the log that the appliance made under its
    /// number, when a signatory's signature is missing, and when a signature is another's than the record says.
    pub fn verify_byte_sign(
        &self,
        call: &Call,
        caller: &Caller,
        original: &[u8],
        log: &[u8],
    ) -> Result<JudgedLog> {
        let unreadable = |e: Error| Error::malformed("byteSignLogFile").mirrored(409).because(e);
        let report = self.verify_document(call, caller, log).map_err(unreadable)?;
        let record = signed_record(log, &report)?;
        if hex::encode(Sha512::digest(original)) != record.hash {
            return Err(refused("contractFile 与 byteSignLogFile 的原文哈希不一致"));
        }
        let own = self.own(caller, log, &record)?;
        let signers = signers(&record, &report, own)?;
        Ok(JudgedLog { record, report, signers })
    }

    fn own(&self, caller: &Caller, log: &[u8], told: &Record) -> Result<Own> {
        let Some(kept) = self.own_log(caller, &told.seq_no)? else { return Ok(Own::Unknown) };
        // Time stamps may have been appended since.
        if log.starts_with(&kept) {
            return Ok(Own::Same);
        }
        let document = Document::open(&kept).map_err(|e| syntax_error(&e))?;
        if record(document.latest())? != *told {
            return Err(refused("byteSignLogFile 系伪造：与本平台留存的同编号（seqNo）数据签日志不一致"));
        }
        Ok(Own::Altered)
    }
}

fn refused(message: &str) -> Error {
    Error::with(Code::BadParameter, message).mirrored(409)
}

fn approvals(report: &Report) -> impl Iterator<Item = &SignatureReport> {
    report.signatures.iter().filter(|s| s.kind != SignatureKind::DocumentTimestamp)
}

/// The record as the newest revision and every signed one have it.
fn signed_record(log: &[u8], report: &Report) -> Result<Record> {
    let unreadable = |e: Error| Error::malformed("byteSignLogFile").mirrored(409).because(e);
    let document = Document::open(log).map_err(|e| unreadable(syntax_error(&e)))?;
    let latest = record(document.latest()).map_err(unreadable)?;
    for signature in approvals(report) {
        let revision = usize::try_from(signature.revision).unwrap_or(usize::MAX);
        if record(document.as_of(revision)).map_err(unreadable)? != latest {
            return Err(refused("byteSignLogFile 系伪造：签署后附件 record.json 被替换"));
        }
    }
    Ok(latest)
}

/// Each signatory signs once, in the record's order, and nobody else does.
fn signers(record: &Record, report: &Report, own: Own) -> Result<Vec<Option<LogSigner>>> {
    let (made, wanted) = (approvals(report).count(), record.signatories.len());
    if made < wanted || wanted == 0 {
        return Err(refused(&format!(
            "byteSignLogFile 未经全部签署人签署：应有 {wanted} 个签名，实有 {made} 个"
        )));
    }
    if made > wanted {
        return Err(refused(&format!(
            "byteSignLogFile 含非签署人的签名：应有 {wanted} 个签名，实有 {made} 个"
        )));
    }
    let mut signatories = record.signatories.iter();
    let mut out = Vec::with_capacity(report.signatures.len());
    for signature in &report.signatures {
        let signatory = match signature.kind {
            SignatureKind::DocumentTimestamp => None,
            _ => signatories.next(),
        };
        let Some(signatory) = signatory else {
            out.push(None);
            continue;
        };
        let certified = signature.chain.first().and_then(|c| c.common_name.as_deref());
        let holds = signature.valid_modify;
        out.push(Some(match own {
            Own::Same => LogSigner {
                name: signatory.full_name.clone(),
                identity_card: Some(signatory.identity_card.clone()),
                valid: holds,
            },
            Own::Unknown if holds && signature.trusted && certified != Some(&signatory.full_name) => {
                return Err(refused(&format!(
                    "byteSignLogFile 的签名与签署人（{}）不符：证书属于 {}",
                    signatory.full_name,
                    certified.unwrap_or_default()
                )));
            }
            Own::Unknown | Own::Altered => LogSigner {
                name: certified.unwrap_or_default().to_owned(),
                identity_card: None,
                valid: own == Own::Unknown && holds && signature.trusted,
            },
        }));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::pdf::sign::testing::{document, sign_at, signer};
    use crate::verify::{Options, verify};
    use crate::x509::path::TrustStore;
    use crate::x509::testing::now;

    fn judged(signatures: u32, trusted: bool) -> Report {
        let mut store = TrustStore::new();
        if trusted {
            store.add_der(signer().0.root.certificate.der()).unwrap();
        }
        let mut file = document(1, "", "");
        for n in 0..signatures {
            file = sign_at(&file, &[(1, 100.0, 100.0 + 100.0 * f64::from(n))]).unwrap();
        }
        verify(&file, &store, &Options::at(now())).unwrap()
    }

    fn told(names: &[&str]) -> Record {
        let signatories = names.iter().map(|name| super::super::Signatory {
            full_name: (*name).into(),
            identity_type: "1".into(),
            identity_card: "110101199001011234".into(),
        });
        Record {
            version: 1,
            pres_id: 1,
            seq_no: "a".into(),
            algorithm: "SHA-512".into(),
            hash: String::new(),
            signatories: signatories.collect(),
            signed_at: 0,
        }
    }

    #[test]
    fn a_name_is_the_certificates_and_validity_needs_a_trusted_chain() {
        let report = judged(1, true);
        let name = report.signatures[0].chain[0].common_name.clone().unwrap();
        let signers = |report: &Report, names: &[&str], own| signers(&told(names), report, own);
        let one = |report: &Report, names: &[&str], own| {
            signers(report, names, own).map(|list| list[0].clone().unwrap())
        };
        let proven = one(&report, &[&name], Own::Unknown).unwrap();
        assert_eq!((proven.name.as_str(), proven.identity_card, proven.valid), (&*name, None, true));
        // A trusted certificate of somebody else.
        assert!(one(&report, &["李四"], Own::Unknown).unwrap_err().message.contains("李四"));
        // Nobody trusts the chain, or the appliance made another log of that number.
        assert!(!one(&judged(1, false), &[&name], Own::Unknown).unwrap().valid);
        let untrusted = one(&judged(1, false), &["李四"], Own::Unknown).unwrap();
        assert_eq!((untrusted.name, untrusted.valid), (name.clone(), false));
        assert!(!one(&report, &[&name], Own::Altered).unwrap().valid);
        // What the appliance made is what it says, whatever became of the chain.
        let kept = one(&judged(1, false), &["李四"], Own::Same).unwrap();
        assert!(kept.valid && kept.name == "李四" && kept.identity_card.is_some());
    }

    #[test]
    fn every_signatory_signs_and_nobody_else() {
        for (made, wanted) in [(0, 1), (1, 2), (0, 0), (2, 1)] {
            let names = vec!["x"; wanted];
            assert!(signers(&told(&names), &judged(made, true), Own::Same).is_err(), "{made} of {wanted}");
        }
    }
}
