//! `hufu channel`: changed channel files, and putting them in force.

use super::Failure;
use super::appliance::with_appliance;
use crate::conf::channels_folder;
use crate::registry::admin::{Command as Ask, ask};
use crate::registry::channels::{Texts, check};
use clap::Subcommand;
use std::path::Path;

/// Channels are files in `channels.d/` beside the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Channel {
    /// Check the files and print the SHA-256 that stands for them.
    Digest,
    /// Put changed files in force: `hufu reload` first, then this, then (when admins have agreed) `hufu reload` again. Needed
    /// only where access.approvals is more than 1; otherwise a reload is enough.
    Accept,
}

pub(super) fn run(command: &Channel, file: &Path) -> Result<(), Failure> {
    let folder = channels_folder(file);
    if let Some(problem) = check(&folder).into_iter().next() {
        return Err(problem.into());
    }
    let digest = Texts::read(&folder)?.digest();
    if let Channel::Accept = command {
        with_appliance(file, |target| ask::<()>(target, &Ask::AcceptChannels(digest.clone())))?;
    }
    super::say(&digest);
    Ok(())
}
