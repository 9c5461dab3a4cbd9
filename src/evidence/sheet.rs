//! 存证证书: the readable sheet, one or more A4 pages.

use super::EvidenceError;
use krilla::Document;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::Stroke;
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use std::sync::Arc;

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 60.0;
const LABEL_WIDTH: f32 = 110.0;
const SIZE: f32 = 10.5;
const LEADING: f32 = 17.0;
/// Characters of one value, at most; the rest is cut with an ellipsis.
const MAX_VALUE: usize = 2000;

/// A font file with Chinese glyphs.
#[derive(Clone, Debug)]
pub struct SheetFont {
    /// The file.
    pub data: Arc<Vec<u8>>,
    /// Which font of a collection; 0 otherwise.
    pub index: u32,
}

/// One line of the sheet: what it is, and the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// For example `存证编号`.
    pub label: String,
    /// For example `17`. Long values wrap.
    pub value: String,
}

/// Makes the sheet as a PDF with `title` at its head, the lines, and `closing` at the foot. The same input gives the same bytes.
///
/// # Errors
/// [`EvidenceError::Sheet`].
pub fn sheet(title: &str, lines: &[Line], closing: &str, font: &SheetFont) -> Result<Vec<u8>, EvidenceError> {
    let failed = |what: &str| EvidenceError::Sheet(what.into());
    let widths = Widths::new(font)?;
    let data: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::clone(&font.data) as Arc<_>;
    let font = Font::new(data.into(), font.index).ok_or_else(|| failed("not a font"))?;
    let settings = || PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| failed("page size"));
    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(title.to_owned()).language("zh-CN".into()));
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in lines {
        let mut label = line.label.clone();
        for part in widths.wrap(&line.value, WIDTH - 2.0 * MARGIN - LABEL_WIDTH) {
            rows.push((std::mem::take(&mut label), part));
        }
    }
    let foot = widths.wrap(closing, WIDTH - 2.0 * MARGIN);
    let mut rows = rows.into_iter().peekable();
    let mut first = true;
    while first || rows.peek().is_some() {
        let mut page = document.start_page_with(settings()?);
        let mut surface = page.surface();
        let mut y = MARGIN + 20.0;
        if first {
            let x = (WIDTH - widths.of(title, 22.0)) / 2.0;
            text(&mut surface, &font, x, y, 22.0, title);
            y += 20.0;
            rule(&mut surface, y);
            y += 26.0;
            first = false;
        }
        while y < HEIGHT - MARGIN - 60.0
            && let Some((label, value)) = rows.next()
        {
            text(&mut surface, &font, MARGIN, y, SIZE, &label);
            text(&mut surface, &font, MARGIN + LABEL_WIDTH, y, SIZE, &value);
            y += LEADING;
        }
        if rows.peek().is_none() {
            rule(&mut surface, y + 4.0);
            y += 22.0;
            for line in &foot {
                text(&mut surface, &font, MARGIN, y, 9.0, line);
                y += 14.0;
            }
        }
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|e| EvidenceError::Sheet(format!("{e:?}")))
}

fn text(surface: &mut Surface<'_>, font: &Font, x: f32, y: f32, size: f32, text: &str) {
    if !text.is_empty() {
        surface.draw_text(Point::from_xy(x, y), font.clone(), size, text, false, TextDirection::LeftToRight);
    }
}

fn rule(surface: &mut Surface<'_>, y: f32) {
    let mut path = PathBuilder::new();
    path.move_to(MARGIN, y);
    path.line_to(WIDTH - MARGIN, y);
    if let Some(path) = path.finish() {
        surface.set_stroke(Some(Stroke { width: 0.8, ..Stroke::default() }));
        let fill = surface.get_fill().cloned();
        surface.set_fill(None);
        surface.draw_path(&path);
        surface.set_fill(fill);
        surface.set_stroke(None);
    }
}

/// Advance widths, for centring and wrapping.
struct Widths {
    data: Arc<Vec<u8>>,
    index: u32,
}

impl Widths {
    fn new(font: &SheetFont) -> Result<Self, EvidenceError> {
        let widths = Self { data: Arc::clone(&font.data), index: font.index };
        match widths.face() {
            Some(_) => Ok(widths),
            None => Err(EvidenceError::Sheet("not a font".into())),
        }
    }

    fn face(&self) -> Option<ttf_parser::Face<'_>> {
        ttf_parser::Face::parse(&self.data, self.index).ok()
    }

    fn of(&self, text: &str, size: f32) -> f32 {
        let Some(face) = self.face() else { return 0.0 };
        let units: f32 = text.chars().map(|c| advance(&face, c)).sum();
        units * size
    }

    /// Breaks at any character: Chinese text, digests and ids have no better place.
    fn wrap(&self, text: &str, width: f32) -> Vec<String> {
        let Some(face) = self.face() else { return Vec::new() };
        let mut lines = vec![String::new()];
        let mut used = 0.0;
        let cut = text.chars().count() > MAX_VALUE;
        for c in text.chars().take(MAX_VALUE).chain(cut.then_some('…')) {
            let step = advance(&face, c) * SIZE;
            if c == '\n' || used + step > width {
                lines.push(String::new());
                used = 0.0;
            }
            if !c.is_control()
                && let Some(line) = lines.last_mut()
            {
                line.push(c);
                used += step;
            }
        }
        lines
    }
}

/// In units of the font size; a character that the font lacks counts as a full square.
fn advance(face: &ttf_parser::Face<'_>, c: char) -> f32 {
    let glyph = face.glyph_index(c).and_then(|glyph| face.glyph_hor_advance(glyph));
    glyph.map_or(1.0, |units| f32::from(units) / f32::from(face.units_per_em()))
}
