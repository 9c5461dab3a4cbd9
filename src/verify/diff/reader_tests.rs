//! What readers read differently is no permitted change: streams that are dictionaries too, reals in place of integers, filters,
//! resources from elsewhere, values that are drawn anew.

use super::form_tests::{ANNOTATIONS, FONTS, PAGE, TEXT, document, drawn, forbidden, form, judged, stream};

const TEXT_OF: &str = "BT /F1 12 Tf 72 600 Td (Pay 100 to Alice) Tj ET";
const OTHER: &str = "BT /F1 12 Tf 72 600 Td (Pay 999 to Alice) Tj ET";

#[test]
fn a_stream_is_no_dictionary() {
    let page = |contents: &str| format!("<<{}/Annots[{ANNOTATIONS}]>>", PAGE.replace("4 0 R", contents));
    let catalog = |keys: &str| format!("<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R{keys}>>");
    for (what, keys, place, object) in [
        ("a field", "/FT/Tx/T(x)/V(a)", 5, form("", FONTS).replace("/Fields[", "/Fields[13 0 R ")),
        ("a widget", "/Subtype/Widget/Parent 8 0 R", 8, "<</FT/Tx/T(amount)/Kids[13 0 R]>>".to_owned()),
        ("an element", "/S/Span/P 14 0 R", 1, catalog("/StructTreeRoot 14 0 R")),
        ("the tree's root", "/Type/StructTreeRoot", 1, catalog("/StructTreeRoot 13 0 R")),
        ("a page", "/Type/Page/Parent 2 0 R", 2, "<</Type/Pages/Kids[3 0 R 13 0 R]/Count 2>>".to_owned()),
        ("nothing else", "", 1, catalog("")),
    ] {
        let mut signed = document();
        signed.splice(2..3, [page("[4 0 R 13 0 R]")]);
        signed.splice(place - 1..place, [object]);
        signed.extend([stream(keys, TEXT_OF), "<</Type/StructTreeRoot/K[13 0 R]>>".to_owned()]);
        let changed = |later: &str| forbidden(&signed, &[(13, stream(keys, later))], None);
        assert!(!changed(OTHER).is_empty(), "the page's content is {what} as well");
        assert!(changed(TEXT_OF).is_empty(), "the same, written again: {:?}", changed(TEXT_OF));
    }
}

#[test]
fn a_real_is_not_the_integer_that_was_there() {
    for (from, to, permitted) in [
        ("/F 4", "/F 132", true),
        ("/F 4", "/F 4.0", false),
        ("/F 4", "/F 4294967300", false),
        ("/F 4", "/F 4/Ff 0", true),
        ("/F 4", "/F 4/Ff 0.0", false),
        ("/Rect[72 400 272 416]", "/Rect[72.0 400 272 416.0]", true),
    ] {
        judged(to, &[(11, format!("<<{}>>", TEXT.replace(from, to)))], None, permitted);
    }
    for (from, to, permitted) in [
        ("[0 0 595 842]", "[0 0 595.0 842.0]", true),
        ("/MediaBox", "/Rotate 0/MediaBox", true),
        ("/MediaBox", "/Rotate 0.0/MediaBox", false),
        ("/MediaBox", "/UserUnit 1.0/MediaBox", false),
    ] {
        judged(to, &[(3, format!("<<{}/Annots[{ANNOTATIONS}]>>", PAGE.replace(from, to)))], None, permitted);
    }
}

#[test]
fn a_new_field_is_hidden_where_every_reader_reads_so() {
    for (flags, permitted) in [
        ("2", true),
        ("6", true),
        ("130", true),
        ("0", false),
        ("36", false),
        ("2.0", false),
        ("-2", false),
        ("4294967298", false),
        ("9223372036854775806", false),
        ("[2]", false),
    ] {
        let field = format!(
            "<</Type/Annot/Subtype/Widget/FT/Sig/T(new)/Rect[0 0 200 200]/F {flags}/P 3 0 R/AP<</N 21 0 R>>>>"
        );
        let later = [
            (3, format!("<<{PAGE}/Annots[{ANNOTATIONS} 20 0 R]>>")),
            (5, form("", FONTS).replace("11 0 R]", "11 0 R 20 0 R]")),
            (20, field),
            (21, drawn("1 g 0 0 200 16 re f")),
        ];
        judged(flags, &later, None, permitted);
    }
}

/// The field is filled with Bob by an appearance with these keys and content.
fn filled(keys: &str, content: &str) -> [(u32, String); 2] {
    let keys = format!("/Type/XObject/Subtype/Form/BBox[0 0 200 16]{keys}");
    let bob = TEXT.replace("(Alice)/AP<</N 12 0 R>>", "(Bob)/AP<</N 20 0 R>>");
    [(11, format!("<<{bob}>>")), (20, stream(&keys, content))]
}

const BOB: &str = "BT /Helv 10 Tf 0 g 2 4 Td (Bob) Tj ET";

#[test]
fn filters_and_their_parameters_have_one_form() {
    let encoded = format!("{}>", hex::encode(BOB));
    let hexed = "/ASCIIHexDecode";
    for (keys, permitted) in [
        (format!("/Filter{hexed}"), true),
        (format!("/Filter[{hexed}]"), true),
        (format!("/Filter{hexed}/DecodeParms null"), true),
        (format!("/Filter{hexed}/DecodeParms<<>>"), true),
        (format!("/Filter[{hexed}]/DecodeParms[null]"), true),
        (format!("/Filter[{hexed}]/DecodeParms[<</Columns 1>>]"), true),
        (format!("/Filter[{hexed}]/DecodeParms<<>>"), false),
        (format!("/Filter{hexed}/DecodeParms[null]"), false),
        (format!("/Filter[{hexed}]/DecodeParms[null null]"), false),
        (format!("/Filter[{hexed}]/DecodeParms[]"), false),
        (format!("/Filter{hexed}/DecodeParms<</Columns 2.0>>"), false),
        (format!("/Filter{hexed}/DecodeParms<</Columns 2 0 R>>"), false),
        (format!("/Filter{hexed}/DecodeParms<</Columns 2/Columns 2>>"), false),
        (format!("/Filter{hexed}/DecodeParms<</Rows 2>>"), false),
        (format!("/Filter{hexed}/DP<<>>"), false),
        (format!("/Filter{hexed}/F(elsewhere)"), false),
        (format!("/Filter[/Crypt{hexed}]"), false),
        ("/Filter/AHx".to_owned(), false),
    ] {
        let resources = "/Resources<</Font<</Helv 6 0 R>>>>";
        judged(&keys, &filled(&format!("{keys}{resources}"), &encoded), None, permitted);
    }
    let unused = "/DecodeParms[null]/Resources<</Font<</Helv 6 0 R>>>>";
    judged(unused, &filled(unused, BOB), None, true);
}

#[test]
fn fonts_are_those_of_the_appearance_itself() {
    for (resources, permitted) in [
        ("/Resources<</Font<</Helv 6 0 R>>>>", true),
        ("", false),
        ("/Resources<<>>", false),
        ("/Resources<</Font<</Other 6 0 R>>>>", false),
    ] {
        judged(resources, &filled(resources, BOB), None, permitted);
    }
}

/// A font that draws another letter for A.
const TURNED: &str = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[65/M]>>>>";

#[test]
fn what_viewers_draw_anew_shows_as_it_is_read() {
    for (style, value, permitted) in [
        ("/DA(/Helv 10 Tf 0 g)", "Alice", true),
        ("/DA(/Arial 10 Tf 0 g)", "Alice", true),
        ("/DA(/Helv 10 Tf 0.5 g)", "Alice", true),
        ("/DA(/Helv 10 Tf 1 g)", "Alice", false),
        ("/DA(/Helv 10 Tf 0.9 0.9 0.9 rg)", "Alice", false),
        ("/DA(/Ev 10 Tf 0 g)", "Alice", false),
        ("/DA(/Unknown 10 Tf 0 g)", "Alice", false),
        ("/DA(/Helv 10 Tf 0 g)/Ff 8192", "Alice", false),
        ("/DA(/Ev 10 Tf 1 g)", "", true),
        ("/DA 14 0 R", "Alice", false),
        ("/DA(/Helv 10 Tf 0 g)/DR<</Font<</Helv 13 0 R>>>>", "Alice", false),
    ] {
        let mut signed = document();
        let fonts = format!("{FONTS}/Ev 13 0 R");
        signed.splice(4..5, [form("", &fonts)]);
        signed.splice(
            10..11,
            [format!("<<{}>>", TEXT.replace("/DA(/Helv 10 Tf 0 g)", style).replace("Alice", value))],
        );
        signed.splice(11..12, [drawn(&format!("BT /Helv 10 Tf 0 g 2 4 Td ({value}) Tj ET"))]);
        signed.extend([TURNED.to_owned(), "(/Ev 10 Tf 0 g)".to_owned()]);
        let reasons = forbidden(&signed, &[(5, form("/NeedAppearances true", &fonts))], None);
        assert_eq!(reasons.is_empty(), permitted, "{style} {value:?}: {reasons:?}");
    }
}

#[test]
fn a_formatted_number_is_shown_with_a_currency_and_no_words() {
    let priced = TEXT.replace("/V(Alice)", "/AA<</F<</S/JavaScript/JS(f)>>>>/V(Alice)");
    for (shown, permitted) in [
        ("1000", true),
        ("1,000", true),
        ("1,000.00", true),
        ("EUR 1,000.00", true),
        ("1,000 USD", true),
        ("$1,000.00", true),
        ("1000 MILLION", false),
        ("1000 EUR each", false),
        ("1000 EURO", false),
        ("1000 k", false),
        ("10000", false),
        ("1000 1000", false),
    ] {
        let mut signed = document();
        signed.splice(10..11, [format!("<<{priced}>>")]);
        let later = [
            (11, format!("<<{}>>", priced.replace("Alice", "1000"))),
            (12, drawn(&format!("BT /Helv 10 Tf 0 g 2 4 Td ({shown}) Tj ET"))),
        ];
        let reasons = forbidden(&signed, &later, None);
        assert_eq!(reasons.is_empty(), permitted, "{shown}: {reasons:?}");
    }
}

#[test]
fn the_nearest_style_and_every_font_of_its_name_count() {
    let fonts = format!("{FONTS}/Ev 13 0 R");
    let anew = |signed: &[String]| {
        let listed = |keys: &str| form(keys, &fonts).replace("11 0 R]", "15 0 R]");
        let mut signed = signed.to_vec();
        signed.splice(4..5, [listed("")]);
        forbidden(&signed, &[(5, listed("/NeedAppearances true"))], None)
    };
    let keys = "/FT/Tx/T(payee)";
    let widget = TEXT.replace(keys, "").replace("/DA(/Helv 10 Tf 0 g)/V(Alice)", "/Parent 14 0 R");
    let shown = "/Type/XObject/Subtype/Form/BBox[0 0 200 16]/Resources<</Font";
    for (style, more, permitted) in [
        ("/DA(/Helv 10 Tf 0 g)", "", true),
        ("/DA(/Ev 10 Tf 0 g)", "", false),
        ("/DR<<>>", "", false),
        ("", "/Helv 6 0 R", true),
        // The appearance is drawn in one font and has another under the name of the form's.
        ("", "/Helv 13 0 R", false),
    ] {
        let mut signed = document();
        signed.splice(10..11, [format!("<<{widget}>>")]);
        let look =
            stream(&format!("{shown}<</Own 6 0 R{more}>>>>"), "BT /Own 10 Tf 0 g 2 4 Td (Alice) Tj ET");
        signed.splice(11..12, [look]);
        let above = format!("<<{keys}/V(Alice)/DA(/Helv 10 Tf 0 g)/Kids[14 0 R]>>");
        signed.extend([TURNED.to_owned(), format!("<</Parent 15 0 R{style}/Kids[11 0 R]>>"), above]);
        let reasons = anew(&signed);
        assert_eq!(reasons.is_empty(), permitted, "{style} {more}: {reasons:?}");
    }
}
