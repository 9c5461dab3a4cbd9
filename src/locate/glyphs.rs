//! The glyphs of a page, each with its text and its place.

use crate::pdf::pages::Page;
use hayro_interpret::font::{Glyph as Shape, GlyphRun};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use kurbo::{Affine, BezPath, Point, Rect, Shape as _};
use unicode_normalization::UnicodeNormalization;

/// A CJK em box around the baseline, in thousandths of an em.
const ASCENT: f64 = 880.0;
const DESCENT: f64 = -120.0;

/// One glyph.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    /// Its text, normalised; never empty.
    pub(super) text: Vec<char>,
    /// Its em box in user space: lower left, lower right, upper right, upper left as it is written.
    pub(super) quad: [Point; 4],
    /// Writing direction in radians.
    pub(super) angle: f64,
    /// Size of the em across the writing direction.
    pub(super) em: f64,
}

/// The glyphs of a page in content order.
#[derive(Debug, Default)]
pub(super) struct Glyphs {
    pub(super) painted: Vec<Glyph>,
    /// Text rendering mode 3: the text layer of scans.
    pub(super) invisible: Vec<Glyph>,
    pub(super) seen: u64,
    pub(super) unmapped: u64,
    most: u64,
    /// What is outside the last of them is not shown: the page, and each clip within the one before.
    visible: Vec<Rect>,
}

/// Compatibility forms folded (NFKC), without white space and control characters.
pub(super) fn normalised(text: &str) -> Vec<char> {
    text.nfkc().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

/// Interprets a page; stops collecting behind `most` glyphs.
pub(super) fn of_page<'a>(
    pdf: &'a hayro_syntax::Pdf,
    content: &hayro_syntax::page::Page<'a>,
    page: &Page,
    cache: &InterpreterCache<'a>,
    most: u64,
) -> Glyphs {
    let [x0, y0, x1, y1] = page.crop;
    let visible = Rect::new(x0, y0, x1, y1);
    let settings = InterpreterSettings::default();
    let mut context = Context::new(Affine::IDENTITY, visible, cache, pdf.xref(), settings);
    let mut glyphs = Glyphs { most, visible: vec![visible], ..Glyphs::default() };
    interpret_page(content, &mut context, &mut glyphs);
    glyphs
}

impl Glyphs {
    /// The part of the page that is painted on now, or the rectangle around it.
    fn shown(&self) -> Rect {
        self.visible.last().copied().unwrap_or_default()
    }
}

impl Device<'_> for Glyphs {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.visible.push(self.shown().intersect(clip.path.bounding_box()));
    }

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {}

    fn pop_clip(&mut self) {
        self.visible.pop();
    }

    fn pop_transparency_group(&mut self) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, mode: &DrawMode) {
        let vertical = run.writing_mode() == WritingMode::Vertical;
        for positioned in run.glyphs() {
            self.seen += 1;
            if self.seen > self.most {
                return;
            }
            let text = match positioned.as_unicode() {
                Some(BfString::Char(c)) => normalised(c.encode_utf8(&mut [0; 4])),
                Some(BfString::String(s)) => normalised(&s),
                None => {
                    self.unmapped += 1;
                    continue;
                }
            };
            if text.is_empty() || text.len() > 64 {
                continue;
            }
            let advance = match &**positioned {
                Shape::Outline(outline) => outline.advance_width(),
                Shape::Type3(drawing) => drawing.advance_width(),
            };
            let transform = props.transform * positioned.transform();
            let advance = f64::from(advance.unwrap_or(1000.0));
            let Some(glyph) = placed(text, transform, vertical, advance) else { continue };
            if !self.shown().contains(glyph.quad[0].midpoint(glyph.quad[2])) {
                continue;
            }
            match mode {
                DrawMode::Invisible => self.invisible.push(glyph),
                _ => self.painted.push(glyph),
            }
        }
    }
}

fn placed(text: Vec<char>, transform: Affine, vertical: bool, advance: f64) -> Option<Glyph> {
    // In vertical writing the origin is already moved to where the horizontal one would be.
    let (width, direction) =
        if vertical { (1000.0, Point::new(0.0, -1.0)) } else { (advance, Point::new(1.0, 0.0)) };
    let quad = [(0.0, DESCENT), (width, DESCENT), (width, ASCENT), (0.0, ASCENT)]
        .map(|(x, y)| transform * Point::new(x, y));
    let along = transform * direction - transform * Point::ZERO;
    let em = if vertical { (quad[1] - quad[0]).hypot() } else { (quad[3] - quad[0]).hypot() };
    (em.is_finite() && em > 0.01 && quad.iter().all(|p| p.is_finite())).then(|| Glyph {
        text,
        quad,
        angle: along.y.atan2(along.x),
        em,
    })
}
