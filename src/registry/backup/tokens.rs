//! A backup's keys in a fresh token: taken in, and tried with what relies on them.

use super::{BackupError, file};
use crate::channels::Identity;
use crate::conf::{Seat, Site};
use crate::keys::{Purpose, StoredKey};
use crate::ops::Needs;
use crate::registry::ceremony::{self, CeremonyError, Recovery};
use crate::token::ceremony::Ceremony;
use std::path::Path;

/// Takes the wrapped keys of every token in, and initialises the token where that is needed.
pub(super) fn take_in(
    site: &Site,
    conf: &Path,
    so_pin: Option<&Path>,
    recovery: &Recovery,
    tell: &mut dyn FnMut(&str),
) -> Result<(), BackupError> {
    let saved = recovery.saved()?;
    for seat in Seat::ALL {
        if let Some(step) = ceremony::initialise(site, conf, seat, so_pin)? {
            tell(&format!("token {}: {}", seat.name(), ceremony::made(step, "initialised")));
        }
        let key_error = |source| CeremonyError::Key { seat: seat.name(), source };
        let mut token = ceremony::open(site, conf, seat, Some(recovery))?;
        for saved in saved.iter().filter(|s| s.seat == seat.name()) {
            let step = token.restore(&saved.key).map_err(key_error)?;
            tell(&format!(
                "token {}: {}: {}",
                seat.name(),
                saved.key.label,
                ceremony::made(step, "restored")
            ));
        }
        if seat != Seat::Root {
            token.own_keys().map_err(key_error)?;
        }
    }
    Ok(())
}

/// Tries every key of the appliance's own, and what the state needs. Gives how many signers' keys lay in a lost token alone.
pub(super) fn prove(site: &Site, conf: &Path, pki: &Path, needs: &Needs) -> Result<u64, BackupError> {
    let identities: Vec<Identity> = read(&pki.join("identities.json"))?;
    let audit: StoredKey = read(&pki.join("audit-key.json"))?;
    let mut keys: Vec<StoredKey> = identities.into_iter().map(|identity| identity.key).collect();
    keys.push(audit);
    let mut lost = 0;
    for purpose in [Purpose::Ca, Purpose::Tsa, Purpose::Audit, Purpose::Signer] {
        let seat = Seat::Served(purpose);
        let mut token = ceremony::open(site, conf, seat, None)?;
        keys.iter()
            .filter(|key| key.purpose == purpose)
            .try_for_each(|key| proved(&mut token, seat, &key.owner, key))?;
        if purpose == Purpose::Signer {
            needs.wrapped.iter().try_for_each(|key| proved(&mut token, seat, &key.owner, key))?;
            if let Some((context, secret)) = &needs.secret {
                token.opens(context, secret).map_err(|e| missing(seat, "the state key", &e))?;
            }
            for key in &needs.in_token {
                lost += u64::from(token.prove(key).is_err());
            }
        }
    }
    Ok(lost)
}

fn proved(token: &mut Ceremony, seat: Seat, what: &str, key: &StoredKey) -> Result<(), BackupError> {
    token.prove(key).map_err(|e| missing(seat, what, &e))
}

fn missing(seat: Seat, what: &str, error: &dyn std::fmt::Display) -> BackupError {
    BackupError::Refused(format!(
        "token {}: {what}: {error}. Bring the token's keys back first: with --recovery COMPONENT…, or with the backup of its maker",
        seat.name()
    ))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, BackupError> {
    let text = std::fs::read(path).map_err(file(path))?;
    serde_json::from_slice(&text).map_err(|e| BackupError::Archive(format!("{}: {e}", path.display())))
}
