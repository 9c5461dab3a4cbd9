//! The predefined CMaps and the character collections behind them (ISO 32000-2 9.7.5.2, table 116): Adobe's own tables, named and not
//! carried by the file, so nobody can make them say something else.

use hayro_cmap::{BfString, CMap, CMapName, CidFamily, load_embedded};
use std::sync::OnceLock;

/// The character collections that CIDs of fonts without a program are read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    Gb1,
    Cns1,
    Japan1,
    Korea1,
}

impl Collection {
    /// The collection of a /CIDSystemInfo (table 114).
    pub fn of(registry: &[u8], ordering: &[u8]) -> Option<Self> {
        Some(match CidFamily::from_registry_ordering(registry, ordering) {
            CidFamily::AdobeGB1 => Self::Gb1,
            CidFamily::AdobeCNS1 => Self::Cns1,
            CidFamily::AdobeJapan1 => Self::Japan1,
            CidFamily::AdobeKorea1 => Self::Korea1,
            CidFamily::AdobeIdentity | CidFamily::Custom { .. } => return None,
        })
    }

    /// The one character that a CID stands for.
    pub fn character(self, cid: u32) -> Option<char> {
        static TABLES: [OnceLock<Option<CMap>>; 4] = [const { OnceLock::new() }; 4];
        let (place, name) = match self {
            Self::Gb1 => (0, CMapName::AdobeGb1Ucs2),
            Self::Cns1 => (1, CMapName::AdobeCns1Ucs2),
            Self::Japan1 => (2, CMapName::AdobeJapan1Ucs2),
            Self::Korea1 => (3, CMapName::AdobeKorea1Ucs2),
        };
        match TABLES.get(place)?.get_or_init(|| load(name)).as_ref()?.lookup_bf_string(cid)? {
            BfString::Char(character) => Some(character),
            BfString::String(_) => None,
        }
    }
}

/// How a CMap takes codes from a string.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// UTF-16, big endian; without pairs of surrogates in the older ones.
    Unicode { pairs: bool },
    /// Two octets where the first is in one of these ranges, else one.
    Octets([(u8, u8); 2]),
}

/// A horizontal predefined CMap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predefined {
    name: &'static str,
    pub collection: Collection,
    form: Form,
}

/// A code of a shown string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub cid: u32,
    /// Octets of the string that it takes.
    pub length: usize,
    /// The character that the code itself is.
    pub unicode: Option<char>,
}

const UCS2: Form = Form::Unicode { pairs: false };
const UTF16: Form = Form::Unicode { pairs: true };
const EUC: Form = Form::Octets([(0xA1, 0xFE), (0xA1, 0xFE)]);
const WIDE: Form = Form::Octets([(0x81, 0xFE), (0x81, 0xFE)]);
const SHIFTED: Form = Form::Octets([(0x81, 0x9F), (0xE0, 0xFC)]);

const PREDEFINED: [Predefined; 16] = [
    predefined("UniGB-UCS2-H", Collection::Gb1, UCS2),
    predefined("UniGB-UTF16-H", Collection::Gb1, UTF16),
    predefined("UniCNS-UCS2-H", Collection::Cns1, UCS2),
    predefined("UniCNS-UTF16-H", Collection::Cns1, UTF16),
    predefined("UniJIS-UCS2-H", Collection::Japan1, UCS2),
    predefined("UniJIS-UTF16-H", Collection::Japan1, UTF16),
    predefined("UniKS-UCS2-H", Collection::Korea1, UCS2),
    predefined("UniKS-UTF16-H", Collection::Korea1, UTF16),
    predefined("GB-EUC-H", Collection::Gb1, EUC),
    predefined("GBK-EUC-H", Collection::Gb1, WIDE),
    predefined("GBKp-EUC-H", Collection::Gb1, WIDE),
    predefined("ETen-B5-H", Collection::Cns1, EUC),
    predefined("ETenms-B5-H", Collection::Cns1, EUC),
    predefined("90ms-RKSJ-H", Collection::Japan1, SHIFTED),
    predefined("KSC-EUC-H", Collection::Korea1, EUC),
    predefined("KSCms-UHC-H", Collection::Korea1, WIDE),
];

const fn predefined(name: &'static str, collection: Collection, form: Form) -> Predefined {
    Predefined { name, collection, form }
}

impl Predefined {
    /// The CMap of this name; `None` for vertical ones and those that are not here.
    pub fn named(name: &[u8]) -> Option<Self> {
        PREDEFINED.into_iter().find(|map| map.name.as_bytes() == name)
    }

    /// The first code of `text`; `None` where the CMap has none.
    pub fn first(self, text: &[u8]) -> Option<Code> {
        let &[first, ..] = text else { return None };
        let wide = |ranges: [(u8, u8); 2]| ranges.iter().any(|&(low, high)| (low..=high).contains(&first));
        let (length, unicode) = match self.form {
            Form::Octets(ranges) => (if wide(ranges) { 2 } else { 1 }, None),
            Form::Unicode { pairs } => {
                let length = if (0xD8..=0xDB).contains(&first) && pairs { 4 } else { 2 };
                let units = text.get(..length)?.chunks_exact(2);
                let units =
                    units.map(|unit| unit.iter().fold(0, |unit: u16, &octet| unit << 8 | u16::from(octet)));
                let mut characters = char::decode_utf16(units);
                (length, Some(characters.next()?.ok()?))
            }
        };
        let code = text.get(..length)?.iter().fold(0, |code, &octet| code << 8 | u32::from(octet));
        let cid = self.table()?.lookup_cid_code(code, u8::try_from(length).ok()?)?;
        Some(Code { cid, length, unicode })
    }

    fn table(self) -> Option<&'static CMap> {
        static TABLES: [OnceLock<Option<CMap>>; 16] = [const { OnceLock::new() }; 16];
        let place = PREDEFINED.iter().position(|map| map.name == self.name)?;
        TABLES.get(place)?.get_or_init(|| load(CMapName::from_bytes(self.name.as_bytes()))).as_ref()
    }
}

fn load(name: CMapName<'_>) -> Option<CMap> {
    CMap::parse(load_embedded(name)?, load_embedded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters of a whole string.
    fn read(map: &str, text: &[u8]) -> Option<String> {
        let map = Predefined::named(map.as_bytes())?;
        let (mut out, mut text) = (String::new(), text);
        while !text.is_empty() {
            let code = map.first(text)?;
            let drawn = map.collection.character(code.cid)?;
            out.push(code.unicode.unwrap_or(drawn));
            text = text.get(code.length..)?;
        }
        Some(out)
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn every_predefined_cmap_is_there() {
        for map in PREDEFINED {
            assert!(map.table().is_some(), "{}", map.name);
        }
    }

    #[test]
    fn codes_of_unicode_cmaps_are_their_characters() {
        for (map, text) in [
            ("UniGB-UCS2-H", "人民币 壹佰元 100"),
            ("UniGB-UTF16-H", "合同 A-1"),
            ("UniCNS-UCS2-H", "新臺幣壹佰元"),
            ("UniCNS-UTF16-H", "新臺幣"),
            ("UniJIS-UCS2-H", "契約書"),
            ("UniJIS-UTF16-H", "契約書のかな"),
            ("UniKS-UCS2-H", "계약서"),
            ("UniKS-UTF16-H", "계약서 100"),
        ] {
            assert_eq!(read(map, &utf16(text)).as_deref(), Some(text), "{map}");
        }
    }

    #[test]
    fn codes_of_national_cmaps_are_those_of_the_national_encodings() {
        for (map, text, octets) in [
            ("GB-EUC-H", "中国", b"\xd6\xd0\xb9\xfa".as_slice()),
            ("GBK-EUC-H", "中镕1", b"\xd6\xd0\xe9F1"),
            ("GBKp-EUC-H", "壹A", b"\xd2\xbcA"),
            ("ETen-B5-H", "中文", b"\xa4\xa4\xa4\xe5"),
            ("ETenms-B5-H", "中9", b"\xa4\xa49"),
            ("90ms-RKSJ-H", "日本", b"\x93\xfa\x96\x7b"),
            ("KSCms-UHC-H", "한글", b"\xc7\xd1\xb1\xdb"),
        ] {
            assert_eq!(read(map, octets).as_deref(), Some(text), "{map}");
        }
    }

    #[test]
    fn what_is_no_code_of_the_cmap_is_not_read() {
        for (map, octets) in [
            ("UniGB-UCS2-H", b"\x4e".as_slice()),
            ("UniGB-UCS2-H", b"\xd8\x40\xdc\x0b"),
            ("UniGB-UTF16-H", b"\xd8\x40\x00\x41"),
            ("GBK-EUC-H", b"\xd6"),
            ("GBK-EUC-H", b"\xd6\x20"),
            ("UniGB-UCS2-V", b"\x4e\x2d"),
            ("Identity-H", b"\x00\x01"),
        ] {
            assert_eq!(read(map, octets), None, "{map} {octets:x?}");
        }
    }
}
