//! A readable PDF of a few pages of text with one attachment: what data signatures and evidence reports are printed on.
//!
//! Text is set in Type 3 fonts made of the seal fonts' outlines (ISO 32000-2 9.6.4) with `/ToUnicode`: it looks the same
//! everywhere, and can be read, copied and searched. A character that no font has is set in a standard Chinese font by name
//! (9.7.5.2, `UniGB-UTF16-H`), which a reader with Chinese fonts shows.

use crate::seal::{FontSet, PrintGlyph, print_glyphs, to_unicode};
use flate2::{Compression, write::ZlibEncoder};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// An A4 page in points, with its margin.
const PAGE: (u32, u32) = (595, 842);
const MARGIN: u32 = 56;
const SIZE: u32 = 10;
const PITCH: u32 = 16;
/// Half-width columns of a line.
const COLUMNS: usize = 84;
/// Glyphs of one Type 3 font; code 0 is left out.
const A_FONT: usize = 255;

/// A file inside the PDF.
pub(super) struct Attachment<'a> {
    /// Its name, ASCII.
    pub(super) name: &'a str,
    /// Its media type.
    pub(super) kind: &'a str,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
}

/// Sets the lines, longer ones broken, on as many pages as they need.
pub(super) fn paper(fonts: &FontSet, title: &str, lines: &[String], attachment: &Attachment<'_>) -> Vec<u8> {
    let broken: Vec<String> = lines.iter().flat_map(|line| broken(line)).collect();
    let a_page = usize::try_from((PAGE.1 - 2 * MARGIN) / PITCH).unwrap_or(40).saturating_sub(3);
    let pages: Vec<&[String]> = broken.chunks(a_page.max(1)).collect();
    let pages = if pages.is_empty() { vec![&[][..]] } else { pages };
    let said: String = lines.iter().map(String::as_str).chain([title]).collect();
    let faces = Faces::of(print_glyphs(fonts, &said).unwrap_or_else(|error| {
        tracing::warn!(%error, "a sheet is set in a font that is not in it");
        BTreeMap::new()
    }));
    let mut file = File::default();
    // 1 catalogue, 2 page tree, 3 font, 4 descendant, 5 descriptor, 6 file, 7 file specification, 8 fonts by name, then pages,
    // then the Type 3 fonts.
    let kids: Vec<String> = (0..pages.len()).map(|n| format!("{} 0 R", 9 + 2 * n)).collect();
    let (width, height) = PAGE;
    let name = attachment.name;
    file.object(&format!(
        "<</Type/Catalog/Pages 2 0 R/Lang(zh-CN)/AF[7 0 R]/Names<</EmbeddedFiles<</Names[({name})7 0 R]>>>>>>"
    ));
    file.object(&format!(
        "<</Type/Pages/Count {}/Kids[{}]/MediaBox[0 0 {width} {height}]>>",
        pages.len(),
        kids.join(" ")
    ));
    file.object(
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UTF16-H/DescendantFonts[4 0 R]>>",
    );
    file.object(
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)\
         /Supplement 4>>/FontDescriptor 5 0 R/DW 1000/W[1 95 500 814 939 500]>>",
    );
    file.object(
        "<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]/ItalicAngle 0/Ascent 880\
         /Descent -120/CapHeight 880/StemV 93>>",
    );
    let media = attachment.kind.replace('/', "#2F");
    file.stream(
        &format!("/Type/EmbeddedFile/Subtype/{media}/Params<</Size {}>>", attachment.bytes.len()),
        attachment.bytes,
    );
    file.object(&format!(
        "<</Type/Filespec/F({name})/UF({name})/AFRelationship/Data/EF<</F 6 0 R/UF 6 0 R>>>>"
    ));
    let first = 9 + 2 * pages.len();
    file.object(&faces.names(first));
    for (index, lines) in pages.iter().enumerate() {
        let content = 10 + 2 * index;
        file.object(&format!("<</Type/Page/Parent 2 0 R/Resources<</Font 8 0 R>>/Contents {content} 0 R>>"));
        let mut text = String::new();
        let top = height - MARGIN;
        faces.set(&mut text, title, 16, top);
        for (row, line) in (3..).zip(lines.iter()) {
            faces.set(&mut text, line, SIZE, top.saturating_sub(row * PITCH));
        }
        file.stream("", text.as_bytes());
    }
    faces.write(&mut file, first);
    file.finish()
}

/// The glyphs by Type 3 font.
struct Faces(Vec<Vec<(char, PrintGlyph)>>);

impl Faces {
    fn of(glyphs: BTreeMap<char, PrintGlyph>) -> Self {
        let glyphs: Vec<(char, PrintGlyph)> = glyphs.into_iter().collect();
        Self(glyphs.chunks(A_FONT).map(<[_]>::to_vec).collect())
    }

    /// The font's name on a page and the character's code in it.
    fn place(&self, c: char) -> Option<(usize, usize)> {
        self.0.iter().enumerate().find_map(|(font, glyphs)| {
            glyphs.binary_search_by_key(&c, |(c, _)| *c).ok().map(|at| (font, at + 1))
        })
    }

    /// One line of text at the left margin.
    fn set(&self, out: &mut String, line: &str, size: u32, y: u32) {
        let _ = write!(out, "BT {MARGIN} {y} Td");
        let mut runs: Vec<(Option<usize>, String)> = Vec::new();
        for c in line.chars() {
            let (font, code) = match self.place(c) {
                Some((font, code)) => (Some(font), format!("{code:02X}")),
                None => (None, utf16(c)),
            };
            match runs.last_mut() {
                Some((last, codes)) if *last == font => codes.push_str(&code),
                _ => runs.push((font, code)),
            }
        }
        for (font, codes) in runs {
            let name = font.map_or_else(|| "S".to_owned(), |font| format!("T{font}"));
            let _ = write!(out, " /{name} {size} Tf <{codes}> Tj");
        }
        out.push_str(" ET\n");
    }

    /// The font resources of every page. Each font takes two objects and one for each glyph, from `first` on.
    fn names(&self, first: usize) -> String {
        let mut names = "<</S 3 0 R".to_owned();
        let mut at = first;
        for (font, glyphs) in self.0.iter().enumerate() {
            let _ = write!(names, "/T{font} {at} 0 R");
            at += 2 + glyphs.len();
        }
        names + ">>"
    }

    fn write(&self, file: &mut File, first: usize) {
        let mut at = first;
        for glyphs in &self.0 {
            let codes = 1..=glyphs.len();
            let names: String = codes.clone().map(|code| format!("/g{code}")).collect();
            let procs: String = codes.clone().map(|code| format!("/g{code} {} 0 R", at + 1 + code)).collect();
            let widths: Vec<String> = glyphs.iter().map(|(_, g)| g.advance.to_string()).collect();
            file.object(&format!(
                "<</Type/Font/Subtype/Type3/FontBBox[-500 -500 1500 1500]/FontMatrix[.001 0 0 .001 0 0]\
                 /Encoding<</Type/Encoding/Differences[1{names}]>>/CharProcs<<{procs}>>/FirstChar 1/LastChar {}\
                 /Widths[{}]/Resources<<>>/ToUnicode {} 0 R>>",
                glyphs.len(),
                widths.join(" "),
                at + 1
            ));
            file.deflated(&to_unicode(glyphs.iter().map(|(c, _)| *c)));
            for (_, glyph) in glyphs {
                file.deflated(&glyph.description());
            }
            at += 2 + glyphs.len();
        }
    }
}

/// UTF-16BE as hexadecimal digits.
fn utf16(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().fold(String::new(), |mut out, unit| {
        let _ = write!(out, "{unit:04X}");
        out
    })
}

/// A line in pieces that fit the page.
fn broken(line: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let (mut piece, mut used) = (String::new(), 0);
    for c in line.chars().filter(|c| !c.is_control()) {
        let columns = if c.is_ascii() { 1 } else { 2 };
        if used + columns > COLUMNS {
            pieces.push(std::mem::take(&mut piece));
            used = 0;
        }
        piece.push(c);
        used += columns;
    }
    pieces.push(piece);
    pieces
}

/// Objects in order, numbered from 1, with a cross-reference table.
#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl File {
    fn begin(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n");
        }
        self.offsets.push(self.bytes.len());
        let number = self.offsets.len();
        self.bytes.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
    }

    fn object(&mut self, body: &str) {
        self.begin();
        self.bytes.extend_from_slice(body.as_bytes());
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn stream(&mut self, entries: &str, data: &[u8]) {
        self.begin();
        self.bytes.extend_from_slice(format!("<<{entries}/Length {}>>\nstream\n", data.len()).as_bytes());
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    fn deflated(&mut self, data: &str) {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(data.as_bytes());
        self.stream("/Filter/FlateDecode", &encoder.finish().unwrap_or_default());
    }

    fn finish(mut self) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        let start = self.bytes.len();
        let size = self.offsets.len() + 1;
        let id = hex::encode(Sha256::digest(&self.bytes).get(..16).unwrap_or_default());
        let mut tail = format!("xref\n0 {size}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            let _ = writeln!(tail, "{offset:010} 00000 n ");
        }
        let _ = write!(
            tail,
            "trailer\n<</Size {size}/Root 1 0 R/ID[<{id}><{id}>]>>\nstartxref\n{start}\n%%EOF\n"
        );
        self.bytes.extend_from_slice(tail.as_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdf::syntax::Document;

    #[test]
    fn it_reads_strictly_and_carries_its_attachment() {
        let lines: Vec<String> = (0..200).map(|n| format!("第 {n} 行：{}", "长".repeat(60))).collect();
        let attachment = Attachment { name: "record.json", kind: "application/json", bytes: b"{}" };
        let fonts = FontSet::new([]).unwrap();
        let file = paper(&fonts, "数据签日志", &lines, &attachment);
        let document = Document::open(&file).unwrap();
        assert_eq!(document.findings().count(), 0);
        let catalog = document.latest().catalog().unwrap();
        let pages = document.latest().get_dict(&catalog, "Pages").unwrap().unwrap();
        assert!(pages.get("Count").unwrap().as_integer().unwrap() > 5);
        assert_eq!(
            crate::ops::byte_sign::attached(
                crate::pdf::syntax::Document::open(&file).unwrap().latest(),
                "record.json"
            )
            .unwrap(),
            b"{}"
        );
    }
}
