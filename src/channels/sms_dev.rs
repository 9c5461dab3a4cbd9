//! The development SMS channel: codes go to a file that tests and demos read, never to a telephone.

use hufu_api::{ChannelError, Cx, Factory, Host, Mobile, PluginError, SmsChannel, SmsReceipt, SmsText};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Appends one JSON line `{"phone","code"}` a text to an outbox file that only its owner can read.
#[derive(Debug)]
pub struct SmsOutbox(Mutex<File>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The outbox, relative to the configuration folder's base.
    outbox: PathBuf,
}

#[derive(Serialize)]
struct Line<'a> {
    phone: &'a str,
    code: &'a str,
}

impl SmsOutbox {
    /// Opens the outbox, creating it with mode 0600.
    ///
    /// # Errors
    /// When the file cannot be opened for appending, is not a regular file, or others can read it.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let about = file.metadata()?;
        if !about.is_file() || about.permissions().mode() & 0o077 != 0 {
            return Err(std::io::Error::other(
                "must be a regular file that only its owner can read (chmod 600)",
            ));
        }
        Ok(Self(Mutex::new(file)))
    }

    /// How the registry builds it.
    pub const FACTORY: Factory<dyn SmsChannel> = Factory { kind: "sms-dev", build: Self::build };

    fn build(host: &Host<'_>, table: toml::Table) -> Result<Box<dyn SmsChannel>, PluginError> {
        let settings: Settings = table.try_into().map_err(|e| PluginError(format!("{e}")))?;
        let path = host.base.join(settings.outbox);
        let outbox = Self::open(&path).map_err(|e| PluginError(format!("outbox {}: {e}", path.display())))?;
        Ok(Box::new(outbox))
    }
}

impl SmsChannel for SmsOutbox {
    fn send(&self, _cx: Cx, to: &Mobile, text: SmsText<'_>) -> Result<SmsReceipt, ChannelError> {
        let mut line = serde_json::to_vec(&Line { phone: &to.number, code: text.code })
            .map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        line.push(b'\n');
        let mut file = self.0.lock();
        file.write_all(&line)
            .and_then(|()| file.flush())
            .map_err(|e| ChannelError::Unavailable(format!("outbox: {e}")))?;
        Ok(SmsReceipt(None))
    }
}
