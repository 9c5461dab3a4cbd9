//! Archival time stamps before the old ones run out (ETSI EN 319 142-1 5.4.3): what `hufu renew` asks for, file by file.

use super::appliance::facts;
use super::projection::Projection;
use super::release::{Destination, Unseen};
use super::settings::Level;
use super::sign::{Content, Strict, read_error, save_error, syntax_error};
use super::{Appliance, Call, Error, Result};
use crate::audit::{Act, Actor};
use crate::pdf::sign::{EmbeddedSignature, embedded_signatures};
use crate::pdf::syntax::Document;
use crate::tsp::{Token, TokenFinding};
use bytes::Bytes;
use hufu_api::{Reach, UnixTime};
use serde::{Deserialize, Serialize};

const DAY_MILLIS: i64 = 86_400_000;

/// What to renew and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewOrder {
    /// The file, below a document root of any app.
    pub path: String,
    /// A time stamp whose authority's certificate ends within so many days is renewed.
    pub within_days: u32,
    /// Renew whatever the certificate says: its algorithm is about to fall, for example.
    pub force: bool,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
    /// Ask the addresses that certificates in the file name for revocation data, not only what is here.
    pub online: bool,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RenewOutcome {
    /// There is nothing in it to preserve.
    Unsigned,
    /// Its newest time stamp holds.
    Fresh {
        /// Until when, milliseconds since 1970.
        until: i64,
    },
    /// It would be renewed.
    Due {
        /// Why.
        because: String,
    },
    /// It has been.
    Renewed {
        /// Why.
        because: String,
        /// SHA-256 of the new file, lower hex.
        output_sha256: String,
        /// Signatures in it for which not all revocation data were to be had.
        incomplete: Vec<String>,
    },
}

impl Appliance {
    /// Adds validation data and a new document time stamp to a file, in place, if that is due. A file that was renewed is
    /// fresh afterwards, so a run that broke off is simply started again.
    ///
    /// # Errors
    /// What reading, stamping and saving may fail with; the file is then as it was.
    pub fn renew_file(&self, call: &Call, operator: &Actor, order: &RenewOrder) -> Result<RenewOutcome> {
        let mut roots: Vec<String> = self.app_views()?.into_iter().flat_map(|view| view.app.roots).collect();
        roots.sort();
        roots.dedup();
        let path = &order.path;
        let documents = &self.ports.documents;
        // The lock first: what a signer writes meanwhile is not lost.
        let target = if order.dry_run {
            None
        } else {
            Some(documents.target(call.cx, &roots, path).map_err(|e| save_error(&e))?)
        };
        let bytes = documents.read(call.cx, &roots, path, self.settings.pdf_bytes);
        let content = Content::of(Bytes::from(bytes.map_err(|e| read_error(&e, path))?))?;
        let document = Document::open_to_sign(&content.bytes).map_err(|e| syntax_error(&e))?;
        let signatures = embedded_signatures(&document).map_err(|e| syntax_error(&e))?;
        let because = match standing(&signatures, self.now()?, order)? {
            Standing::Unsigned => return Ok(RenewOutcome::Unsigned),
            Standing::Fresh(until) => return Ok(RenewOutcome::Fresh { until: until.millis() }),
            Standing::Due(because) => because,
        };
        let Some(target) = target else { return Ok(RenewOutcome::Due { because }) };
        let _place = self.stamping_place(Level::BLta)?;
        let reach = if order.online { Reach::Network } else { Reach::Here };
        let prefix = content.prefix.clone();
        let lasting = self.make_lasting(call, &document, prefix, Level::BLta, Strict::Nobody(reach))?;
        let output_sha256 = hex::encode(lasting.prefix.digest());
        let staged = target
            .stage(call.cx, vec![content.bytes.clone(), Bytes::from(lasting.tail)])
            .map_err(|e| save_error(&e))?;
        let destination = Destination { path: path.clone(), roots };
        let facts = facts([
            ("renewed", true.into()),
            ("because", because.clone().into()),
            ("document_sha256", hex::encode(content.sha256).into()),
            ("output_sha256", output_sha256.clone().into()),
            ("incomplete", lasting.incomplete.clone().into()),
            (Destination::FACT, destination.fact()),
        ]);
        let file = Unseen {
            staged,
            destination,
            sha256: &output_sha256,
            projection: &Projection::default(),
            act: Act::StampDocument,
            actor: operator.clone(),
        };
        self.release_noted(call, file, facts)?;
        Ok(RenewOutcome::Renewed { because, output_sha256, incomplete: lasting.incomplete })
    }
}

enum Standing {
    Unsigned,
    Fresh(UnixTime),
    Due(String),
}

/// Whether the newest thing in the file is a document time stamp that will hold for long enough.
fn standing(signatures: &[EmbeddedSignature], now: UnixTime, order: &RenewOrder) -> Result<Standing> {
    let Some(newest) = signatures.last() else { return Ok(Standing::Unsigned) };
    let due = |because: &str| Ok(Standing::Due(because.to_owned()));
    if !newest.is_timestamp {
        return due("nothing stamps the newest signature");
    }
    let unreadable = |e: crate::tsp::TokenError| Error::signing("时间戳无法读取").because(e);
    let (token, _) = Token::from_prefix(&newest.contents).map_err(unreadable)?;
    let verified = token.verify_signature(&[]).map_err(unreadable)?;
    let weak = |finding: &TokenFinding| {
        matches!(
            finding,
            TokenFinding::BrokenImprint(_) | TokenFinding::Signature(crate::cms::Finding::Weak(_))
        )
    };
    if let Some(finding) = verified.findings.iter().find(|f| weak(f)) {
        return Ok(Standing::Due(format!("its algorithm is weak: {finding}")));
    }
    let until = verified.signer.certificate.not_after;
    if until < now.plus_millis(i64::from(order.within_days) * DAY_MILLIS) {
        return due("its authority's certificate ends soon");
    }
    if order.force { due("as ordered") } else { Ok(Standing::Fresh(until)) }
}
