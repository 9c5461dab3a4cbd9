//! The audit log's formats and evidence packages.

use super::choice;
use hufu::audit::Entry;
use hufu::evidence;
use hufu::tlog::{Checkpoint, NoteKey, Range, merkle, tile};

/// Records, checkpoints, verifier keys, tiles and bundles. What is accepted is in canonical form.
pub fn audit_record(bytes: &[u8]) {
    let (which, bytes) = choice(bytes);
    let text = String::from_utf8_lossy(bytes);
    match which % 5 {
        0 => {
            if let Ok(entry) = Entry::parse(bytes) {
                assert_eq!(entry.encode().as_deref(), Ok(bytes));
                let _ = (entry.act(), entry.facts());
            }
        }
        1 => {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                assert_eq!(checkpoint.text(), text);
            }
            let _ = Checkpoint::unverified(&text);
        }
        2 => {
            let (key, note) = text.split_once('\n').unwrap_or((&text, ""));
            if let Ok(key) = NoteKey::parse(key) {
                assert_eq!(NoteKey::parse(&key.verifier()).map(|k| k.id()), Ok(key.id()));
                let _ = Checkpoint::open(note, &key);
            }
        }
        3 => {
            if let Some(records) = tile::parse_bundle(bytes) {
                assert_eq!(tile::bundle(records.iter().map(Vec::as_slice)).as_deref(), Some(bytes));
            }
            if let Some(range) = Range::from_bytes(bytes) {
                assert_eq!(range.to_bytes(), bytes);
                let _ = range.root();
            }
        }
        _ => proofs(bytes),
    }
}

/// Proofs of any shape against numbers of any size.
fn proofs(bytes: &[u8]) {
    let Some((numbers, hashes)) = bytes.split_at_checked(16) else { return };
    let number = |at: usize| u64::from_be_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
    let Some(hashes) = tile::parse_hashes(&hashes[..hashes.len() - hashes.len() % 32]) else { return };
    let [first, second, path @ ..] = hashes.as_slice() else { return };
    let _ = merkle::verify_inclusion(first, number(0), number(8), path, second);
    let _ = merkle::verify_consistency(number(0), number(8), first, second, path);
}

/// Evidence packages: a ZIP with records, proofs, tokens.
pub fn evidence(bytes: &[u8]) {
    if let Ok(judgement) = evidence::verify(bytes, None, None) {
        let _ = judgement.holds();
    }
    let _ = evidence::report(bytes);
}
