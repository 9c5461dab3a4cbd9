//! Public-key checks of certificates and revocation data, each done once and not more than a budget allows.

use super::StandIn;
use const_oid::ObjectIdentifier;
use der::Encode;
use sha2::{Digest, Sha256};
use signature::Error;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// Says whether `signature` over `message` verifies: algorithm, issuer's key, message, signature.
pub type SignatureCheck = fn(AlgorithmIdentifierRef<'_>, SubjectPublicKeyInfoRef<'_>, &[u8], &[u8]) -> bool;

/// Curves that are computed in assembler; others cost several times as much.
const FAST_CURVES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    ObjectIdentifier::new_unwrap("1.3.132.0.34"),
    ObjectIdentifier::new_unwrap("1.3.132.0.35"),
];
/// Octets whose hashing costs as much as a P-256 verification.
const OCTETS_PER_UNIT: usize = 64 << 10;
/// Certificates that are looked at for issuers, for each unit of the budget.
const STEPS_PER_UNIT: u32 = 4;

/// Remembers verdicts, so that building and validating cost one operation per certificate. One for a whole file lets its
/// signatures share their checks, and bounds what they cost together.
pub struct Verifier {
    check: SignatureCheck,
    known: RefCell<HashMap<[u8; 32], bool>>,
    budget: Cell<u32>,
    steps: Cell<u32>,
    short: Cell<bool>,
    /// What was signed, by the SHA-256 of what is read in its place.
    stand_ins: RefCell<HashMap<[u8; 32], Vec<u8>>>,
}

impl Verifier {
    /// `budget` is counted in verifications with P-256, about a tenth of a millisecond each.
    pub fn new(check: SignatureCheck, budget: u32) -> Self {
        Self {
            check,
            known: RefCell::default(),
            budget: Cell::new(budget),
            steps: Cell::new(budget.saturating_mul(STEPS_PER_UNIT)),
            short: Cell::new(false),
            stand_ins: RefCell::default(),
        }
    }

    /// True when an operation was refused.
    pub(super) fn is_short(&self) -> bool {
        self.short.get()
    }

    /// One step of a search; false when no more are allowed.
    pub(super) fn step(&self) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(1));
        left > 0 && !self.short.get()
    }

    /// A signature over `signed` counts as one over `read`, which says the same.
    pub(super) fn stands_for(&self, read: &[u8], signed: &[u8]) {
        if read != signed {
            self.stand_ins.borrow_mut().insert(Sha256::digest(read).into(), signed.to_vec());
        }
    }

    /// The certificates that [`read`](super::read) changed.
    pub fn admit(&self, stand_ins: &[StandIn]) {
        for (read, signed) in stand_ins.iter().map(StandIn::signed) {
            self.stands_for(read, signed);
        }
    }

    pub(super) fn verify(
        &self,
        algorithm: AlgorithmIdentifierRef<'_>,
        key: SubjectPublicKeyInfoRef<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let stand_ins = self.stand_ins.borrow();
        let signed = match stand_ins.len() {
            0 => None,
            _ => stand_ins.get(&<[u8; 32]>::from(Sha256::digest(message))),
        };
        self.verify_one(algorithm, key.clone(), message, signature)
            || signed.is_some_and(|signed| self.verify_one(algorithm, key, signed, signature))
    }

    fn verify_one(
        &self,
        algorithm: AlgorithmIdentifierRef<'_>,
        key: SubjectPublicKeyInfoRef<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        // A long message is hashed to be recognised, too.
        let hashing = u32::try_from(message.len() / OCTETS_PER_UNIT).unwrap_or(u32::MAX);
        let Some(left) = self.budget.get().checked_sub(hashing) else {
            self.short.set(true);
            return false;
        };
        let Some(id) = identity(algorithm, &key, message, signature) else { return false };
        if let Some(verdict) = self.known.borrow().get(&id) {
            self.budget.set(left);
            return *verdict;
        }
        let Some(left) = left.checked_sub(cost(&key).saturating_add(hashing)) else {
            self.short.set(true);
            return false;
        };
        self.budget.set(left);
        let verdict = (self.check)(algorithm, key, message, signature);
        self.known.borrow_mut().insert(id, verdict);
        verdict
    }
}

/// What a verification with the key costs, in those with P-256.
fn cost(key: &SubjectPublicKeyInfoRef<'_>) -> u32 {
    let octets = u32::try_from(key.subject_public_key.raw_bytes().len()).unwrap_or(u32::MAX);
    let curve = key.algorithm.parameters_oid().ok();
    match curve {
        Some(curve) if FAST_CURVES.contains(&curve) => octets.saturating_sub(33) / 32,
        Some(_) => octets / 6,
        None => 1 + octets / 256,
    }
}

impl pkix_path::SignatureVerifier for Verifier {
    fn verify_signature(
        &self,
        algorithm: AlgorithmIdentifierRef<'_>,
        issuer_spki: SubjectPublicKeyInfoRef<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if self.verify(algorithm, issuer_spki, message, signature) { Ok(()) } else { Err(Error::new()) }
    }
}

/// One digest over all inputs, each preceded by its length.
fn identity(
    algorithm: AlgorithmIdentifierRef<'_>,
    key: &SubjectPublicKeyInfoRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> Option<[u8; 32]> {
    let algorithm = algorithm.to_der().ok()?;
    let key = key.to_der().ok()?;
    let mut hash = Sha256::new();
    for part in [algorithm.as_slice(), key.as_slice(), message, signature] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    Some(hash.finalize().into())
}
