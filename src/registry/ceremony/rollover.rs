//! A new issuing CA beside the present one, while the appliance serves: `hufu ca rollover`.

use super::Transcript;
use super::authority::{Issued, issue};
use super::{
    CeremonyError, LONG_LIVED, Recovery, Say, USUAL, identity, key, known_identities, label, open, report,
    saying, write_json,
};
use crate::conf::{Seat, Site};
use crate::keys::Purpose;
use hufu_api::UnixTime;
use std::path::Path;

/// Makes the next issuing CA and its OCSP responder under the root, and adds both to the identities, which a serving appliance
/// then takes up by itself. The earlier CAs keep their lists and answers. Interrupted, it is simply run again.
///
/// # Errors
/// See [`CeremonyError`].
pub fn rollover(
    site: &Site,
    file: &Path,
    recovery: Option<&Recovery>,
    now: UnixTime,
    tell: &mut dyn FnMut(&str),
) -> Result<Transcript, CeremonyError> {
    let mut transcript = Transcript::begin(now, file);
    let mut say = saying(tell);
    let say: Say<'_> = &mut say;
    let mut identities = known_identities(site)?;
    let is_known = |number: &u32| identities.iter().any(|known| known.label == label::issuing(*number));
    let number = (1..).find(|number| !is_known(number)).unwrap_or(u32::MAX);
    if number == 1 {
        return Err(CeremonyError::Configuration {
            key: site.identities_file().display().to_string(),
            reason: "there is no issuing CA yet; `hufu init` makes the first".into(),
        });
    }
    let (folder, authority) = (site.pki_folder(), site.authority());
    let (ca_seat, tsa_seat) = (Seat::Served(Purpose::Ca), Seat::Served(Purpose::Tsa));
    let mut ca = open(site, file, ca_seat, recovery)?;
    let ca_key = key(&mut ca, ca_seat, USUAL, &label::issuing(number), &mut transcript, say)?;
    let mut root = open(site, file, Seat::Root, recovery)?;
    let root_key = key(&mut root, Seat::Root, LONG_LIVED, label::ROOT, &mut transcript, say)?;
    let root_issued = issue(&mut root, Issued::root(&folder, authority, &root_key, now))?;
    if !root_issued.found {
        return Err(CeremonyError::Configuration {
            key: folder.join("root.pem").display().to_string(),
            reason: "is not the certificate of the root's key".into(),
        });
    }
    let issuing =
        issue(&mut root, Issued::issuing(number, &folder, authority, &ca_key, &root_issued, &root_key, now))?;
    report(&issuing, &mut transcript, say);
    drop(root);
    let mut tsa = open(site, file, tsa_seat, recovery)?;
    let ocsp_key = key(&mut tsa, tsa_seat, USUAL, &label::ocsp(number), &mut transcript, say)?;
    drop(tsa);
    let responder =
        issue(&mut ca, Issued::responder(number, &folder, authority, &ocsp_key, &issuing, &ca_key, now))?;
    report(&responder, &mut transcript, say);
    identities.push(identity(ca_key, &issuing, &[&root_issued]));
    identities.push(identity(ocsp_key, &responder, &[&issuing, &root_issued]));
    write_json(&site.identities_file(), &identities)?;
    say(&mut transcript, format!("{} issues from now on; the CAs before it keep their lists", issuing.label));
    Ok(transcript)
}
