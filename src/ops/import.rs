//! Migration: users, seals, summary ids and evidence ids of an older installation, from JSON lines (docs/API.md), with the ids
//! that clients have stored. An imported signer gets its certificate when it first signs, or at once with a change of name.

use super::appliance::facts;
use super::deposit::{Deposit, Sid};
use super::rows::{Seal, Signer};
use super::rules::{Certify, IdentityRegion, Name, mobile};
use super::seals::Design;
use super::{Appliance, Call, Error, Result, table};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use crate::seal::SealFace;
use hufu_api::{CertificateKind, IdKind, SignerKind, Space, StoreError, UnixTime};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// One line of an import.
#[derive(Clone, Debug, serde::Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ImportLine {
    /// A signer with its signerId.
    #[serde(rename_all = "camelCase")]
    User {
        /// signerId
        signer_id: u64,
        /// `person` or `company`
        kind: SignerKind,
        /// userName
        user_name: String,
        /// identityRegion, for persons; 0 when absent.
        identity_region: Option<String>,
        /// certifyType
        certify_type: Option<String>,
        /// certifyNum
        certify_num: String,
        /// phoneRegion
        phone_region: Option<String>,
        /// phoneNo
        phone_no: Option<String>,
    },
    /// A seal with its moulageId and picture.
    #[serde(rename_all = "camelCase")]
    Seal {
        /// moulageId
        moulage_id: u64,
        /// signerId
        signer_id: u64,
        /// PNG, Base64.
        img_base: String,
    },
    /// A signature's summaryId: only its number and file are known.
    #[serde(rename_all = "camelCase")]
    Signature {
        /// summaryId
        summary_id: u64,
        /// signerId
        signer_id: u64,
        /// Where the signed file is.
        path: Option<String>,
        /// SHA-256 of the signed file, lower hex.
        sha256: Option<String>,
        /// When, in milliseconds.
        signed_at: Option<i64>,
    },
    /// An evidence deposit's czId.
    #[serde(rename_all = "camelCase")]
    Deposit {
        /// czId
        cz_id: u64,
        /// sid
        sid: String,
        /// SHA-256 of the file, lower hex.
        sha256: String,
        /// When, in milliseconds.
        deposited_at: Option<i64>,
    },
}

/// A signature that an older installation made.
#[derive(Clone, Debug, serde::Serialize, Deserialize)]
struct OldSignature {
    id: u64,
    signer: u64,
    path: Option<String>,
    output_sha256: Option<String>,
    imported: bool,
    at: UnixTime,
}

/// Ids that this appliance gives and clients name stay below 2^53.
const MOST_ID: u64 = (1 << 53) - 1;

/// Evidence ids of an older installation may be longer (the document's own sample is 30615281684185940); they are kept.
pub const MOST_OLD_ID: u64 = i64::MAX as u64;

impl Appliance {
    /// Imports one line into an app. A line that was imported before is a success without effect, so that an import that
    /// broke off can be run again.
    ///
    /// # Errors
    /// 201 naming what is malformed, 20301 no such app, 20206 a seal of nobody, 409 an id or number that is taken by another.
    pub fn import(&self, call: &Call, operator: &Actor, app: &str, line: ImportLine) -> Result<()> {
        let known = self.app(app)?.ok_or(Code::AppNotFound)?;
        let now = self.ports.clock.now_untrusted();
        let mut deposit = None;
        let (kind, ids, id, mut writes) = match line {
            ImportLine::User {
                signer_id,
                kind,
                user_name,
                identity_region,
                certify_type,
                certify_num,
                phone_region,
                phone_no,
            } => {
                let (region, certify) = match kind {
                    SignerKind::Person => {
                        let region = IdentityRegion::parse(identity_region.as_deref().unwrap_or("0"))?;
                        (Some(region), Certify::person(certify_type.as_deref(), &certify_num, region, false)?)
                    }
                    SignerKind::Company => {
                        (None, Certify::company(certify_type.as_deref().unwrap_or("1"), &certify_num, false)?)
                    }
                };
                let signer = Signer {
                    id: signer_id,
                    kind,
                    name: Name::parse(&user_name, kind)?,
                    region,
                    mobile: mobile(phone_region.as_deref(), phone_no.as_deref())?,
                    certificates: CertificateKind::Long,
                    ca_type: None,
                    certificate: None,
                    created: now,
                    certify,
                    disabled: None,
                };
                let index = table::in_app_text(Space::SignerByCertify, app, &signer.certify.number);
                let writes = vec![
                    table::insert(index, &signer_id)?,
                    table::insert(table::in_app(Space::Signer, app, signer_id), &signer)?,
                ];
                ("user", IdKind::Signer, signer_id, writes)
            }
            ImportLine::Seal { moulage_id, signer_id, img_base } => {
                self.signer(&known, signer_id)?;
                let picture = self.picture(&decode(&img_base)?, false)?;
                let design = Design::Imported(hex::encode(picture.digest()));
                let seal = Seal {
                    id: moulage_id,
                    signer: signer_id,
                    design,
                    revoked: None,
                    created: now,
                    maker: None,
                    record: None,
                    revoker: None,
                };
                let writes = self.seal_writes(&known, &seal, &SealFace::Picture(picture))?;
                ("seal", IdKind::Seal, moulage_id, writes)
            }
            ImportLine::Signature { summary_id, signer_id, path, sha256, signed_at } => {
                let row = OldSignature {
                    id: summary_id,
                    signer: signer_id,
                    path,
                    output_sha256: sha256.map(|s| digest(&s)).transpose()?,
                    imported: true,
                    at: signed_at.map_or(now, UnixTime::from_millis),
                };
                let write = table::insert(table::in_app(Space::Signature, app, summary_id), &row)?;
                ("signature", IdKind::Signature, summary_id, vec![write])
            }
            ImportLine::Deposit { cz_id, sid, sha256, deposited_at } => {
                Sid::parse(&sid)?;
                let row = Deposit {
                    id: cz_id,
                    sha256: digest(&sha256)?,
                    size: 0,
                    path: String::new(),
                    at: deposited_at.map_or(now, UnixTime::from_millis),
                    record: 0,
                    token: None,
                    sid: sid.clone(),
                    archive: None,
                };
                let writes = vec![
                    table::insert(table::in_app_text(Space::DepositBySid, app, &sid), &cz_id)?,
                    table::insert(table::in_app(Space::Deposit, app, cz_id), &row)?,
                ];
                deposit = Some(row);
                ("deposit", IdKind::Deposit, cz_id, writes)
            }
        };
        let most = if ids == IdKind::Deposit { MOST_OLD_ID } else { MOST_ID };
        if id == 0 || id > most {
            return Err(Error::malformed("id"));
        }
        if self.there_already(&writes)? {
            return Ok(());
        }
        // Ours never get to where the long ones are.
        if id <= MOST_ID {
            self.store().skip_ids(ids, id)?;
            self.restart_ids(ids);
        }
        // The log's numbers end at 2^53.
        let shown = if id <= MOST_ID { id.into() } else { id.to_string().into() };
        let mut facts = facts([("app", app.into()), ("kind", kind.into()), ("id", shown)]);
        if let Some(deposit) = &deposit {
            facts.insert("document_sha256".into(), deposit.sha256.clone().into());
        }
        let record = self.note(call, operator.clone(), Act::Import, facts, Ending::Done)?;
        if let Some(deposit) = deposit {
            // What can be proven of an older deposit is that it was taken over.
            writes.pop();
            writes
                .push(table::insert(table::in_app(Space::Deposit, app, id), &Deposit { record, ..deposit })?);
        }
        match self.store().commit(&writes) {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => {
                return Err(Error::with(Code::IdempotencyConflict, format!("{kind} {id} 与已有数据冲突")));
            }
            Err(error) => return Err(error.into()),
        }
        if kind == "user" {
            self.directory.add(app, id);
        }
        Ok(())
    }

    /// Whether every row is there with the same identity: the last write holds the row of the id itself.
    fn there_already(&self, writes: &[hufu_api::Write]) -> Result<bool> {
        for write in writes {
            let Some(found) = self.store().get(&write.key)? else { return Ok(false) };
            let index = matches!(write.key.space, Space::SignerByCertify | Space::DepositBySid);
            if index && Some(&found.value) != write.value.as_ref() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn restart_ids(&self, ids: IdKind) {
        match ids {
            IdKind::Signer => self.signer_ids.restart(),
            IdKind::Seal => self.seal_ids.restart(),
            IdKind::Signature => self.signature_ids.restart(),
            IdKind::Deposit => self.deposit_ids.restart(),
            _ => {}
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|e| Error::malformed("imgBase").because(e))
}

/// A SHA-256 as 64 hexadecimal digits.
fn digest(text: &str) -> Result<String> {
    let bytes = hex::decode(text).map_err(|e| Error::malformed("sha256").because(e))?;
    if bytes.len() == Sha256::output_size() {
        Ok(hex::encode(bytes))
    } else {
        Err(Error::malformed("sha256"))
    }
}
