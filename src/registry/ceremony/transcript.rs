//! The ceremony's transcript: what was done, in the order it was done, for witnesses to sign.

use hufu_api::UnixTime;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A transcript being written.
#[derive(Debug, Default)]
pub struct Transcript {
    text: String,
}

impl Transcript {
    /// Begins with who and when.
    pub fn begin(at: UnixTime, configuration: &Path) -> Self {
        let mut transcript = Self::default();
        transcript.line(&format!("Hufu {} key ceremony", env!("CARGO_PKG_VERSION")));
        transcript.line(&format!("time: {}", clock_text(at)));
        transcript.line(&format!("configuration: {}", configuration.display()));
        transcript
    }

    /// Adds one line.
    pub fn line(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{text}");
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the transcript into `folder` under a name that is not taken, durably, and gives its path.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn keep(&self, folder: &Path) -> std::io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        for number in 1..10_000 {
            let path = folder.join(format!("transcript-{number:04}.txt"));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(mut file) => {
                    file.write_all(self.text.as_bytes())?;
                    file.sync_all()?;
                    fs::File::open(folder)?.sync_all()?;
                    return Ok(path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::other("too many transcripts"))
    }
}

/// RFC 3339 in UTC, to the second.
pub fn clock_text(at: UnixTime) -> String {
    time::OffsetDateTime::from_unix_timestamp(at.seconds())
        .ok()
        .and_then(|t| t.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| format!("{} s after the epoch", at.seconds()))
}
