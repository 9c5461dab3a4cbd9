//! `hufu report`: lists drawn from the audit log.

use super::Failure;
use crate::audit::{Body, Ending, Entry, Intent, RecordNumber};
use crate::conf::Site;
use crate::ledger::Folder;
use crate::ledger::source::{Live, Offline, Source};
use crate::registry::audit::SOCKET;
use crate::x509::Certificate;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `hufu report`
#[derive(Debug, Subcommand)]
pub(super) enum Report {
    /// Every signature that a certificate or a key made, one JSON object a line, oldest first.
    Compromised(Compromised),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The certificate, PEM or DER.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The certificate's SHA-256 fingerprint.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// The key's id in the token (CKA_ID).
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Compromised {
    #[command(flatten)]
    which: Which,
    /// A copy of the audit folder, read offline. Default: the serving appliance, or its folder when it is stopped.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Whose signatures are looked for.
enum Suspect {
    /// SHA-256 of the certificate, lower hex.
    Certificate(String),
    /// Key id, lower hex.
    Key(String),
}

impl Suspect {
    fn parse(which: &Which) -> Result<Self, Failure> {
        let digits = |text: &String, length: usize, what: &str| {
            let text = text.replace(':', "").to_ascii_lowercase();
            let sound = text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
            sound.then_some(text).ok_or_else(|| format!("{what}: {length} hexadecimal digits are wanted"))
        };
        match (&which.certificate, &which.sha256, &which.key) {
            (Some(file), _, _) => {
                let named = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
                let bytes = std::fs::read(file).map_err(|e| named(&e))?;
                let der = match der::pem::decode_vec(&bytes) {
                    Ok((_, der)) => der,
                    Err(_) => bytes,
                };
                let certificate = Certificate::from_der(&der).map_err(|e| named(&e))?;
                Ok(Self::Certificate(hex::encode(Sha256::digest(certificate.der()))))
            }
            (_, Some(sha256), _) => Ok(Self::Certificate(digits(sha256, 64, "--sha256")?)),
            (_, _, Some(key)) => Ok(Self::Key(digits(key, 32, "--key")?)),
            _ => Err("say which certificate or key".into()),
        }
    }

    fn made(&self, intent: &Intent) -> bool {
        match self {
            Self::Certificate(sha256) => {
                intent.facts.get("certificate_sha256").and_then(Value::as_str) == Some(sha256)
            }
            // A key's own making, certification and destruction sign nothing for anybody.
            Self::Key(id) => {
                intent.facts.contains_key("certificate_sha256")
                    && intent.uses.iter().any(|used| used.key.to_string() == *id)
            }
        }
    }
}

pub(super) fn run(command: &Report, config: &Path) -> Result<(), Failure> {
    let Report::Compromised(args) = command;
    let suspect = Suspect::parse(&args.which)?;
    let source: Box<dyn Source> = match &args.dir {
        Some(copy) => Box::new(Offline::open(&Folder::new(copy.clone()))?),
        None => {
            let site = Site::read(config)?;
            match Live::connect(&site.run_folder().join(SOCKET)) {
                Ok(live) => Box::new(live),
                // The appliance is stopped.
                Err(_) => Box::new(Offline::open(&Folder::new(site.audit_folder()))?),
            }
        }
    };
    let mut rows: BTreeMap<RecordNumber, Value> = BTreeMap::new();
    let mut next = 0;
    while next < source.size() {
        let records = source.read(next)?;
        if records.is_empty() {
            return Err(format!("record {next} is missing: `hufu audit verify` says more").into());
        }
        for record in records {
            let entry = Entry::parse(&record).map_err(|e| format!("record {next}: {e}"))?;
            look(&suspect, entry, &mut rows)?;
            next += 1;
        }
    }
    for row in rows.values() {
        super::say(&row.to_string());
    }
    Ok(())
}

/// Notes intents of the suspect, and what became of them. One without an outcome stays `open`: the token may have signed all the
/// same.
fn look(suspect: &Suspect, entry: Entry, rows: &mut BTreeMap<RecordNumber, Value>) -> Result<(), Failure> {
    match entry.body {
        Body::Intent(intent) if suspect.made(&intent) => {
            let row = json!({
                "record": entry.number,
                "at": entry.at.millis(),
                "act": intent.act,
                "request": entry.request.to_string(),
                "app": intent.actor.app,
                "signer": intent.facts.get("signer"),
                "document_sha256": intent.facts.get("document_sha256"),
                "certificate_sha256": intent.facts.get("certificate_sha256"),
                "ending": "open",
            });
            rows.insert(entry.number, row);
        }
        Body::Outcome { of, outcome, .. } => {
            if let Some(Value::Object(members)) = rows.get_mut(&of) {
                members.insert("ending".into(), serde_json::to_value(outcome.ending)?);
                for fact in ["summary", "output_sha256"] {
                    if let Some(value) = outcome.facts.get(fact) {
                        members.insert(fact.into(), value.clone());
                    }
                }
                // A failure after the token signed leaves a signature that nobody was given: said, not hidden.
                members.insert("released".into(), (outcome.ending == Ending::Done).into());
            }
        }
        // The file could not appear after all.
        Body::Event(event) if event.ending == Ending::Voided => {
            let intent = event.facts.get("intent").and_then(Value::as_u64);
            if let Some(Value::Object(members)) = intent.and_then(|intent| rows.get_mut(&intent)) {
                members.insert("ending".into(), serde_json::to_value(event.ending)?);
                members.insert("released".into(), false.into());
            }
        }
        _ => {}
    }
    Ok(())
}
