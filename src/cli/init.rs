//! `hufu init`: the key ceremony.

use super::Failure;
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
    let transcript =
        ceremony::run(&site, file, args.so_pin_file.as_deref(), clock.now()?, &mut |line| super::say(line))?;
    let kept = transcript.keep(&site.ceremony_folder())?;
    super::say(&format!("transcript: {}", kept.display()));
    Ok(())
}
