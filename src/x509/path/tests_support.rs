use pkix_path::SignatureVerifier;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
pub(super) fn check(
    a: AlgorithmIdentifierRef<'_>,
    k: SubjectPublicKeyInfoRef<'_>,
    m: &[u8],
    s: &[u8],
) -> bool {
    pkix_path::DefaultVerifier.verify_signature(a, k, m, s).is_ok()
}
