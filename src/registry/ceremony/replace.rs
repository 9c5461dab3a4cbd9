//! The appliance's own authorities, put out of use: `hufu ca revoke`. A time-stamping authority or an OCSP responder gets its
//! successor first; an issuing CA goes onto the root's list.

use super::authority::{Issued, issue, listed, root_crl};
use super::{
    CeremonyError, LONG_LIVED, Recovery, Say, Transcript, USUAL, key, known_identities, label, open, report,
    saying, write_json,
};
use crate::channels::Identity;
use crate::conf::{Seat, Site};
use crate::keys::Purpose;
use crate::x509::{Certificate, Revoked, Role};
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use hufu_api::{Der, RevocationReason, UnixTime};
use std::path::Path;

/// What is to be put out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An issuing CA.
    Issuing {
        /// Whether it is the one that issues; then it cannot be put out of use.
        newest: bool,
    },
    /// The time-stamping authority.
    Stamping,
    /// An OCSP responder.
    Responder,
}

/// The authority of that label, and what it is.
///
/// # Errors
/// When no ceremony has made it.
pub fn named(site: &Site, name: &str) -> Result<(Identity, Kind), CeremonyError> {
    let known = known_identities(site)?;
    let labels: Vec<&str> = known.iter().map(|identity| identity.label.as_str()).collect();
    let missing = || unfit(site, format!("nothing is called {name}; there are {}", labels.join(", ")));
    let identity = known.iter().find(|identity| identity.label == name).ok_or_else(missing)?.clone();
    let kind = match identity.key.purpose {
        Purpose::Ca => {
            let all = known.iter().filter(|identity| identity.key.purpose == Purpose::Ca);
            let newest = all.filter_map(|identity| label::number(&identity.label)).max();
            Kind::Issuing { newest: label::number(name) == newest }
        }
        _ => match Certificate::from_der(&identity.certificate.0)?.extended_key_usage()? {
            Some((_, usages)) if usages.contains(&ID_KP_TIME_STAMPING) => Kind::Stamping,
            _ => Kind::Responder,
        },
    };
    Ok((identity, kind))
}

/// Makes the successor of a time-stamping authority or an OCSP responder, key and certificate, and adds it to the identities:
/// a serving appliance answers with a new responder at once, and stamps with a new authority after a reload. Gives the
/// successor's label too.
///
/// # Errors
/// See [`CeremonyError`].
pub fn succeed(
    site: &Site,
    file: &Path,
    before: &Identity,
    recovery: Option<&Recovery>,
    now: UnixTime,
    tell: &mut dyn FnMut(&str),
) -> Result<(Transcript, String), CeremonyError> {
    let mut transcript = Transcript::begin(now, file);
    let mut say = saying(tell);
    let say: Say<'_> = &mut say;
    let mut identities = known_identities(site)?;
    let stamping = named(site, &before.label)?.1 == Kind::Stamping;
    let old = Certificate::from_der(&before.certificate.0)?;
    // A responder speaks for the CA that issued its certificate; time stamps come from the newest.
    let issued_old = |ca: &&Identity| {
        Certificate::from_der(&ca.certificate.0).is_ok_and(|ca| {
            ca.subject.der() == old.issuer.der()
                && ca.issuing_key_identifier().ok() == old.authority_key_identifier().ok().flatten()
        })
    };
    let mut authorities = identities.iter().filter(|identity| identity.key.purpose == Purpose::Ca);
    let ca = if stamping {
        authorities.max_by_key(|ca| label::number(&ca.label))
    } else {
        authorities.find(issued_old)
    };
    let ca = ca.ok_or_else(|| unfit(site, format!("the CA of {} is not among them", before.label)))?.clone();
    let (base, title) = if stamping {
        ("tsa".to_owned(), "TSA".to_owned())
    } else {
        (format!("ocsp-{}", ca.label), "OCSP".to_owned())
    };
    let taken = |name: &str| identities.iter().any(|identity| identity.label == name);
    let number = (2_u32..).find(|n| !taken(&format!("{base}-{n}"))).unwrap_or(u32::MAX);
    let name = format!("{base}-{number}");
    let of = label::number(&ca.label).unwrap_or(1);
    let common_name =
        if stamping { format!("Hufu {title} {number}") } else { format!("Hufu {title} {of}-{number}") };
    let role = if stamping { Role::TimeStamping } else { Role::OcspResponder };

    let seat = Seat::Served(Purpose::Tsa);
    let mut token = open(site, file, seat, recovery)?;
    let new_key = key(&mut token, seat, USUAL, &name, &mut transcript, say)?;
    drop(token);
    let mut token = open(site, file, Seat::Served(Purpose::Ca), recovery)?;
    let above = Issued { label: ca.label.clone(), certificate: ca.certificate.0.clone(), found: true };
    let (folder, authority) = (site.pki_folder(), site.authority());
    let wanted =
        Issued::below((name.clone(), common_name), role, &folder, authority, &new_key, &above, &ca.key, now);
    let issued = issue(&mut token, wanted)?;
    report(&issued, &mut transcript, say);
    let issuers = std::iter::once(ca.certificate).chain(ca.issuers).collect();
    identities.push(Identity {
        label: name.clone(),
        key: new_key,
        certificate: Der(issued.certificate),
        issuers,
    });
    write_json(&site.identities_file(), &identities)?;
    say(&mut transcript, format!("{name} takes the place of {}", before.label));
    Ok((transcript, name))
}

/// Puts an issuing CA onto the root's revocation list. Not the newest: nothing would issue.
///
/// # Errors
/// See [`CeremonyError`].
pub fn revoke_issuing(
    site: &Site,
    file: &Path,
    ca: &Identity,
    reason: RevocationReason,
    now: UnixTime,
    tell: &mut dyn FnMut(&str),
) -> Result<Transcript, CeremonyError> {
    let identities = known_identities(site)?;
    let mut transcript = Transcript::begin(now, file);
    let mut say = saying(tell);
    let say: Say<'_> = &mut say;
    let (folder, authority) = (site.pki_folder(), site.authority());
    let mut root = open(site, file, Seat::Root, None)?;
    let root_key = key(&mut root, Seat::Root, LONG_LIVED, label::ROOT, &mut transcript, say)?;
    let root_issued = issue(&mut root, Issued::root(&folder, authority, &root_key, now))?;
    let mut revoked = listed(&folder, &identities);
    let serial = Certificate::from_der(&ca.certificate.0)?.serial;
    let serial: Vec<u8> = serial.into_iter().skip_while(|octet| *octet == 0).collect();
    if !revoked.iter().any(|entry| entry.serial == serial) {
        revoked.push(Revoked { serial, at: now, reason });
    }
    let path = root_crl(&mut root, &folder, authority, &root_issued, &root_key, &revoked, now)?;
    say(&mut transcript, format!("{} is revoked: {}", ca.label, path.display()));
    Ok(transcript)
}

fn unfit(site: &Site, reason: String) -> CeremonyError {
    CeremonyError::Configuration { key: site.identities_file().display().to_string(), reason }
}
