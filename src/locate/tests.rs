#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use super::*;

/// One A4 page with this content, Helvetica as F1, a Chinese font that is not embedded as F2
/// (GBK) and F3 (vertical), and F4 that says nothing about its text.
fn page(content: &str, entries: &str) -> Vec<u8> {
    let composite = |encoding: &str, ordering: &str| {
        format!(
            "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/{encoding}/DescendantFonts[<</Type/Font\
             /Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering({ordering})/Supplement 2>>\
             /DW 1000/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/FontBBox[0 -200 1000 900]\
             /ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 80>>>>]>>"
        )
    };
    let fonts = format!(
        "<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>/F2 {}/F3 {}/F4 {}>>",
        composite("GBK-EUC-H", "GB1"),
        composite("GBK-EUC-V", "GB1"),
        composite("Identity-H", "Identity")
    );
    let form = "BT /F1 10 Tf 5 5 Td (inside) Tj ET";
    crate::pdf::sign::testing::with_table(&[
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font {fonts}\
             /XObject<</X 5 0 R>>>>{entries}>>"
        ),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
        format!(
            "<</Type/XObject/Subtype/Form/BBox[0 0 100 100]/Resources<</Font {fonts}>>/Length {}>>\nstream\n{form}\n\
             endstream",
            form.len()
        ),
    ])
}

fn find(content: &str, keyword: &str) -> Vec<Hit> {
    locate(&page(content, ""), keyword, &Limits::default()).unwrap().hits
}

/// The lower left corner of the first rectangle is near here.
fn near(hit: &Hit, x: f64, y: f64) {
    let [left, bottom, ..] = hit.rects[0];
    assert!((left - x).abs() < 3.0 && (bottom - y).abs() < 6.0, "{:?} is not near {x}, {y}", hit.rects[0]);
}

/// 甲方盖章处 in GBK.
const PARTY: &str = "<bcd7b7bdb8c7d5c2b4a6>";

#[test]
fn text_that_is_clipped_away_is_not_found() {
    let hits = find(
        "q 0 0 50 50 re W n BT /F1 12 Tf 100 700 Td (Sign here) Tj ET Q BT /F1 12 Tf 100 600 Td (Sign here) Tj ET",
        "Sign here",
    );
    assert_eq!(hits.len(), 1);
    near(&hits[0], 100.0, 600.0);
}

#[test]
fn all_hits_are_found_in_reading_order() {
    let hits = find(
        "BT /F1 12 Tf 100 100 Td (Party A) Tj 200 0 Td (Party A) Tj -200 600 Td (Party A) Tj ET",
        "Party A",
    );
    assert_eq!(hits.len(), 3);
    near(&hits[0], 100.0, 700.0);
    near(&hits[1], 100.0, 100.0);
    near(&hits[2], 300.0, 100.0);
    assert!(find("BT /F1 12 Tf (Party A) Tj ET", "Party B").is_empty());
}

#[test]
fn split_and_spaced_runs_are_one_keyword() {
    let split = "BT /F1 12 Tf 100 100 Td [(Par) -200 (t)] TJ (y) Tj ET BT /F1 12 Tf 130 100 Td ( A) Tj ET";
    assert_eq!(find(split, "PartyA").len(), 1);
    assert_eq!(find("BT /F1 12 Tf 6 Tc 100 100 Td (Party A) Tj ET", "Party A").len(), 1);
    // A hole as wide as a column is none.
    assert!(find("BT /F1 12 Tf 100 100 Td (Par) Tj 200 0 Td (ty) Tj ET", "Party").is_empty());
}

#[test]
fn chinese_with_predefined_cmaps_horizontal_and_vertical() {
    let hits = find(&format!("BT /F2 12 Tf 100 500 Td {PARTY} Tj ET"), "甲方盖章处");
    assert_eq!(hits.len(), 1);
    near(&hits[0], 100.0, 500.0);
    assert!((hits[0].rects[0][2] - 160.0).abs() < 3.0, "{:?}", hits[0]);
    let hits = find(&format!("BT /F3 12 Tf 300 500 Td {PARTY} Tj ET"), "甲方盖章处");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].angle, -90.0);
    let [x0, y0, x1, y1] = hits[0].rects[0];
    assert!(y1 - y0 > 50.0 && x1 - x0 < 15.0 && (y1 - 500.0).abs() < 6.0, "{:?}", hits[0]);
}

#[test]
fn width_variants_count_as_equal() {
    let fullwidth = "<a3c1a3c2a3b1>"; // ＡＢ１ in GBK
    assert_eq!(find(&format!("BT /F2 12 Tf 100 500 Td {fullwidth} Tj ET"), "AB1").len(), 1);
    assert_eq!(find("BT /F1 12 Tf 100 500 Td (AB1) Tj ET", "ＡＢ１").len(), 1);
}

#[test]
fn rotated_text_and_form_xobjects() {
    let hits = find("q 0 1 -1 0 300 100 cm BT /F1 12 Tf (Party A) Tj ET Q", "Party A");
    assert_eq!((hits.len(), hits[0].angle), (1, 90.0));
    let hits = find("q 2 0 0 2 50 60 cm /X Do Q", "inside");
    near(&hits[0], 60.0, 70.0);
}

#[test]
fn positions_are_those_of_the_page_as_displayed() {
    let content = "BT /F1 12 Tf 100 700 Td (Party A) Tj ET";
    let found = |entries: &str| locate(&page(content, entries), "Party A", &Limits::default()).unwrap().hits;
    near(&found("/CropBox[50 50 500 800]")[0], 50.0, 650.0);
    let turned = found("/Rotate 90");
    let [x0, .., y1] = turned[0].rects[0];
    assert!((x0 - 700.0).abs() < 3.0 && (y1 - 495.0).abs() < 6.0, "{:?}", turned[0]);
    assert_eq!(turned[0].angle, -90.0);
    near(&found("/UserUnit 2")[0], 200.0, 1400.0);
    assert!(found("/CropBox[300 0 595 842]").is_empty(), "outside of the page as displayed");
}

#[test]
fn wrapped_keywords_have_a_rectangle_per_line() {
    let hits = find("BT /F1 12 Tf 500 500 Td (Par) Tj -400 -15 Td (ty A) Tj ET", "Party A");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].rects.len(), 2);
    assert!(find("BT /F1 12 Tf 500 500 Td (Par) Tj -400 -300 Td (ty A) Tj ET", "Party A").is_empty());
}

#[test]
fn overprinting_is_one_hit_and_hidden_text_counts_only_alone() {
    let fake_bold = "BT /F1 12 Tf 100 500 Td (Party A) Tj ET BT /F1 12 Tf 100.3 500 Td (Party A) Tj ET";
    assert_eq!(find(fake_bold, "Party A").len(), 1);
    let scan = "BT 3 Tr /F1 12 Tf 100 500 Td (Party A) Tj ET";
    assert_eq!(find(scan, "Party A").len(), 1);
    let both = format!("{scan} BT 0 Tr /F1 12 Tf 100 100 Td (Party A) Tj ET");
    let hits = find(&both, "Party A");
    assert_eq!(hits.len(), 1);
    near(&hits[0], 100.0, 100.0);
}

#[test]
fn bounds_hold() {
    let many = page(&"BT /F1 1 Tf 10 10 Td (aaaaaaaaaa) Tj ET ".repeat(100), "");
    let few = Limits { glyphs: 100, ..Limits::default() };
    assert_eq!(locate(&many, "b", &few), Err(LocateError::TooLarge("glyphs")));
    assert_eq!(locate(&many, " \u{3000}", &few), Err(LocateError::EmptyKeyword));
    assert!(matches!(locate(b"%PDF-1.7 nothing", "b", &few), Err(LocateError::Document(_))));
}

#[test]
fn unmapped_glyphs_are_counted() {
    let located =
        locate(&page("BT /F4 12 Tf 100 500 Td <12345678> Tj ET", ""), "x", &Limits::default()).unwrap();
    assert_eq!((located.glyphs, located.unmapped_glyphs, located.hits.len()), (2, 2, 0));
}
