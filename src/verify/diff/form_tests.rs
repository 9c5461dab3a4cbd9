//! The rules as tables: one later revision of a small form, and whether it is permitted.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::pdf::sign::testing::with_table;
use crate::verify::permissions::Level;

const BOX: &str = "/Type/Annot/Subtype/Widget/FT/Btn/T(agreed)/Rect[72 350 84 362]/P 3 0 R/F 4/AP<</N<</Yes 9 0 R/Off 10 0 R>>>>";
pub(super) const TEXT: &str = "/Type/Annot/Subtype/Widget/FT/Tx/T(payee)/Rect[72 400 272 416]/P 3 0 R/F 4/DA(/Helv 10 Tf 0 g)/V(Alice)/AP<</N 12 0 R>>";
const FORM: &str = "/Fields[7 0 R 8 0 R 11 0 R]/DA(/Helv 10 Tf 0 g)";
pub(super) const FONTS: &str = "/Helv 6 0 R";
pub(super) const PAGE: &str =
    "/Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 6 0 R>>>>";
pub(super) const ANNOTATIONS: &str = "7 0 R 8 0 R 11 0 R";

pub(super) fn stream(keys: &str, data: &str) -> String {
    format!("<<{keys}/Length {}>>\nstream\n{data}\nendstream", data.len())
}

pub(super) fn drawn(data: &str) -> String {
    stream("/Type/XObject/Subtype/Form/BBox[0 0 200 16]/Resources<</Font<</Helv 6 0 R>>>>", data)
}

pub(super) fn form(keys: &str, fonts: &str) -> String {
    format!("<<{FORM}{keys}/DR<</Font<<{fonts}>>>>>>")
}

/// A page with text, a check box, a text field that shows its value and one that waits to be filled.
pub(super) fn document() -> Vec<String> {
    vec![
        "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!("<<{PAGE}/Annots[{ANNOTATIONS}]>>"),
        stream("", "BT /F1 12 Tf 72 700 Td (Pay 1,000 to Alice) Tj ET"),
        form("", FONTS),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        format!("<<{BOX}/V/Off/AS/Off>>"),
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(amount)/Rect[72 380 272 396]/P 3 0 R/F 4/DA(/Helv 10 Tf 0 g)>>"
            .to_owned(),
        drawn("q 1 w 0 0 m 12 12 l S Q"),
        drawn(""),
        format!("<<{TEXT}>>"),
        drawn("BT /Helv 10 Tf 0 g 2 4 Td (Alice) Tj ET"),
    ]
}

/// What is forbidden in the second revision.
pub(super) fn forbidden(signed: &[String], later: &[(u32, String)], level: Option<Level>) -> Vec<String> {
    forbidden_while_signing(signed, later, level, &HashMap::new())
}

/// The same where the second revision holds these signatures.
pub(super) fn forbidden_while_signing(
    signed: &[String],
    later: &[(u32, String)],
    level: Option<Level>,
    signatures: &LaterSignatures,
) -> Vec<String> {
    use std::fmt::Write;
    let mut file = with_table(signed);
    let previous = memchr::memmem::rfind(&file, b"xref\n0 ").unwrap();
    let mut rows = String::new();
    for (number, object) in later {
        write!(rows, "{number} 1\n{:010} 00000 n \n", file.len()).unwrap();
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let at = file.len();
    let trailer = "<</Size 100/Root 1 0 R/Prev ";
    file.extend(format!("xref\n{rows}trailer\n{trailer}{previous}>>\nstartxref\n{at}\n%%EOF\n").bytes());
    let document = Document::open(&file).unwrap();
    let (old, new) = (document.as_of(0), document.latest());
    let touched = touched(&document, old, 1);
    let edges = Edges::collect(new, &touched).unwrap();
    let permissions = Permissions { level, certified: level.is_some(), locks: Vec::new() };
    let known = Known::of_file(file.len());
    let changes = compare(old, new, &touched, &edges, &permissions, signatures, &known).unwrap();
    changes.into_iter().filter(|c| c.permission == Permission::Forbidden).map(|c| c.reason).collect()
}

pub(super) fn judged(what: &str, later: &[(u32, String)], level: Option<Level>, permitted: bool) {
    let reasons = forbidden(&document(), later, level);
    assert_eq!(reasons.is_empty(), permitted, "{what}: {reasons:?}");
}

#[test]
fn a_note_stands_on_empty_ground_where_annotations_are_permitted() {
    let note =
        |keys: &str, rect: &str| format!("<</Type/Annot/Subtype/Text/Contents(why?)/Rect[{rect}]{keys}>>");
    let add = |annotation: String| {
        [
            (3, format!("<<{PAGE}/Annots[{ANNOTATIONS} 20 0 R]>>")),
            (20, annotation),
            (21, "<</Type/Annot>>".to_owned()),
        ]
    };
    let annotating = Some(Level::Annotating);
    for (level, keys, rect, permitted) in [
        (annotating, "", "500 780 520 800", true),
        (annotating, "/Name/Comment/C[1 1 0]/F 28/T(Bob)/Open false", "500 780 520 800", true),
        (None, "", "500 780 520 800", false),
        (Some(Level::Filling), "", "500 780 520 800", false),
        (annotating, "", "80 690 100 710", false),
        // The icon is larger than its rectangle.
        (annotating, "", "80 715 81 716", false),
        (annotating, "", "500 780 540 800", false),
        (annotating, "", "70 345 90 365", false),
        (annotating, "", "500 780 520", false),
        (annotating, "/Open true", "500 780 520 800", false),
        (annotating, "/AP<</N 9 0 R>>", "500 780 520 800", false),
        (annotating, "/A<</S/URI/URI(https://evil.example)>>", "500 780 520 800", false),
        (annotating, "/AA<<>>", "500 780 520 800", false),
        (annotating, "/OC<</Type/OCG/Name(x)>>", "500 780 520 800", false),
    ] {
        judged(&format!("a note {keys} at {rect} with {level:?}"), &add(note(keys, rect)), level, permitted);
    }
    for (popup, permitted) in [
        ("/Rect[300 300 480 400]/Parent 21 0 R", true),
        ("/Rect[300 300 480 400]/Parent 21 0 R/Open false", true),
        ("/Rect[300 300 480 400]/Parent 21 0 R/Open true", false),
        ("/Rect[0 0 595 842]/Parent 21 0 R", false),
        ("/Rect[300 300 480 400]/Contents(Pay Mallory)", false),
        ("/Rect[300 300 480 400]/Parent 7 0 R", false),
        ("/Rect[300 300 480 400]/AP<</N 9 0 R>>", false),
    ] {
        judged(popup, &add(format!("<</Type/Annot/Subtype/Popup{popup}>>")), annotating, permitted);
    }
    for kind in ["FreeText", "Stamp", "Square", "Highlight", "Ink", "Redact", "Link", "FileAttachment"] {
        let other = format!("<</Type/Annot/Subtype/{kind}/Rect[500 780 520 800]>>");
        judged(kind, &add(other), annotating, false);
    }
}

#[test]
fn notes_stand_apart() {
    let two = |left: u32| {
        let note = |x: u32| format!("<</Type/Annot/Subtype/Text/Rect[{x} 780 {} 800]>>", x + 20);
        [(3, format!("<<{PAGE}/Annots[{ANNOTATIONS} 20 0 R 21 0 R]>>")), (20, note(400)), (21, note(left))]
    };
    judged("apart", &two(480), Some(Level::Annotating), true);
    judged("side by side", &two(425), Some(Level::Annotating), false);
}

#[test]
fn a_button_shows_the_state_that_is_its_value() {
    for (keys, permitted) in [
        ("/V/Yes/AS/Yes", true),
        ("/V(Yes)/AS/Yes", true),
        ("/V/Off/AS/Off/M(D:2026)", true),
        ("/V/Yes/AS/Off", false),
        ("/V/Off/AS/Yes", false),
        ("/AS/Yes", false),
        ("/V/Maybe/AS/Off", false),
        ("/V/Maybe/AS/Maybe", false),
        ("/V/Yes/AS/Yes/MK<</CA(8)>>", false),
        ("/V/Yes/AS/Yes/Ff 65536", false),
    ] {
        judged(keys, &[(7, format!("<<{BOX}{keys}>>"))], None, permitted);
    }
    let redrawn = [(7, format!("<<{BOX}/V/Yes/AS/Yes>>")), (9, drawn("0 0 12 12 re f"))];
    judged("a state that is drawn anew", &redrawn, None, false);
}

#[test]
fn a_buttons_state_is_a_mark() {
    for (rect, state, permitted) in [
        ("72 350 84 362", "BT /Helv 10 Tf (X) Tj ET", true),
        ("72 350 84 362", "BT /Helv 10 Tf (Pay Mallory) Tj ET", false),
        ("72 350 84 362", "q 200 0 0 16 0 0 cm /Im Do Q", false),
        ("60 690 400 720", "1 g 0 0 200 16 re f", false),
        ("60 690 400 720", "", true),
        ("60 100 400 130", "1 w 0 0 m 12 12 l S", true),
    ] {
        let button = BOX.replace("72 350 84 362", rect);
        let mut signed = document();
        signed.splice(6..7, [format!("<<{button}/V/Off/AS/Off>>")]);
        signed.splice(8..9, [drawn(state)]);
        let reasons = forbidden(&signed, &[(7, format!("<<{button}/V/Yes/AS/Yes>>"))], None);
        assert_eq!(reasons.is_empty(), permitted, "{state} at {rect}: {reasons:?}");
    }
}

#[test]
fn a_mark_neither_covers_nor_uncovers_nor_says_anything() {
    let dingbats = "/ZaDb<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>";
    let state = |data: &str| {
        drawn(data).replace("/Helv 6 0 R", &format!("/Helv 6 0 R{dingbats}")).replace("200 16", "12 12")
    };
    let white = "1 g 0 0 12 12 re f";
    let cross = "1 w 0 0 m 12 12 l S";
    // The page says "Pay 1,000 to Alice" from 72 700 on, with a box drawn at 300 700 and a character for one at 400 700.
    for (rect, on, off, permitted) in [
        ("300 700 312 712", white, "", true),
        ("300 700 312 712", cross, "", true),
        ("96 698 108 712", white, "", false),
        ("96 698 108 712", "", white, false),
        ("96 698 108 712", cross, "", true),
        ("96 698 108 712", "1 w 0 0 m 12 12 l S BT /ZaDb 12 Tf (4) Tj ET", "", true),
        ("96 698 108 712", "BT /ZaDb 12 Tf (n) Tj ET", "", false),
        ("400 698 412 712", "BT /ZaDb 12 Tf (n) Tj ET", "", true),
        ("400 698 412 712", "BT /ZaDb 12 Tf 1 g (n) Tj ET", "", false),
        // What is painted in both states is the button's own ground.
        ("96 698 108 712", "1 g 0 0 12 12 re f 1 w 0 0 m 12 12 l S", white, true),
        ("171 698 179 712", "BT /Helv 12 Tf (0) Tj ET", "", false),
        ("300 500 312 512", "BT /Helv 12 Tf (J) Tj ET", "", true),
    ] {
        let mut signed = document();
        let button = BOX.replace("72 350 84 362", rect).replace("/P 3 0 R", "/P 2 0 R");
        signed.splice(3..4, [stream("", "BT /F1 12 Tf 72 700 Td (Pay 1,000 to Alice) Tj ET 300 700 12 12 re S BT /F1 12 Tf 402 700 Td (o) Tj ET")]);
        signed.splice(6..7, [format!("<<{button}/V/Off/AS/Off>>")]);
        signed.splice(8..10, [state(on), state(off)]);
        let reasons = forbidden(&signed, &[(7, format!("<<{button}/V/Yes/AS/Yes>>"))], None);
        assert_eq!(reasons.is_empty(), permitted, "{on} for {off} at {rect}: {reasons:?}");
    }
}

#[test]
fn resources_join_the_form_and_none_goes() {
    let plain = "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>";
    let turned = "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding<</Differences[48/nine/eight]>>>>";
    let mut waiting = document();
    waiting.splice(4..5, [form("/Q 0", FONTS).replace("/Helv 10 Tf", "/Wait 10 Tf")]);
    let with = |fonts: &str, font: &str| {
        let changed = form("/Q 0", fonts).replace("/Helv 10 Tf", "/Wait 10 Tf");
        forbidden(&waiting, &[(5, changed), (20, font.to_owned())], None)
    };
    for (fonts, font, permitted) in [
        ("/Helv 6 0 R/New 20 0 R", plain, true),
        ("/Helv 6 0 R/New 20 0 R", turned, true),
        ("/Helv 6 0 R/Wait 20 0 R", plain, true),
        ("/Helv 6 0 R/Wait 20 0 R", turned, false),
        ("/Helv 20 0 R", plain, false),
        ("/New 20 0 R", plain, false),
        ("", plain, false),
    ] {
        let reasons = with(fonts, font);
        assert_eq!(reasons.is_empty(), permitted, "{fonts} {font}: {reasons:?}");
    }
    for (what, dictionary, permitted) in [
        ("no resources", format!("<<{FORM}>>"), false),
        ("no fonts", format!("<<{FORM}/DR<<>>>>"), false),
        ("fonts that are none", format!("<<{FORM}/DR<</Font[]>>>>"), false),
        ("procedure sets", format!("<<{FORM}/DR<</Font<<{FONTS}>>/ProcSet[/PDF/Text]>>>>"), true),
        ("an annotation's appearance", format!("<<{FORM}/DR<</Font<<{FONTS}>>/AP<</N 9 0 R>>>>>>"), false),
    ] {
        judged(what, &[(5, dictionary)], None, permitted);
    }
}

#[test]
fn a_value_and_its_appearance_change_together() {
    let shown = drawn("BT /Helv 10 Tf 0 g 2 4 Td (Bob) Tj ET");
    let text = |from: &str, to: &str| format!("<<{}>>", TEXT.replace(from, to));
    let bob = text("(Alice)/AP<</N 12 0 R>>", "(Bob)/AP<</N 20 0 R>>");
    for (what, later, permitted) in [
        ("both", vec![(11, bob.clone()), (20, shown.clone())], true),
        ("the value alone", vec![(11, text("Alice", "Bob"))], false),
        ("the appearance alone", vec![(12, shown)], false),
        ("an appearance that another stream is", vec![(11, bob), (20, drawn("/Im Do"))], false),
        ("a new value for viewers to draw", vec![(11, text("(Alice)/AP<</N 12 0 R>>", "(Bob)"))], true),
        ("the value stays, its appearance goes", vec![(11, text("/AP<</N 12 0 R>>", ""))], false),
        ("no value and none shown", vec![(11, text("/V(Alice)/AP<</N 12 0 R>>", ""))], true),
    ] {
        judged(what, &later, None, permitted);
    }
}

#[test]
fn a_value_is_shown_as_its_format_makes_it() {
    let format = |call: &str| format!("/AA<</F<</S/JavaScript/JS({call})>>>>");
    let red = format("AFNumber_Format\\(2, 0, 1, 0, \"\", true\\);");
    let minus = format("AFNumber_Format\\(2, 0, 0, 0, \"\", true\\);");
    let phone = format("AFSpecial_Format\\(2\\);");
    for (keys, value, shown, ink, permitted) in [
        (red.as_str(), "-1234.5", "1,234.50", "1 0 0 rg", true),
        (red.as_str(), "-1234.5", "1,234.50", "0 g", false),
        (red.as_str(), "1234.5", "1,234.50", "0 g", true),
        (minus.as_str(), "-1234.5", "1,234.50", "1 0 0 rg", false),
        (phone.as_str(), "5551234567", "\\(555\\) 123-4567", "0 g", true),
        (phone.as_str(), "5551234567", "\\(555\\) 123-4568", "0 g", false),
        ("/Ff 8192", "secret", "******", "0 g", true),
        ("/Ff 8192", "secret", "***", "0 g", false),
        ("", "secret", "******", "0 g", false),
    ] {
        let mut signed = document();
        let field = signed.get(7).unwrap().replace("/T(amount)", &format!("/T(amount){keys}"));
        signed.splice(7..8, [field.clone()]);
        let filled = field.replace("/T(amount)", &format!("/T(amount)/V({value})/AP<</N 20 0 R>>"));
        let appearance = drawn(&format!("BT /Helv 10 Tf {ink} 2 4 Td ({shown}) Tj ET"));
        let reasons = forbidden(&signed, &[(8, filled), (20, appearance)], None);
        assert_eq!(reasons.is_empty(), permitted, "{value} as {shown} in {ink} by {keys}: {reasons:?}");
    }
}

#[test]
fn a_list_box_marks_its_value() {
    let list = "/Type/Annot/Subtype/Widget/FT/Ch/T(amount)/Rect[72 380 272 420]/P 3 0 R/F 4/DA(/Helv 10 Tf 0 g)/Opt[(yes)(no)]";
    let look = |bottom: u32| {
        drawn(&format!(
            ".6 .75 .85 rg 0 {bottom} 200 20 re f BT /Helv 12 Tf 0 g 2 25 Td (yes) Tj 0 -20 Td (no) Tj ET"
        ))
        .replace("200 16", "200 40")
    };
    for (value, bottom, permitted) in
        [("yes", 20, true), ("yes", 0, false), ("no", 0, true), ("no", 20, false)]
    {
        let mut signed = document();
        signed.splice(7..8, [format!("<<{list}/V(yes)/I[0]/AP<</N 13 0 R>>>>")]);
        signed.push(look(20));
        let later = [(8, format!("<<{list}/V({value})/AP<</N 20 0 R>>>>")), (20, look(bottom))];
        let reasons = forbidden(&signed, &later, None);
        assert_eq!(reasons.is_empty(), permitted, "{value} with a mark at {bottom}: {reasons:?}");
        // The appearance that stays.
        let alone = forbidden(&signed, &[(8, format!("<<{list}/V({value})/AP<</N 13 0 R>>>>"))], None);
        assert_eq!(alone.is_empty(), value == "yes", "{value} alone: {alone:?}");
    }
}

#[test]
fn an_appearance_that_nobody_can_read_does_not_stay_beneath_another_value() {
    let mut signed = document();
    signed.splice(11..12, [drawn("q 200 0 0 16 0 0 cm /Im Do Q")]);
    let reasons = forbidden(&signed, &[(11, format!("<<{}>>", TEXT.replace("Alice", "Bob")))], None);
    assert!(reasons.iter().any(|r| r.contains("cannot be read")), "{reasons:?}");
    let named = forbidden(&signed, &[(11, format!("<<{TEXT}/M(D:2026)>>"))], None);
    assert!(named.is_empty(), "the value is what it was: {named:?}");
}

#[test]
fn appearances_are_made_anew_only_where_that_shows_the_same() {
    judged("every value is shown", &[(5, form("/NeedAppearances true", FONTS))], None, true);
    judged(
        "by an object of its own",
        &[(5, form("/NeedAppearances 20 0 R", FONTS)), (20, "true".to_owned())],
        None,
        false,
    );
    let mut prepared = document();
    prepared.splice(10..11, [format!("<<{}>>", TEXT.replace("Alice", "Mallory"))]);
    assert!(!forbidden(&prepared, &[(5, form("/NeedAppearances true", FONTS))], None).is_empty());
    let mut unlisted = prepared.clone();
    let short = |keys: &str| form(keys, FONTS).replace(" 11 0 R", "");
    unlisted.splice(4..5, [short("")]);
    assert!(
        !forbidden(&unlisted, &[(5, short("/NeedAppearances true"))], None).is_empty(),
        "the form does not list it"
    );
    let mut waiting = prepared;
    waiting.splice(4..5, [form("/NeedAppearances true", FONTS)]);
    assert!(
        !forbidden(&waiting, &[(5, form("", FONTS))], None).is_empty(),
        "the appearance that lay in wait"
    );
    let mut honest = document();
    honest.splice(4..5, [form("/NeedAppearances true", FONTS)]);
    let reasons = forbidden(&honest, &[(5, form("", FONTS))], None);
    assert!(reasons.is_empty(), "{reasons:?}");
}

#[test]
fn an_object_with_two_parts_is_no_field_alone() {
    let mut signed = document();
    signed.splice(
        2..3,
        [format!("<<{}/Annots[{ANNOTATIONS}]>>", PAGE.replace("/F1 6 0 R>>", "/F1 6 0 R>>/XObject 8 0 R"))],
    );
    let amount = signed.get(7).unwrap().replace("/T(amount)", "/T(amount)/V(10)");
    assert!(
        !forbidden(&signed, &[(8, amount.clone())], None).is_empty(),
        "its value is a form XObject of the page"
    );
    judged("the same field without the other part", &[(8, amount)], None, true);
}

#[test]
fn a_copy_does_not_vouch_for_what_it_leads_to() {
    let copied = |content: &str| {
        let page = PAGE
            .replace("/Resources<</Font<</F1 6 0 R>>>>", "/Resources 20 0 R")
            .replace("/Contents 4 0 R", content);
        (3, format!("<<{page}/Annots[{ANNOTATIONS}]>>"))
    };
    let resources = (20, "<</Font<</F1 6 0 R>>>>".to_owned());
    judged("the same resources elsewhere", &[copied("/Contents 4 0 R"), resources.clone()], None, true);
    let list = (21, "[4 0 R]".to_owned());
    let evil = (4, stream("", "BT /F1 12 Tf 72 700 Td (Pay 9,000 to Mallory) Tj ET"));
    let mut signed = document();
    signed.splice(
        2..3,
        [format!("<<{}/Annots[{ANNOTATIONS}]>>", PAGE.replace("/Contents 4 0 R", "/Contents[4 0 R]"))],
    );
    let page = copied("/Contents 21 0 R");
    assert!(forbidden(&signed, &[page.clone(), resources.clone(), list.clone()], None).is_empty());
    assert!(!forbidden(&signed, &[page, resources, list, evil], None).is_empty());
}

#[test]
fn what_an_unreadable_object_leads_to_is_not_known() {
    let mut signed = document();
    signed.splice(2..3, [format!("<<{PAGE}/Annots[{ANNOTATIONS}]/PieceInfo 13 0 R>>")]);
    signed.extend(["<</Unread 14 0 R".to_owned(), "(signed)".to_owned()]);
    assert!(
        forbidden(&signed, &[(8, signed.get(7).unwrap().clone())], None).is_empty(),
        "nothing was changed"
    );
    assert!(!forbidden(&signed, &[(14, "(changed)".to_owned())], None).is_empty());
}

#[test]
fn two_names_are_two_parts_of_a_path() {
    let names = [&b"A/0"[..], b"A#2F0", b"A", b"\xff", b"\xfe", "\u{fffd}".as_bytes(), b"A B"];
    let parts: BTreeSet<String> = names.iter().map(|name| segment(&Name::new(name))).collect();
    assert_eq!(parts.len(), names.len(), "{parts:?}");
    assert_eq!(segment(&Name::new("AcroForm")), "AcroForm");
}
