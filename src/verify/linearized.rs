//! Readers begin a linearised file at the section behind its first object and not at its end (ISO 32000-2 annex F.3.3), if the length
//! that the first object states is the file's. A later revision that gives the file that length takes them back to the beginning.

use super::content::unescaped;
use super::finding::{Attack, Finding, Subject};
use super::structure::as_u64;
use crate::pdf::syntax::Document;
use memchr::memmem;

/// Readers look for the header and its first object at the beginning of a file (annex H.3, note 13).
const BEGINNING: usize = 1_024;
/// A linearisation dictionary is shorter.
const MAX_DICTIONARY: usize = 4_096;

/// What the beginning of a file tells those who read from there. They part words, strings and comments in their own ways, so that every
/// number counts that any of them could read.
struct First {
    numbers: Vec<f64>,
    /// Those up to the end of the dictionary that says so.
    stated: Vec<f64>,
    /// Where the first section would stand.
    section: usize,
}

impl First {
    /// The first object, if it may be a linearisation dictionary.
    fn of(bytes: &[u8], header: usize) -> Option<Self> {
        let end = bytes.len().min(header.saturating_add(BEGINNING + MAX_DICTIONARY));
        let beginning = bytes.get(header..end)?;
        // A name may be written with any of its characters as a number (7.3.5).
        let is_named = |at: &usize| {
            let rest = beginning.get(at + 1..).unwrap_or_default();
            let length = rest.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'#');
            unescaped(rest.get(..length.unwrap_or(rest.len())).unwrap_or_default()).as_ref() == b"Linearized"
        };
        let named = memchr::memchr_iter(b'/', beginning).find(is_named)?;
        let dictionary = named + memmem::find(beginning.get(named..)?, b">>").unwrap_or(0);
        let numbers = |bytes: &[u8]| {
            bytes.split(|b| !(b.is_ascii_digit() || b"+-.".contains(b))).flat_map(readings).collect()
        };
        let first = memmem::find(beginning, b"endobj")?;
        let behind = header + first + b"endobj".len();
        let blank = bytes.get(behind..)?.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0).count();
        let stated = numbers(beginning.get(..dictionary)?);
        Some(Self { numbers: numbers(beginning), stated, section: behind + blank })
    }

    /// Whether one of its numbers is that length; some readers cut off decimals.
    fn states(&self, length: usize) -> bool {
        #[allow(clippy::cast_precision_loss, reason = "files are far shorter than 2^52 octets")]
        let length = length as f64;
        self.numbers.iter().any(|number| (length..length + 1.0).contains(number))
    }
}

/// What readers make of a word of digits, signs and points: all of it, its digits up to a second point, or each run of digits.
fn readings(word: &[u8]) -> Vec<f64> {
    let word = String::from_utf8_lossy(word);
    let unsigned: String = word.chars().filter(|c| !matches!(c, '+' | '-')).collect();
    let runs = word.split(|c: char| !c.is_ascii_digit()).map(str::to_owned);
    let whole = unsigned.split('.').next().unwrap_or_default().to_owned();
    [word.to_string(), whole].into_iter().chain(runs).filter_map(|text| text.parse().ok()).collect()
}

/// A length that makes readers of linearised files begin elsewhere than the last `startxref` says.
pub(super) fn begins_elsewhere(document: &Document<'_>) -> Option<Finding> {
    let bytes = document.bytes();
    let beginning = bytes.get(..bytes.len().min(BEGINNING)).unwrap_or_default();
    let header = memmem::find(beginning, b"%PDF-").unwrap_or(0);
    let first = First::of(bytes, header)?;
    let last = document.revisions().last()?.sections.first()?.offset;
    let begins = [last, last.saturating_add(document.shift())].contains(&first.section);
    let is_whole = [0, header].iter().any(|before| first.states(bytes.len() - before));
    (is_whole && !begins).then(|| {
        let detail = "the file has the length that its first object states: readers of linearised files begin there \
                      and not at its end";
        let finding = Finding::failure(Subject::File, "linearized-length", detail).attack(Attack::ShadowReplace);
        finding.at(as_u64(header), as_u64(first.section))
    })
}

/// A first object that speaks of a longer file: a later revision could give the file that length.
pub(super) fn awaits_length(document: &Document<'_>) -> Option<Finding> {
    let bytes = document.bytes();
    let first = First::of(bytes, document.shift())?;
    #[allow(clippy::cast_precision_loss, reason = "files are far shorter than 2^52 octets")]
    let length = bytes.len() as f64;
    first.stated.iter().any(|number| *number > length).then(|| {
        let detail =
            "its first object states the length of a longer file, whose readers would begin elsewhere";
        Finding::warning(Subject::File, "linearized-length", detail)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{awaits_length, begins_elsewhere};
    use crate::pdf::syntax::Document;

    /// A file of one page and one later revision, whose first object is this dictionary.
    fn file(first: &str, padding: usize) -> Vec<u8> {
        let mut out = b"%PDF-1.7\n".to_vec();
        let mut places = Vec::new();
        let objects = [
            first,
            "<</Type/Catalog/Pages 3 0 R>>",
            "<</Type/Pages/Kids[4 0 R]/Count 1>>",
            "<</Type/Page/Parent 3 0 R/MediaBox[0 0 9 9]>>",
        ];
        for (number, object) in (1..).zip(objects) {
            places.push(out.len());
            out.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
        }
        let section = out.len();
        let rows: String = places.iter().map(|at| format!("{at:010} 00000 n \n")).collect();
        out.extend(
            format!("xref\n0 5\n0000000000 65535 f \n{rows}trailer\n<</Size 5/Root 2 0 R>>\n").bytes(),
        );
        out.extend(format!("startxref\n{section}\n%%EOF\n").bytes());
        let later = out.len();
        out.extend(format!("xref\n0 0\ntrailer\n<</Size 5/Root 2 0 R/Prev {section}>>\n").bytes());
        out.extend(format!("startxref\n{later}\n%%EOF\n").bytes());
        out.extend(std::iter::repeat_n(b'\n', padding));
        out
    }

    #[test]
    fn a_later_revision_that_gives_a_file_its_stated_length_is_found() {
        let of = |first: &str| file(first, 0).len() + 9;
        for (first, found) in [
            ("<</Linearized 1/L LENGTH/H[9 9]/O 3/E 9/N 1/T 9>>", true),
            ("<</Linearized 1/L LENGTH.0/O 3>>", true),
            ("<</Linearized 1/L LENGTH.0.0/O 3>>", true),
            ("<</Linearized 1/L 1-LENGTH/O 3>>", true),
            ("<</X(endobj )/Linearized 1/L LENGTH>>", true),
            ("<</Line#61rized 1/L LENGTH/O 3>>", true),
            ("<</Linearized 1/L 9/L LENGTH>>", true),
            ("<</Linearized 1/L 000009/O 3/E 999>>", false),
            ("<</Producer(nothing)/L LENGTH>>", false),
        ] {
            let length = of(&first.replace("LENGTH", "0000"));
            let first = first.replace("LENGTH", &format!("{length:04}"));
            let data = file(&first, 9);
            let document = Document::open(&data).unwrap();
            assert_eq!(begins_elsewhere(&document).is_some(), found, "{first}");
            let shorter = file(&first, 0);
            let document = Document::open(&shorter).unwrap();
            assert!(begins_elsewhere(&document).is_none(), "{first}");
            assert_eq!(awaits_length(&document).is_some(), found || first.contains("999"), "{first}");
        }
    }
}
