//! Nothing that a field, a mark or a signature shows leaves its place or covers what the page showed, and viewers that draw a value
//! themselves show it.

use super::form_tests::{
    ANNOTATIONS, FONTS, PAGE, TEXT, document, drawn, forbidden, forbidden_while_signing, form, stream,
};
use super::{LaterSignature, LaterSignatures};
use crate::verify::permissions::Level;

const FILLING: Option<Level> = Some(Level::Filling);
const EMPTY: &str = "[72 200 272 216]";
/// The page's text stands here.
const OVER: &str = "[72 696 272 712]";
const LOOK: &str = "/Type/XObject/Subtype/Form/Resources<</Font<</Helv 6 0 R>>>>";

/// A field that waits for its signature is signed: its flags before and after, the bounding box of its new look.
fn signing(before: &str, after: &str, boxed: &str, level: Option<Level>) -> Vec<String> {
    let field = |flags: &str, more: &str| {
        format!("<</Type/Annot/Subtype/Widget/FT/Sig/T(w)/Rect{EMPTY}/P 3 0 R/F {flags}{more}>>")
    };
    let mut signed = document();
    signed.splice(2..3, [format!("<<{PAGE}/Annots[{ANNOTATIONS} 13 0 R]>>")]);
    signed.splice(4..5, [form("", FONTS).replace("11 0 R]", "11 0 R 13 0 R]")]);
    signed.push(field(before, ""));
    let later = [
        (13, field(after, "/V 20 0 R/AP<</N 21 0 R>>")),
        (20, "<</Type/Sig>>".to_owned()),
        (21, stream(&format!("{LOOK}{boxed}"), "0 0 200 16 re f")),
    ];
    let sound = LaterSignature { sound: true, timestamp: false };
    forbidden_while_signing(&signed, &later, level, &LaterSignatures::from([(20, sound)]))
}

#[test]
fn a_widget_that_is_signed_stays_in_its_place() {
    // Before, after, permitted, permitted on a certified file.
    for (before, after, free, certified) in [
        ("4", "4", true, true),
        ("4", "132", true, true),
        ("4", "0", true, true),
        ("0", "132", true, true),
        ("2", "4", true, false),
        ("4", "20", false, false),
        ("4", "12", false, false),
        ("4", "28", false, false),
        ("0", "16", false, false),
        ("4", "4.0", false, false),
        ("20", "20", true, false),
    ] {
        for (level, permitted) in [(None, free), (FILLING, certified)] {
            let reasons = signing(before, after, "/BBox[0 0 200 16]", level);
            assert_eq!(reasons.is_empty(), permitted, "{before} to {after}, {level:?}: {reasons:?}");
        }
    }
}

#[test]
fn a_look_on_a_certified_file_has_a_box() {
    for (boxed, permitted) in [
        ("/BBox[0 0 200 16]", true),
        ("/BBox[200 16 0 0]", true),
        ("", false),
        ("/BBox[]", false),
        ("/BBox[0 0 200]", false),
        ("/BBox[0 0 200 0]", false),
        ("/BBox[0 0 0 0]", false),
        ("/BBox[0 0 (x) 200]", false),
    ] {
        let reasons = signing("4", "4", boxed, FILLING);
        assert_eq!(reasons.is_empty(), permitted, "{boxed}: {reasons:?}");
        assert!(signing("4", "4", boxed, None).is_empty(), "a seal may be anywhere: {boxed}");
    }
}

#[test]
fn a_mark_covers_no_other_field_and_stays_in_its_box() {
    let ground = |width: u32| format!("1 g 0 0 {width} 14 re f");
    for (rect, flags, boxed, content, permitted) in [
        ("[300 200 314 214]", "4", "/BBox[0 0 14 14]", ground(14), true),
        ("[300 200 400 214]", "4", "/BBox[0 0 100 14]", ground(100), true),
        // Over a field, and beside it.
        ("[70 400 84 414]", "4", "/BBox[0 0 14 14]", ground(14), false),
        ("[60 398 160 414]", "4", "/BBox[0 0 100 14]", ground(100), false),
        ("[58 400 73 414]", "4", "/BBox[0 0 15 14]", ground(15), true),
        // Over the page's text.
        ("[72 696 172 712]", "4", "/BBox[0 0 100 14]", ground(100), false),
        // Not turned or scaled with its page.
        ("[300 200 314 214]", "20", "/BBox[0 0 14 14]", ground(14), false),
        ("[300 200 314 214]", "12", "/BBox[0 0 14 14]", ground(14), false),
        ("[300 200 314 214]", "4", "", ground(14), false),
        ("[300 200 314 214]", "4", "/BBox[0 0 14 0]", ground(14), false),
        ("[300 200 314]", "4", "/BBox[0 0 14 14]", ground(14), false),
        // One letter is a mark, two are a part of a word.
        ("[300 200 314 214]", "4", "/BBox[0 0 14 14]", "BT /Helv 9 Tf 2 3 Td (X) Tj ET".to_owned(), true),
        ("[300 200 314 214]", "4", "/BBox[0 0 14 14]", "BT /Helv 9 Tf 2 3 Td (No) Tj ET".to_owned(), false),
    ] {
        let button = |state: &str| {
            format!(
                "<</Type/Annot/Subtype/Widget/FT/Btn/T(agreed)/Rect{rect}/P 3 0 R/F {flags}\
                 /AP<</N<</Yes 9 0 R/Off 10 0 R>>>>/V/{state}/AS/{state}>>"
            )
        };
        let mut signed = document();
        signed.splice(6..7, [button("Off")]);
        signed.splice(8..9, [stream(&format!("{LOOK}{boxed}"), &content)]);
        let reasons = forbidden(&signed, &[(7, button("Yes"))], None);
        assert_eq!(reasons.is_empty(), permitted, "{rect} {flags} {boxed} {content}: {reasons:?}");
    }
}

#[test]
fn a_ground_was_there_or_hides_nothing() {
    const BORDER: &str = "q 0.5 w 0.5 0.5 199 15 re S Q";
    const GROUND: &str = "q 1 g 0 0 200 16 re f Q";
    for (rect, keys, before, after, permitted) in [
        (OVER, "", GROUND, GROUND, true),
        (OVER, "/F 20", GROUND, GROUND, false),
        (OVER, "", BORDER, BORDER, true),
        (OVER, "", BORDER, GROUND, false),
        (OVER, "/MK<</BC[0]>>", BORDER, GROUND, false),
        (OVER, "/MK<</BG[1]>>", BORDER, GROUND, false),
        (OVER, "", "", GROUND, false),
        (OVER, "", "q 1 g 0 0 90 16 re f Q", GROUND, false),
        (EMPTY, "", "", GROUND, true),
        (EMPTY, "", BORDER, GROUND, true),
        // Over another field.
        ("[72 376 272 392]", "", "", GROUND, false),
    ] {
        let field = |value: &str| {
            let keys =
                if keys.contains("/F ") { TEXT.replace("/F 4", keys) } else { format!("{TEXT}{keys}") };
            format!("<<{}>>", keys.replace("[72 400 272 416]", rect).replace("Alice", value))
        };
        let look =
            |ground: &str, name: &str| drawn(&format!("{ground} BT /Helv 10 Tf 0 g 2 4 Td ({name}) Tj ET"));
        let mut signed = document();
        signed.splice(10..11, [field("Alice")]);
        signed.splice(11..12, [look(before, "Alice")]);
        let reasons = forbidden(&signed, &[(11, field("Bob")), (12, look(after, "Bob"))], None);
        assert_eq!(reasons.is_empty(), permitted, "{rect} {keys} {before:?} {after:?}: {reasons:?}");
    }
}

#[test]
fn viewers_draw_a_value_that_can_be_read_and_cover_nothing() {
    let usual = "/DA(/Helv 10 Tf 0 g)";
    for (rect, keys, permitted) in [
        (EMPTY, usual, true),
        (EMPTY, "/DA(/Helv 0 Tf 0 g)", true),
        (EMPTY, "/DA(/Helv 90 Tf 0 g)", false),
        (EMPTY, "/DA(/Helv 18 Tf 0 g)", false),
        (EMPTY, "/DA(/Helv 1 Tf 0 g)", false),
        (EMPTY, "/DA(/Helv 10 Tf 3 Tr 0 g)", false),
        (EMPTY, "/DA(/Helv 10 Tf 1 Tz 0 g)", false),
        (EMPTY, "/DA(/Helv 10 Tf 50 Ts 0 g)", false),
        (EMPTY, "/DA(/Helv 10 Tf 0 g)/MK<</R 0>>", true),
        (EMPTY, "/DA(/Helv 10 Tf 0 g)/MK<</R 180>>", false),
        (EMPTY, "/DA(/Helv 10 Tf 0 g)/MK<</BG[1]>>", true),
        (EMPTY, "/DA(/Helv 10 Tf 0 g)/MK<</BG[0]>>", false),
        (EMPTY, "/DA(/Helv 10 Tf 0 g)/MaxLen 5", true),
        (EMPTY, "/DA(/Helv 10 Tf 0 g)/MaxLen 4", false),
        ("[72 200 90 216]", usual, false),
        (OVER, usual, true),
        (OVER, "/DA(/Helv 10 Tf 0 g)/MK<</BG[1]>>", false),
    ] {
        let field = TEXT.replace(usual, keys).replace("[72 400 272 416]", rect);
        let mut signed = document();
        signed.splice(10..11, [format!("<<{field}>>")]);
        let anew = forbidden(&signed, &[(5, form("/NeedAppearances true", FONTS))], None);
        assert_eq!(anew.is_empty(), permitted, "{rect} {keys}, told to: {anew:?}");
        let taken = field.replace("/AP<</N 12 0 R>>", "").replace("Alice", "Alina");
        let gone = forbidden(&signed, &[(11, format!("<<{taken}>>"))], None);
        assert_eq!(gone.is_empty(), permitted, "{rect} {keys}, its look is gone: {gone:?}");
    }
}

#[test]
fn boxes_and_matrices_are_of_numbers_alone() {
    for (keys, permitted) in [
        ("/BBox[0 0 200 16]", true),
        ("/BBox[0 0 200 16]/Matrix[1 0 0 1 0 0]", true),
        ("/BBox[0 0 200 16]/Matrix[1 0 0 1 0 0 7]", false),
        ("/BBox[0 0 200 16]/Matrix[-1 0 0 -1 0 0 7]", false),
        ("/BBox[0 0 200 16]/Matrix[1 0 0 1 0 (x)]", false),
        ("/BBox[0 0 200 16]/Matrix[]", false),
        ("/BBox[0 0 200 16]/Matrix[1 0 0 1]", false),
        ("/BBox[0 0 (x) 200 16]", false),
        ("/BBox[0 null 0 200 16]", false),
        ("/BBox[0 0 200 16 0]", false),
        ("/BBox[0 0 20 20 200 16]", false),
        ("", false),
    ] {
        let later = [
            (11, format!("<<{}>>", TEXT.replace("Alice", "Bob"))),
            (12, stream(&format!("{LOOK}{keys}"), "BT /Helv 10 Tf 0 g 2 4 Td (Bob) Tj ET")),
        ];
        let reasons = forbidden(&document(), &later, None);
        assert_eq!(reasons.is_empty(), permitted, "{keys}: {reasons:?}");
    }
}
