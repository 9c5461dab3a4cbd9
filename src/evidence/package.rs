//! Making the package.

use super::EvidenceError;
use crate::audit::Proof;
use crate::tlog::{Checkpoint, NoteKey, leaf_hash, merkle};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What goes into a package.
#[derive(Clone, Debug)]
pub struct Contents<'a> {
    /// The deposit's record and its proof.
    pub proof: Proof,
    /// Records of the same document's signatures and consents, with proofs.
    pub related: Vec<Proof>,
    /// The checkpoints' verifier key (C2SP).
    pub key: &'a str,
    /// RFC 3161 token over the document's SHA-256.
    pub timestamp: Option<&'a [u8]>,
    /// Certificates, DER.
    pub certificates: Vec<&'a [u8]>,
    /// The document, where the archive keeps it.
    pub document: Option<&'a [u8]>,
    /// The readable sheet, a PDF.
    pub sheet: &'a [u8],
    /// Further files by name.
    pub extra: Vec<(&'a str, &'a [u8])>,
}

/// Makes the ZIP file. The same contents give the same bytes.
///
/// # Errors
/// [`EvidenceError::Proof`] when a proof does not hold: a package that fails its own check is never given out.
pub fn package(contents: &Contents<'_>) -> Result<Vec<u8>, EvidenceError> {
    let key = NoteKey::parse(contents.key).map_err(|e| EvidenceError::Proof(e.to_string()))?;
    let mut zip = Zip(ZipWriter::new(Cursor::new(Vec::new())));
    zip.add("README.txt", README.as_bytes())?;
    zip.add("verify.sh", VERIFY.as_bytes())?;
    zip.add("report.pdf", contents.sheet)?;
    zip.add("record.json", &contents.proof.record)?;
    zip.add("path.txt", path(&contents.proof, &key)?.as_bytes())?;
    zip.add("checkpoint", contents.proof.checkpoint.as_bytes())?;
    if let Some(token) = &contents.proof.anchor {
        zip.add("checkpoint.tsr", token)?;
    }
    zip.add("key.txt", format!("{}\n", key.verifier()).as_bytes())?;
    zip.add("key.pem", pem("PUBLIC KEY", key.spki()).as_bytes())?;
    if let Some(token) = contents.timestamp {
        zip.add("document.tsr", token)?;
    }
    if let Some(document) = contents.document {
        zip.add("document", document)?;
    }
    for proof in &contents.related {
        let number = proof.number;
        zip.add(&format!("related/{number}.json"), &proof.record)?;
        zip.add(&format!("related/{number}.txt"), path(proof, &key)?.as_bytes())?;
        if proof.checkpoint != contents.proof.checkpoint {
            zip.add(&format!("related/{number}.checkpoint"), proof.checkpoint.as_bytes())?;
        }
    }
    for (name, bytes) in &contents.extra {
        zip.add(name, bytes)?;
    }
    for (number, der) in contents.certificates.iter().enumerate() {
        zip.add(&format!("certificates/{number}.pem"), pem("CERTIFICATE", der).as_bytes())?;
    }
    zip.finish()
}

/// `number size`, then the hashes in hexadecimal.
fn path(proof: &Proof, key: &NoteKey) -> Result<String, EvidenceError> {
    let broken = |e: String| EvidenceError::Proof(format!("record {}: {e}", proof.number));
    let checkpoint = Checkpoint::open(&proof.checkpoint, key).map_err(|e| broken(e.to_string()))?;
    let leaf = leaf_hash(&proof.record);
    merkle::verify_inclusion(&leaf, proof.number, checkpoint.size, &proof.hashes, &checkpoint.root)
        .map_err(|e| broken(e.to_string()))?;
    let mut text = format!("{} {}\n", proof.number, checkpoint.size);
    for hash in &proof.hashes {
        let _ = writeln!(text, "{}", hex::encode(hash));
    }
    Ok(text)
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    let _ = writeln!(lines, "\n-----END {label}-----");
    lines
}

struct Zip(ZipWriter<Cursor<Vec<u8>>>);

impl Zip {
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if name.ends_with(".sh") { 0o755 } else { 0o644 });
        let failed = |e: String| EvidenceError::Package(e);
        self.0.start_file(name, options).map_err(|e| failed(e.to_string()))?;
        self.0.write_all(bytes).map_err(|e| failed(e.to_string()))
    }

    fn finish(self) -> Result<Vec<u8>, EvidenceError> {
        let bytes = self.0.finish().map_err(|e| EvidenceError::Package(e.to_string()))?;
        Ok(bytes.into_inner())
    }
}

const README: &str = include_str!("README.txt");
const VERIFY: &str = include_str!("verify.sh");
