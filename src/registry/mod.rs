//! Names every adapter and plugin, and wires them.

pub mod admin;
mod adopt;
pub mod audit;
pub mod backup;
pub mod ceremony;
pub mod channels;
pub mod confinement;
pub(crate) mod expiry;
mod heal;
mod health;
pub mod network;
mod plugin_test;
mod replay;
pub mod schema;
pub mod tokens;

pub use plugin_test::plugin_test;

use crate::conf::Site;
use serde::{Deserialize, Serialize};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What network process and audit writer are told: the configuration without its tokens, and where it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    site: Site,
    file: PathBuf,
    channels: channels::Texts,
}

impl Told {
    /// To be handed to the supervisor: what a reload falls back to is whole, channel files and all.
    pub fn new(site: Site, file: &Path, channels: channels::Texts) -> Self {
        Self { site, file: file.to_owned(), channels }
    }

    fn parse(settings: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(settings).map_err(|e| format!("settings: {e}"))
    }
}

/// Makes the data folders, closed to everybody else, as far as they are not there.
///
/// # Errors
/// When the file system says no.
pub fn prepare_folders(site: &Site) -> std::io::Result<()> {
    let folders = [
        site.data().to_owned(),
        site.state_folder(),
        site.audit_folder(),
        site.pki_folder(),
        site.run_folder(),
        site.pin_folder(),
    ];
    for folder in folders {
        if !folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        }
    }
    Ok(())
}
