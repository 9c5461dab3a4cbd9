//! `hufu ca`: the appliance's own certification authorities.

use super::{Failure, init, say};
use crate::conf::{Site, channels_folder};
use crate::registry::ceremony;
use clap::Subcommand;
use hufu_api::Clock;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The appliance's own certification authorities.
#[derive(Debug, Subcommand)]
pub(super) enum Ca {
    /// Make the next issuing CA under the root, with its OCSP responder. A serving appliance takes it up by itself within
    /// seconds: new certificates come from it, the CAs before it keep their revocation lists and OCSP answers.
    Rollover {
        /// Do not ask before beginning.
        #[arg(long)]
        yes: bool,
        /// The recovery components of the ceremony, all of them, so that the new keys can be recovered too.
        #[arg(long, value_name = "FILE")]
        recovery: Vec<PathBuf>,
    },
}

pub(super) fn run(command: &Ca, file: &Path) -> Result<(), Failure> {
    let Ca::Rollover { yes, recovery } = command;
    let site = Site::read(file)?;
    if !yes {
        super::confirm("This makes a new issuing CA under the root. Go on?")?;
    }
    // The module is loaded in this process: it must see what the workers see.
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return super::again_with(&environment);
    }
    let now = crate::clock::SystemClock::new(site.clock.tolerance_millis, None).now()?;
    if recovery.is_empty() && site.pki_folder().join(ceremony::RECOVERY_FILE).exists() {
        return Err(
            "this site's keys can be recovered: give its components with --recovery, all of them".into()
        );
    }
    let recovery = init::recovery(&site, recovery)?;
    let transcript = ceremony::rollover(&site, file, recovery.as_ref(), now, &mut |line| say(line))?;
    say(&format!("transcript: {}", transcript.keep(&site.ceremony_folder())?.display()));
    for path in fixed_issuers(file) {
        say(&format!(
            "{} names `issuer`: it goes on with that one until you remove the line and restart",
            path.display()
        ));
    }
    Ok(())
}

/// Channel files that name the CA that issues.
fn fixed_issuers(file: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(channels_folder(file)).into_iter().flatten().flatten();
    let fixed = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        table.get("kind").and_then(toml::Value::as_str) == Some("ca-local") && table.contains_key("issuer")
    };
    entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).filter(fixed).collect()
}
