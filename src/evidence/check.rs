//! Verifying a package.

use super::EvidenceError;
use crate::audit::{Act, Entry, RecordNumber};
use crate::cms::Content;
use crate::tlog::{Checkpoint, Hash, NoteKey, leaf_hash, merkle};
use crate::tsp::Token;
use hufu_api::UnixTime;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Files in a package, at most.
const MAX_FILES: usize = 2_048;
/// Bytes of all files together, unpacked, at most.
const MAX_BYTES: u64 = 512 << 20;

/// One thing that is wrong with a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceFinding {
    /// A file that a package must have is missing.
    #[error("{0} is missing")]
    Absent(String),
    /// A file is not what it should be.
    #[error("{0}: {1}")]
    Malformed(String, String),
    /// The checkpoint is not signed by the key.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
    /// A record is not in the checkpoint's tree.
    #[error("record {0} is not in the tree: {1}")]
    NotIncluded(RecordNumber, String),
    /// The record is of another act.
    #[error("record {0} is not a deposit")]
    NotADeposit(RecordNumber),
    /// The document is another one.
    #[error("the document is not the one that was deposited")]
    OtherDocument,
    /// A time-stamp token does not hold.
    #[error("{0}: {1}")]
    Timestamp(String, String),
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The deposit's record number.
    pub number: Option<RecordNumber>,
    /// When the appliance says it was deposited.
    pub deposited: Option<UnixTime>,
    /// SHA-256 of the deposited file, lower hex.
    pub document: Option<String>,
    /// Whether the document itself was there and fits.
    pub document_seen: bool,
    /// When a time-stamping authority saw the document's digest. Trust in that authority has not been asked.
    pub stamped: Option<UnixTime>,
    /// When a time-stamping authority saw the checkpoint.
    pub anchored: Option<UnixTime>,
    /// The key that signed the checkpoint, as C2SP verifier key.
    pub key: Option<String>,
    /// Whether that key was given from outside: one from the package proves nothing about who signed.
    pub key_trusted: bool,
    /// Related records that are proved too, and whether each names the document's digest itself.
    pub related: Vec<(RecordNumber, bool)>,
    /// What is wrong.
    pub findings: Vec<EvidenceFinding>,
}

impl Judgement {
    /// Whether everything in the package holds.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Verifies a package, against a `document` and a verifier `key` from outside where they are given.
///
/// # Errors
/// [`EvidenceError::Package`] when it cannot be read at all; everything else is a finding.
pub fn verify(
    package: &[u8],
    document: Option<&[u8]>,
    key: Option<&NoteKey>,
) -> Result<Judgement, EvidenceError> {
    let files = Files::read(package)?;
    let mut judgement = Judgement::default();
    if let Err(finding) = judge(&files, document, key, &mut judgement) {
        judgement.findings.push(finding);
    }
    Ok(judgement)
}

/// The readable sheet of a package; the PDF validator judges its signature.
///
/// # Errors
/// [`EvidenceError::Package`] when the package cannot be read or has none.
pub fn report(package: &[u8]) -> Result<Vec<u8>, EvidenceError> {
    let mut files = Files::read(package)?;
    files.0.remove("report.pdf").ok_or_else(|| EvidenceError::Package("report.pdf is missing".into()))
}

fn judge(
    files: &Files,
    document: Option<&[u8]>,
    trusted: Option<&NoteKey>,
    judgement: &mut Judgement,
) -> Result<(), EvidenceFinding> {
    let own = NoteKey::parse(files.text("key.txt")?)
        .map_err(|e| EvidenceFinding::Malformed("key.txt".into(), e.to_string()))?;
    let key = trusted.unwrap_or(&own);
    judgement.key = Some(key.verifier());
    judgement.key_trusted = trusted.is_some();
    let note = files.text("checkpoint")?;
    let checkpoint = Checkpoint::open(note, key).map_err(|e| EvidenceFinding::Checkpoint(e.to_string()))?;
    let (entry, number) = included(files, "record.json", "path.txt", &checkpoint)?;
    judgement.number = Some(number);
    judgement.deposited = Some(entry.at);
    if entry.act() != Some(Act::Deposit) {
        return Err(EvidenceFinding::NotADeposit(number));
    }
    let digest = document_digest(&entry)
        .ok_or_else(|| EvidenceFinding::Malformed("record.json".into(), "it names no document".into()))?;
    judgement.document = Some(hex::encode(digest));
    if let Some(bytes) = document.or_else(|| files.bytes("document").ok()) {
        if Hash::from(Sha256::digest(bytes)) != digest {
            return Err(EvidenceFinding::OtherDocument);
        }
        judgement.document_seen = true;
    }
    if let Ok(token) = files.bytes("document.tsr") {
        match stamped(token, &digest) {
            Ok(time) => judgement.stamped = Some(time),
            Err(e) => judgement.findings.push(EvidenceFinding::Timestamp("document.tsr".into(), e)),
        }
    }
    if let Ok(token) = files.bytes("checkpoint.tsr") {
        match stamped(token, &Sha256::digest(note.as_bytes()).into()) {
            Ok(time) => judgement.anchored = Some(time),
            Err(e) => judgement.findings.push(EvidenceFinding::Timestamp("checkpoint.tsr".into(), e)),
        }
    }
    for name in files.0.keys().filter(|name| name.starts_with("related/") && name.ends_with(".json")) {
        let stem = name.trim_end_matches(".json");
        let own = files.text(&format!("{stem}.checkpoint")).ok();
        let opened = own.map(|note| Checkpoint::open(note, key)).transpose();
        let opened = opened.map_err(|e| EvidenceFinding::Checkpoint(e.to_string()))?;
        let tree = opened.as_ref().unwrap_or(&checkpoint);
        let (entry, number) = included(files, name, &format!("{stem}.txt"), tree)?;
        let mentions = entry.encode().is_ok_and(|bytes| {
            String::from_utf8_lossy(&bytes).contains(&format!("\"{}\"", hex::encode(digest)))
        });
        judgement.related.push((number, mentions));
    }
    Ok(())
}

/// A record of the package, proved to be in the checkpoint's tree.
fn included(
    files: &Files,
    record: &str,
    path: &str,
    checkpoint: &Checkpoint,
) -> Result<(Entry, RecordNumber), EvidenceFinding> {
    let malformed = |e: &str| EvidenceFinding::Malformed(path.into(), e.into());
    let bytes = files.bytes(record)?;
    let entry = Entry::parse(bytes).map_err(|e| EvidenceFinding::Malformed(record.into(), e.to_string()))?;
    let mut lines = files.text(path)?.lines();
    let mut numbers = lines.next().unwrap_or_default().split(' ').map(str::parse::<u64>);
    let (Some(Ok(number)), Some(Ok(size)), None) = (numbers.next(), numbers.next(), numbers.next()) else {
        return Err(malformed("the first line is not two numbers"));
    };
    let unhex = |line: &str| {
        let mut hash: Hash = [0; 32];
        hex::decode_to_slice(line, &mut hash).map(|()| hash)
    };
    let hashes = lines.map(unhex).collect::<Result<Vec<_>, _>>().map_err(|_| malformed("not hashes"))?;
    if size != checkpoint.size || number != entry.number {
        return Err(EvidenceFinding::NotIncluded(number, "it is for another tree or record".into()));
    }
    merkle::verify_inclusion(&leaf_hash(bytes), number, size, &hashes, &checkpoint.root)
        .map_err(|e| EvidenceFinding::NotIncluded(number, e.to_string()))?;
    Ok((entry, number))
}

fn document_digest(entry: &Entry) -> Option<Hash> {
    let text = entry.facts()?.get("document_sha256")?.as_str()?;
    let mut digest: Hash = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

/// The time of a token over SHA-256 `digest`, if its signature holds.
fn stamped(token: &[u8], digest: &Hash) -> Result<UnixTime, String> {
    let token = Token::from_bytes(token).map_err(|e| e.to_string())?;
    let content = Content::Digest(crate::x509::signature::Digest::Sha256, digest);
    Ok(token.verify(content, &[]).map_err(|e| e.to_string())?.info.time)
}

/// The files of a package, unpacked within bounds.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn read(package: &[u8]) -> Result<Self, EvidenceError> {
        let refused = |e: String| EvidenceError::Package(e);
        let mut zip = ZipArchive::new(Cursor::new(package)).map_err(|e| refused(e.to_string()))?;
        if zip.len() > MAX_FILES {
            return Err(refused(format!("{} files", zip.len())));
        }
        let mut files = BTreeMap::new();
        let mut left = MAX_BYTES;
        for index in 0..zip.len() {
            let file = zip.by_index(index).map_err(|e| refused(e.to_string()))?;
            let name = file.name().map_err(|e| refused(e.to_string()))?.into_owned();
            let mut bytes = Vec::new();
            file.take(left + 1).read_to_end(&mut bytes).map_err(|e| refused(e.to_string()))?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(length).ok_or_else(|| refused("too large".into()))?;
            if files.insert(name, bytes).is_some() {
                return Err(refused("two files of one name".into()));
            }
        }
        Ok(Self(files))
    }

    fn bytes(&self, name: &str) -> Result<&[u8], EvidenceFinding> {
        self.0.get(name).map(Vec::as_slice).ok_or_else(|| EvidenceFinding::Absent(name.into()))
    }

    fn text(&self, name: &str) -> Result<&str, EvidenceFinding> {
        std::str::from_utf8(self.bytes(name)?)
            .map_err(|e| EvidenceFinding::Malformed(name.into(), e.to_string()))
    }
}
