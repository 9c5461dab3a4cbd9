#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use crate::audit::{Act, Actor, Body, Ending, Entry, Event, Facts, Proof};
use crate::tlog::merkle::{self, HashSource, ProofError};
use crate::tlog::{Checkpoint, Hash, NoteKey, Range, leaf_hash, node_hash};
use hufu_api::{RequestId, UnixTime};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;
use sha2::{Digest, Sha256};
use spki::EncodePublicKey as _;
use std::process::Command;

const DOCUMENT: &[u8] = b"%PDF-1.7 contract";
const ORIGIN: &str = "hufu.test/audit";

struct Leaves(Vec<Hash>);

impl HashSource for Leaves {
    fn subtree(&self, height: u32, index: u64) -> Result<Hash, ProofError> {
        if height == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        Ok(node_hash(&self.subtree(height - 1, index * 2)?, &self.subtree(height - 1, index * 2 + 1)?))
    }
}

fn key(seed: u8) -> (SigningKey, NoteKey) {
    let signing = SigningKey::from_slice(&[seed; 32]).unwrap();
    let spki = signing.verifying_key().to_public_key_der().unwrap();
    (signing, NoteKey::new(ORIGIN, spki.as_bytes()).unwrap())
}

/// A log of eleven records: 4 signs the document, 6 deposits it, the others are about something else.
fn proofs() -> Vec<Proof> {
    let digest = hex::encode(Sha256::digest(DOCUMENT));
    let record = |number: u64| {
        let (act, document) = match number {
            4 => (Act::Sign, digest.clone()),
            6 => (Act::Deposit, digest.clone()),
            _ => (Act::Login, String::new()),
        };
        let facts = Facts::from([("document_sha256".into(), json!(document))]);
        let event = Event { act, actor: Actor::default(), facts, ending: Ending::Done };
        let at = UnixTime::from_millis(1_763_776_932_000);
        Entry { number, at, request: RequestId(9), body: Body::Event(event) }.encode().unwrap()
    };
    let records: Vec<_> = (0..11).map(record).collect();
    let leaves = Leaves(records.iter().map(|r| leaf_hash(r)).collect());
    let mut range = Range::new();
    leaves.0.iter().for_each(|leaf| range.push(*leaf));
    let (signing, note) = key(1);
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 11, root: range.root() };
    let signature: Signature = signing.sign(checkpoint.text().as_bytes());
    let checkpoint = note.seal(&checkpoint.text(), signature.to_der().as_bytes()).unwrap();
    let proof = |(number, record): (u64, Vec<u8>)| Proof {
        number,
        record,
        checkpoint: checkpoint.clone(),
        size: 11,
        hashes: merkle::inclusion(&leaves, number, 11).unwrap(),
        anchor: None,
        key: note.verifier(),
    };
    (0..).zip(records).map(proof).collect()
}

fn contents(proofs: &[Proof]) -> Contents<'static> {
    Contents {
        proof: proofs[6].clone(),
        related: vec![proofs[4].clone()],
        key: Box::leak(key(1).1.verifier().into_boxed_str()),
        timestamp: None,
        certificates: vec![b"certificate"],
        document: Some(DOCUMENT),
        sheet: b"%PDF sheet",
        extra: vec![("deposit.json", b"{}")],
    }
}

#[test]
fn a_package_proves_its_deposit() {
    let zip = package(&contents(&proofs())).unwrap();
    let (_, trusted) = key(1);
    let judged = verify(&zip, None, Some(&trusted)).unwrap();
    assert_eq!(judged.findings, []);
    assert_eq!((judged.number, judged.related.as_slice()), (Some(6), [(4, true)].as_slice()));
    assert!(judged.document_seen && judged.key_trusted);
    assert_eq!(judged.document, Some(hex::encode(Sha256::digest(DOCUMENT))));
    let alone = verify(&zip, Some(DOCUMENT), None).unwrap();
    assert!(alone.holds() && !alone.key_trusted, "a key from the package is said to be just that");
    assert_eq!(zip, package(&contents(&proofs())).unwrap(), "the same contents, the same bytes");
}

#[test]
fn what_does_not_hold_is_named() {
    let all = proofs();
    let zip = package(&contents(&all)).unwrap();
    let findings = |zip: &[u8], document, key: Option<&NoteKey>| verify(zip, document, key).unwrap().findings;
    assert_eq!(findings(&zip, Some(b"another".as_slice()), None), [EvidenceFinding::OtherDocument]);
    assert!(matches!(findings(&zip, None, Some(&key(2).1))[..], [EvidenceFinding::Checkpoint(_)]));
    let login = Contents { proof: all[0].clone(), ..contents(&all) };
    assert_eq!(findings(&package(&login).unwrap(), None, None), [EvidenceFinding::NotADeposit(0)]);
    let unrelated = Contents { related: vec![all[3].clone()], ..contents(&all) };
    assert_eq!(verify(&package(&unrelated).unwrap(), None, None).unwrap().related, [(3, false)]);
    let stamped = Contents { timestamp: Some(b"no token"), ..contents(&all) };
    assert!(matches!(
        findings(&package(&stamped).unwrap(), None, None)[..],
        [EvidenceFinding::Timestamp(..)]
    ));
    assert!(verify(b"no zip", None, None).is_err());
}

#[test]
fn a_proof_that_does_not_hold_is_not_packed() {
    let all = proofs();
    let mut wrong = contents(&all);
    wrong.proof.hashes[0][0] ^= 1;
    assert!(matches!(package(&wrong), Err(EvidenceError::Proof(_))));
    let mut wrong = contents(&all);
    wrong.related[0].record = all[5].record.clone();
    assert!(matches!(package(&wrong), Err(EvidenceError::Proof(_))));
}

/// The script inside, with openssl as the judge.
#[test]
fn openssl_and_a_shell_check_a_package() {
    let all = proofs();
    let unpacked = |zip: &[u8]| {
        let folder = tempfile::TempDir::new().unwrap();
        zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap().extract(folder.path()).unwrap();
        folder
    };
    let script = |folder: &std::path::Path| {
        let output = Command::new("sh").arg(folder.join("verify.sh")).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    if Command::new("xxd").arg("-v").output().is_err() {
        println!("skipped: xxd is not installed");
        return;
    }
    let sheet = signed_sheet();
    let folder = unpacked(&package(&Contents { sheet: &sheet, ..contents(&all) }).unwrap());
    let (held, said) = script(folder.path());
    assert!(held && said.contains("record 6: in the tree of 11 records"), "{said}");
    for (file, bytes) in [
        ("document", b"another".to_vec()),
        ("record.json", all[5].record.clone()),
        ("path.txt", b"6 11\n".to_vec()),
        ("related/4.json", all[5].record.clone()),
        ("report.pdf", [&sheet[..], b"more"].concat()),
        ("report.pdf", String::from_utf8_lossy(&sheet).replace("sheet", "sheat").into_bytes()),
        ("checkpoint", all[6].checkpoint.replace("\n11\n", "\n12\n").into_bytes()),
    ] {
        let good = std::fs::read(folder.path().join(file)).unwrap();
        std::fs::write(folder.path().join(file), bytes).unwrap();
        assert!(!script(folder.path()).0, "{file} was changed");
        std::fs::write(folder.path().join(file), good).unwrap();
    }
    assert!(script(folder.path()).0);
}

/// As much of a signed PDF as the script looks at: bytes, a hole with a CMS, bytes. openssl signs.
fn signed_sheet() -> Vec<u8> {
    let folder = tempfile::TempDir::new().unwrap();
    let openssl = |args: &[&str]| {
        let done = Command::new("openssl").args(args).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=report -keyout key -out certificate";
    openssl(&request.split(' ').collect::<Vec<_>>());
    let room = 4000;
    let head = |second: usize, rest: usize| {
        format!("%PDF sheet /ByteRange [0 {:04} {second:04} {rest:04}] /Contents ", second - room - 2)
    };
    let start = head(9999, 0).len();
    let (head, tail) = (head(start + room + 2, 8), " %%EOF\n\n");
    std::fs::write(folder.path().join("signed"), [head.as_bytes(), tail.as_bytes()].concat()).unwrap();
    openssl(
        &"cms -sign -binary -in signed -signer certificate -inkey key -outform DER -out cms"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    let cms = hex::encode(std::fs::read(folder.path().join("cms")).unwrap());
    format!("{head}<{cms:0<room$}>{tail}").into_bytes()
}
