//! What operators see of an app's rows, newest first. Names and numbers of people are masked: who must know them asks the
//! platform that registered them.

use super::super::rows::{Certificate, Seal, Signer, Standing};
use super::super::sign::Signature;
use super::super::{Appliance, Deposit, Result, Stamp, table};
use crate::audit::AuditReader;
use hufu_api::{CertificateKind, Order, SignerKind, Space};
use serde_json::{Value, json};
use std::ops::Bound;
use std::sync::Arc;

/// Rows of a page, at most.
const MOST: usize = 200;

/// What can be looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// 签署人
    Signers,
    /// 证书
    Certificates,
    /// 印章
    Seals,
    /// 签名
    Signatures,
    /// 时间戳
    Stamps,
    /// 存证
    Deposits,
}

impl Rows {
    /// By its name in the console's addresses.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "signers" => Self::Signers,
            "certificates" => Self::Certificates,
            "seals" => Self::Seals,
            "signatures" => Self::Signatures,
            "stamps" => Self::Stamps,
            "deposits" => Self::Deposits,
            _ => return None,
        })
    }

    const fn space(self) -> Space {
        match self {
            Self::Signers => Space::Signer,
            Self::Certificates => Space::Certificate,
            Self::Seals => Space::Seal,
            Self::Signatures => Space::Signature,
            Self::Stamps => Space::Stamp,
            Self::Deposits => Space::Deposit,
        }
    }
}

impl Appliance {
    /// Rows of an app below the id `before` (the newest without), newest first, at most `limit` (and 200).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn browse(&self, app: &str, rows: Rows, before: Option<u64>, limit: usize) -> Result<Vec<Value>> {
        let prefix = table::prefix(app);
        let from = match before {
            Some(id) => table::in_app(rows.space(), app, id).bytes,
            None => [prefix.as_slice(), &[0xff; 9]].concat(),
        };
        let from = Bound::Excluded(from.as_slice());
        let page = self.store().scan(rows.space(), from, Order::Descending, limit.min(MOST))?;
        page.iter()
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(key, row)| {
                let mut shown = shown(rows, &row.value)?;
                if let (Some(id), Some(fields)) = (table::id_of(key), shown.as_object_mut()) {
                    fields.insert("id".into(), id.into());
                }
                Ok(shown)
            })
            .collect()
    }

    /// The audit log to be read, where there is one.
    pub fn audit_reader(&self) -> Option<Arc<dyn AuditReader>> {
        self.reader.get().cloned()
    }
}

fn shown(rows: Rows, bytes: &[u8]) -> Result<Value> {
    Ok(match rows {
        Rows::Signers => signer(&table::decode(Space::Signer, bytes)?),
        Rows::Certificates => certificate(&table::decode(Space::Certificate, bytes)?),
        Rows::Seals => seal(&table::decode(Space::Seal, bytes)?),
        // Rows of an older installation have fewer fields: what is there is shown.
        Rows::Signatures => serde_json::from_slice(bytes).map_or_else(|_| json!({}), |row| signature(&row)),
        Rows::Stamps => serde_json::from_slice(bytes).map_or_else(|_| json!({}), |row| stamp(&row)),
        Rows::Deposits => serde_json::from_slice(bytes).map_or_else(|_| json!({}), |row| deposit(&row)),
    })
}

fn signer(row: &Signer) -> Value {
    let name = row.name.as_str();
    json!({
        "kind": row.kind,
        // A company's name is public; a person's is not.
        "name": if row.kind == SignerKind::Company { name.to_owned() } else { masked_name(name) },
        "number": masked_number(&row.certify.number),
        "phone": row.mobile.as_ref().map(|mobile| masked_number(&mobile.number)),
        "certificates": kind(row.certificates),
        "certificate": row.certificate,
        "created": row.created.millis(),
    })
}

const fn kind(kind: CertificateKind) -> &'static str {
    match kind {
        CertificateKind::Long => "long",
        CertificateKind::Scene => "scene",
    }
}

fn certificate(row: &Certificate) -> Value {
    let standing = match &row.standing {
        Standing::Active => "active",
        Standing::Pending { .. } => "pending",
        Standing::Revoked { .. } => "revoked",
    };
    json!({
        "signer": row.signer, "channel": row.channel, "profile": row.profile, "kind": kind(row.kind),
        "standing": standing, "not_before": row.not_before.millis(), "not_after": row.not_after.millis(),
    })
}

fn seal(row: &Seal) -> Value {
    json!({
        "signer": row.signer, "origin": row.design.origin(), "created": row.created.millis(),
        "revoked": row.revoked.map(|at| at.millis()), "record": row.record,
    })
}

fn signature(row: &Signature) -> Value {
    json!({
        "signer": row.signer, "seal": row.seal, "level": row.level, "places": row.places,
        "document": row.document_sha256, "output": row.output_sha256, "record": row.record,
        "consent": row.consent, "at": row.at.millis(),
    })
}

fn stamp(row: &Stamp) -> Value {
    json!({ "document": row.document_sha256, "output": row.output_sha256, "at": row.at.millis() })
}

fn deposit(row: &Deposit) -> Value {
    json!({
        "document": row.sha256, "size": row.size, "record": row.record, "stamped": row.token.is_some(),
        "archived": row.archive.is_some(), "at": row.at.millis(),
    })
}

/// 张＊＊
fn masked_name(name: &str) -> String {
    let rest = name.chars().count().saturating_sub(1);
    name.chars().take(1).chain(std::iter::repeat_n('＊', rest)).collect()
}

/// The last four places.
fn masked_number(number: &str) -> String {
    let length = number.chars().count();
    let shown = if length > 6 { 4 } else { 1 };
    std::iter::once('…').chain(number.chars().skip(length.saturating_sub(shown))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_masked() {
        assert_eq!(masked_name("张三丰"), "张＊＊");
        assert_eq!(masked_number("110101199003078888"), "…8888");
        assert_eq!(masked_number("12345"), "…5");
        assert_eq!((masked_name(""), masked_number("")), (String::new(), "…".into()));
    }
}
