//! Rules of RFC 5280 that the path algorithm of section 6 leaves to the reader of the certificates.

use super::purpose::extension;
use const_oid::db::rfc5280;
use std::collections::BTreeSet;
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{NameConstraints, SubjectAltName};

/// Every certificate has each extension once (4.2), and no name constraint is of a form that is not understood while a
/// certificate below it has names of that form (4.2.1.10). `chain` is leaf first.
pub(super) fn check(chain: &[Certificate]) -> Result<(), String> {
    for (n, certificate) in chain.iter().enumerate() {
        let extensions = certificate.tbs_certificate.extensions.as_deref().unwrap_or_default();
        let distinct: BTreeSet<_> = extensions.iter().map(|e| e.extn_id).collect();
        if distinct.len() != extensions.len() {
            return Err("a certificate has an extension twice".into());
        }
        let Some((constraints, _)) =
            extension::<NameConstraints>(certificate, rfc5280::ID_CE_NAME_CONSTRAINTS)?
        else {
            continue;
        };
        let trees = constraints.permitted_subtrees.iter().chain(&constraints.excluded_subtrees).flatten();
        let odd: Vec<_> =
            trees.map(|t| &t.base).filter(|b| !is_understood(b)).map(std::mem::discriminant).collect();
        for below in chain.iter().take(n) {
            let names = extension::<SubjectAltName>(below, rfc5280::ID_CE_SUBJECT_ALT_NAME)?;
            if names
                .iter()
                .flat_map(|(names, _)| &names.0)
                .any(|name| odd.contains(&std::mem::discriminant(name)))
            {
                return Err("a name constraint is of a form that is not supported".into());
            }
        }
    }
    Ok(())
}

const fn is_understood(name: &GeneralName) -> bool {
    matches!(
        name,
        GeneralName::DirectoryName(_)
            | GeneralName::DnsName(_)
            | GeneralName::Rfc822Name(_)
            | GeneralName::UniformResourceIdentifier(_)
            | GeneralName::IpAddress(_)
    )
}
