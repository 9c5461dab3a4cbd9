//! Checkpoints on disk, outside sled.

use super::Folder;
use super::folder::write_whole;
use crate::audit::Newest;
use crate::tlog::{Checkpoint, NoteError, NoteKey};
use hufu_api::UnixTime;
use std::fs;
use std::io;

/// Why a checkpoint cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system said no.
    #[error("checkpoint: {0}")]
    Io(#[from] io::Error),
    /// It is not a checkpoint of this log.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
}

fn read(path: &std::path::Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// The newest checkpoint's note.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn newest_note(folder: &Folder) -> Result<Option<String>, CheckpointError> {
    Ok(read(&folder.checkpoint())?)
}

/// What the newest checkpoint says, its signature unseen.
///
/// # Errors
/// See [`CheckpointError`].
pub fn newest(folder: &Folder) -> Result<Option<Checkpoint>, CheckpointError> {
    Ok(newest_note(folder)?.map(|note| Checkpoint::unverified(&note)).transpose()?)
}

/// Sizes of all checkpoints kept, ascending.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn sizes(folder: &Folder) -> Result<Vec<u64>, CheckpointError> {
    let mut sizes = Vec::new();
    for entry in match fs::read_dir(folder.checkpoints()) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(sizes),
        other => other?,
    } {
        sizes.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    sizes.sort_unstable();
    Ok(sizes)
}

/// The note of the checkpoint over `size` records.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn note(folder: &Folder, size: u64) -> Result<Option<String>, CheckpointError> {
    Ok(read(&folder.checkpoints().join(size.to_string()))?)
}

/// Keeps a signed checkpoint; durable on return.
///
/// # Errors
/// See [`CheckpointError`].
pub fn keep(folder: &Folder, note: &str) -> Result<(), CheckpointError> {
    let size = Checkpoint::unverified(note)?.size;
    write_whole(&folder.checkpoints().join(size.to_string()), note.as_bytes())?;
    Ok(write_whole(&folder.checkpoint(), note.as_bytes())?)
}

/// Makes the last checkpoint kept the newest, where a crash came between its two files.
///
/// # Errors
/// See [`CheckpointError`].
pub(super) fn mend(folder: &Folder) -> Result<(), CheckpointError> {
    let Some(last) = sizes(folder)?.pop() else { return Ok(()) };
    if newest(folder)?.is_none_or(|newest| newest.size < last)
        && let Some(note) = note(folder, last)?
    {
        tracing::warn!(size = last, "the newest checkpoint was not yet the newest");
        write_whole(&folder.checkpoint(), note.as_bytes())?;
    }
    Ok(())
}

/// Keeps an RFC 3161 token over the note of the checkpoint over `size` records.
///
/// # Errors
/// See [`CheckpointError`]; not found if there is no such checkpoint.
pub fn keep_anchor(folder: &Folder, size: u64, token: &[u8]) -> Result<(), CheckpointError> {
    if note(folder, size)?.is_none() {
        return Err(io::Error::from(io::ErrorKind::NotFound).into());
    }
    write_whole(&folder.checkpoints().join(format!("{size}.tsr")), token)?;
    if newest_anchor(folder)?.is_none_or(|(newest, _)| newest < size) {
        write_whole(&folder.anchored(), format!("{size}\n").as_bytes())?;
    }
    Ok(())
}

/// How many records the newest time-stamped checkpoint covers, and when it was stamped.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn newest_anchor(folder: &Folder) -> Result<Option<(u64, UnixTime)>, CheckpointError> {
    let Some(text) = read(&folder.anchored())? else { return Ok(None) };
    let size = text.trim_end().parse::<u64>().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    Ok(Some((size, kept_at(&folder.anchored())?)))
}

/// The newest checkpoint and how far anchors have come; `None` before the first checkpoint.
///
/// # Errors
/// See [`CheckpointError`].
pub fn newest_standing(folder: &Folder) -> Result<Option<Newest>, CheckpointError> {
    let Some(checkpoint) = newest_note(folder)? else { return Ok(None) };
    let size = Checkpoint::unverified(&checkpoint)?.size;
    let at = kept_at(&folder.checkpoint())?;
    Ok(Some(Newest { checkpoint, size, at, anchored: newest_anchor(folder)? }))
}

fn kept_at(path: &std::path::Path) -> io::Result<UnixTime> {
    let since = fs::metadata(path)?.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// The token over the checkpoint over `size` records.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn anchor(folder: &Folder, size: u64) -> Result<Option<Vec<u8>>, CheckpointError> {
    match fs::read(folder.checkpoints().join(format!("{size}.tsr"))) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// The keys that have signed checkpoints, newest last.
///
/// # Errors
/// See [`CheckpointError`].
pub fn keys(folder: &Folder) -> Result<Vec<NoteKey>, CheckpointError> {
    let text = read(&folder.key())?.unwrap_or_default();
    Ok(text.lines().map(NoteKey::parse).collect::<Result<_, _>>()?)
}

/// Writes the key down, for verifiers, if it is not there yet.
///
/// # Errors
/// See [`CheckpointError`].
pub fn remember_key(folder: &Folder, key: &NoteKey) -> Result<(), CheckpointError> {
    let text = read(&folder.key())?.unwrap_or_default();
    let line = key.verifier();
    if text.lines().any(|known| known == line) {
        return Ok(());
    }
    Ok(write_whole(&folder.key(), format!("{text}{line}\n").as_bytes())?)
}
