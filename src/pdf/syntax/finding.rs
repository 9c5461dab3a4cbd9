//! What a strict reader remarks on. Signing tolerates most of it; a validator calls no file unmodified over it.

use std::ops::Range;

/// Something that is not as ISO 32000-2 has it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// Where in the file.
    pub span: Range<usize>,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// `%PDF-` is not at offset 0.
    JunkBeforeHeader,
    /// Bytes behind the last `%%EOF`.
    JunkAfterEof,
    /// Bytes between objects that belong to no cross-reference entry: white space and comments apart, nothing may
    /// hide there.
    Unaccounted,
    /// Two objects share bytes.
    Overlap,
    /// One object number, two entries in one cross-reference section.
    DuplicateEntry,
    /// Cross-reference entries that are not 20 bytes long or not in the standard form.
    EntryFormat,
    /// A table that begins with object 1 where 0 is meant.
    TableStartsAtOne,
    /// An entry that points to no object, or to another one.
    BadEntry,
    /// A cross-reference section whose keyword does not stand exactly at the given offset.
    SectionOffset,
    /// A section that was found a few bytes from where the next one, or the end of the file, says.
    SectionAstray,
    /// A revision that does not end with `startxref`, its offset and `%%EOF`.
    RevisionEnd,
    /// Revisions that do not follow one another in the file, or a later one that claims to be linearised.
    ChainOrder,
    /// A hybrid-reference section (`/XRefStm`): two readers may see two documents.
    Hybrid,
    /// The file ends with one kind of section, an earlier revision with the other.
    MixedSections,
    /// `/Length` does not lead to `endstream`.
    StreamLength,
    /// `stream` is not followed by CR LF or LF.
    StreamKeyword,
    /// `endobj` is missing.
    MissingEndobj,
    /// A key twice in one dictionary.
    DuplicateKey,
    /// An object stream's index disagrees with the cross-reference entry.
    ObjectStreamIndex,
    /// A trailer's `/Size` that is not beyond every object in use: for readers that go by it those are missing.
    Size,
    /// A trailer's `/Size` that older objects lie beyond: it says how many the update touched.
    SizeOfUpdate,
    /// An object that stands behind the end of the revision that names it: it was not there when that was written.
    Ahead,
    /// An object that cannot be parsed.
    Unreadable,
    /// The cross-reference was rebuilt by searching for objects.
    Rebuilt,
}
