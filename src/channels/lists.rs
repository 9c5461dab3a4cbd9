//! Revocation lists that are here already: of our own CAs, and those that lie in the PKI folder (the root's).

use super::Authorities;
use crate::x509::{Certificate, CrlRead};
use hufu_api::{ChannelError, Der};
use std::path::Path;

/// Lists in the PKI folder that are looked at.
const MAX_FILES: usize = 64;

/// A list of `issuer` (DER certificate) that `fits`.
///
/// # Errors
/// When our own CA cannot make its list, or the issuer's certificate cannot be read.
pub(super) fn of_issuer(
    authorities: &Authorities,
    folder: &Path,
    issuer: &Der,
    fits: impl Fn(&[u8]) -> bool,
) -> Result<Option<Der>, ChannelError> {
    for (_, channel) in authorities.running() {
        let Some(repository) = channel.repository() else { continue };
        for published in repository.published() {
            if published.certificate != *issuer {
                continue;
            }
            if let Some(list) = repository.crl(&published.label)?.filter(|list| fits(&list.0)) {
                return Ok(Some(list));
            }
        }
    }
    let issuer = Certificate::from_der(&issuer.0).map_err(|e| ChannelError::Unavailable(e.to_string()))?;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lists = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "crl"));
    for path in lists.take(MAX_FILES) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let of_issuer = CrlRead::from_der(&bytes).is_ok_and(|list| list.verify(&issuer).is_ok());
        if of_issuer && fits(&bytes) {
            return Ok(Some(Der(bytes)));
        }
    }
    Ok(None)
}
