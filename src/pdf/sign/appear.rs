//! Appearance streams (ISO 32000-2 12.5.5): the seal stored once, and around it what a place needs.

use super::opaque::{Opaque, opaque};
use super::{SignError, text};
use crate::pdf::appearance::Mark;
use crate::pdf::archive::Archive;
use crate::pdf::form::SignatureField;
use crate::pdf::place::{CAPTION_GAP, Place};
use crate::pdf::syntax::{Dict, Object, ObjectId, SyntaxError, View};
use crate::pdf::update::{Body, Update, name};
use crate::seal::{Caption, FormImage, SealForm};
use std::fmt::Write as _;

/// Decoded octets of an appearance that is looked at for being empty.
const EMPTY: usize = 1024;

/// Appearances of one update. What is asked for twice is stored once.
pub(super) struct Appearances<'r> {
    mark: Mark<'r>,
    archive: Archive,
    seal: Option<ObjectId>,
    caption: Option<ObjectId>,
    around: Vec<(Place, ObjectId)>,
}

impl<'r> Appearances<'r> {
    pub(super) fn new(mark: Mark<'r>, archive: Archive) -> Self {
        Self { mark, archive, seal: None, caption: None, around: Vec::new() }
    }

    /// The appearance for a place that was made for this mark.
    pub(super) fn at(&mut self, update: &mut Update<'_, '_>, place: &Place) -> Result<ObjectId, SignError> {
        let seal = self.mark.seal;
        let whole = place.captions.is_empty()
            && place.seals == [(0.0, 0.0)]
            && (place.size.0 - seal.width).abs() < 0.001
            && (place.size.1 - seal.height).abs() < 0.001;
        if whole && place.quarter_turns == 0 {
            return self.seal(update);
        }
        let same = |p: &Place| {
            p.quarter_turns == place.quarter_turns
                && p.size == place.size
                && p.seals == place.seals
                && p.captions == place.captions
        };
        if let Some((_, id)) = self.around.iter().find(|(p, _)| same(p)) {
            return Ok(*id);
        }
        let mut content = String::new();
        let mut resources = Dict::new().with("S", self.seal(update)?);
        for (x, y) in &place.seals {
            let _ = writeln!(content, "q 1 0 0 1 {x:.4} {y:.4} cm /S Do Q");
        }
        if let (Some(caption), false) = (self.mark.caption, place.captions.is_empty()) {
            resources.set("C", self.caption(update, caption)?);
            for (x, y) in &place.captions {
                let _ = writeln!(content, "q 1 0 0 1 {x:.4} {y:.4} cm /C Do Q");
            }
        }
        let form = form_dict(place.size, place.quarter_turns)
            .with("Resources", Dict::new().with("XObject", resources));
        let id = update.add(Body::Stream(form, content.into_bytes()))?;
        self.around.push((place.clone(), id));
        Ok(id)
    }

    /// The appearance for a field that was there before: the seal as large as fits, in the middle.
    pub(super) fn inside(
        &mut self,
        update: &mut Update<'_, '_>,
        (width, height): (f64, f64),
        quarter_turns: u8,
    ) -> Result<ObjectId, SignError> {
        let (width, height) = if quarter_turns.is_multiple_of(2) { (width, height) } else { (height, width) };
        let Mark { seal, caption } = self.mark;
        let beneath = caption.map_or((0.0, 0.0), |c| (c.width, c.height + CAPTION_GAP));
        let (w, h) = (seal.width.max(beneath.0), seal.height + beneath.1);
        let scale = (width / w.max(0.1)).min(height / h.max(0.1));
        let (x, y) = ((width - w * scale) / 2.0, (height - h * scale) / 2.0);
        let mut content = format!("{scale:.6} 0 0 {scale:.6} {x:.4} {y:.4} cm\n");
        let _ = writeln!(content, "q 1 0 0 1 {:.4} {:.4} cm /S Do Q", (w - seal.width) / 2.0, beneath.1);
        let mut resources = Dict::new().with("S", self.seal(update)?);
        if let Some(caption) = caption {
            resources.set("C", self.caption(update, caption)?);
            let _ = writeln!(content, "q 1 0 0 1 {:.4} 0 cm /C Do Q", (w - caption.width) / 2.0);
        }
        let resources = Dict::new().with("XObject", resources);
        let form = form_dict((width, height), quarter_turns).with("Resources", resources);
        Ok(update.add(Body::Stream(form, content.into_bytes()))?)
    }

    fn seal(&mut self, update: &mut Update<'_, '_>) -> Result<ObjectId, SignError> {
        match self.seal {
            Some(id) => Ok(id),
            None => {
                let id = self.form(update, self.mark.seal)?;
                self.seal = Some(id);
                Ok(id)
            }
        }
    }

    fn caption(&mut self, update: &mut Update<'_, '_>, caption: &Caption) -> Result<ObjectId, SignError> {
        match self.caption {
            Some(id) => Ok(id),
            None => {
                let id = text::form(update, caption, self.archive)?;
                self.caption = Some(id);
                Ok(id)
            }
        }
    }

    fn form(&self, update: &mut Update<'_, '_>, form: &SealForm) -> Result<ObjectId, SignError> {
        let mut resources = Dict::new();
        if let Some(picture) = &form.image {
            let id = image(update, picture, self.archive)?;
            resources.set("XObject", Dict::new().with("Im0", id));
        }
        calibrate(&mut resources, self.archive);
        let mut dict = form_dict((form.width, form.height), 0).with("Resources", resources);
        if form.content.is_empty() {
            return Ok(update.add(Body::Stream(dict, Vec::new()))?);
        }
        dict.set("Filter", name("FlateDecode"));
        Ok(update.add(Body::Stream(dict, form.content.deflated().to_vec()))?)
    }
}

/// The appearance stream of a signature field's first widget, if it is signed and has an empty one.
pub(super) fn empty_of(view: View<'_, '_>, field: &SignatureField) -> Option<ObjectId> {
    field.value.as_ref()?;
    let Ok(Object::Dictionary(widget)) = view.object(*field.widgets.first()?) else { return None };
    let id = view.get_dict(&widget, "AP").ok()??.get("N")?.as_reference()?;
    let Ok(Object::Stream(form)) = view.object(id) else { return None };
    let content = view.document().decode(&form, EMPTY).ok()?;
    content.iter().all(u8::is_ascii_whitespace).then_some(id)
}

/// An appearance with nothing in it.
pub(super) fn empty(update: &mut Update<'_, '_>) -> Result<ObjectId, SyntaxError> {
    update.add(Body::Stream(form_dict((0.0, 0.0), 0).with("Resources", Dict::new()), Vec::new()))
}

pub(super) fn form_dict((width, height): (f64, f64), quarter_turns: u8) -> Dict {
    let mut dict = Dict::new()
        .with("Type", name("XObject"))
        .with("Subtype", name("Form"))
        .with("BBox", vec![0.into(), 0.into(), width.into(), height.into()]);
    // Turned against the page's rotation; a reader fits the turned box into the widget's rectangle.
    let matrix: Option<[i64; 6]> = match quarter_turns {
        1 => Some([0, 1, -1, 0, 0, 0]),
        2 => Some([-1, 0, 0, -1, 0, 0]),
        3 => Some([0, -1, 1, 0, 0, 0]),
        _ => None,
    };
    if let Some(matrix) = matrix {
        dict.set("Matrix", matrix.map(Object::Integer).to_vec());
    }
    dict
}

/// Gives DeviceRGB a meaning where the file's output intent does not.
pub(super) fn calibrate(resources: &mut Dict, archive: Archive) {
    if archive.needs_calibrated_rgb() {
        resources.set("ColorSpace", Dict::new().with("DefaultRGB", calibrated_rgb()));
    }
}

/// sRGB's primaries and white point as a CIE-based colour space: what DeviceRGB means wherever the output intent of
/// a PDF/A file is not RGB.
fn calibrated_rgb() -> Vec<Object> {
    let numbers =
        |values: &[f64]| -> Object { values.iter().map(|v| (*v).into()).collect::<Vec<Object>>().into() };
    let dict = Dict::new()
        .with("WhitePoint", numbers(&[0.9505, 1.0, 1.089]))
        .with("Gamma", numbers(&[2.2, 2.2, 2.2]))
        .with("Matrix", numbers(&[0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505]));
    vec![name("CalRGB"), dict.into()]
}

fn image(update: &mut Update<'_, '_>, picture: &FormImage, archive: Archive) -> Result<ObjectId, SignError> {
    let dict = |bits: i64| {
        Dict::new()
            .with("Type", name("XObject"))
            .with("Subtype", name("Image"))
            .with("Width", i64::from(picture.width))
            .with("Height", i64::from(picture.height))
            .with("BitsPerComponent", bits)
            .with("Filter", name("FlateDecode"))
    };
    let mut colours = dict(8).with("ColorSpace", name("DeviceRGB"));
    if let Some(alpha) = &picture.alpha_flate {
        if archive.forbids_transparency() {
            let Opaque { rgb, mask } = opaque(picture, alpha)?;
            let dict = dict(1).with("ImageMask", true);
            colours.set("Mask", update.add(Body::Stream(dict, mask))?);
            return Ok(update.add(Body::Stream(colours, rgb))?);
        }
        let mask = dict(8).with("ColorSpace", name("DeviceGray"));
        colours.set("SMask", update.add(Body::Stream(mask, alpha.clone()))?);
    }
    Ok(update.add(Body::Stream(colours, picture.rgb_flate.clone()))?)
}
