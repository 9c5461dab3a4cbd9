//! The word of several admins for a restore. No appliance serves that could ask them, so each signs a statement that names
//! backup and machine with the key of their certificate (CMS, RFC 5652, as `openssl cms -sign` makes it).

use super::statement::{self, Statement};
use super::{BackupError, Manifest, Roster, bounded, refused};
use crate::audit::{Act, Actor, Body, Ending, Event, Facts};
use crate::cms::{Content, Finding, SignedData};
use crate::conf::Site;
use crate::ops::Step;
use crate::x509::signature::Work;
use hufu_api::UnixTime;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Approvals that are looked at.
const MOST_APPROVALS: usize = 20;
/// Public-key operations that one approval may cost.
const WORK: u32 = 100;

/// Signatures over a statement that fits, each by a key that is nobody's yet.
#[derive(Debug)]
pub(super) struct Signed {
    statement: Statement,
    text: Vec<u8>,
    approvals: Vec<Signature>,
}

#[derive(Debug)]
struct Signature {
    path: PathBuf,
    cms: Vec<u8>,
    /// As [`crate::ops::Operator::client`].
    client: String,
}

/// A restore that enough admins have agreed to.
#[derive(Debug)]
pub(super) struct Agreed {
    signed: Signed,
    /// Their names, in the order of the signatures.
    names: Vec<String>,
    needed: usize,
}

impl Signed {
    /// Reads the statement in the data folder and signatures over it.
    pub(super) fn read(
        backup: &Path,
        manifest: &Manifest,
        site: &Site,
        approvals: &[PathBuf],
        now: UnixTime,
    ) -> Result<Self, BackupError> {
        let (statement, text) = statement::waiting(backup, manifest, site, now)?;
        if approvals.len() > MOST_APPROVALS {
            return Err(refused(format!("more than {MOST_APPROVALS} approvals")));
        }
        let approvals =
            approvals.iter().map(|path| Signature::read(path, &text)).collect::<Result<_, _>>()?;
        Ok(Self { statement, text, approvals })
    }

    /// Whether different admins of `roster`, and at least `needed` of them, have signed.
    pub(super) fn agreed(self, roster: &Roster, needed: usize) -> Result<Agreed, BackupError> {
        let mut names: Vec<String> = Vec::new();
        for approval in &self.approvals {
            let path = approval.path.display();
            let name = roster.admin(&approval.client);
            let name = name.ok_or_else(|| refused(format!("{path}: signed by no admin of this backup")))?;
            if names.iter().any(|other| other == name) {
                return Err(refused(format!("{path}: {name} has spoken already")));
            }
            names.push(name.to_owned());
        }
        if names.len() < needed {
            return Err(refused(format!("{} of {needed} approvals", names.len())));
        }
        Ok(Agreed { signed: self, names, needed })
    }
}

impl Signature {
    fn read(path: &Path, text: &[u8]) -> Result<Self, BackupError> {
        let cms = bounded(path)?;
        let not = |why: &dyn std::fmt::Display| {
            refused(format!("{}: no signature over the statement: {why}", path.display()))
        };
        let signed = SignedData::from_bytes(&cms).map_err(|e| not(&e))?;
        let content = Some(Content::Pieces(&[text]));
        let signer = signed.verify_single_within(content, &[], &Work::new(WORK)).map_err(|e| not(&e))?;
        if let Some(weak) = signer.findings.iter().find(|finding| matches!(finding, Finding::Weak(_))) {
            return Err(not(weak));
        }
        let client = hex::encode(Sha256::digest(&signer.certificate.spki));
        Ok(Self { path: path.to_owned(), cms, client })
    }
}

impl Agreed {
    /// Who agreed, and to which request, for the record of the restore itself.
    pub(super) fn by(&self) -> (String, &str) {
        (self.names.join(", "), &self.signed.statement.request)
    }

    /// The steps of the request for the log: asked for, agreed to by each, carried out.
    pub(super) fn steps(&self) -> Result<Vec<Body>, BackupError> {
        let said = &self.signed.statement;
        let asker =
            Actor { from: Some("cli".into()), operator: Some(said.asked_by.clone()), ..Actor::default() };
        let mut steps = vec![self.step(Step::Requested, asker.clone(), 0, None)?];
        for (at, (name, approval)) in self.names.iter().zip(&self.signed.approvals).enumerate() {
            let actor = Actor {
                from: Some("cli".into()),
                client: Some(approval.client.clone()),
                operator: Some(name.clone()),
                ..Actor::default()
            };
            steps.push(self.step(Step::Approved, actor, at + 1, Some(approval))?);
        }
        steps.push(self.step(Step::CarriedOut, asker, self.names.len(), None)?);
        Ok(steps)
    }

    fn step(
        &self,
        step: Step,
        actor: Actor,
        agreed: usize,
        approval: Option<&Signature>,
    ) -> Result<Body, BackupError> {
        let said = &self.signed.statement;
        let mut facts: Facts = [
            ("request", said.request.clone().into()),
            ("step", serde_json::to_value(step).map_err(|e| refused(e.to_string()))?),
            ("command", "restore".into()),
            ("command_sha256", hex::encode(Sha256::digest(&self.signed.text)).into()),
            ("requested_by", said.asked_by.clone().into()),
            ("approved_by", self.names.iter().take(agreed).cloned().collect::<Vec<_>>().into()),
            ("needed", self.needed.into()),
            ("backup_sha256", said.backup_sha256.clone().into()),
        ]
        .into_iter()
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .collect();
        if let Some(approval) = approval {
            facts.insert("approval_sha256".into(), hex::encode(Sha256::digest(&approval.cms)).into());
        }
        Ok(Body::Event(Event { act: Act::Approve, actor, facts, ending: Ending::Done }))
    }

    /// Keeps statement and signatures in `folder`, where anybody can verify them later.
    pub(super) fn keep(&self, folder: &Path) -> Result<(), BackupError> {
        let begin = format!("restore-{}", self.signed.statement.request);
        super::write(&folder.join(format!("{begin}.statement")), &self.signed.text)?;
        for (name, approval) in self.names.iter().zip(&self.signed.approvals) {
            super::write(&folder.join(format!("{begin}-{name}.p7s")), &approval.cms)?;
        }
        Ok(())
    }
}
