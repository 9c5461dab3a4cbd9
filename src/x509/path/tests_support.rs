#![allow(clippy::unwrap_used)]
use crate::x509::signature::verify_signed;
use der::Encode;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
pub(super) fn check(
    a: AlgorithmIdentifierRef<'_>,
    k: SubjectPublicKeyInfoRef<'_>,
    m: &[u8],
    s: &[u8],
) -> bool {
    verify_signed(&k.to_der().unwrap(), &a.to_der().unwrap(), m, s).is_ok()
}
