#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use crate::pdf::sign::testing::with_table;

const BOUNDS: Bounds = Bounds { objects: 500_000, stream: 32 << 20, content: 32 << 20, drawn: true };

/// One page with this content and these resources; further objects follow from 5 on.
fn page(content: &str, resources: &str, more: &[String]) -> Vec<u8> {
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<{resources}>>>>"),
        stream(content, ""),
    ];
    objects.extend_from_slice(more);
    with_table(&objects)
}

fn stream(content: &str, keys: &str) -> String {
    format!("<</Length {}{keys}>>\nstream\n{content}\nendstream", content.len())
}

fn form(content: &str, resources: &str) -> String {
    stream(content, &format!("/Type/XObject/Subtype/Form/BBox[0 0 9 9]{resources}"))
}

fn refused(pdf: &[u8]) -> Option<&'static str> {
    match check(&Document::open_to_sign(pdf).unwrap(), BOUNDS) {
        Ok(()) => None,
        Err(SyntaxError::Limit(what)) => Some(what),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn nesting_is_bounded_wherever_it_stands() {
    for (open, close) in [("[", "]"), ("{", "}"), ("<</A ", ">>")] {
        let deep = open.repeat(30_000) + &close.repeat(30_000);
        assert_eq!(refused(&page(&deep, "", &[])), Some("nesting"), "{open}");
        // As an image that is none, and where no object of ours is.
        let image = stream(&deep, "/Subtype/Image");
        assert_eq!(refused(&page("", "", &[image])), Some("nesting"), "{open}");
        let honest = (open.repeat(50) + &close.repeat(50)).repeat(1_000);
        assert_eq!(refused(&page(&honest, "", &[])), None, "{open}");
    }
    assert_eq!(nesting(b"<<<<>>>><< [ {"), 3);
}

#[test]
fn ranges_of_widths_are_bounded() {
    let font = |w: &str| page("", "", &[format!("<</Type/Font/Subtype/CIDFontType2/W[{w}]>>")]);
    for good in ["", "0 [500 500]", "0 65535 500", "1 [2] 3 4 500 10 20 600"] {
        assert_eq!(refused(&font(good)), None, "{good}");
    }
    let many = "0 65535 500 ".repeat(40);
    for bad in ["0 4294967295 500", "0 [1] 0 2000000000 5", "null 0 2000000000 5", many.as_str()] {
        assert_eq!(refused(&font(bad)), Some("widths"), "{bad}");
        let direct = format!("<</DescendantFonts[<</Subtype/CIDFontType0/W[{bad}]>>]>>");
        assert_eq!(refused(&page("", "", &[direct])), Some("widths"), "{bad}, direct");
    }
}

#[test]
fn calls_of_forms_are_counted() {
    let names = |n: usize| format!("/Resources<</XObject<</X {n} 0 R>>>>");
    let calls = Some("calls of form XObjects");
    let itself = form("/X Do", &names(5));
    assert_eq!(refused(&page("/X Do", "/XObject<</X 5 0 R>>", &[itself])), calls);
    let doubling: Vec<String> =
        (0..30).map(|i| form("/X Do /#58 Do", &names(6 + i))).chain([form("", "")]).collect();
    assert_eq!(refused(&page("/X Do", "/XObject<</X 5 0 R>>", &doubling)), calls);
    // The same without resources of their own: then the page's count.
    let all: String = (0..31).map(|i| format!("/X{i} {} 0 R", 5 + i)).collect();
    let bare: Vec<String> =
        (0..30).map(|i| form(&format!("/X{0} Do /X{0} Do", i + 1), "")).chain([form("", "")]).collect();
    assert_eq!(refused(&page("/X0 Do", &format!("/XObject<<{all}>>"), &bare)), calls);
    let honest = vec![form("/X Do ".repeat(20).as_str(), &names(6)), form("0 0 9 9 re f", "")];
    assert_eq!(refused(&page(&"/X Do ".repeat(500), "/XObject<</X 5 0 R>>", &honest)), None);
}

#[test]
fn masks_and_appearances_do_not_call_themselves() {
    let calls = Some("calls of form XObjects");
    let state = "/ExtGState<</G<</SMask<</S/Luminosity/G 5 0 R>>>>>>";
    let group = form("/G gs 0 0 9 9 re f", &format!("/Group<</S/Transparency>>/Resources<<{state}>>"));
    assert_eq!(refused(&page("/G gs 0 0 9 9 re f", state, &[group])), calls);
    let inherits = form("/G gs 0 0 9 9 re f", "/Group<</S/Transparency>>");
    assert_eq!(refused(&page("/G gs 0 0 9 9 re f", state, &[inherits])), calls);
    let honest = form("/Other gs 0 0 9 9 re f", "/Group<</S/Transparency>>");
    assert_eq!(refused(&page("/G gs 0 0 9 9 re f", state, &[honest])), None);
    // An appearance without resources uses the page's.
    let names = "/XObject<</X 5 0 R>>>>/Annots[<</Rect[0 0 9 9]/AP<</N 5 0 R>>>>]/Other<<";
    assert_eq!(refused(&page("", names, &[form("/X Do", "")])), calls);
    let names = "/XObject<</X 5 0 R>>>>/Annots[<</Rect[0 0 9 9]/AP<</N<</On 5 0 R>>>>>>]/Other<<";
    assert_eq!(refused(&page("", names, &[form("/X Do", "")])), calls);
}

#[test]
fn nothing_is_a_part_of_itself() {
    let parts = Some("parts within each other");
    for bad in [
        "<</FunctionType 3/Domain[0 1]/Functions[5 0 R]/Bounds[]/Encode[0 1]>>",
        "<</FunctionType 3/Domain[0 1]/Functions 6 0 R/Bounds[]/Encode[0 1]>>",
        "[/Indexed 5 0 R 1 <00>]",
        "[/Separation/A/DeviceRGB 5 0 R]",
        "[/Pattern 5 0 R]",
        "[/ICCBased 7 0 R]",
        "5 0 R",
        "<</Subtype/Type0/DescendantFonts[5 0 R]>>",
    ] {
        let more = [bad.to_owned(), "[5 0 R]".to_owned(), stream("", "/N 3/Alternate 5 0 R")];
        assert_eq!(refused(&page("", "/ColorSpace<</C 5 0 R>>", &more)), parts, "{bad}");
    }
    let masks = [
        stream("x", "/Subtype/Image/Width 1/Height 1/SMask 6 0 R"),
        stream("x", "/Subtype/Image/Mask 5 0 R"),
    ];
    assert_eq!(refused(&page("", "", &masks)), parts);
    let chain = |n: usize| -> Vec<String> {
        let one = |i| format!("[/Indexed {} 0 R 1 <00>]", i + 6);
        (0..n).map(one).chain(["/DeviceRGB".to_owned()]).collect()
    };
    assert_eq!(refused(&page("", "", &chain(20))), None);
    assert_eq!(refused(&page("", "", &chain(40))), parts);
}

#[test]
fn dashes_are_estimated() {
    assert_eq!(refused(&page("[1e-7] 0 d 0 0 m 200 100 l S", "", &[])), Some("lines"));
    assert_eq!(refused(&page("[0.0000001 0.0000001] 0 d 0 0 m 200 100 l S", "", &[])), Some("lines"));
    assert_eq!(refused(&page("[1]0 d 0 0 m 99999999999 0 l S", "", &[])), Some("lines"));
    assert_eq!(refused(&page(&"1 1 l ".repeat(600_000), "", &[])), Some("lines"));
    assert_eq!(refused(&page("[3 2] 0 d 0 0 m 200 100 l S [] 0 d 1 1 m 2 2 l S", "", &[])), None);
}

#[test]
fn patterns_and_glyphs_call_nothing_that_could_call_them() {
    let within = Some("patterns and glyphs within each other");
    let pattern = |content: &str, resources: &str| {
        stream(
            content,
            &format!("/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9{resources}"),
        )
    };
    let page = |more: &[String]| page("/Pattern cs /P scn 0 0 9 9 re f", "/Pattern<</P 5 0 R>>", more);
    let named = "/Resources<</Pattern<</P 5 0 R>>/XObject<</X 6 0 R>>>>";
    assert_eq!(refused(&page(&[pattern("/Pattern cs /P scn 0 0 9 9 re f", named)])), within);
    let form = form("/P SCN", named);
    assert_eq!(refused(&page(&[pattern("/X Do", named), form])), within);
    assert_eq!(refused(&page(&[pattern("1 0 0 scn 0 0 9 9 re f", named)])), None);
    let font = "<</Type/Font/Subtype/Type3/CharProcs<</a 6 0 R>>/Resources<</Font<</F 5 0 R>>>>>>".to_owned();
    assert_eq!(refused(&page(&[font.clone(), stream("9 0 d0 BT /F 9 Tf (a) Tj ET", "")])), within);
    assert_eq!(refused(&page(&[font, stream("9 0 d0 0 0 9 9 re f", "")])), None);
}

#[test]
fn images_are_no_larger_than_scans() {
    let image = |w: u64, h: u64| stream("x", &format!("/Subtype/Image/Width {w}/Height {h}/ImageMask true"));
    assert_eq!(refused(&page("", "", &[image(4_960, 7_016)])), None);
    assert_eq!(refused(&page("", "", &[image(40_000, 40_000)])), Some("pixels"));
    assert_eq!(refused(&page("", "", &[image(u64::MAX / 2, 3)])), Some("pixels"));
    assert_eq!(refused(&page("BI /W 40000 /H 40000 /IM true ID x EI", "", &[])), Some("pixels"));
    assert_eq!(refused(&page("BI /W 40 /H 40 /IM true ID x EI", "", &[])), None);
}
