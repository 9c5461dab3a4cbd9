//! The file itself: age over ZIP, every entry with its digest in the manifest, written whole or not at all.

use super::lock::{Key, Lock};
use super::{BackupError, Listed, MANIFEST, Manifest, VERSION};
use age::Decryptor;
use age::stream::{StreamReader, StreamWriter};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The manifest's length, at most.
const MAX_MANIFEST: u64 = 64 << 20;

type Encrypting = StreamWriter<BufWriter<File>>;

/// A backup being written.
pub(super) struct Writing {
    to: PathBuf,
    part: PathBuf,
    zip: ZipWriter<zip::write::StreamWriter<Encrypting>>,
    entries: Vec<Listed>,
}

fn archive(error: impl std::fmt::Display) -> BackupError {
    BackupError::Archive(error.to_string())
}

/// Counts and hashes what goes through it.
struct Measured<T> {
    inner: T,
    octets: u64,
    hash: Sha256,
}

impl<T> Measured<T> {
    fn over(inner: T) -> Self {
        Self { inner, octets: 0, hash: Sha256::new() }
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.octets += u64::try_from(bytes.len()).unwrap_or(0);
        self.hash.update(bytes);
    }

    fn listed(self, name: &str) -> Listed {
        Listed { name: name.to_owned(), octets: self.octets, sha256: hex::encode(self.hash.finalize()) }
    }
}

impl<W: Write> Write for Measured<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.saw(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.saw(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Writing {
    /// Begins beside the file's final name, which must be free.
    pub(super) fn begin(to: &Path, lock: Lock) -> Result<Self, BackupError> {
        if to.exists() {
            return Err(BackupError::Refused(format!("{} is there already", to.display())));
        }
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = file.map_err(super::file(&part))?;
        let encrypting = lock.encryptor()?.wrap_output(BufWriter::new(file)).map_err(super::file(&part))?;
        Ok(Self { to: to.to_owned(), part, zip: ZipWriter::new_stream(encrypting), entries: Vec::new() })
    }

    /// Writes one entry.
    pub(super) fn entry<T>(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, BackupError>,
    ) -> Result<T, BackupError> {
        self.start(name)?;
        let mut measured = Measured::over(BufWriter::with_capacity(1 << 16, &mut self.zip));
        let filled = fill(&mut measured)?;
        measured.flush().map_err(super::file(&self.part))?;
        let listed = measured.listed(name);
        self.entries.push(listed);
        Ok(filled)
    }

    fn start(&mut self, name: &str) -> Result<(), BackupError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .unix_permissions(0o600)
            .large_file(true);
        self.zip.start_file(name, options).map_err(archive)
    }

    /// Adds the manifest, makes all durable, and gives the file its name.
    pub(super) fn finish(
        mut self,
        manifest: impl FnOnce(Vec<Listed>) -> Manifest,
    ) -> Result<Manifest, BackupError> {
        let manifest = manifest(std::mem::take(&mut self.entries));
        let text = serde_json::to_vec_pretty(&manifest).map_err(archive)?;
        self.start(MANIFEST)?;
        let named = super::file(&self.part);
        self.zip.write_all(&text).map_err(&named)?;
        let encrypting = self.zip.finish().map_err(archive)?.into_inner();
        let file = encrypting.finish().map_err(&named)?.into_inner().map_err(|e| named(e.into_error()))?;
        file.sync_all().map_err(&named)?;
        fs::rename(&self.part, &self.to).map_err(super::file(&self.to))?;
        let folder = self.to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(super::file(folder))?;
        Ok(manifest)
    }
}

/// A backup being read.
pub(super) struct Reading {
    zip: ZipArchive<StreamReader<BufReader<File>>>,
    pub(super) manifest: Manifest,
}

impl Reading {
    /// Opens it and reads its manifest.
    pub(super) fn open(path: &Path, key: &Key) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(super::file(path))?;
        let decryptor = Decryptor::new(BufReader::with_capacity(1 << 17, file)).map_err(archive)?;
        let mut zip = ZipArchive::new(key.decrypt(decryptor)?).map_err(archive)?;
        let mut text = Vec::new();
        let entry = zip.by_name(MANIFEST).map_err(archive)?;
        entry.take(MAX_MANIFEST).read_to_end(&mut text).map_err(archive)?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(archive)?;
        if manifest.version != VERSION {
            return Err(BackupError::Archive(format!("format {} is not known here", manifest.version)));
        }
        Ok(Self { zip, manifest })
    }

    /// Names of the entries, as the manifest lists them.
    pub(super) fn names(&self) -> Vec<String> {
        self.manifest.entries.iter().map(|e| e.name.clone()).collect()
    }

    /// Reads one entry to its end and compares it with the manifest. What `take` made must not be used if this fails.
    pub(super) fn entry<T>(
        &mut self,
        name: &str,
        take: impl FnOnce(&mut dyn Read) -> Result<T, BackupError>,
    ) -> Result<T, BackupError> {
        let listed = self.manifest.entries.iter().find(|e| e.name == name).cloned();
        let listed = listed.ok_or_else(|| BackupError::Archive(format!("{name} is missing")))?;
        let entry = self.zip.by_name(name).map_err(archive)?;
        let mut measured = Measured::over(entry.take(listed.octets.saturating_add(1)));
        let taken = take(&mut BufReader::with_capacity(1 << 16, &mut measured))?;
        io::copy(&mut measured, &mut io::sink()).map_err(archive)?;
        if measured.listed(name) == listed {
            Ok(taken)
        } else {
            Err(BackupError::Archive(format!("{name} is not what the manifest says")))
        }
    }
}
