//! `hufu ca`: the appliance's own certification authorities.

use super::appliance::with_appliance;
use super::{Failure, init, say, serve};
use crate::conf::{Site, channels_folder};
use crate::ops::{Ceremony, OwnCertificate, Request};
use crate::registry::admin::{AdminError, Command as Ask, ask};
use crate::registry::ceremony::{self, Kind, Transcript};
use clap::{Args, Subcommand};
use hufu_api::{Clock, RevocationReason};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The appliance's own certification authorities.
#[derive(Debug, Subcommand)]
pub(super) enum Ca {
    /// Make the next issuing CA under the root, with its OCSP responder. A serving appliance takes it up by itself within
    /// seconds: new certificates come from it, the CAs before it keep their revocation lists and OCSP answers.
    Rollover {
        #[command(flatten)]
        how: How,
    },
    /// Revoke a certificate of the appliance itself. A time-stamping authority or an OCSP responder (tsa-1, ocsp-issuing-1) gets
    /// its successor in the same step; an issuing CA, not the newest, goes onto the root's list.
    Revoke {
        /// As the ceremony named it, for example tsa-1.
        label: String,
        /// Why: key_compromise, superseded, cessation_of_operation, affiliation_changed, privilege_withdrawn or unspecified.
        #[arg(long, default_value = "superseded")]
        reason: String,
        #[command(flatten)]
        how: How,
    },
}

/// How such an act is begun.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Do not ask before beginning.
    #[arg(long)]
    yes: bool,
    /// The request that enough admins have agreed to, where access.approvals is more than 1; without it one is made.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The recovery components of the ceremony, all of them, so that the new keys can be recovered too.
    #[arg(long, value_name = "FILE")]
    recovery: Vec<PathBuf>,
}

pub(super) fn run(command: &Ca, file: &Path) -> Result<(), Failure> {
    let site = Site::read(file)?;
    let (how, question) = match command {
        Ca::Rollover { how } => (how, "This makes a new issuing CA under the root. Go on?".to_owned()),
        Ca::Revoke { label, how, .. } => (how, format!("This revokes the certificate of {label}. Go on?")),
    };
    if !how.yes {
        super::confirm(&question)?;
    }
    // The module is loaded in this process: it must see what the workers see.
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return super::again_with(&environment);
    }
    match command {
        Ca::Rollover { how } => rollover(&site, file, how),
        Ca::Revoke { label, reason, how } => revoke(&site, file, label, reason, how),
    }
}

fn rollover(site: &Site, file: &Path, how: &How) -> Result<(), Failure> {
    let now = crate::clock::SystemClock::new(site.clock.tolerance_millis, None).now()?;
    let recovery = recovery(site, how)?;
    carry_out(file, &Ask::Ceremony(Ceremony::CaRollover), how)?;
    let transcript = ceremony::rollover(site, file, recovery.as_ref(), now, &mut |line| say(line))?;
    kept(site, &transcript)?;
    for path in naming(file, "ca-local", "issuer", None) {
        say(&format!(
            "{} names `issuer`: it goes on with that one until you remove the line and restart",
            path.display()
        ));
    }
    Ok(())
}

fn revoke(site: &Site, file: &Path, label: &str, reason: &str, how: &How) -> Result<(), Failure> {
    let now = crate::clock::SystemClock::new(site.clock.tolerance_millis, None).now()?;
    let reason: RevocationReason =
        serde_json::from_value(reason.into()).map_err(|e| format!("--reason {reason}: {e}"))?;
    let (identity, kind) = ceremony::named(site, label)?;
    if let Kind::Issuing { newest } = kind {
        if newest {
            return Err(format!("{label} issues now; make the next one first: hufu ca rollover").into());
        }
        carry_out(file, &Ask::Ceremony(Ceremony::RevokeIssuing(label.to_owned(), reason)), how)?;
        let transcript = ceremony::revoke_issuing(site, file, &identity, reason, now, &mut |line| say(line))?;
        kept(site, &transcript)?;
        return reload(site, file);
    }
    if let Some(path) = naming(file, "tsa-local", "key", Some(label)).first() {
        return Err(format!(
            "{} names the key {label}: write key = \"tsa\", which means the newest, and `hufu reload` first",
            path.display()
        )
        .into());
    }
    let recovery = recovery(site, how)?;
    let certificate = hex::encode(&identity.certificate.0);
    let command = Ask::RevokeAuthority(OwnCertificate { label: label.to_owned(), certificate, reason });
    // Those who agree come first, then the successor, and the revocation when it is in use.
    agreed(site, file, &command, how)?;
    let (transcript, successor) =
        ceremony::succeed(site, file, &identity, recovery.as_ref(), now, &mut |line| say(line))?;
    kept(site, &transcript)?;
    reload(site, file)?;
    carry_out(file, &command, how)?;
    say(&format!("{label} is revoked; {successor} is in its place"));
    Ok(())
}

fn recovery(site: &Site, how: &How) -> Result<Option<ceremony::Recovery>, Failure> {
    if how.recovery.is_empty() && site.pki_folder().join(ceremony::RECOVERY_FILE).exists() {
        return Err(
            "this site's keys can be recovered: give its components with --recovery, all of them".into()
        );
    }
    init::recovery(site, &how.recovery)
}

fn kept(site: &Site, transcript: &Transcript) -> Result<(), Failure> {
    say(&format!("transcript: {}", transcript.keep(&site.ceremony_folder())?.display()));
    Ok(())
}

/// Before the act itself: that the given request is for it and enough have agreed. Where several must agree and no request is
/// given, makes one and stops with what is to be done next.
fn agreed(site: &Site, file: &Path, command: &Ask, how: &How) -> Result<(), Failure> {
    match &how.request {
        None if site.access.approvals > 1 => carry_out(file, command, how),
        None => Ok(()),
        Some(id) => {
            let open: Vec<Request> = with_appliance(file, |target| ask(target, &Ask::ListRequests))?;
            let request =
                open.iter().find(|request| request.id == *id).ok_or(format!("no open request {id}"))?;
            if serde_json::to_value(&request.command)? != serde_json::to_value(command)? {
                return Err(format!("request {id} is for something else").into());
            }
            if request.ready() {
                return Ok(());
            }
            Err(format!("{} of {} approvals", request.approvals.len(), request.needed).into())
        }
    }
}

/// Has the appliance do it, or record that it is being done; where several must agree, at their request.
fn carry_out(file: &Path, command: &Ask, how: &How) -> Result<(), Failure> {
    let answer = match &how.request {
        None => with_appliance(file, |target| ask::<Value>(target, command)),
        Some(id) => {
            agreed(&Site::read(file)?, file, command, how)?;
            with_appliance(file, |target| ask::<Value>(target, &Ask::CarryOut(id.clone())))
        }
    };
    match answer {
        Ok(_) => Ok(()),
        Err(failure) => match failure.downcast_ref::<AdminError>() {
            Some(AdminError::Waits(request)) => Err(format!(
                "request {} waits: {} of {} approvals. When enough admins have agreed, give this command again with --request {}",
                request.id,
                request.approvals.len(),
                request.needed,
                request.id
            )
            .into()),
            _ => Err(failure),
        },
    }
}

/// A serving appliance uses what has changed from now on.
fn reload(site: &Site, file: &Path) -> Result<(), Failure> {
    match std::os::unix::net::UnixStream::connect(site.admin_socket()) {
        Ok(_) => serve::reload(file),
        Err(_) => Ok(()),
    }
}

/// Channel files of that kind that have `key`, with that value if one is asked for.
fn naming(file: &Path, kind: &str, key: &str, value: Option<&str>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(channels_folder(file)).into_iter().flatten().flatten();
    let names = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let text = |name: &str| table.get(name).and_then(toml::Value::as_str);
        text("kind") == Some(kind) && text(key).is_some_and(|found| value.is_none_or(|value| value == found))
    };
    entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).filter(names).collect()
}
