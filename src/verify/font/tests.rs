#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! What the codes of a font are drawn as, as a table of fonts that are read and of fonts that are not.

use super::{Font, Fonts, Programs};
use crate::pdf::sign::testing::with_table;
use crate::pdf::syntax::{Dict, Document, ObjectId};

/// A descriptor without a program.
const SONG: &str = "<</Type/FontDescriptor/FontName/STSong-Light/Flags 6>>";
const GB1: &str = "<</Registry(Adobe)/Ordering(GB1)/Supplement 5>>";

fn with_font<T>(font: &str, more: &[&str], known: bool, look: impl FnOnce(&Font) -> T) -> T {
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[]/Count 0>>".to_owned(),
        "<</F 4 0 R>>".to_owned(),
        font.to_owned(),
    ];
    objects.extend(more.iter().map(|&object| object.to_owned()));
    let file = with_table(&objects);
    let document = Document::open(&file).unwrap();
    let view = document.latest();
    let fonts = view.object(ObjectId::new(3)).unwrap().as_dict().unwrap().clone();
    let programs = Programs::default();
    let mut from = Fonts::of(Dict::new(), &programs);
    from.known.extend(known.then_some(4));
    look(&Font::named(view, &fonts, &from, b"F"))
}

/// What the codes draw; `None` where that cannot be told.
fn drawn(font: &str, more: &[&str], codes: &[u8]) -> Option<String> {
    with_font(font, more, true, |font| {
        Some(font.glyphs(codes)?.iter().filter_map(|glyph| glyph.character).collect())
    })
}

fn strange(font: &str, more: &[&str]) -> bool {
    with_font(font, more, false, |font| font.strange)
}

fn simple(keys: &str) -> String {
    format!("<</Type/Font/Subtype/Type1/BaseFont/Helvetica{keys}>>")
}

/// A composite font: encoding, keys of the descendant, descriptor.
fn composite(encoding: &str, keys: &str, descriptor: &str) -> String {
    format!(
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding{encoding}/DescendantFonts[\
         <</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light{keys}/FontDescriptor {descriptor}>>]>>"
    )
}

fn song(encoding: &str) -> String {
    composite(encoding, &format!("/CIDSystemInfo {GB1}"), SONG)
}

/// A TrueType program: these characters are glyphs 1, 2, 3 and so on, and a glyph of this number has no outline.
fn program_without(characters: &[u16], missing: Option<usize>) -> String {
    let mut segments: Vec<(u16, u16)> = characters.iter().copied().zip(1..).collect();
    segments.sort_unstable();
    segments.push((0xFFFF, 0));
    let count = u16::try_from(segments.len()).unwrap();
    let mut cmap: Vec<u16> = vec![0, 1, 3, 1, 0, 12, 4, 16 + 8 * count, 0, 2 * count, 0, 0, 0];
    cmap.extend(segments.iter().map(|s| s.0));
    cmap.push(0);
    cmap.extend(segments.iter().map(|s| s.0));
    cmap.extend(segments.iter().map(|s| s.1.wrapping_sub(s.0)));
    cmap.extend(segments.iter().map(|_| 0));
    let mut head = vec![0_u16; 27];
    head[9] = 1000;
    let (mut loca, mut glyf) = (vec![0_u16], Vec::new());
    for glyph in 0..=characters.len() {
        if missing != Some(glyph) {
            glyf.extend([1_u16, 0, 0, 500, 500, 0]);
        }
        loca.push(u16::try_from(glyf.len()).unwrap());
    }
    let tables = [
        (b"cmap", cmap),
        (b"glyf", glyf),
        (b"head", head),
        (b"loca", loca),
        (b"maxp", vec![0, 0x5000, u16::try_from(characters.len()).unwrap() + 1]),
    ];
    let mut out = vec![0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0];
    let mut body: Vec<u8> = Vec::new();
    for (name, words) in tables {
        let at = u32::try_from(12 + 5 * 16 + body.len()).unwrap();
        out.extend(name);
        out.extend([0; 4]);
        out.extend(at.to_be_bytes());
        out.extend(u32::try_from(2 * words.len()).unwrap().to_be_bytes());
        body.extend(words.into_iter().flat_map(u16::to_be_bytes));
    }
    out.extend(body);
    let digits = hex::encode(out);
    format!("<</Filter/ASCIIHexDecode/Length {}>>\nstream\n{digits}>\nendstream", digits.len() + 1)
}

fn program(characters: &[u16]) -> String {
    program_without(characters, None)
}

/// Identity-H over the program in object 5.
fn embedded(keys: &str) -> String {
    let keys = format!("/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>{keys}");
    composite("/Identity-H", &keys, "<</FontName/AAAAAA+Bars/FontFile2 5 0 R>>")
        .replace("CIDFontType0", "CIDFontType2")
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[test]
fn codes_of_simple_fonts_are_read_by_their_encoding() {
    for (keys, codes, text) in [
        ("/Encoding/WinAnsiEncoding", b"A\x80'".as_slice(), "A€'"),
        ("/Encoding/MacRomanEncoding", b"\x80", "Ä"),
        ("", b"A'", "A’"),
        ("/Encoding<</Differences[65/one/two 90/Euro]>>", b"ABZ", "12€"),
        ("/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[65/uni4E2D]>>", b"AB", "中B"),
        // Control codes draw nothing.
        ("/Encoding/WinAnsiEncoding", b"1\r\n2", "12"),
    ] {
        assert_eq!(drawn(&simple(keys), &[], codes).as_deref(), Some(text), "{keys}");
    }
}

#[test]
fn codes_that_no_encoding_names_are_not_read() {
    let program = "/FontDescriptor<</FontName/Helvetica/Flags 4/FontFile2 9 0 R>>";
    for keys in ["/Encoding<</Differences[65/g17]>>", "/Encoding/Nobody", "/Encoding 7", program] {
        assert_eq!(drawn(&simple(keys), &[], b"A"), None, "{keys}");
    }
    for more in ["/Encoding/WinAnsiEncoding", "/Encoding<</Differences[65/A]>>"] {
        assert_eq!(drawn(&simple(&format!("{program}{more}")), &[], b"A").as_deref(), Some("A"), "{more}");
    }
    let latin = program.replace("/Flags 4", "/Flags 32");
    assert_eq!(drawn(&simple(&latin), &[], b"A").as_deref(), Some("A"));
    for font in [
        "<</Type/Font/Subtype/Type3/BaseFont/Helvetica>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>",
        "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>",
        "<</Type/Font/Subtype/TrueType/BaseFont/Arial/FontDescriptor<</FontName/Wingdings-Regular>>>>",
        "null",
    ] {
        assert_eq!(drawn(font, &[], b"A"), None, "{font}");
    }
}

#[test]
fn simple_fonts_without_a_program_are_those_that_every_reader_has() {
    for (keys, expected) in [
        ("", false),
        ("/FontDescriptor<</FontName/Helvetica-Bold>>", false),
        ("/FontDescriptor<</FontName/Nobody>>", true),
        ("/FontDescriptor<</FontName/Helvetica/FontFamily(Nobody)>>", true),
        ("/FontDescriptor<</FontName/Helvetica/FontFile2 9 0 R>>", true),
    ] {
        assert_eq!(strange(&simple(keys), &[]), expected, "{keys}");
    }
    assert!(strange("<</Type/Font/Subtype/Type1/BaseFont/Nobody>>", &[]));
}

#[test]
fn composite_fonts_without_a_program_are_read_by_predefined_cmaps() {
    for (encoding, codes, text) in [
        ("/UniGB-UCS2-H", utf16("壹佰元 100"), "壹佰元 100"),
        ("/UniGB-UTF16-H", utf16("人民币"), "人民币"),
        ("/GBK-EUC-H", b"\xd4\xaa100".to_vec(), "元100"),
        ("/GB-EUC-H", b"\xd4\xaa".to_vec(), "元"),
    ] {
        assert_eq!(drawn(&song(encoding), &[], &codes).as_deref(), Some(text), "{encoding}");
        assert!(!strange(&song(encoding), &[]), "{encoding}");
    }
}

#[test]
fn composite_fonts_that_readers_take_in_different_ways_are_not_read() {
    let (codes, japan) = (utf16("元"), GB1.replace("GB1", "Japan1"));
    let unigb = "/UniGB-UCS2-H";
    for font in [
        // Vertical, brought by the file, numbers of glyphs in whatever font the reader has.
        song("/UniGB-UCS2-V"),
        song("<</Type/CMap>>"),
        song("/Identity-H"),
        // The collection is not that of the CMap, or none.
        composite(unigb, &format!("/CIDSystemInfo {japan}"), SONG),
        composite(unigb, "", SONG),
        // A map to glyphs, which only a font with a program has.
        composite(unigb, &format!("/CIDSystemInfo {GB1}/CIDToGIDMap/Identity"), SONG),
        composite(unigb, &format!("/CIDSystemInfo {GB1}"), "<</FontName/Wingdings>>"),
        // Widths that say two things, or run backwards.
        composite(unigb, &format!("/CIDSystemInfo {GB1}/W[1 9 500 1 9 400]"), SONG),
        composite(unigb, &format!("/CIDSystemInfo {GB1}/W[1[(a)]]"), SONG),
    ] {
        assert_eq!(drawn(&font, &[], &codes), None, "{font}");
    }
}

#[test]
fn composite_fonts_without_a_program_have_a_name_that_readers_know() {
    let named = |name: &str| song("/UniGB-UCS2-H").replace("STSong-Light", name);
    for (name, expected) in [
        ("SimSun", false),
        ("SimSun,Bold", false),
        ("AdobeSongStd-Light", false),
        ("#CB#CE#CC#E5", false),
        ("Nobody", true),
        ("SimSunOutlook", true),
    ] {
        assert_eq!(strange(&named(name), &[]), expected, "{name}");
    }
    let family = |family: &str| song("/UniGB-UCS2-H").replace("/Flags 6", &format!("/FontFamily({family})"));
    assert!(!strange(&family("Adobe Song Std L"), &[]));
    assert!(strange(&family("Nobody"), &[]));
}

#[test]
fn embedded_programs_are_read_by_their_own_cmap() {
    let program = program(&[0x5143, 0x31, 0x4E00, 0x2F00]);
    let codes = b"\0\x01\0\x02";
    assert_eq!(drawn(&embedded(""), &[&program], codes).as_deref(), Some("元1"));
    assert_eq!(drawn(&embedded("/CIDToGIDMap/Identity"), &[&program], codes).as_deref(), Some("元1"));
    // A map exchanges the two glyphs.
    let map = "<</Length 6>>\nstream\n\0\0\0\u{2}\0\u{1}\nendstream";
    assert_eq!(drawn(&embedded("/CIDToGIDMap 6 0 R"), &[&program, map], codes).as_deref(), Some("1元"));
    // Beyond the map, beyond the cmap, no glyph at all, half a code.
    for codes in [b"\0\x03".as_slice(), b"\0\x09", b"\0\0", b"\0"] {
        assert_eq!(drawn(&embedded("/CIDToGIDMap 6 0 R"), &[&program, map], codes), None, "{codes:?}");
    }
}

#[test]
fn a_glyph_without_an_outline_is_no_character() {
    let program = program_without(&[0x31, 0x39], Some(2));
    assert_eq!(drawn(&embedded(""), &[&program], b"\0\x01").as_deref(), Some("1"));
    assert_eq!(drawn(&embedded(""), &[&program], b"\0\x02"), None);
}

#[test]
fn a_part_of_a_font_that_was_there_is_not_written_in_again() {
    let descriptor = "/FontDescriptor<</FontName/Bars/Flags 32/FontFile2 9 0 R>>/Encoding/WinAnsiEncoding";
    let known = |font: &str| with_font(font, &[], true, |font| font.strange);
    assert!(!known(&simple(descriptor).replace("Helvetica", "Bars")));
    assert!(known(&simple(descriptor).replace("Helvetica", "ABCDEF+Bars")));
    let bare = |name: &str| {
        let file = "<</FontName/Bars/FontFile3 5 0 R>>";
        composite("/Identity-H", &format!("/CIDSystemInfo {GB1}"), file).replace("STSong-Light", name)
    };
    let program = "<</Subtype/CIDFontType0C/Length 0>>\nstream\n\nendstream";
    let strange = |font: &str| with_font(font, &[program], true, |font| font.strange);
    assert!(!strange(&bare("Bars")));
    assert!(strange(&bare("ABCDEF+Bars")));
}

#[test]
fn what_the_file_says_of_copying_changes_nothing() {
    let program = program(&[0x5143, 0x31]);
    let lie =
        "<</Length 60>>\nstream\n1 beginbfchar <0001> <0039> endbfchar                         \nendstream";
    let font = embedded("").replace("/Subtype/Type0", "/Subtype/Type0/ToUnicode 6 0 R");
    assert_eq!(drawn(&font, &[&program, lie], b"\0\x01").as_deref(), Some("元"));
}

#[test]
fn an_embedded_program_must_have_been_there() {
    let program = program(&[0x31]);
    assert!(strange(&embedded(""), &[&program]));
    assert!(!with_font(&embedded(""), &[&program], true, |font| font.strange));
}

#[test]
fn programs_that_cannot_be_read_tell_nothing() {
    let whole = program(&[0x31]);
    for program in ["null", "<</Length 3>>\nstream\nabc\nendstream", &whole.replace("636d6170", "636d6171")] {
        assert_eq!(drawn(&embedded(""), &[program], b"\0\x01"), None, "{program}");
    }
}

#[test]
fn widths_are_those_that_such_characters_have() {
    let squeezed = |keys: &str, codes: &[u8]| {
        let font = composite("/UniGB-UCS2-H", &format!("/CIDSystemInfo {GB1}{keys}"), SONG);
        with_font(&font, &[], true, |font| font.glyphs(codes).unwrap()[0].squeezed)
    };
    for (keys, text, expected) in [
        ("", "元", false),
        ("", "1", false),
        ("/W[1 95 500]", "M", false),
        ("/W[1[500 500 500]]/DW 1000", "元", false),
        ("/DW 300", "元", true),
        ("/DW 0", "1", true),
        ("/DW -1000", "元", true),
        ("/W[0 65535 2500]", "元", true),
        ("/W[18 18 100]", "1", true),
    ] {
        assert_eq!(squeezed(keys, &utf16(text)), expected, "{keys} {text}");
    }
}

#[test]
fn widths_of_more_than_every_cid_are_not_read() {
    let many = format!("/W[{}]", "0 65535 500 ".repeat(8));
    let font = composite("/UniGB-UCS2-H", &format!("/CIDSystemInfo {GB1}{many}"), SONG);
    assert_eq!(drawn(&font, &[], &utf16("元")), None);
}

#[test]
fn only_so_many_programs_of_a_file_are_read() {
    let program = program(&[0x31]);
    let file = with_table(
        &["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"]
            .into_iter()
            .chain([program.as_str(); 9])
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    );
    let document = Document::open(&file).unwrap();
    let (view, programs) = (document.latest(), Programs::default());
    let read = (3..12).filter(|&number| {
        let object = view.object(ObjectId::new(number)).unwrap();
        programs.of(view, object.as_stream().unwrap()).is_some()
    });
    assert_eq!(read.count(), 4);
}

#[test]
fn differences_are_codes_and_names_and_nothing_else() {
    let read = |list: &str| {
        let encoding = format!("/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[{list}]>>");
        drawn(&simple(&encoding), &["49"], b"12")
    };
    for (list, text) in [
        ("", "12"),
        ("49/nine/eight", "98"),
        ("49/nine 50/two", "92"),
        ("49/nine 49/one", "12"),
        ("0/a 255/b/c", "12"),
        ("5 0 R/nine", "92"),
    ] {
        assert_eq!(read(list).as_deref(), Some(text), "{list}");
    }
    for list in [
        "49.0/nine",
        "49/nine 49.0/one",
        "-207/nine",
        "305/nine",
        "(49)/nine",
        "49/nine[49]/one",
        "49/nine null",
        "49(nine)",
    ] {
        assert_eq!(read(list), None, "{list}");
    }
    assert_eq!(read(&"49 ".repeat(512)).as_deref(), Some("12"));
    assert_eq!(read(&"49 ".repeat(513)), None, "readers end at different lengths");
}

#[test]
fn a_code_beyond_the_widths_has_none() {
    let squeezed = |keys: &str, code: u8| {
        let font = simple(&format!("/Encoding/WinAnsiEncoding{keys}"));
        with_font(&font, &["48"], true, |font| font.glyphs(&[code]).unwrap()[0].squeezed)
    };
    for (keys, code, expected) in [
        ("", b'0', false),
        ("/FirstChar 48/LastChar 49/Widths[556 556]", b'0', false),
        ("/FirstChar 48/LastChar 49/Widths[556 556.5]", b'1', false),
        ("/FirstChar 48/LastChar 49/Widths[556 556]", b'2', true),
        ("/FirstChar 49/LastChar 50/Widths[556 556]", b'0', true),
        ("/FirstChar 5 0 R/LastChar 49/Widths[0 556]", b'0', true),
        ("/FirstChar 5 0 R/LastChar 49/Widths[0 556]", b'1', false),
        ("/FirstChar 48.0/LastChar 49/Widths[556 556]", b'0', true),
        ("/FirstChar -1/LastChar 49/Widths[556 556]", b'0', true),
        ("/FirstChar 48/LastChar 49/Widths[(556) 556]", b'0', true),
    ] {
        assert_eq!(squeezed(keys, code), expected, "{keys} {code}");
    }
    // Some readers take what is no integer for nothing, where these widths hold.
    let all = format!("/LastChar 255/Widths[{}]", "556 ".repeat(256));
    for (first, expected) in
        [("", false), ("/FirstChar 0", false), ("/FirstChar 48.0", true), ("/FirstChar(0)", true)]
    {
        assert_eq!(squeezed(&format!("{first}{all}"), b'0'), expected, "{first}");
    }
}

#[test]
fn an_encoding_that_is_none_of_a_font_is_not_read() {
    for (encoding, text) in
        [("WinAnsiEncoding", Some("10€")), ("PDFDocEncoding", None), ("UnknownEncoding", None)]
    {
        let read = drawn(&simple(&format!("/Encoding/{encoding}")), &[], b"10\x80");
        assert_eq!(read.as_deref().filter(|read| *read == "10€"), text, "{encoding}");
    }
}

#[test]
fn the_encoding_of_a_symbolic_truetype_font_is_not_trusted() {
    let font = |flags: u32, encoding: &str| {
        format!(
            "<</Type/Font/Subtype/TrueType/BaseFont/Arial/FontDescriptor<</FontName/Arial/Flags {flags}>>/Encoding{encoding}>>"
        )
    };
    let turned = "<</BaseEncoding/WinAnsiEncoding/Differences[49/nine]>>";
    for (flags, encoding, codes, text) in [
        (32, turned, "120", Some("920")),
        (36, turned, "120", Some("920")),
        (4, turned, "120", None),
        (4, turned, "20", Some("20")),
        (4, "/WinAnsiEncoding", "120", Some("120")),
    ] {
        assert_eq!(drawn(&font(flags, encoding), &[], codes.as_bytes()).as_deref(), text, "{flags} {codes}");
    }
    assert_eq!(drawn(&font(4, "/WinAnsiEncoding"), &[], b"\x80"), None);
}
