//! Appearances for fields that have none (ISO 32000-2 12.7.4.3): while a form says `/NeedAppearances`, some readers draw every
//! widget themselves, a seal's as nothing. What the fields show is drawn here, so that the form need not say so any more.

use super::appear::form_dict;
use crate::pdf::form::Form;
use crate::pdf::pages::rectangle;
use crate::pdf::syntax::{Dict, Limits, Object, ObjectId, Parser, SyntaxError, View};
use crate::pdf::update::{Body, Update};

/// Fields drawn for one file.
const MAX_FIELDS: usize = 500;
/// Levels of a field tree.
const MAX_DEPTH: usize = 32;
/// Flags of text fields (table 231): several lines, password, comb, rich text.
const NOT_PLAIN_TEXT: i64 = 1 << 12 | 1 << 13 | 1 << 24 | 1 << 25;
/// Flag of choice fields (table 233): a combo box, which shows one line.
const COMBO: i64 = 1 << 17;
/// Size of text whose field leaves it to the reader, in points; less where the field is low.
const AUTOMATIC: f64 = 12.0;

/// What a widget is to show.
#[derive(Debug)]
pub(super) struct Drawing {
    widget: ObjectId,
    size: (f64, f64),
    resources: Dict,
    content: String,
}

/// Drawings for all widgets without appearance; `None` where the form does not ask readers to draw, or where one of them is more than a
/// line of Latin text: then it goes on asking.
pub(super) fn drawings(view: View<'_, '_>, form: &Form) -> Option<Vec<Drawing>> {
    let asks = view.get(&form.dict, "NeedAppearances").ok()?.as_bool() == Some(true);
    if !asks || form.undrawn.len() > MAX_FIELDS {
        return None;
    }
    form.undrawn.iter().map(|widget| drawing(view, form, widget.as_reference()?)).collect()
}

impl Drawing {
    /// Gives the widget its appearance.
    pub(super) fn put(self, update: &mut Update<'_, '_>) -> Result<(), SyntaxError> {
        let dict = form_dict(self.size, 0).with("Resources", self.resources);
        let shown = update.add(Body::Stream(dict, self.content.into_bytes()))?;
        update.change(self.widget, |widget| {
            widget.set("AP", Dict::new().with("N", shown));
        })
    }
}

fn drawing(view: View<'_, '_>, form: &Form, widget: ObjectId) -> Option<Drawing> {
    let Ok(Object::Dictionary(dict)) = view.object(widget) else { return None };
    let look = view.get_dict(&dict, "MK").ok()?.unwrap_or_default();
    if look.contains("R") {
        return None;
    }
    let [left, bottom, right, top] = rectangle(view, &dict, "Rect").ok()??;
    let (width, height) = ((right - left).abs(), (top - bottom).abs());
    let value = line(view, &dict)?;
    let mut content = String::new();
    if let Some(colour) = colour(view, &look, "BG", ["g", "rg", "k"]) {
        content += &format!("q {colour} 0 0 {width:.4} {height:.4} re f Q\n");
    }
    if let Some(colour) = colour(view, &look, "BC", ["G", "RG", "K"]) {
        let inside = (width - 1.0, height - 1.0);
        content += &format!("q {colour} 1 w 0.5 0.5 {:.4} {:.4} re S Q\n", inside.0, inside.1);
    }
    let mut resources = Dict::new();
    if !value.is_empty() {
        let style = match inherited(view, &dict, "DA")? {
            Object::String(style) => style,
            _ => view.get(&form.dict, "DA").ok()?.as_string()?.clone(),
        };
        if inherited(view, &dict, "Q")?.as_integer().unwrap_or(0) != 0 {
            return None;
        }
        let (font, size) = font_of(style.as_bytes())?;
        let size = if size > 0.0 { size } else { AUTOMATIC.min(height * 0.7) };
        resources.set("Font", Dict::new().with(&font, simple_font(view, form, &font)?));
        let style = std::str::from_utf8(style.as_bytes()).ok().filter(|s| s.is_ascii())?;
        let base = (height - size) / 2.0 + size * 0.22;
        let text = value.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        content += &format!(
            "/Tx BMC q 1 1 {:.4} {:.4} re W n BT {style} /{font} {size:.4} Tf 2 {base:.4} Td ({text}) Tj ET Q EMC\n",
            width - 2.0,
            height - 2.0
        );
    }
    Some(Drawing { widget, size: (width, height), resources, content })
}

/// The one line of printable ASCII that a text field or combo box shows.
fn line(view: View<'_, '_>, widget: &Dict) -> Option<String> {
    let flags = inherited(view, widget, "Ff")?.as_integer().unwrap_or(0);
    let kind = inherited(view, widget, "FT")?;
    let value = match inherited(view, widget, "V")? {
        Object::Null => String::new(),
        Object::String(text) => text.to_text(),
        _ => return None,
    };
    let shown = match kind.as_name()? {
        b"Tx" if flags & NOT_PLAIN_TEXT == 0 => value,
        b"Ch" if flags & COMBO != 0 => {
            let Ok(options) = view.get_array(&Dict::new().with("O", inherited(view, widget, "Opt")?), "O")
            else {
                return None;
            };
            options.iter().find_map(|option| option_text(view, option, &value)).unwrap_or(value)
        }
        _ => return None,
    };
    shown.chars().all(|c| matches!(c, ' '..='~')).then_some(shown)
}

/// What an option with this export value shows: options are pairs of export value and text, or texts.
fn option_text(view: View<'_, '_>, option: &Object, value: &str) -> Option<String> {
    let Ok(Object::Array(pair)) = view.resolve(option) else { return None };
    let text = |at: usize| Some(view.resolve(pair.get(at)?).ok()?.as_string()?.to_text());
    (text(0)? == value).then(|| text(1)).flatten()
}

/// An entry of the widget or of a field above it.
fn inherited(view: View<'_, '_>, widget: &Dict, key: &str) -> Option<Object> {
    let mut node = widget.clone();
    for _ in 0..MAX_DEPTH {
        if node.contains(key) {
            return view.get(&node, key).ok();
        }
        match view.get_dict(&node, "Parent").ok()? {
            Some(parent) => node = parent,
            None => return Some(Object::Null),
        }
    }
    None
}

/// Font and size of a default appearance string.
fn font_of(style: &[u8]) -> Option<(String, f64)> {
    let limits = Limits::default();
    let mut parser = Parser::new(style, 0, &limits);
    let mut operands = Vec::new();
    while let Some(token) = parser.content_token() {
        match token {
            Ok(object) => operands.push(object),
            Err(b"Tf") => {
                let [font, size] = operands.as_slice() else { return None };
                let font = std::str::from_utf8(font.as_name()?).ok()?;
                let plain = font.bytes().all(|b| b.is_ascii_alphanumeric());
                return plain.then_some((font.to_owned(), size.as_number()?));
            }
            Err(_) => operands.clear(),
        }
    }
    None
}

/// The form's font of this name, if its codes are those of Latin text.
fn simple_font(view: View<'_, '_>, form: &Form, font: &str) -> Option<Object> {
    let resources = view.get_dict(&form.dict, "DR").ok()??;
    let entry = view.get_dict(&resources, "Font").ok()??.get(font)?.clone();
    let Ok(Object::Dictionary(dict)) = view.resolve(&entry) else { return None };
    let simple = ["Type1", "TrueType"].into_iter().any(|kind| dict.is_name("Subtype", kind));
    simple.then_some(entry)
}

/// The operator that sets a colour of 1, 3 or 4 components.
fn colour(view: View<'_, '_>, look: &Dict, key: &str, operators: [&str; 3]) -> Option<String> {
    let components: Vec<f64> = view.get_array(look, key).ok()?.iter().filter_map(Object::as_number).collect();
    let [grey, rgb, cmyk] = operators;
    let operator = match components.len() {
        1 => grey,
        3 => rgb,
        4 => cmyk,
        _ => return None,
    };
    let numbers: Vec<String> = components.iter().map(|n| format!("{:.4}", n.clamp(0.0, 1.0))).collect();
    Some(format!("{} {operator}", numbers.join(" ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use crate::pdf::sign::testing::{sign_at, with_table};
    use crate::pdf::syntax::{Document, Object, ObjectId};

    /// One page with a text field below a field that says what it is, and a combo box.
    fn form(text: &str, combo: &str) -> Vec<u8> {
        with_table(&[
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 6 0 R]/NeedAppearances true/DA(/F 0 Tf 0 g)\
             /DR<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>>>"
                .to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/Annots[5 0 R 6 0 R]>>".to_owned(),
            format!("<</T(a)/FT/Tx/Kids[5 0 R]{text}>>"),
            "<</Type/Annot/Subtype/Widget/Parent 4 0 R/Rect[300 300 400 320]/MK<</BC[0]/BG[.9 .9 1]>>>>"
                .to_owned(),
            format!("<</Type/Annot/Subtype/Widget/T(b)/Rect[300 400 400 420]{combo}>>"),
        ])
    }

    /// What a widget shows once the file is signed, and whether readers are still asked to draw.
    fn signed(input: &[u8]) -> (Option<String>, Option<String>, bool) {
        let bytes = sign_at(input, &[(1, 20.0, 20.0)]).unwrap();
        let document = Document::open(&bytes).unwrap();
        let view = document.latest();
        let shown = |number| {
            let Object::Dictionary(widget) = view.object(ObjectId::new(number)).unwrap() else { return None };
            let Object::Stream(form) = view.get(&view.get_dict(&widget, "AP").unwrap()?, "N").unwrap() else {
                return None;
            };
            Some(String::from_utf8(document.decode(&form, 9_999).unwrap().into_owned()).unwrap())
        };
        let form = view.get_dict(&view.catalog().unwrap(), "AcroForm").unwrap().unwrap();
        (shown(5), shown(6), form.contains("NeedAppearances"))
    }

    #[test]
    fn lines_of_text_are_drawn_with_the_first_signature() {
        let combo = "/FT/Ch/Ff 131072/V(1)/Opt[[(1)(One)][(2)(Two)]]";
        let (text, combo, asks) = signed(&form("/V(Party \\(A\\))", combo));
        let text = text.unwrap();
        assert!(text.contains("(Party \\(A\\)) Tj") && text.contains("/F 12.0000 Tf"), "{text}");
        assert!(text.contains("0.9000 0.9000 1.0000 rg 0 0 100.0000 20.0000 re f"), "{text}");
        assert!(combo.unwrap().contains("(One) Tj"));
        assert!(!asks);
        let (text, combo, asks) = signed(&form("", "/FT/Tx"));
        assert!(!text.unwrap().contains("Tj") && combo.unwrap().is_empty() && !asks);
    }

    #[test]
    fn what_is_more_than_a_line_of_latin_text_is_left_to_readers() {
        for text in [
            "/V<FEFF7532>",
            "/V(x)/Ff 4096",
            "/V(x)/Q 1",
            "/V(x)/DA(/Missing 9 Tf)",
            "/V[(x)]",
            "/V(x)/DA(9 Tf)",
        ] {
            assert_eq!(signed(&form(text, "/FT/Tx")), (None, None, true), "{text}");
        }
        assert_eq!(signed(&form("/V(x)", "/FT/Btn")), (None, None, true));
    }
}
