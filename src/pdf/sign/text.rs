//! Captions as text: a form XObject with a Type 3 font of the glyphs that it needs (ISO 32000-2 9.6.4).

use super::appear::{calibrate, form_dict};
use crate::pdf::archive::Archive;
use crate::pdf::syntax::{Dict, Object, ObjectId, SyntaxError};
use crate::pdf::update::{Body, Update, name};
use crate::seal::{Caption, to_unicode};
use std::fmt::Write as _;

/// The caption as a form of its own size.
pub(super) fn form(
    update: &mut Update<'_, '_>,
    caption: &Caption,
    archive: Archive,
) -> Result<ObjectId, SyntaxError> {
    let font = font(update, caption)?;
    let [r, g, b] = caption.colour;
    let mut content = format!("BT {r:.4} {g:.4} {b:.4} rg /F {:.4} Tf\n", caption.size);
    for (x, y, line) in &caption.lines {
        let codes: String =
            line.chars().filter_map(|c| code(caption, c)).map(|n| format!("{n:02X}")).collect();
        let _ = writeln!(content, "1 0 0 1 {x:.4} {y:.4} Tm <{codes}> Tj");
    }
    content.push_str("ET\n");
    let mut resources = Dict::new().with("Font", Dict::new().with("F", font));
    calibrate(&mut resources, archive);
    let dict = form_dict((caption.width, caption.height), 0).with("Resources", resources);
    update.add(Body::Stream(dict, content.into_bytes()))
}

/// A character's code: its place among the font's glyphs, from 1.
fn code(caption: &Caption, c: char) -> Option<usize> {
    caption.glyphs.keys().position(|known| *known == c).map(|at| at + 1)
}

fn font(update: &mut Update<'_, '_>, caption: &Caption) -> Result<ObjectId, SyntaxError> {
    let integers = |values: &[i32]| -> Vec<Object> { values.iter().map(|v| i64::from(*v).into()).collect() };
    let mut names = vec![Object::Integer(1)];
    let mut descriptions = Dict::new();
    let mut widths = Vec::with_capacity(caption.glyphs.len());
    let mut bounds = [0, 0, 1, 1];
    for (at, glyph) in (1..).zip(caption.glyphs.values()) {
        let key = format!("g{at}");
        names.push(name(&key));
        widths.push(glyph.advance);
        let [left, bottom, right, top] = glyph.ink;
        bounds = [bounds[0].min(left), bounds[1].min(bottom), bounds[2].max(right), bounds[3].max(top)];
        let id = update.add(Body::Stream(Dict::new(), glyph.description().into_bytes()))?;
        descriptions.set(&key, id);
    }
    let map =
        update.add(Body::Stream(Dict::new(), to_unicode(caption.glyphs.keys().copied()).into_bytes()))?;
    let scale = [0.001, 0.0, 0.0, 0.001, 0.0, 0.0].map(Object::from).to_vec();
    let encoding = Dict::new().with("Type", name("Encoding")).with("Differences", names);
    let dict = Dict::new()
        .with("Type", name("Font"))
        .with("Subtype", name("Type3"))
        .with("FontBBox", integers(&bounds))
        .with("FontMatrix", scale)
        .with("Encoding", encoding)
        .with("CharProcs", descriptions)
        .with("FirstChar", 1)
        .with("LastChar", i64::try_from(caption.glyphs.len()).unwrap_or(1))
        .with("Widths", integers(&widths))
        .with("Resources", Dict::new())
        .with("ToUnicode", map);
    update.add(Body::Object(dict.into()))
}
