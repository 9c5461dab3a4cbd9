//! The page tree: pages by number, boxes and rotation with inheritance (ISO 32000-2 7.7.3).

use crate::pdf::syntax::{Dict, Object, ObjectId, SyntaxError, View};
use std::collections::HashSet;

/// Depth of a page tree.
const MAX_DEPTH: usize = 64;
/// Pages of a document.
const MAX_PAGES: usize = 200_000;

/// A page and how it is displayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Page number, the first is 1.
    pub number: u32,
    /// Its object.
    pub id: ObjectId,
    /// The visible part in default user space: left, bottom, right, top.
    pub crop: [f64; 4],
    /// Clockwise quarter turns when displayed.
    pub quarter_turns: u8,
    /// Points per user space unit.
    pub user_unit: f64,
}

impl Page {
    /// Width and height as displayed, in points.
    pub fn size(&self) -> (f64, f64) {
        let [left, bottom, right, top] = self.crop;
        let (w, h) = ((right - left) * self.user_unit, (top - bottom) * self.user_unit);
        if self.quarter_turns.is_multiple_of(2) { (w, h) } else { (h, w) }
    }

    /// A rectangle as displayed (points from the lower left corner) in default user space.
    pub fn to_user_space(&self, [x0, y0, x1, y1]: [f64; 4]) -> [f64; 4] {
        let [left, bottom, right, top] = self.crop;
        let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(|v| v / self.user_unit);
        match self.quarter_turns {
            1 => [right - y1, bottom + x0, right - y0, bottom + x1],
            2 => [right - x1, top - y1, right - x0, top - y0],
            3 => [left + y0, top - x1, left + y1, top - x0],
            _ => [left + x0, bottom + y0, left + x1, bottom + y1],
        }
    }

    /// A rectangle of default user space as displayed.
    pub fn to_display(&self, [x0, y0, x1, y1]: [f64; 4]) -> [f64; 4] {
        let [left, bottom, right, top] = self.crop;
        let shown = match self.quarter_turns {
            1 => [y0 - bottom, right - x1, y1 - bottom, right - x0],
            2 => [right - x1, top - y1, right - x0, top - y0],
            3 => [top - y1, x0 - left, top - y0, x1 - left],
            _ => [x0 - left, y0 - bottom, x1 - left, y1 - bottom],
        };
        shown.map(|v| v * self.user_unit)
    }
}

/// What pages inherit.
#[derive(Clone, Copy, Debug, Default)]
struct Inherited {
    media: Option<[f64; 4]>,
    crop: Option<[f64; 4]>,
    rotate: Option<i64>,
}

impl Inherited {
    fn with(self, view: View<'_, '_>, node: &Dict) -> Result<Self, SyntaxError> {
        Ok(Self {
            media: rectangle(view, node, "MediaBox")?.or(self.media),
            crop: rectangle(view, node, "CropBox")?.or(self.crop),
            rotate: rotation(view, node)?.or(self.rotate),
        })
    }

    fn page(self, view: View<'_, '_>, number: u32, id: ObjectId, dict: &Dict) -> Result<Page, SyntaxError> {
        let own = self.with(view, dict)?;
        // US Letter is what readers assume where the box is missing.
        let media = own.media.unwrap_or([0.0, 0.0, 612.0, 792.0]);
        let crop = own.crop.and_then(|c| intersection(c, media)).unwrap_or(media);
        let user_unit = view.get(dict, "UserUnit")?.as_number().filter(|u| (0.001..=100_000.0).contains(u));
        let quarter_turns = own.rotate.filter(|r| r % 90 == 0).map_or(0, |r| (r / 90).rem_euclid(4));
        Ok(Page {
            number,
            id,
            crop,
            quarter_turns: u8::try_from(quarter_turns).unwrap_or(0),
            user_unit: user_unit.unwrap_or(1.0),
        })
    }
}

/// A rectangle with its corners in order; `None` if it is missing, malformed or empty.
pub(super) fn rectangle(view: View<'_, '_>, dict: &Dict, key: &str) -> Result<Option<[f64; 4]>, SyntaxError> {
    let items = view.get_array(dict, key)?;
    let mut numbers = Vec::with_capacity(4);
    for item in items.iter().take(5) {
        numbers.extend(view.resolve(item)?.as_number());
    }
    let &[a, b, c, d] = numbers.as_slice() else { return Ok(None) };
    let rect = [a.min(c), b.min(d), a.max(c), b.max(d)];
    Ok((rect.iter().all(|v| v.abs() < 1e7) && a != c && b != d).then_some(rect))
}

fn intersection(a: [f64; 4], b: [f64; 4]) -> Option<[f64; 4]> {
    let [x0, y0, x1, y1] = [a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])];
    (x0 < x1 && y0 < y1).then_some([x0, y0, x1, y1])
}

const NO_TREE: SyntaxError = SyntaxError::Structure("the page tree cannot be read");

fn root(view: View<'_, '_>) -> Result<(ObjectId, Dict), SyntaxError> {
    let catalog = view.catalog()?;
    let id = catalog.get("Pages").and_then(Object::as_reference).ok_or(NO_TREE)?;
    match view.resolve(&Object::Reference(id))? {
        Object::Dictionary(d) => Ok((id, d)),
        _ => Err(NO_TREE),
    }
}

fn count(node: &Dict) -> Option<usize> {
    node.get("Count").and_then(Object::as_integer).and_then(|n| usize::try_from(n).ok())
}

fn is_leaf(node: &Dict) -> bool {
    // Some writers leave /Type out; only inner nodes have /Kids.
    node.is_name("Type", "Page") || !node.contains("Kids")
}

/// `/Rotate`; some writers say 90.0.
fn rotation(view: View<'_, '_>, node: &Dict) -> Result<Option<i64>, SyntaxError> {
    let value = view.get(node, "Rotate")?;
    #[allow(clippy::cast_possible_truncation, reason = "a whole number of at most a million")]
    let whole = |v: f64| (v.fract() == 0.0 && v.abs() <= 1e6).then_some(v as i64);
    Ok(value.as_integer().or_else(|| value.as_number().and_then(whole)))
}

/// The rotation of a page that is known by its object, inherited through `/Parent`.
pub(super) fn quarter_turns(view: View<'_, '_>, page: ObjectId) -> Result<u8, SyntaxError> {
    let mut node = view.object(page)?;
    for _ in 0..MAX_DEPTH {
        let Object::Dictionary(dict) = node else { break };
        if let Some(rotate) = rotation(view, &dict)? {
            let turns = if rotate % 90 == 0 { (rotate / 90).rem_euclid(4) } else { 0 };
            return Ok(u8::try_from(turns).unwrap_or(0));
        }
        node = view.get(&dict, "Parent")?;
    }
    Ok(0)
}

/// How many pages the document says it has.
///
/// # Errors
/// [`SyntaxError`] if there is no page tree.
pub fn page_count(view: View<'_, '_>) -> Result<u32, SyntaxError> {
    let (_, root) = root(view)?;
    count(&root).and_then(|n| u32::try_from(n).ok()).ok_or(NO_TREE)
}

/// Page `number` (from 1), found by the counts of the tree's nodes where they hold; `None` if there is no such page.
///
/// # Errors
/// [`SyntaxError`] if the page tree cannot be read.
pub fn page(view: View<'_, '_>, number: u32) -> Result<Option<Page>, SyntaxError> {
    let Some(index) = number.checked_sub(1).and_then(|n| usize::try_from(n).ok()) else { return Ok(None) };
    match descend(view, index, number)? {
        Some(page) => Ok(Some(page)),
        // The counts do not hold: count the leaves.
        None => Ok(pages(view)?.into_iter().nth(index)),
    }
}

fn descend(view: View<'_, '_>, mut index: usize, number: u32) -> Result<Option<Page>, SyntaxError> {
    let (_, mut node) = root(view)?;
    let mut inherited = Inherited::default();
    for _ in 0..MAX_DEPTH {
        inherited = inherited.with(view, &node)?;
        let kids = view.get_array(&node, "Kids")?;
        let flat = count(&node) == Some(kids.len());
        let mut next = None;
        let first = if flat { index } else { 0 };
        for kid in kids.iter().skip(first).take(MAX_PAGES) {
            let Some(id) = kid.as_reference() else { return Ok(None) };
            let Object::Dictionary(dict) = view.object(id)? else { return Ok(None) };
            if is_leaf(&dict) {
                if flat || index == 0 {
                    return inherited.page(view, number, id, &dict).map(Some);
                }
                index -= 1;
                continue;
            }
            let Some(inside) = count(&dict).filter(|_| !flat) else { return Ok(None) };
            if index < inside {
                next = Some(dict);
                break;
            }
            index -= inside;
        }
        match next {
            Some(dict) => node = dict,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// All pages in order.
///
/// # Errors
/// [`SyntaxError`] if the page tree cannot be read, loops, or holds more than 200,000 pages.
pub fn pages(view: View<'_, '_>) -> Result<Vec<Page>, SyntaxError> {
    pages_within(view, MAX_PAGES)
}

/// [`pages`] of a document that may not have more than `most`.
///
/// # Errors
/// [`SyntaxError`] as for [`pages`].
pub(crate) fn pages_within(view: View<'_, '_>, most: usize) -> Result<Vec<Page>, SyntaxError> {
    let (id, root) = root(view)?;
    let mut out = Vec::new();
    let mut seen = HashSet::from([id]);
    // Nodes still to visit, the next one last.
    let mut waiting: Vec<(Object, Inherited, usize)> =
        vec![(Object::Dictionary(root), Inherited::default(), 0)];
    while let Some((object, inherited, depth)) = waiting.pop() {
        let id = object.as_reference();
        let Object::Dictionary(dict) = view.resolve(&object)? else { continue };
        match id {
            Some(id) if is_leaf(&dict) => {
                let number = u32::try_from(out.len() + 1).map_err(|_| NO_TREE)?;
                out.push(inherited.page(view, number, id, &dict)?);
                if out.len() > most {
                    return Err(SyntaxError::Limit("pages"));
                }
            }
            Some(id) if !seen.insert(id) => return Err(SyntaxError::Structure("the page tree loops")),
            _ => {
                if depth >= MAX_DEPTH {
                    return Err(SyntaxError::Limit("page tree depth"));
                }
                let inherited = inherited.with(view, &dict)?;
                let kids = view.get_array(&dict, "Kids")?;
                if waiting.len() + kids.len() > MAX_PAGES * 2 {
                    return Err(SyntaxError::Limit("pages"));
                }
                waiting.extend(kids.into_iter().rev().map(|k| (k, inherited, depth + 1)));
            }
        }
    }
    Ok(out)
}
