//! `hufu audit verify`: is everything there, unchanged, in order, and what the signed checkpoints say?
//!
//! It trusts the checkpoint keys and nothing else: every hash is taken anew from the records.

use super::Folder;
use super::checkpoints::{self, CheckpointError};
use super::head::Heads;
use super::log::LogError;
use super::source::Source;
use crate::audit::{Act, Body, Entry, RecordNumber};
use crate::tlog::{Checkpoint, Hash, NoteError, NoteKey, Range, leaf_hash, tile};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The log, a checkpoint or a key cannot be read at all.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Records are missing from here on.
    #[error("record {0} is missing")]
    Missing(RecordNumber),
    /// There are records behind the end of the tree.
    #[error("{0} records lie behind the end")]
    Beyond(u64),
    /// A record is not one, or not in canonical form.
    #[error("record {0}: {1}")]
    Malformed(RecordNumber, String),
    /// A record stands in another's place.
    #[error("record {at} says it is {says}")]
    Misplaced {
        /// Where it is.
        at: RecordNumber,
        /// What it says.
        says: RecordNumber,
    },
    /// An outcome without an open intent of that act.
    #[error("record {0} closes what was not open: {1}")]
    Unopened(RecordNumber, RecordNumber),
    /// A checkpoint record announces a tree that never was.
    #[error("record {0} announces another tree")]
    Announced(RecordNumber),
    /// Records below are not those that this witness of the tree was made over.
    #[error("records below {size} are not those of the {what}")]
    Changed {
        /// Which witness.
        what: String,
        /// Its tree's size.
        size: u64,
    },
    /// A witness covers more records than there are: truncated or set back.
    #[error("the {what} covers {size} records, {} of them are gone", size - .present)]
    Truncated {
        /// Which witness.
        what: String,
        /// Its tree's size.
        size: u64,
        /// Records present.
        present: u64,
    },
    /// A checkpoint whose signature does not hold.
    #[error("checkpoint {0}: {1}")]
    BadCheckpoint(String, String),
    /// A tile or entry bundle does not fit the records.
    #[error("{0} does not fit the records")]
    BadTile(String),
    /// A file that must lie outside the log is not there.
    #[error("{0} is missing")]
    Absent(&'static str),
}

/// What a verification looks at beyond the log itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keys to believe instead of those written down beside the log.
    pub keys: Vec<NoteKey>,
    /// Checkpoints kept elsewhere, as notes: they show a log that was set back or forked.
    pub elsewhere: Vec<String>,
    /// Begin at this checkpoint's size; what lies before is taken from the tiles and compared with it.
    pub since: Option<u64>,
    /// Compare every tile and bundle too.
    pub tiles: bool,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Tree head over them.
    pub root: Hash,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// Records that the newest of them covers. What comes after can be changed by whoever can write to the disk.
    pub covered: u64,
    /// Intents without an outcome.
    pub open: u64,
    /// Checkpoints announced on record but never signed, or signed and gone: a crash or a token failure leaves one, many are
    /// a reason to ask.
    pub unsigned: u64,
    /// What is wrong; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
}

/// Findings kept: the first ones tell, thousands after them do not.
pub const MAX_FINDINGS: usize = 100;

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }
}

/// A tree head from somewhere, to be met on the way.
struct Witness {
    what: String,
    root: Hash,
    signed: bool,
}

/// Verifies the log in `folder` as read through `source`; `progress` gets the number of records done.
pub fn verify(
    folder: &Folder,
    source: &mut dyn Source,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Report {
    let mut report = Report::default();
    // Witnesses first, then the log's end: on a serving appliance both grow, and no witness may be ahead.
    let found = witnesses(folder, options, &mut report).map_err(|e| e.to_string());
    let found = found.and_then(|found| source.settle().map(|()| found).map_err(|e| e.to_string()));
    let mut witnesses = match found {
        Ok(witnesses) => witnesses,
        Err(reason) => {
            report.add(Finding::Unreadable(reason));
            return report;
        }
    };
    if source.size() > 0 && !folder.head().exists() {
        report.add(Finding::Absent("the head file"));
    }
    let own = Witness { what: "log's own tree head".into(), root: source.root(), signed: false };
    witnesses.entry(source.size()).or_default().push(own);
    let start = match options.since {
        None => Range::new(),
        Some(size) => match earlier(folder, size) {
            Ok(range) => range,
            Err(finding) => {
                report.add(finding);
                return report;
            }
        },
    };
    let mut walk = Walk {
        folder,
        tiles: options.tiles,
        since: start.size(),
        range: start,
        open: BTreeMap::new(),
        witnesses,
        report,
        hashes: Vec::new(),
    };
    walk.meet_witnesses();
    if let Err(finding) = walk.all(source, progress) {
        walk.report.add(finding);
    }
    walk.end(source)
}

/// All tree heads outside the log by size: checkpoints and the head file.
fn witnesses(
    folder: &Folder,
    options: &Options,
    report: &mut Report,
) -> Result<BTreeMap<u64, Vec<Witness>>, CheckpointError> {
    let mut all: BTreeMap<u64, Vec<Witness>> = BTreeMap::new();
    let known = checkpoints::keys(folder)?;
    let keys = if options.keys.is_empty() { &known } else { &options.keys };
    let mut notes = Vec::new();
    for size in checkpoints::sizes(folder)? {
        let note = checkpoints::note(folder, size)?.unwrap_or_default();
        if Checkpoint::unverified(&note).is_ok_and(|c| c.size != size) {
            report.add(Finding::BadCheckpoint(size.to_string(), "is over another number of records".into()));
        }
        notes.push((format!("checkpoint {size}"), note));
    }
    let newest = checkpoints::newest_note(folder)?;
    // A crash between the two writes leaves the one before as the newest; the next start mends it.
    let one_of_those_kept = match &newest {
        Some(newest) => notes.iter().any(|(_, kept)| kept == newest),
        None => notes.len() <= 1,
    };
    if !one_of_those_kept {
        report.add(Finding::BadCheckpoint("newest".into(), "is not one of those kept".into()));
    }
    notes.extend(newest.map(|note| ("newest checkpoint".into(), note)));
    notes.extend(options.elsewhere.iter().map(|note| ("checkpoint kept elsewhere".into(), note.clone())));
    for (what, note) in notes {
        match open_with_any(&note, keys) {
            Ok(checkpoint) => {
                let witness = Witness { what, root: checkpoint.root, signed: true };
                all.entry(checkpoint.size).or_default().push(witness);
            }
            Err(error) => report.add(Finding::BadCheckpoint(what, error.to_string())),
        }
    }
    match Heads::read(folder) {
        Ok(heads) => {
            if heads.torn {
                report.add(Finding::Unreadable("a half of the head file".into()));
            }
            if let Some(head) = heads.newest {
                let witness = Witness { what: "head".into(), root: head.root, signed: false };
                all.entry(head.size).or_default().push(witness);
            }
        }
        Err(error) => report.add(Finding::Unreadable(error.to_string())),
    }
    Ok(all)
}

fn open_with_any(note: &str, keys: &[NoteKey]) -> Result<Checkpoint, NoteError> {
    let mut refusal = NoteError::Unsigned("any known key".into());
    for key in keys {
        match Checkpoint::open(note, key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// The compact range at an earlier size, from the tiles; the walk then compares its root with the checkpoint there.
fn earlier(folder: &Folder, size: u64) -> Result<Range, Finding> {
    let no_checkpoint = || Finding::Unreadable(format!("there is no checkpoint over {size} records"));
    checkpoints::note(folder, size).ok().flatten().ok_or_else(no_checkpoint)?;
    let mut range = Range::new();
    let unreadable = |path: &str| Finding::BadTile(path.to_owned());
    for index in 0..size.div_ceil(tile::WIDTH) {
        let path = tile::hash_tile(0, index, tile::WIDTH);
        let left = usize::try_from(size - index * tile::WIDTH).unwrap_or(usize::MAX).min(256);
        let hashes = match fs::read(folder.find_tile(&path)) {
            Ok(bytes) => tile::parse_hashes(&bytes).filter(|h| h.len() == 256),
            Err(_) => None,
        };
        match hashes {
            Some(hashes) => hashes.iter().take(left).for_each(|hash| range.push(*hash)),
            // The tail has no full tile yet; the walk begins there instead.
            None if left < 256 => return Ok(range),
            None => return Err(unreadable(&path)),
        }
    }
    Ok(range)
}

struct Walk<'a> {
    folder: &'a Folder,
    tiles: bool,
    /// Where the walk began.
    since: u64,
    range: Range,
    open: BTreeMap<RecordNumber, Act>,
    witnesses: BTreeMap<u64, Vec<Witness>>,
    report: Report,
    /// Leaf hashes of the tile under way.
    hashes: Vec<Hash>,
}

impl Walk<'_> {
    fn all(&mut self, source: &dyn Source, progress: &mut dyn FnMut(u64)) -> Result<(), Finding> {
        let mut bundle: Vec<Vec<u8>> = Vec::new();
        while self.range.size() < source.size() {
            let records =
                source.read(self.range.size()).map_err(|e: LogError| Finding::Unreadable(e.to_string()))?;
            if records.is_empty() {
                return Err(Finding::Missing(self.range.size()));
            }
            for record in records {
                self.take(&record);
                if self.tiles {
                    bundle.push(record);
                    self.compare_tile(&mut bundle);
                }
            }
            progress(self.range.size());
        }
        Ok(())
    }

    fn take(&mut self, record: &[u8]) {
        let at = self.range.size();
        match Entry::parse(record) {
            Err(error) => self.report.add(Finding::Malformed(at, error.to_string())),
            Ok(entry) => self.judge(at, &entry),
        }
        let leaf = leaf_hash(record);
        if self.tiles {
            self.hashes.push(leaf);
        }
        self.range.push(leaf);
        self.report.records += 1;
        self.meet_witnesses();
    }

    fn judge(&mut self, at: RecordNumber, entry: &Entry) {
        if entry.number != at {
            self.report.add(Finding::Misplaced { at, says: entry.number });
        }
        match &entry.body {
            Body::Intent(intent) => {
                self.open.insert(at, intent.act);
            }
            Body::Outcome { of, act, .. } => {
                let fits = self.open.remove(of) == Some(*act);
                // Its intent may lie before the beginning of a partial verification.
                if !fits && *of >= self.since {
                    self.report.add(Finding::Unopened(at, *of));
                }
            }
            Body::Checkpoint { size, root, .. } => {
                if *size != at || *root != self.range.root() {
                    self.report.add(Finding::Announced(at));
                }
                self.report.unsigned += u64::from(!matches!(checkpoints::note(self.folder, at), Ok(Some(_))));
            }
            Body::Event(_) => {}
        }
    }

    fn meet_witnesses(&mut self) {
        let size = self.range.size();
        for witness in self.witnesses.remove(&size).unwrap_or_default() {
            if witness.root != self.range.root() {
                self.report.add(Finding::Changed { what: witness.what, size });
            } else if witness.signed {
                self.report.checkpoints += 1;
                self.report.covered = size;
            }
        }
    }

    /// Compares bundle and level-0 tile whenever 256 records are complete. Higher tiles are made of these.
    fn compare_tile(&mut self, bundle: &mut Vec<Vec<u8>>) {
        if !self.range.size().is_multiple_of(tile::WIDTH) {
            return;
        }
        let index = self.range.size() / tile::WIDTH - 1;
        let records = std::mem::take(bundle);
        let hashes = std::mem::take(&mut self.hashes);
        if records.len() != 256 || hashes.len() != 256 {
            return;
        }
        let expected = [
            (tile::entry_bundle(index, tile::WIDTH), tile::bundle(records.iter().map(Vec::as_slice))),
            (tile::hash_tile(0, index, tile::WIDTH), Some(hashes.as_flattened().to_vec())),
        ];
        for (path, bytes) in expected {
            let file: PathBuf = self.folder.find_tile(&path);
            // The last ones may not have been written yet.
            if file.exists() && fs::read(&file).ok() != bytes {
                self.report.add(Finding::BadTile(path));
            }
        }
    }

    fn end(mut self, source: &dyn Source) -> Report {
        let present = self.range.size();
        for (size, witnesses) in std::mem::take(&mut self.witnesses) {
            for witness in witnesses {
                if size > present {
                    self.report.add(Finding::Truncated { what: witness.what, size, present });
                } else if size >= self.since {
                    self.report.add(Finding::Changed { what: witness.what, size });
                }
            }
        }
        if source.beyond() > 0 {
            self.report.add(Finding::Beyond(source.beyond()));
        }
        self.report.open = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        self.report.root = self.range.root();
        self.report
    }
}
