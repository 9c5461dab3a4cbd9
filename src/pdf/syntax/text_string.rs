//! Text strings (ISO 32000-2 7.9.2.2).

/// The text of a string: UTF-16 with a byte order mark, UTF-8 with one, else PDFDocEncoding.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => bytes.iter().map(|&byte| pdf_doc(byte)).collect(),
    }
}

/// PDFDocEncoding (annex D.2). Codes without a character stay what they are.
fn pdf_doc(byte: u8) -> char {
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const SIGNS: [char; 31] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ',
        'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž',
    ];
    let other = match byte {
        0x18..=0x1F => ACCENTS.get(usize::from(byte - 0x18)),
        0x80..=0x9E => SIGNS.get(usize::from(byte - 0x80)),
        0xA0 => Some(&'€'),
        _ => None,
    };
    other.copied().unwrap_or(char::from(byte))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> =
        bytes.chunks_exact(2).filter_map(|c| <[u8; 2]>::try_from(c).ok()).map(unit).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::text_string;

    #[test]
    fn one_text_is_the_same_in_every_encoding() {
        for (text, plain) in
            [("€", &b"\xA0"[..]), ("l’été", b"l\x90\xE9t\xE9"), ("˘ž…", b"\x18\x9E\x83"), ("100", b"100")]
        {
            let utf16: Vec<u8> =
                [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
            let utf8: Vec<u8> = [0xEF, 0xBB, 0xBF].into_iter().chain(text.bytes()).collect();
            for encoded in [plain, utf16.as_slice(), utf8.as_slice()] {
                assert_eq!(text_string(encoded), text, "{encoded:02x?}");
            }
        }
    }
}
