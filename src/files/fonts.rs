//! Finding font files and lending their bytes to the seal kernel.
//!
//! A file is opened once, at start, before the process gives up its right to open files, and read through that handle
//! when a seal is drawn. What was read is kept within a budget: fonts are up to 30 MB each, and drawing is rare.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::seal::{Chain, FontError, FontFamily, FontFile, FontSet, FontSource, SealError};

/// Bytes of fonts kept in memory after use: the company face and one personal face.
const KEPT_BYTES: usize = 48 << 20;
/// A font file larger than this is refused.
const FONT_BYTES_MAX: u64 = 128 << 20;
/// Depth and entries of the folders that are searched.
const DEPTH_MAX: usize = 6;
const ENTRIES_MAX: usize = 20_000;

/// Folders searched when the configuration names none.
pub const SYSTEM_FOLDERS: &[&str] = &[
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "/usr/share/texlive/texmf-dist/fonts/opentype/public/fandol",
];

/// One entry of a chain as configured: file names, several only for files of one design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// File name to be searched in the folders, or an absolute path; with the face's number in a collection.
    pub files: Vec<(String, u32)>,
    /// The Debian package that has it, for the remedy; empty for a site's own font.
    pub package: &'static str,
}

impl Choice {
    /// Parses `FILE`, `FILE#INDEX`, or several of them joined by `+`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let files = text.split('+').map(|part| match part.rsplit_once('#') {
            Some((name, index)) => (name.trim().to_owned(), index.trim().parse().unwrap_or(0)),
            None => (part.trim().to_owned(), 0),
        });
        Self { files: files.collect(), package: "" }
    }

    fn name(&self) -> String {
        self.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("+")
    }
}

/// The chains of the Debian packages that `softhsm/fonts` and the Debian package install.
#[must_use]
pub fn shipped_chains() -> BTreeMap<Chain, Vec<Choice>> {
    const GKAI: (&str, &str) = ("gkai00mp.ttf", "fonts-arphic-gkai00mp");
    const WENKAI: (&str, &str) = ("LXGWWenKai-Regular.ttf", "fonts-lxgw-wenkai");
    const WENKAI_LIGHT: (&str, &str) = ("LXGWWenKai-Light.ttf", "fonts-lxgw-wenkai");
    const WENKAI_BOLD: (&str, &str) = ("LXGWWenKai-Bold.ttf", "fonts-lxgw-wenkai");
    const FANG: (&str, &str) = ("FandolFang-Regular.otf", "texlive-lang-chinese");
    const HEI: (&str, &str) = ("wqy-microhei.ttc", "fonts-wqy-microhei");
    // Face 2 of each Noto CJK collection is the one for simplified Chinese.
    const SANS: (&str, &str) = ("NotoSansCJK-Regular.ttc#2", "fonts-noto-cjk");
    const SANS_BOLD: (&str, &str) = ("NotoSansCJK-Bold.ttc#2", "fonts-noto-cjk");
    const SERIF: (&str, &str) = ("NotoSerifCJK-Regular.ttc#2", "fonts-noto-cjk");
    const SERIF_BOLD: (&str, &str) = ("NotoSerifCJK-Bold.ttc#2", "fonts-noto-cjk");
    const DEJAVU: (&str, &str) = ("DejaVuSans.ttf", "fonts-dejavu-core");
    /// Where names with rare characters end.
    const RARE: [(&str, &str); 2] =
        [("HanaMinA.ttf+HanaMinB.ttf", "fonts-hanazono"), ("BabelStoneHan.ttf", "fonts-babelstone-han")];

    let chain = |own: &[(&'static str, &'static str)], rare: bool| -> Vec<Choice> {
        let tail = if rare { RARE.as_slice() } else { &[] };
        own.iter()
            .chain(tail)
            .chain([&DEJAVU])
            .map(|(f, package)| Choice { package, ..Choice::parse(f) })
            .collect()
    };
    BTreeMap::from([
        (Chain::Person(FontFamily::Kai), chain(&[GKAI, WENKAI, SERIF], true)),
        (Chain::Person(FontFamily::FangSong), chain(&[FANG, WENKAI_LIGHT, SERIF], true)),
        (Chain::Person(FontFamily::HuawenKai), chain(&[WENKAI, SERIF], true)),
        (Chain::Person(FontFamily::YaHei), chain(&[HEI, SANS], true)),
        (Chain::Company, chain(&[SERIF_BOLD, WENKAI_BOLD, SANS_BOLD], true)),
        (Chain::Figures, chain(&[SANS, HEI], false)),
    ])
}

/// What became of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Which chain.
    pub chain: Chain,
    /// Fonts in use, first choice first, with the number of characters each has.
    pub found: Vec<(String, u64)>,
    /// Fonts not found or not usable: name, reason, remedy.
    pub lacking: Vec<(String, String, String)>,
    /// The first choice is among them, so that seals look other than configured.
    pub degraded: bool,
}

/// Fonts found at start.
#[derive(Debug)]
pub struct FoundFonts {
    /// For the seal kernel.
    pub set: FontSet,
    /// For `hufu doctor` and `/health`.
    pub report: Vec<ChainReport>,
}

/// Searches `folders` (earlier ones win) for the fonts of `chains`. A font that is missing or unusable is left out of
/// its chain and reported; it is not an error.
///
/// # Errors
/// [`SealError::Font`] when a font of the figures chain fails after it was found usable.
pub fn find_fonts(
    folders: &[PathBuf],
    chains: &BTreeMap<Chain, Vec<Choice>>,
) -> Result<FoundFonts, SealError> {
    let index = file_index(folders);
    let cache = Arc::new(Cache::default());
    let mut opened: BTreeMap<PathBuf, Arc<FontOnDisk>> = BTreeMap::new();
    let mut inspected: BTreeMap<String, Result<Arc<FontFile>, String>> = BTreeMap::new();
    let mut report = Vec::new();
    let mut usable = Vec::new();
    for (chain, choices) in chains {
        let mut entry =
            ChainReport { chain: *chain, found: Vec::new(), lacking: Vec::new(), degraded: false };
        let mut files = Vec::new();
        for (place, choice) in choices.iter().enumerate() {
            let key = format!("{:?}", choice.files);
            let looked_at = inspected
                .entry(key)
                .or_insert_with(|| inspect(choice, &index, &cache, &mut opened).map(Arc::new));
            match looked_at {
                Ok(file) => {
                    entry.found.push((file.name().to_owned(), file.characters()));
                    files.push(Arc::clone(file));
                }
                Err(reason) => {
                    let remedy = if choice.package.is_empty() {
                        "put the file into a font folder of the configuration".to_owned()
                    } else {
                        format!("install the Debian package {}", choice.package)
                    };
                    entry.lacking.push((choice.name(), reason.clone(), remedy));
                    entry.degraded |= place == 0;
                }
            }
        }
        report.push(entry);
        usable.push((*chain, files));
    }
    let set = FontSet::new(usable)?;
    cache.0.lock().clear();
    Ok(FoundFonts { set, report })
}

fn inspect(
    choice: &Choice,
    index: &BTreeMap<String, PathBuf>,
    cache: &Arc<Cache>,
    opened: &mut BTreeMap<PathBuf, Arc<FontOnDisk>>,
) -> Result<FontFile, String> {
    let mut parts: Vec<(u32, Arc<dyn FontSource>)> = Vec::new();
    for (name, face) in &choice.files {
        let path =
            if Path::new(name).is_absolute() { Some(PathBuf::from(name)) } else { index.get(name).cloned() };
        let path = path.ok_or_else(|| format!("{name} not found"))?;
        let source = match opened.get(&path) {
            Some(source) => Arc::clone(source),
            None => {
                let source = Arc::new(FontOnDisk::open(&path, cache).map_err(|e| format!("{name}: {e}"))?);
                opened.insert(path, Arc::clone(&source));
                source
            }
        };
        parts.push((*face, source));
    }
    FontFile::inspect(&choice.name(), parts).map_err(|e: FontError| e.to_string())
}

/// File names of fonts under the folders, the first of a name winning.
fn file_index(folders: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let mut index = BTreeMap::new();
    let mut seen = 0;
    for folder in folders {
        walk(folder, 0, &mut seen, &mut index);
    }
    index
}

fn walk(folder: &Path, depth: usize, seen: &mut usize, index: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        *seen += 1;
        if *seen > ENTRIES_MAX {
            return;
        }
        // Follows links: a font folder may consist of them. A loop ends at the depth limit.
        if path.is_dir() {
            if depth < DEPTH_MAX {
                walk(&path, depth + 1, seen, index);
            }
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            index.entry(name.to_owned()).or_insert_with(|| path.clone());
        }
    }
}

/// A font file behind an open handle.
#[derive(Debug)]
struct FontOnDisk {
    path: PathBuf,
    file: File,
    length: usize,
    cache: Arc<Cache>,
}

impl FontOnDisk {
    fn open(path: &Path, cache: &Arc<Cache>) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        if !found.is_file() || found.len() > FONT_BYTES_MAX {
            return Err(std::io::Error::other("not a font file of at most 128 MiB"));
        }
        let length = usize::try_from(found.len()).map_err(std::io::Error::other)?;
        Ok(Self { path: path.to_owned(), file, length, cache: Arc::clone(cache) })
    }
}

impl FontSource for FontOnDisk {
    fn bytes(&self) -> Result<Arc<Vec<u8>>, String> {
        self.cache.fetch(&self.path, || {
            let mut bytes = vec![0; self.length];
            self.file.read_exact_at(&mut bytes, 0).map_err(|e| e.to_string())?;
            Ok(bytes)
        })
    }
}

/// Bytes of recently used fonts, the latest last.
#[derive(Debug, Default)]
struct Cache(Mutex<VecDeque<(PathBuf, Arc<Vec<u8>>)>>);

impl Cache {
    /// The bytes from memory or from `read`. The lock is held while reading, so that callers who want the same font at
    /// once read it once.
    fn fetch(
        &self,
        path: &Path,
        read: impl FnOnce() -> Result<Vec<u8>, String>,
    ) -> Result<Arc<Vec<u8>>, String> {
        let mut kept = self.0.lock();
        if let Some(place) = kept.iter().position(|(known, _)| known == path)
            && let Some(entry) = kept.remove(place)
        {
            let bytes = Arc::clone(&entry.1);
            kept.push_back(entry);
            return Ok(bytes);
        }
        let bytes = Arc::new(read()?);
        kept.push_back((path.to_owned(), Arc::clone(&bytes)));
        while kept.len() > 1 && kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > KEPT_BYTES {
            kept.pop_front();
        }
        Ok(bytes)
    }
}
