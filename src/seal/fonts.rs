//! The fonts seals are drawn with: a chain of faces per family, and what each face covers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ttf_parser::{Face, PlatformId};

use super::glyph::{Glyph, Glyphs, OpenFace, Sign};
use super::{FontError, FontFamily, SealError, remedy};

/// Where a font's bytes come from. The kernel asks when it draws, so that an adapter may keep fonts on disk until then.
pub trait FontSource: Send + Sync + fmt::Debug {
    /// The whole font file.
    ///
    /// # Errors
    /// Why the bytes cannot be had.
    fn bytes(&self) -> Result<Arc<Vec<u8>>, String>;
}

impl FontSource for Arc<Vec<u8>> {
    fn bytes(&self) -> Result<Arc<Vec<u8>>, String> {
        Ok(Self::clone(self))
    }
}

/// A family of seal type, configured as an ordered chain of faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chain {
    /// Personal seals of one `fontFamily`.
    Person(FontFamily),
    /// Company seals: a bold Song face.
    Company,
    /// Code numbers and captions: digits, Latin letters, the characters of dates.
    Figures,
}

impl Chain {
    /// Every chain.
    pub const ALL: [Self; 6] = [
        Self::Person(FontFamily::Kai),
        Self::Person(FontFamily::FangSong),
        Self::Person(FontFamily::HuawenKai),
        Self::Person(FontFamily::YaHei),
        Self::Company,
        Self::Figures,
    ];

    /// The name used in the configuration and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person(family) => family.code(),
            Self::Company => "company",
            Self::Figures => "figures",
        }
    }

    /// The chain of a configuration name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chain| chain.name() == name)
    }
}

/// The code points a face maps, as sorted inclusive ranges.
#[derive(Clone, Debug, Default)]
struct Coverage(Vec<(u32, u32)>);

impl Coverage {
    fn of(face: &Face<'_>) -> Self {
        let mut points = Vec::with_capacity(usize::from(face.number_of_glyphs()));
        for table in face.tables().cmap.iter().flat_map(|cmap| cmap.subtables) {
            if table.is_unicode() && table.platform_id != PlatformId::Macintosh {
                table.codepoints(|point| points.push(point));
            }
        }
        points.sort_unstable();
        points.dedup();
        // Some maps list characters that they send to glyph 0, the box for what is missing.
        points.retain(|p| char::from_u32(*p).and_then(|c| face.glyph_index(c)).is_some_and(|id| id.0 != 0));
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for point in points {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == point => *last = point,
                _ => ranges.push((point, point)),
            }
        }
        Self(ranges)
    }

    fn has(&self, c: char) -> bool {
        let point = u32::from(c);
        let after = self.0.partition_point(|(first, _)| *first <= point);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|(_, last)| point <= *last)
    }
}

/// One entry of a chain, looked at once: a face, or several files of one design that share its characters between them
/// (HanaMinA and HanaMinB).
#[derive(Debug)]
pub struct FontFile {
    name: String,
    parts: Vec<FontPart>,
}

#[derive(Debug)]
struct FontPart {
    index: u32,
    coverage: Coverage,
    source: Arc<dyn FontSource>,
}

impl FontFile {
    /// Reads the character map of each part. A part is a face's number in its collection (`.ttc`; 0 in a plain file) and
    /// its bytes.
    ///
    /// # Errors
    /// [`FontError`] when the bytes cannot be had or are not a face with outlines and a Unicode map.
    pub fn inspect(
        name: &str,
        parts: impl IntoIterator<Item = (u32, Arc<dyn FontSource>)>,
    ) -> Result<Self, FontError> {
        let name = name.to_owned();
        let parts = parts.into_iter().map(|(index, source)| FontPart::inspect(&name, index, source));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name, parts })
    }

    /// The name it was configured under, for `hufu doctor` and messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the font maps this character.
    #[must_use]
    pub fn covers(&self, c: char) -> bool {
        self.parts.iter().any(|part| part.coverage.has(c))
    }

    /// How many code points the font maps, those in several parts counted in each.
    #[must_use]
    pub fn characters(&self) -> u64 {
        self.parts.iter().flat_map(|part| &part.coverage.0).map(|(a, b)| u64::from(b - a) + 1).sum()
    }

    /// Runs `draw` with the open font; only parts with characters of `text` are opened.
    pub(super) fn with_glyphs<T>(
        &self,
        text: &str,
        draw: impl FnOnce(&dyn Glyphs) -> Result<T, SealError>,
    ) -> Result<T, SealError> {
        let unreadable = |reason: String| FontError::Unreadable { name: self.name.clone(), reason };
        let unusable = |e: ttf_parser::FaceParsingError| FontError::Unusable {
            name: self.name.clone(),
            reason: e.to_string(),
        };
        let mut wanted = text.chars().filter_map(|c| Sign::of(c).glyph()).collect::<Vec<_>>();
        let mut opened = Vec::new();
        for part in &self.parts {
            let before = wanted.len();
            wanted.retain(|c| !part.coverage.has(*c));
            if wanted.len() < before {
                opened.push((part.source.bytes().map_err(unreadable)?, part.index));
            }
        }
        let faces = opened.iter().map(|(bytes, index)| Face::parse(bytes, *index).map(OpenFace::new));
        let faces: Vec<OpenFace<'_>> = faces.collect::<Result<_, _>>().map_err(unusable)?;
        draw(&faces)
    }
}

impl FontPart {
    fn inspect(name: &str, index: u32, source: Arc<dyn FontSource>) -> Result<Self, FontError> {
        let unusable = |reason: String| FontError::Unusable { name: name.to_owned(), reason };
        let bytes =
            source.bytes().map_err(|reason| FontError::Unreadable { name: name.to_owned(), reason })?;
        let face = Face::parse(&bytes, index).map_err(|e| unusable(e.to_string()))?;
        let tables = face.tables();
        if tables.glyf.is_none() && tables.cff.is_none() && tables.cff2.is_none() {
            return Err(unusable("no outlines".to_owned()));
        }
        let coverage = Coverage::of(&face);
        if coverage.0.is_empty() {
            return Err(unusable("no Unicode character map".to_owned()));
        }
        Ok(Self { index, coverage, source })
    }
}

/// Characters of captions that are taken from the figures chain once, at start, so that captions on the signing path
/// need no font.
const CAPTION_CHARACTERS: &str = "年月日时分秒摘要签署时间文档：";

/// All chains.
#[derive(Debug)]
pub struct FontSet {
    chains: BTreeMap<Chain, Vec<Arc<FontFile>>>,
    caption: BTreeMap<char, Glyph>,
}

impl FontSet {
    /// A set of chains; a chain left out or empty draws nothing and says so when asked.
    ///
    /// # Errors
    /// [`SealError::Font`] when a face of the figures chain fails.
    pub fn new(chains: impl IntoIterator<Item = (Chain, Vec<Arc<FontFile>>)>) -> Result<Self, SealError> {
        let chains: BTreeMap<_, _> = chains.into_iter().collect();
        let mut caption = BTreeMap::new();
        for file in chains.get(&Chain::Figures).into_iter().flatten() {
            let wanted: Vec<char> = (' '..='~')
                .chain(CAPTION_CHARACTERS.chars())
                .filter(|c| !caption.contains_key(c) && file.covers(*c))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let text: String = wanted.iter().collect();
            file.with_glyphs(&text, |glyphs| {
                caption.extend(wanted.iter().filter_map(|c| glyphs.glyph(*c).map(|glyph| (*c, glyph))));
                Ok(())
            })?;
        }
        Ok(Self { chains, caption })
    }

    /// The faces of a chain, first choice first.
    #[must_use]
    pub fn chain(&self, chain: Chain) -> &[Arc<FontFile>] {
        self.chains.get(&chain).map_or(&[], Vec::as_slice)
    }

    pub(super) fn caption_glyphs(&self) -> &BTreeMap<char, Glyph> {
        &self.caption
    }

    /// Checks that captions can set this text.
    ///
    /// # Errors
    /// [`SealError::MissingCharacters`].
    pub(super) fn caption_glyphs_for(&self, text: &str) -> Result<(), SealError> {
        let characters = distinct(text.chars().filter(|c| !self.caption.contains_key(c)));
        if characters.is_empty() {
            return Ok(());
        }
        let remedy = remedy::remedy(&characters, self.chain(Chain::Figures).is_empty());
        Err(SealError::MissingCharacters { chain: Chain::Figures.name(), characters, remedy })
    }

    /// The first face of the chain that draws the whole text: faces are never mixed within one text.
    ///
    /// # Errors
    /// [`SealError::MissingCharacters`] names what the best face lacks and what would cover it.
    pub(super) fn face_for(&self, chain: Chain, text: &str) -> Result<&Arc<FontFile>, SealError> {
        let wanted = || text.chars().filter_map(|c| Sign::of(c).glyph());
        let needs_shaping: Vec<char> = distinct(wanted().filter(|c| remedy::needs_shaping(*c)));
        let mut fewest: Option<Vec<char>> = None;
        if needs_shaping.is_empty() {
            for file in self.chain(chain) {
                let lacking = distinct(wanted().filter(|c| !file.covers(*c)));
                if lacking.is_empty() {
                    return Ok(file);
                }
                if fewest.as_ref().is_none_or(|best| lacking.len() < best.len()) {
                    fewest = Some(lacking);
                }
            }
        } else {
            fewest = Some(needs_shaping);
        }
        let characters = fewest.unwrap_or_else(|| distinct(wanted()));
        let remedy = remedy::remedy(&characters, self.chain(chain).is_empty());
        Err(SealError::MissingCharacters { chain: chain.name(), characters, remedy })
    }
}

fn distinct(characters: impl Iterator<Item = char>) -> Vec<char> {
    let mut seen = Vec::new();
    for c in characters {
        if !seen.contains(&c) {
            seen.push(c);
        }
    }
    seen
}
