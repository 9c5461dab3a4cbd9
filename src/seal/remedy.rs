//! What would make a missing character drawable.

/// Which Debian package covers a block whole or nearly so (checked on the packages of Debian 12).
const PACKAGES: &[(std::ops::RangeInclusive<u32>, &str)] = &[
    // CJK radicals, symbols, kana, unified ideographs.
    (0x2E80..=0x2FDF, "fonts-noto-cjk"),
    (0x3000..=0x33FF, "fonts-noto-cjk"),
    (0x4E00..=0x9FFF, "fonts-lxgw-wenkai"),
    (0xAC00..=0xD7A3, "fonts-noto-cjk"),
    (0xFE30..=0xFE4F, "fonts-noto-cjk"),
    (0xFF01..=0xFFEF, "fonts-noto-cjk"),
    // Extensions A to F and compatibility ideographs.
    (0x3400..=0x4DBF, "fonts-hanazono"),
    (0xF900..=0xFAFF, "fonts-hanazono"),
    (0x2_0000..=0x2_EBE0, "fonts-hanazono"),
    (0x2_F800..=0x2_FA1F, "fonts-hanazono"),
    // Extensions G and H.
    (0x3_0000..=0x3_23AF, "fonts-babelstone-han"),
    // Latin, Greek, Cyrillic, punctuation.
    (0x0020..=0x058F, "fonts-dejavu-core"),
    (0x1E00..=0x1FFF, "fonts-dejavu-core"),
    (0x2000..=0x2BFF, "fonts-dejavu-core"),
];

/// Scripts whose letters change with their neighbours or run from right to left: a glyph per character would be wrong.
const SHAPED: &[std::ops::RangeInclusive<u32>] = &[
    0x0300..=0x036F, // combining marks that have no composed form
    0x0590..=0x109F, // Hebrew to Myanmar: Arabic, Indic, Thai, Tibetan
    0x135D..=0x135F,
    0x1700..=0x18AF, // Philippine, Khmer, Mongolian
    0x1900..=0x1CFF,
    0x1DC0..=0x1DFF,
    0x200B..=0x200F,
    0x202A..=0x202E,
    0x2066..=0x2069,
    0x20D0..=0x20FF,
    0xA800..=0xABFF,
    0xFB1D..=0xFDFF, // Hebrew and Arabic presentation forms
    0xFE00..=0xFE0F, // variation selectors
    0xFE20..=0xFE2F,
    0xFE70..=0xFEFF,
    0x1_0800..=0x1_1FFF,
    0xE_0100..=0xE_01EF,
];

/// Whether a character belongs to a script that seals do not set.
pub(super) fn needs_shaping(c: char) -> bool {
    SHAPED.iter().any(|range| range.contains(&u32::from(c)))
}

/// A sentence for the error message and for `hufu doctor`.
pub(super) fn remedy(characters: &[char], empty_chain: bool) -> String {
    if characters.iter().any(|c| needs_shaping(*c)) {
        return "the script needs shaping, which seals do not do: write the name in Chinese or Latin characters, or upload a picture"
            .to_owned();
    }
    let mut packages: Vec<&str> = Vec::new();
    let mut unknown = false;
    for c in characters {
        match PACKAGES.iter().find(|(range, _)| range.contains(&u32::from(*c))) {
            Some((_, package)) if !packages.contains(package) => packages.push(package),
            Some(_) => {}
            None => unknown = true,
        }
    }
    let own = "add a licensed font that has them to the chain in the configuration";
    match (packages.is_empty(), unknown, empty_chain) {
        (true, ..) => own.to_owned(),
        (false, true, _) => {
            format!("the Debian package {} has some of them; else {own}", packages.join(" or "))
        }
        (false, false, true) => {
            format!("the chain is empty: install the Debian package {}", packages.join(" and "))
        }
        (false, false, false) => {
            format!("install the Debian package {} or {own}", packages.join(" and "))
        }
    }
}
