#![allow(clippy::unwrap_used)]
//! What may be changed of a small document, as tables of permitted and of forbidden updates.

use super::{Edges, Known, LaterSignatures, compare, touched};
use crate::pdf::sign::testing::with_table;
use crate::pdf::syntax::Document;
use crate::verify::permissions::Permissions;
use crate::verify::report::Permission;
use std::fmt::Write as _;

const STREAM: &str = "/Length 30>>\nstream\nBT /F 10 Tf 9 9 Td (A) Tj ET  \nendstream";
const OTHER: &str = "/Length 30>>\nstream\nBT /F 10 Tf 9 9 Td (M) Tj ET  \nendstream";

/// A page that has everything from above, and one text field that shows its value.
fn base() -> Vec<String> {
    [
        "<</Type/Catalog/Pages 2 0 R/AcroForm 9 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 200 200]/Resources 4 0 R/Rotate 90>>".to_owned(),
        page(""),
        "<</Font<</F 5 0 R>>>>".to_owned(),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding 8 0 R>>".to_owned(),
        format!("<<{STREAM}"),
        format!("<</Second true{STREAM}"),
        "<</Type/Encoding/Differences[200/Euro]>>".to_owned(),
        form("", ""),
        field("1", 11, "/DA(/H 10 Tf 0 g)"),
        appearance("(1)"),
        "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>".to_owned(),
    ]
    .to_vec()
}

fn page(more: &str) -> String {
    format!("<</Type/Page/Parent 2 0 R/Annots[10 0 R]/Contents[6 0 R 7 0 R]{more}>>")
}

fn form(more: &str, fonts: &str) -> String {
    format!("<</Fields[10 0 R]/DA(/H 10 Tf 0 g)/DR<</Font<</H 5 0 R/S 12 0 R{fonts}>>>>{more}>>")
}

fn field(value: &str, shown: u32, more: &str) -> String {
    format!(
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V({value})/Rect[0 0 200 20]/P 3 0 R/AP<</N {shown} 0 R>>{more}>>"
    )
}

fn appearance(text: &str) -> String {
    let content = format!("BT /H 10 Tf 2 5 Td {text} Tj ET");
    format!(
        "<</Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</H 5 0 R>>>>/Length {}>>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// Why the update is not permitted; empty where it is.
fn forbidden(objects: &[String], update: &[(u32, String)]) -> Vec<String> {
    let mut file = with_table(objects);
    let text = String::from_utf8_lossy(&file);
    let before: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
    let mut table = String::new();
    for (number, object) in update {
        write!(table, "{number} 1\n{:010} 00000 n \n", file.len()).unwrap();
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let at = file.len();
    file.extend(
        format!("xref\n{table}trailer\n<</Size 40/Root 1 0 R/Prev {before}>>\nstartxref\n{at}\n%%EOF\n")
            .bytes(),
    );
    let document = Document::open(&file).unwrap();
    let (old, new) = (document.as_of(0), document.latest());
    let all = touched(&document, old, 1);
    let edges = Edges::collect(new, &all).unwrap();
    let (later, known) = (LaterSignatures::new(), Known::of_file(file.len()));
    let changes = compare(old, new, &all, &edges, &Permissions::of(old), &later, &known).unwrap();
    let bad = changes.into_iter().filter(|change| change.permission == Permission::Forbidden);
    bad.map(|change| format!("{} {}", change.path, change.reason)).collect()
}

fn permits(what: &str, update: &[(u32, String)]) {
    let why = forbidden(&base(), update);
    assert!(why.is_empty(), "{what}: {why:?}");
}

fn forbids(what: &str, update: &[(u32, String)]) {
    assert!(!forbidden(&base(), update).is_empty(), "{what}");
}

#[test]
fn a_page_may_be_written_down_with_what_it_has_from_above() {
    for more in [
        "",
        "/MediaBox[0 0 200 200]/Rotate 90",
        "/MediaBox[0 0 200.0 200]",
        "/Resources 4 0 R",
        "/Resources<</Font<</F 5 0 R>>>>",
        "/CropBox[0 0 200 200]",
    ] {
        permits(more, &[(3, page(more))]);
    }
    for more in [
        "/MediaBox[0 0 200 100]",
        "/Rotate 0",
        "/Rotate 180",
        "/CropBox[0 0 100 200]",
        "/Resources<</Font<</F 12 0 R>>>>",
        "/Resources<<>>",
        "/MediaBox 39 0 R",
        "/UserUnit 2",
    ] {
        forbids(more, &[(3, page(more))]);
    }
}

#[test]
fn what_is_from_above_may_not_change_there() {
    let above = |keys: &str| format!("<</Type/Pages/Kids[3 0 R]/Count 1{keys}>>");
    forbids("another size", &[(2, above("/MediaBox[0 0 99 99]/Resources 4 0 R/Rotate 90"))]);
    let kept = "/MediaBox[0 0 200 200]/Resources 4 0 R/Rotate 90";
    forbids("both", &[(2, above("/MediaBox[0 0 99 99]/Resources 4 0 R")), (3, page(kept))]);
}

#[test]
fn what_stands_beside_an_unchanged_value_is_judged_by_itself() {
    let with = |contents: &str| page("").replace("[6 0 R 7 0 R]", contents);
    let copy = format!("<</Second true{STREAM}");
    permits("a copy", &[(3, with("[6 0 R 20 0 R]")), (20, copy.clone())]);
    forbids("a change beside a copy", &[(3, with("[6 0 R 20 0 R]")), (20, copy), (6, format!("<<{OTHER}"))]);
    forbids("another content", &[(3, with("[6 0 R 20 0 R]")), (20, format!("<</Second true{OTHER}"))]);
}

#[test]
fn what_stands_below_an_unchanged_value_is_judged_by_itself() {
    let resources = "<</Font<</F 5 0 R>>>>".to_owned();
    let other = "<</Type/Encoding/Differences[65/M]>>".to_owned();
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding 8 0 R>>".to_owned();
    permits("a copy", &[(3, page("/Resources 20 0 R")), (20, resources.clone())]);
    for (number, changed) in [(8, other), (5, font)] {
        let copied = [(3, page("/Resources 20 0 R")), (20, resources.clone()), (number, changed.clone())];
        forbids("below a copy", &copied);
        forbids(
            "below a direct value",
            &[(3, page("/Resources<</Font<</F 5 0 R>>>>")), (number, changed.clone())],
        );
        forbids(
            "below a filled field",
            &[(10, field("2", 20, "/DA(/H 10 Tf 0 g)")), (20, appearance("(2)")), (number, changed)],
        );
    }
}

#[test]
fn a_copy_of_a_layer_is_another_layer() {
    let catalog = |layer: &str| {
        format!(
            "<</Type/Catalog/Pages 2 0 R/AcroForm 9 0 R/OCProperties<</OCGs[{layer}]/D<</OFF[13 0 R]>>>>>>"
        )
    };
    for layer in ["<</Type/OCG/Name(a)>>", "<</Name(a)>>"] {
        let mut objects = base();
        *objects.get_mut(0).unwrap() = catalog("13 0 R");
        objects.push(layer.to_owned());
        assert_eq!(forbidden(&objects, &[(1, catalog("13 0 R"))]), Vec::<String>::new());
        assert!(!forbidden(&objects, &[(1, catalog("20 0 R")), (20, layer.to_owned())]).is_empty());
    }
}

#[test]
fn a_filled_field_shows_its_value() {
    let filled =
        |value: &str, shown: &str| [(10, field(value, 20, "/DA(/H 10 Tf 0 g)")), (20, appearance(shown))];
    for (value, shown) in [("2", "(2)"), ("", "()"), ("a b", "(ab)"), ("\\200", "<b7>")] {
        permits(value, &filled(value, shown));
    }
    for (value, shown) in [("2", "(3)"), ("2", "()"), ("", "(3)"), ("-1", "(1)"), ("10", "(1)")] {
        forbids(value, &filled(value, shown));
    }
}

#[test]
fn a_default_appearance_may_name_a_font_that_shows_what_is_written() {
    let styled = |style: &str| [(10, field("2", 20, &format!("/DA({style})"))), (20, appearance("(2)"))];
    for style in ["/H 10 Tf 0 g", "0 g /H 10 Tf", "/Helvetica 10 Tf 0 g", "/Helvetica 10 Tf"] {
        permits(style, &styled(style));
    }
    for style in [
        "/S 10 Tf 0 g",
        "/Helvetica 1 Tf 0 g",
        "/Helvetica 10 Tf 1 g",
        "/Helvetica 10 Tf 3 Tr 0 g",
        "/Helvetica 10 Tf /S 10 Tf 0 g",
        "/#53 10 Tf 0 g",
        "/ZaDb 10 Tf 0 g",
        "/Nobody 10 Tf 0 g",
        "10 Tf",
        "",
    ] {
        forbids(style, &styled(style));
    }
}

#[test]
fn a_font_that_joins_the_form_under_a_new_name_of_a_default_appearance_is_plain() {
    let styled = |fonts: &str| {
        [(10, field("2", 20, "/DA(/Nobody 10 Tf 0 g)")), (20, appearance("(2)")), (9, form("", fonts))]
    };
    permits(
        "plain",
        &styled("/Nobody<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"),
    );
    forbids("pictures", &styled("/Nobody 12 0 R"));
    forbids(
        "its own characters",
        &styled("/Nobody<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[48/nine]>>>>"),
    );
}

#[test]
fn appearances_may_be_made_anew_where_they_showed_their_values() {
    let anew = [(9, form("/NeedAppearances true", ""))];
    permits("it shows its value", &anew);
    for (number, object) in [
        (11, appearance("(2)")),
        (11, "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>\nstream\n\nendstream".to_owned()),
        (10, field("1", 11, "/DA(/H 10 Tf 0 g)").replace("/AP<</N 11 0 R>>", "/Ff 1")),
    ] {
        let mut objects = base();
        *objects.get_mut(number - 1).unwrap() = object;
        assert!(!forbidden(&objects, &anew).is_empty(), "{objects:?}");
    }
    // Who shows nothing and may be filled can be made to show its value.
    let mut waiting = base();
    *waiting.get_mut(9).unwrap() = field("1", 11, "").replace("/AP<</N 11 0 R>>", "");
    assert_eq!(forbidden(&waiting, &anew), Vec::<String>::new());
}
