//! What is given to interpreters of page content. They are others' code and bound neither nesting nor work everywhere: what would run them
//! out of stack, memory or time is refused before. What they do with the rest is their callers' to limit.

mod circles;
mod content;

use super::pages::pages;
use super::syntax::{Dict, Document, Object, ObjectId, SyntaxError, View};
use circles::Parts;
use content::{Call, Content};
use std::collections::{HashMap, HashSet};

/// Stack of a thread that interprets content, in bytes: enough for [`MAX_NESTING`].
pub(crate) const STACK: usize = 64 << 20;
/// Arrays, dictionaries and procedures within each other. Far more than anything honest has, and than binary data look like.
const MAX_NESTING: usize = 20_000;
/// CIDs (ISO 32000-2 9.7.4.3: widths are given for ranges of them).
const MAX_CID: i64 = 65_535;
/// CIDs in all ranges of one array of widths.
const MAX_WIDTHS: i64 = 1_000_000;
/// Lines, curves and rectangles that are drawn.
const MAX_SEGMENTS: f64 = 500_000.0;
/// Pixels of one image: A4 at 600 dpi.
const MAX_PIXELS: i64 = 36_000_000;
/// Widgets of form fields, twice as many as a file that is signed may have fields.
const MAX_WIDGETS: usize = 20_000;
/// Streams that are run when a page is shown, form XObjects as often as they are called.
const MAX_CALLS: u64 = 1_000_000;
/// Streams looked at to find that out.
const MAX_STEPS: u64 = 200_000;

/// Bounds that depend on what is done with the content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Objects.
    pub(crate) objects: u32,
    /// Decoded bytes of one stream.
    pub(crate) stream: usize,
    /// Decoded bytes of all streams but images.
    pub(crate) content: usize,
    /// Whether lines are drawn, so that dashes cost.
    pub(crate) drawn: bool,
}

/// Refuses a document that interpreters of content cannot be given.
///
/// # Errors
/// [`SyntaxError::Limit`] names what there is too much of.
pub(crate) fn check(document: &Document<'_>, bounds: Bounds) -> Result<(), SyntaxError> {
    let view = document.latest();
    if view.size() > bounds.objects {
        return Err(SyntaxError::Limit("objects"));
    }
    if nesting(document.bytes()) > MAX_NESTING {
        return Err(SyntaxError::Limit("nesting"));
    }
    let mut forms = HashMap::new();
    let (mut left, mut segments) = (bounds.content, 0.0);
    // Tiling patterns and glyphs of Type 3 fonts, with the names that they get from elsewhere.
    let mut inner = Vec::new();
    let mut parts = Parts::default();
    let mut widgets = 0;
    for number in 1..view.size() {
        let Some(id) = view.id(number) else { continue };
        let object = match view.object(id) {
            Err(SyntaxError::Limit(what)) => return Err(SyntaxError::Limit(what)),
            // What cannot be parsed is not shown either.
            Err(_) => continue,
            Ok(object) => object,
        };
        parts.add(id, &object);
        let mut dictionaries = Vec::new();
        collect(&object, &mut dictionaries);
        for dict in dictionaries {
            widgets += usize::from(dict.is_name("Subtype", "Widget"));
            if widgets > MAX_WIDGETS {
                return Err(SyntaxError::Limit("form fields"));
            }
            widths(view, dict)?;
            inner.extend(glyphs(view, dict));
        }
        if let Object::Stream(stream) = &object {
            let image = stream.dict.is_name("Subtype", "Image") && !stream.dict.contains("FunctionType");
            if image && bounds.drawn && pixels(view, &stream.dict) > MAX_PIXELS {
                return Err(SyntaxError::Limit("pixels"));
            }
            // A search looks at no pixels. Where pages are drawn, what says that it is an image may be run as content.
            if image && !bounds.drawn {
                continue;
            }
            let bytes = match document.decode(stream, bounds.stream) {
                Ok(bytes) => bytes,
                Err(SyntaxError::Limit(what)) => return Err(SyntaxError::Limit(what)),
                // Filters of images, or broken; others read on where they can.
                Err(_) if image || !(bounds.drawn || stream.dict.contains("FunctionType")) => continue,
                Err(_) => return Err(SyntaxError::Limit("broken streams")),
            };
            if nesting(&bytes) > MAX_NESTING {
                return Err(SyntaxError::Limit("nesting"));
            }
            if image {
                continue;
            }
            left = left.checked_sub(bytes.len()).ok_or(SyntaxError::Limit("decoded content"))?;
            let content = Content::read(&bytes);
            segments += content.segments;
            if bounds.drawn && (content.dashes_cost_too_much() || segments > MAX_SEGMENTS) {
                return Err(SyntaxError::Limit("lines"));
            }
            if bounds.drawn && content.inline_images_are_too_large() {
                return Err(SyntaxError::Limit("pixels"));
            }
            if stream.dict.contains("PatternType") {
                inner.push((id, Names::new()));
            }
            forms.insert(id, (content, resources(view, &stream.dict)));
        }
    }
    if parts.circle() {
        return Err(SyntaxError::Limit("parts within each other"));
    }
    let mut seen = HashSet::new();
    if bounds.drawn && inner.iter().any(|(id, names)| calls_out(&forms, *id, names, &mut seen, 0)) {
        return Err(SyntaxError::Limit("patterns and glyphs within each other"));
    }
    Calls { forms, cost: HashMap::new(), steps: 0 }.check(view)
}

/// Whether a pattern or glyph, or a form that it calls, paints with patterns or text: they could call each other for ever.
fn calls_out(forms: &Forms, id: ObjectId, outer: &Names, seen: &mut HashSet<ObjectId>, depth: usize) -> bool {
    let Some((content, own)) = forms.get(&id) else { return false };
    if !seen.insert(id) {
        return false;
    }
    let names = own.as_ref().unwrap_or(outer);
    let mut called = content.calls.keys().filter_map(|name| names.get(name));
    content.calls_out || depth > 64 || called.any(|target| calls_out(forms, *target, names, seen, depth + 1))
}

/// The glyphs of a Type 3 font.
fn glyphs(view: View<'_, '_>, font: &Dict) -> Vec<(ObjectId, Names)> {
    if !font.is_name("Subtype", "Type3") {
        return Vec::new();
    }
    let names = resources(view, font).unwrap_or_default();
    let procedures = view.get_dict(font, "CharProcs").ok().flatten().unwrap_or_default();
    procedures.iter().filter_map(|(_, glyph)| Some((glyph.as_reference()?, names.clone()))).collect()
}

/// Pixels that an image says it has.
fn pixels(view: View<'_, '_>, image: &Dict) -> i64 {
    let side = |key, short| {
        let value = image.get(key).or_else(|| image.get(short));
        integer(view, value).unwrap_or(0).max(0)
    };
    side("Width", "W").saturating_mul(side("Height", "H"))
}

/// The dictionaries in an object, whose nesting its reader bounds.
fn collect<'o>(object: &'o Object, found: &mut Vec<&'o Dict>) {
    let dict = match object {
        Object::Array(items) => return items.iter().for_each(|item| collect(item, found)),
        Object::Dictionary(dict) => dict,
        Object::Stream(stream) => &stream.dict,
        _ => return,
    };
    found.push(dict);
    dict.iter().for_each(|(_, value)| collect(value, found));
}

/// How deep brackets of any kind stand within each other, whatever they mean.
fn nesting(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut before) = (0usize, 0usize, 0u8);
    for &byte in bytes {
        match byte {
            b'[' | b'{' => depth += 1,
            b'<' if before == b'<' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'>' if before == b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Three in a row are one pair and the next one's half.
        before = if before == byte { 0 } else { byte };
        deepest = deepest.max(depth);
    }
    deepest
}

/// Ranges of CIDs in `/W` and `/W2`, which are spread out in memory.
fn widths(view: View<'_, '_>, font: &Dict) -> Result<(), SyntaxError> {
    for (key, group) in [("W", 3), ("W2", 5)] {
        let Some(Object::Array(items)) = font.get(key).and_then(|w| view.resolve(w).ok()) else { continue };
        let mut total = 0;
        let mut rest = items.as_slice();
        while let Some(first) = integer(view, rest.first()) {
            let taken = match integer(view, rest.get(1)) {
                Some(last) => {
                    total += (last - first).clamp(0, MAX_CID);
                    if first.max(last) > MAX_CID {
                        return Err(SyntaxError::Limit("widths"));
                    }
                    group
                }
                None => 2,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        if total > MAX_WIDTHS {
            return Err(SyntaxError::Limit("widths"));
        }
        // Numbers that this loop did not come to.
        if items.iter().any(|item| integer(view, Some(item)).is_some_and(|n| n > MAX_CID)) {
            return Err(SyntaxError::Limit("widths"));
        }
    }
    Ok(())
}

#[allow(clippy::cast_possible_truncation)] // saturates; all it is compared with is small
fn integer(view: View<'_, '_>, item: Option<&Object>) -> Option<i64> {
    view.resolve(item?).ok()?.as_number().map(|n| n as i64)
}

/// What names in a content stream call: `/Resources /XObject`, and the groups of soft masks in `/ExtGState`; `None` where it
/// has no resources of its own.
fn resources(view: View<'_, '_>, dict: &Dict) -> Option<Names> {
    let resources = view.get_dict(dict, "Resources").ok()??;
    let listed = |key| view.get_dict(&resources, key).ok().flatten().unwrap_or_default();
    let mut names = Names::new();
    for (name, value) in listed("XObject").iter() {
        names.extend(value.as_reference().map(|id| (Call::Object(name.as_bytes().to_vec()), id)));
    }
    for (name, state) in listed("ExtGState").iter() {
        let mask = match view.resolve(state) {
            Ok(Object::Dictionary(state)) => view.get_dict(&state, "SMask").ok().flatten(),
            _ => None,
        };
        let group = mask.as_ref().and_then(|mask| mask.get("G")?.as_reference());
        names.extend(group.map(|id| (Call::State(name.as_bytes().to_vec()), id)));
    }
    Some(names)
}

type Names = HashMap<Call, ObjectId>;
type Forms = HashMap<ObjectId, (Content, Option<Names>)>;

/// Form XObjects that call each other.
struct Calls {
    forms: Forms,
    /// Streams that one call runs; 0 while it is being found out.
    cost: HashMap<ObjectId, u64>,
    /// Streams looked at.
    steps: u64,
}

impl Calls {
    fn check(mut self, view: View<'_, '_>) -> Result<(), SyntaxError> {
        let too_many = SyntaxError::Limit("calls of form XObjects");
        for page in pages(view)? {
            let Ok(Object::Dictionary(dict)) = view.object(page.id) else { continue };
            let names = inherited(view, dict.clone());
            let contents = view.get(&dict, "Contents").unwrap_or(Object::Null);
            let direct = dict.get("Contents").and_then(Object::as_reference);
            let parts = match &contents {
                Object::Array(parts) => parts.iter().filter_map(Object::as_reference).collect(),
                _ => Vec::from_iter(direct),
            };
            let mut total = 0u64;
            for part in parts {
                let cost = self.run(part, &names, 0).ok_or(too_many.clone())?;
                total = total.saturating_add(cost);
            }
            for form in appearances(view, &dict) {
                let cost = self.run(form, &names, 0).ok_or(too_many.clone())?;
                total = total.saturating_add(cost);
            }
            if total > MAX_CALLS {
                return Err(too_many);
            }
        }
        // Patterns and glyphs are called by other names.
        let all: Vec<ObjectId> = self.forms.keys().copied().collect();
        for id in all {
            self.run(id, &Names::new(), 0).ok_or(too_many.clone())?;
        }
        Ok(())
    }

    /// Streams that run when this one does; `None` when they are too many, or call themselves.
    fn run(&mut self, id: ObjectId, outer: &Names, depth: usize) -> Option<u64> {
        let Some((content, own)) = self.forms.get(&id) else { return Some(1) };
        let known = own.is_some().then(|| self.cost.get(&id)).flatten();
        match known {
            Some(0) => return None,
            Some(cost) => return Some(*cost),
            None if depth > 64 => return None,
            None => {}
        }
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return None;
        }
        let names = own.clone().unwrap_or_else(|| outer.clone());
        let calls = content.calls.clone();
        self.cost.insert(id, 0);
        let mut total = 1u64;
        for (name, times) in calls {
            let Some(target) = names.get(&name).copied() else { continue };
            let cost = self.run(target, &names, depth + 1)?;
            total = total.saturating_add(cost.saturating_mul(times));
            if total > MAX_CALLS {
                return None;
            }
        }
        self.cost.insert(id, total);
        Some(total)
    }
}

/// What a page's annotations show: `/AP /N`, which may be one stream for each state. They may use the page's resources.
fn appearances(view: View<'_, '_>, page: &Dict) -> Vec<ObjectId> {
    let mut found = Vec::new();
    for annotation in view.get_array(page, "Annots").unwrap_or_default() {
        let Ok(Object::Dictionary(annotation)) = view.resolve(&annotation) else { continue };
        let Ok(Some(shown)) = view.get_dict(&annotation, "AP") else { continue };
        found.extend(shown.get("N").and_then(Object::as_reference));
        if let Ok(Object::Dictionary(states)) = view.get(&shown, "N") {
            found.extend(states.iter().filter_map(|(_, state)| state.as_reference()));
        }
    }
    found
}

/// The names that a page's content calls; resources may be the page tree's.
fn inherited(view: View<'_, '_>, mut node: Dict) -> Names {
    for _ in 0..64 {
        if let Some(names) = resources(view, &node) {
            return names;
        }
        match view.get_dict(&node, "Parent") {
            Ok(Some(parent)) => node = parent,
            _ => break,
        }
    }
    Names::new()
}

#[cfg(test)]
#[path = "tame_tests.rs"]
mod tests;
