//! Whether a part of a page is empty: what is put there hides nothing.

use super::LocateError;
use crate::pdf::pages::{self, Page};
use crate::pdf::syntax::{Document, ObjectId, SyntaxError};
use crate::pdf::tame::{self, Bounds};
use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, RenderContent, SoftMask, interpret_page,
};
use kurbo::{Affine, BezPath, Point, Rect, Shape as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Largest file that is looked at, in bytes.
const MAX_FILE: usize = 8 << 20;
/// Pages of the document, at most.
const MAX_PAGES: usize = 2_000;
/// Pages of it that are interpreted, at most.
const MAX_LOOKED_AT: usize = 16;
/// Bounds of what is interpreted: a judge of signatures waits for it.
const BOUNDS: Bounds = Bounds { objects: 20_000, stream: 2 << 20, content: 1 << 20, drawn: false };
/// Glyphs, paths and images that are painted, at most.
const MAX_PAINTED: u64 = 50_000;
/// Half of an em box around a glyph's origin, in thousandths: what an outline may reach beyond its advance.
const OVERHANG: f64 = 500.0;
/// Half the height of a capital, in thousandths.
const MIDDLE: f64 = 350.0;

/// A page and parts of it: left, bottom, right, top in user space.
pub type Ground = (ObjectId, Vec<[f64; 4]>);

/// Of each page whether its content paints nothing in any of the parts. Text that is not painted, the text layer of a scan, counts as
/// painted; annotations are not looked at.
///
/// # Errors
/// [`LocateError`] where that cannot be told of all of them.
pub fn are_empty(document: &Document<'_>, wanted: &[Ground]) -> Result<Vec<bool>, LocateError> {
    if wanted.len() > MAX_LOOKED_AT {
        return Err(LocateError::TooLarge("bytes or pages"));
    }
    apart(document, |pdf, all| wanted.iter().map(|ground| is_empty(pdf, all, ground)).collect())
}

/// What the content of a page puts where.
#[derive(Clone, Debug, Default)]
pub struct Painted {
    /// The middle of each glyph in user space, of those too that are not painted.
    pub glyphs: Vec<[f64; 2]>,
    /// Left, bottom, right, top of each image.
    pub images: Vec<[f64; 4]>,
}

/// What is painted on these pages, as many as are looked at; `None` for a page whose content cannot be read as a whole.
///
/// # Errors
/// [`LocateError`] where the document cannot be given to an interpreter.
pub fn painted(document: &Document<'_>, pages: &[ObjectId]) -> Result<Vec<Option<Painted>>, LocateError> {
    if pages.len() > MAX_LOOKED_AT {
        return Err(LocateError::TooLarge("bytes or pages"));
    }
    apart(document, |pdf, all| {
        let seen =
            |page: &ObjectId| interpreted(pdf, all, *page, Seen::default()).ok().map(|seen| seen.places);
        Ok(pages.iter().map(seen).collect())
    })
}

/// Looks at the pages in a thread of its own. The interpreter is somebody else's: whatever a file makes it do, this ends with an answer.
fn apart<T: Send>(
    document: &Document<'_>,
    look: impl Fn(&hayro_syntax::Pdf, &[Page]) -> Result<T, LocateError> + Sync,
) -> Result<T, LocateError> {
    if document.bytes().len() > MAX_FILE {
        return Err(LocateError::TooLarge("bytes or pages"));
    }
    let refused = |error: SyntaxError| match error {
        SyntaxError::Limit(what) => LocateError::TooLarge(what),
        other => LocateError::Unreadable(other.to_string()),
    };
    let all = document.apart(|| {
        tame::check(document, BOUNDS).map_err(refused)?;
        pages::pages_within(document.latest(), MAX_PAGES).map_err(refused)
    })?;
    let bytes = document.bytes().to_vec();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("ground".into()).stack_size(tame::STACK);
        let looking = thread.spawn_scoped(scope, || {
            let pdf = hayro_syntax::Pdf::new(bytes).map_err(|e| LocateError::Unreadable(format!("{e:?}")))?;
            if pdf.pages().len() != all.len() {
                return Err(unread());
            }
            look(&pdf, &all)
        });
        looking.map_err(|_| unread())?.join().unwrap_or_else(|_| Err(unread()))
    })
}

fn unread() -> LocateError {
    LocateError::Unreadable("the page content cannot be interpreted".into())
}

fn is_empty(pdf: &hayro_syntax::Pdf, all: &[Page], (page, areas): &Ground) -> Result<bool, LocateError> {
    let areas = areas.iter().map(|&[left, bottom, right, top]| Rect::new(left, bottom, right, top)).collect();
    interpreted(pdf, all, *page, Seen { areas, ..Seen::default() }).map(|seen| !seen.met)
}

fn interpreted(
    pdf: &hayro_syntax::Pdf,
    all: &[Page],
    page: ObjectId,
    mut seen: Seen,
) -> Result<Seen, LocateError> {
    let at = all.iter().position(|p| p.id == page).ok_or_else(unread)?;
    let (content, page) = pdf.pages().get(at).zip(all.get(at)).ok_or_else(unread)?;
    let cache = InterpreterCache::new();
    let [left, bottom, right, top] = page.crop;
    let visible = Rect::new(left, bottom, right, top);
    // What the interpreter could not read it did not paint.
    let incomplete = Arc::new(AtomicBool::new(false));
    let told = incomplete.clone();
    let settings = InterpreterSettings {
        warning_sink: Arc::new(move |_| told.store(true, Ordering::Relaxed)),
        render_content: RenderContent::PAGE,
        ..InterpreterSettings::default()
    };
    let mut context = Context::new(Affine::IDENTITY, visible, &cache, pdf.xref(), settings);
    interpret_page(content, &mut context, &mut seen);
    match seen.painted {
        _ if incomplete.load(Ordering::Relaxed) => Err(unread()),
        0..=MAX_PAINTED => Ok(seen),
        _ => Err(LocateError::TooLarge("glyphs and paths")),
    }
}

#[derive(Debug, Default)]
struct Seen {
    areas: Vec<Rect>,
    met: bool,
    painted: u64,
    places: Painted,
}

impl Seen {
    /// Something is painted inside of this rectangle. Clips are not looked at: they can only make it less.
    fn paint(&mut self, place: Rect) {
        self.painted += 1;
        let place = place.inflate(1.0, 1.0);
        let odd = ![place.x0, place.y0, place.x1, place.y1].iter().all(|n| n.is_finite());
        self.met |= odd || self.areas.iter().any(|area| place.overlaps(*area));
    }
}

impl Device<'_> for Seen {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'_>, mode: &DrawMode) {
        if self.painted > MAX_PAINTED || path.is_empty() {
            return;
        }
        let width = match mode {
            DrawMode::Stroke(pen) | DrawMode::FillAndStroke(_, pen) => f64::from(pen.line_width),
            _ => 0.0,
        };
        let place = path.bounding_box().inflate(width, width);
        self.paint(props.transform.transform_rect_bbox(place));
    }

    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}

    fn draw_image(&mut self, image: Image<'_, '_>, props: ImageDrawProps<'_>) {
        let pixels = Rect::new(0.0, 0.0, f64::from(image.width()), f64::from(image.height()));
        let place = props.transform.transform_rect_bbox(pixels);
        if self.painted <= MAX_PAINTED {
            self.places.images.push([place.x0, place.y0, place.x1, place.y1]);
        }
        self.paint(place);
    }

    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        for positioned in run.glyphs() {
            if self.painted > MAX_PAINTED {
                return;
            }
            let advance = match &**positioned {
                Glyph::Outline(outline) => outline.advance_width(),
                // What draws itself may be of any size.
                Glyph::Type3(_) => None,
            };
            let reach = if advance.is_some() { OVERHANG } else { 4.0 * OVERHANG };
            let width = f64::from(advance.unwrap_or(1000.0)).max(0.0);
            let shape = Rect::new(-reach, -reach, width + reach, 1000.0 + reach);
            let transform = props.transform * positioned.transform();
            let middle = transform * Point::new(width / 2.0, MIDDLE);
            self.places.glyphs.push([middle.x, middle.y]);
            self.paint(transform.transform_rect_bbox(shape));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::pdf::sign::testing::with_table;

    fn page(content: &str) -> Vec<u8> {
        with_table(&[
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1\
             /BaseFont/Helvetica>>>>>>>>"
                .to_owned(),
            format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
        ])
    }

    #[test]
    fn what_is_painted_is_no_empty_ground() {
        let area = [100.0, 100.0, 132.0, 132.0];
        for (content, empty) in [
            ("", true),
            ("BT /F1 12 Tf 72 700 Td (elsewhere) Tj ET", true),
            ("BT /F1 12 Tf 72 110 Td (right across it) Tj ET", false),
            ("BT 3 Tr /F1 12 Tf 72 110 Td (right across it) Tj ET", false),
            ("0 0 300 300 re f", false),
            ("1 w 0 116 m 300 116 l S", false),
            ("60 w 0 60 m 300 60 l S", false),
            ("q 40 0 0 40 90 90 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q", false),
            ("q 40 0 0 40 300 300 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q", true),
            ("0 0 300 300 re n", true),
        ] {
            let file = page(content);
            let document = Document::open(&file).unwrap();
            assert_eq!(are_empty(&document, &[(ObjectId::new(3), vec![area])]), Ok(vec![empty]), "{content}");
        }
    }

    #[test]
    fn glyphs_and_images_are_where_they_are_painted() {
        let file = page(
            "BT /F1 12 Tf 72 110 Td (ab) Tj ET q 40 0 0 40 300 300 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q 0 0 9 9 re f",
        );
        let document = Document::open(&file).unwrap();
        let pages = painted(&document, &[ObjectId::new(3), ObjectId::new(4)]).unwrap();
        let [Some(first), None] = pages.as_slice() else { panic!("{pages:?}") };
        let near = |[x, y]: [f64; 2], (a, b): (f64, f64)| (x - a).abs() < 1.0 && (y - b).abs() < 1.0;
        let [a, b] = first.glyphs.as_slice() else { panic!("{first:?}") };
        assert!(near(*a, (75.3, 114.2)) && near(*b, (82.0, 114.2)), "{first:?}");
        assert_eq!(first.images, [[300.0, 300.0, 340.0, 340.0]]);
    }

    #[test]
    fn what_is_no_page_cannot_be_told() {
        let file = page("");
        let document = Document::open(&file).unwrap();
        assert!(are_empty(&document, &[(ObjectId::new(4), Vec::new())]).is_err());
    }
}
