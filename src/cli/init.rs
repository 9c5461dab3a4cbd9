//! `hufu init`: the key ceremony.

use super::Failure;
use crate::channels::OsEntropy;
use crate::conf::Site;
use crate::registry::ceremony;
use clap::Args;
use hufu_api::Clock;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Initialise tokens, generate the appliance's keys in them, make its CA, and write a transcript.
///
/// Every step finds what an earlier run has made: an interrupted ceremony is simply run again, and a complete one changes
/// nothing but the root's revocation list, which is made anew.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Do not ask before beginning.
    #[arg(long)]
    yes: bool,
    /// File with the security officer's PIN, needed where a token is still uninitialised. The user PIN is taken from where the
    /// configuration says.
    #[arg(long, value_name = "FILE")]
    so_pin_file: Option<PathBuf>,
    /// Recovery component, one file for each custodian (may be given several times). Files that are not there are made; every
    /// key that this ceremony makes can then be brought into a fresh token with all components together. Without it the keys
    /// live and die with their tokens, or with the backup that the HSM's maker provides.
    #[arg(long, value_name = "FILE")]
    recovery: Vec<PathBuf>,
}

pub(super) fn run(args: &Init, file: &Path) -> Result<(), Failure> {
    let site = Site::read(file)?;
    if !args.yes {
        super::confirm("This makes keys in the configured tokens and the appliance's own CA. Go on?")?;
    }
    // The module is loaded in this process: it must see what the workers will see.
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return super::again_with(&environment);
    }
    crate::registry::prepare_folders(&site)?;
    let clock = crate::clock::SystemClock::new(site.clock.tolerance_millis, None);
    let recovery = recovery(&site, &args.recovery)?;
    let so_pin = args.so_pin_file.as_deref();
    let transcript =
        ceremony::run(&site, file, so_pin, recovery.as_ref(), clock.now()?, &mut |line| super::say(line))?;
    let kept = transcript.keep(&site.ceremony_folder())?;
    super::say(&format!("transcript: {}", kept.display()));
    Ok(())
}

/// The recovery components, made now where they are not there.
pub(super) fn recovery(site: &Site, components: &[PathBuf]) -> Result<Option<ceremony::Recovery>, Failure> {
    if components.is_empty() {
        return Ok(None);
    }
    crate::registry::prepare_folders(site)?;
    let file = site.pki_folder().join(ceremony::RECOVERY_FILE);
    let (recovery, new) = ceremony::Recovery::of(components, file, &OsEntropy::default())?;
    if new {
        let count = components.len();
        super::say(&format!(
            "recovery: {count} components made; give each to its custodian, and keep none here"
        ));
    }
    Ok(Some(recovery))
}
