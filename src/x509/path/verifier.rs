//! Public-key checks of certificates and revocation data, each done once and not more than a budget allows.

use der::Encode;
use sha2::{Digest, Sha256};
use signature::Error;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// Says whether `signature` over `message` verifies: algorithm, issuer's key, message, signature.
pub type SignatureCheck = fn(AlgorithmIdentifierRef<'_>, SubjectPublicKeyInfoRef<'_>, &[u8], &[u8]) -> bool;

/// Remembers verdicts, so that building and validating cost one operation per certificate.
pub(super) struct Verifier {
    check: SignatureCheck,
    known: RefCell<HashMap<[u8; 32], bool>>,
    budget: Cell<u32>,
}

impl Verifier {
    pub(super) fn new(check: SignatureCheck, budget: u32) -> Self {
        Self { check, known: RefCell::default(), budget: Cell::new(budget) }
    }

    /// True when no further operation is allowed.
    pub(super) fn exhausted(&self) -> bool {
        self.budget.get() == 0
    }

    pub(super) fn verify(
        &self,
        algorithm: AlgorithmIdentifierRef<'_>,
        key: SubjectPublicKeyInfoRef<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(id) = identity(algorithm, &key, message, signature) else { return false };
        if let Some(verdict) = self.known.borrow().get(&id) {
            return *verdict;
        }
        let Some(left) = self.budget.get().checked_sub(1) else { return false };
        self.budget.set(left);
        let verdict = (self.check)(algorithm, key, message, signature);
        self.known.borrow_mut().insert(id, verdict);
        verdict
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
