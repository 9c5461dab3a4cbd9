#![allow(clippy::unwrap_used, clippy::panic)]
//! What the text of a filled field may look like, as a table of contents that are read and of contents that are refused.

use super::content::{Shown, shown};
use super::drawing::Frame;
use super::font::{Fonts, Programs};
use crate::pdf::sign::testing::with_table;
use crate::pdf::syntax::{Dict, Document};

/// Helvetica, a graphics state that hides and one that does not, and a layer.
const RESOURCES: &str = "<</Font<</H<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>>>\
     /ExtGState<</Plain<</Type/ExtGState/ca 1/BM/Normal/SMask/None>>/Thin<</ca .2>>/Screen<</BM/Screen>>>>>>";

/// A field of 200 by 20 points.
pub(super) fn field() -> Frame {
    Frame { bbox: [0.0, 0.0, 200.0, 20.0], size: 12.0, rows: false, wraps: false, comb: false }
}

pub(super) fn read_with(content: &str, resources: &str, frame: &Frame) -> Result<Shown, String> {
    let objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>", resources];
    let file = with_table(&objects.map(str::to_owned));
    let document = Document::open(&file).unwrap();
    let view = document.latest();
    let resources = view.object(crate::pdf::syntax::ObjectId::new(3)).unwrap().as_dict().unwrap().clone();
    let programs = Programs::default();
    shown(view, content.as_bytes(), &resources, &Fonts::of(Dict::new(), &programs), Some(frame))
}

fn read(content: &str, frame: &Frame) -> Result<Shown, String> {
    read_with(content, RESOURCES, frame)
}

/// Each content shows this text in the field.
fn all_show(text: &str, frame: &Frame, contents: &[&str]) {
    for content in contents {
        let shown = read(content, frame).unwrap_or_else(|why| panic!("{content}: {why}"));
        let shown: String = shown.text.unwrap_or_default().split_whitespace().collect();
        assert_eq!(shown, text, "{content}");
    }
}

/// Each content is refused, and the reason has these words.
fn all_refused(why: &str, frame: &Frame, contents: &[&str]) {
    for content in contents {
        match read(content, frame) {
            Ok(shown) => panic!("{content} was read as {:?}", shown.text),
            Err(reason) => assert!(reason.contains(why), "{content}: {reason}"),
        }
    }
}

#[test]
fn text_is_read_however_its_operators_put_it_down() {
    let contents = [
        "BT /H 10 Tf 2 5 Td (100) Tj ET",
        "/Tx BMC q BT /H 10 Tf 0 g 2 5 Td (100) Tj ET Q EMC",
        "BT /H 10 Tf 1 0 0 1 2 5 Tm <313030> Tj ET",
        "BT /H 10 Tf 2 5 Td [(1) -20 (0) 15 (0)] TJ ET",
        "BT /H 10 Tf 12 TL 2 17 Td (100) ' ET",
        "BT /H 10 Tf 12 TL 2 17 Td 0 0 (100) \" ET",
        "q 1 0 0 1 2 5 cm BT /H 10 Tf (1) Tj (00) Tj ET Q",
        "BT /H 1 Tf 10 0 0 10 2 5 Tm (100) Tj ET",
        "BT /H 10 Tf 2 5 Td (\\61\\0600) Tj ET",
        "BT /H 10 Tf 90 Tz 0.5 Tc 2 5 Td (100) Tj ET",
    ];
    all_show("100", &field(), &contents);
}

#[test]
fn text_does_not_run_backwards_or_over_itself() {
    let contents = [
        "BT /H 10 Tf 60 5 Td (1) Tj -30 0 Td (00) Tj ET",
        "BT /H 10 Tf 2 5 Td (1) Tj 0 0 Td (00) Tj ET",
        "BT /H 10 Tf 60 5 Td [(1) 3000 (00)] TJ ET",
        "BT /H 10 Tf 60 5 Td [(1) 300 ( ) 300 (00)] TJ ET",
        "BT /H 10 Tf 2 5 Td (1) Tj ET BT /H 10 Tf 2 5 Td (9) Tj ET",
        "BT /H 10 Tf 2 2 Td (1) Tj 0 8 Td (9) Tj ET",
    ];
    all_refused("backwards", &field(), &contents);
}

#[test]
fn characters_stand_neither_over_one_another_nor_far_apart() {
    let contents = [
        "BT /H 10 Tf -6 Tc 2 5 Td (100) Tj ET",
        "BT /H 10 Tf -6 Tw 2 5 Td (1 00) Tj ET",
        "BT /H 10 Tf 40 Tc 2 5 Td (100) Tj ET",
    ];
    all_refused("too close or too far", &field(), &contents);
}

#[test]
fn text_is_upright_and_neither_mirrored_nor_slanted() {
    let contents = [
        "BT /H 10 Tf 0 1 -1 0 20 5 Tm (100) Tj ET",
        "BT /H 10 Tf -1 0 0 1 60 5 Tm (100) Tj ET",
        "BT /H 10 Tf 1 0 .5 1 2 5 Tm (100) Tj ET",
        "q 1 0 0 -1 0 20 cm BT /H 10 Tf 2 5 Td (100) Tj ET Q",
    ];
    all_refused("turned, mirrored or slanted", &field(), &contents);
}

#[test]
fn text_is_of_one_size_that_can_be_read() {
    all_refused(
        "too small, too large or distorted",
        &field(),
        &[
            "BT /H 1 Tf 2 5 Td (100) Tj ET",
            "BT /H 40 Tf 2 5 Td (100) Tj ET",
            "BT /H 1 Tf 2 0 0 10 2 5 Tm (100) Tj ET",
            "q .1 0 0 .1 0 0 cm BT /H 10 Tf 2 5 Td (100) Tj ET Q",
        ],
    );
    all_refused("several sizes", &field(), &["BT /H 10 Tf 2 5 Td (1) Tj /H 6 Tf (00) Tj ET"]);
}

#[test]
fn text_stands_inside_the_field() {
    let contents = [
        "BT /H 10 Tf -40 5 Td (100) Tj ET",
        "BT /H 10 Tf 2 -9 Td (100) Tj ET",
        "BT /H 10 Tf 2 18 Td (100) Tj ET",
        "BT /H 10 Tf 300 5 Td (100) Tj ET",
        "BT /H 10 Tf 190 5 Td (100) Tj ET",
        "BT /H 10 Tf 2 5 Td [(1) -30000 (00)] TJ ET",
        "q 1 0 0 1 0 500 cm BT /H 10 Tf 2 5 Td (100) Tj ET Q",
    ];
    all_refused("outside of the field", &field(), &contents);
}

#[test]
fn a_value_that_is_longer_than_the_field_may_run_out_of_it() {
    let value = "a".repeat(60);
    all_show(&value, &field(), &[&format!("BT /H 10 Tf 2 5 Td ({value}) Tj ET")]);
    // But not at a clip within the field, nor in a size that the field does not state.
    all_refused("outside", &field(), &[&format!("q 2 2 188 16 re W n BT /H 10 Tf 2 5 Td ({value}) Tj ET Q")]);
    all_refused(
        "outside",
        &Frame { size: 8.0, ..field() },
        &[&format!("BT /H 10 Tf 2 5 Td ({value}) Tj ET")],
    );
    // And not behind room that was left for it.
    all_refused("outside", &field(), &[&format!("BT /H 10 Tf 2 5 Td (     {value}) Tj ET")]);
}

#[test]
fn text_is_filled_and_on_its_line() {
    let contents = [
        "BT 3 Tr /H 10 Tf 2 5 Td (100) Tj ET",
        "BT 1 Tr /H 10 Tf 2 5 Td (100) Tj ET",
        "BT 7 Tr /H 10 Tf 2 5 Td (100) Tj ET",
        "BT /H 10 Tf 2 5 Td (1) Tj 400 Ts (00) Tj ET",
        "BT 1 Tz /H 10 Tf 2 5 Td (100) Tj ET",
    ];
    all_refused("as no text that is to be read needs it", &field(), &contents);
}

#[test]
fn ink_differs_from_its_ground() {
    all_show(
        "100",
        &field(),
        &[
            "BT 0 0 1 rg /H 10 Tf 2 5 Td (100) Tj ET",
            "0 0 0 .2 k 0 0 200 20 re f BT 0 g /H 10 Tf 2 5 Td (100) Tj ET",
            "0 g 0 0 200 20 re f BT 1 g /H 10 Tf 2 5 Td (100) Tj ET",
            "/DeviceGray cs 0 sc BT /H 10 Tf 2 5 Td (100) Tj ET",
        ],
    );
    all_refused(
        "cannot be told from what is beneath",
        &field(),
        &[
            "BT 1 g /H 10 Tf 2 5 Td (100) Tj ET",
            "BT 0 g /H 10 Tf 2 5 Td (1) Tj 1 1 1 rg (00) Tj ET",
            "BT 0 0 0 0 k /H 10 Tf 2 5 Td (100) Tj ET",
            "0 g 0 0 200 20 re f BT /H 10 Tf 2 5 Td (100) Tj ET",
            "1 g 0 0 200 20 re f BT .9 g /H 10 Tf 2 5 Td (100) Tj ET",
            "/Spot cs 0 sc BT /H 10 Tf 2 5 Td (100) Tj ET",
        ],
    );
}

#[test]
fn light_ink_and_blocks_wipe_out_what_is_beneath() {
    all_show("100", &field(), &["0 g 0 0 200 20 re f BT 1 g /H 10 Tf 2 5 Td (100) Tj ET"]);
    all_refused("cannot be told", &field(), &["BT 1 g /H 10 Tf 2 5 Td (100) Tj ET"]);
    let named = RESOURCES.replace("/WinAnsiEncoding", "<</Differences[65/H18533]>>");
    let refused = read_with("BT /H 10 Tf 2 5 Td (A) Tj ET", &named, &field()).unwrap_err();
    assert!(refused.contains("blocks"), "{refused}");
}

#[test]
fn a_clip_leaves_the_field_whole() {
    all_show(
        "100",
        &field(),
        &[
            "q 0 0 200 20 re W n BT /H 10 Tf 2 5 Td (100) Tj ET Q",
            "q 2 2 196 16 re W* n BT /H 10 Tf 2 5 Td (100) Tj ET Q",
            "q 2 2 196 16 re W BT /H 10 Tf 2 5 Td (100) Tj ET Q",
        ],
    );
    all_refused(
        "cuts off",
        &field(),
        &[
            "q 0 0 12 20 re W n BT /H 10 Tf 2 5 Td (100) Tj ET Q",
            "q 0 0 200 20 re 0 0 6 6 re W* n BT /H 10 Tf 2 5 Td (100) Tj ET Q",
            "q 0 0 m 200 0 l 200 20 l h W n BT /H 10 Tf 2 5 Td (100) Tj ET Q",
            "q 0 0 12 20 re W BT /H 10 Tf 2 5 Td (100) Tj ET Q",
        ],
    );
}

#[test]
fn paths_are_borders_and_grounds_beneath_the_text() {
    all_show(
        "100",
        &field(),
        &[
            ".8 g 0 0 200 20 re f 0 G 1 w .5 .5 199 19 re s BT 0 g /H 10 Tf 2 5 Td (100) Tj ET",
            "0 0 m 200 0 l S BT 0 g /H 10 Tf 2 5 Td (100) Tj ET",
        ],
    );
    all_refused(
        "more than borders and grounds",
        &field(),
        &[
            "BT /H 10 Tf 2 5 Td (100) Tj ET 20 2 m 20 14 l S",
            "BT /H 10 Tf 2 5 Td (100) Tj ET 20 2 4 12 re f",
            "20 2 m 30 14 40 14 50 2 c f BT /H 10 Tf 2 5 Td (100) Tj ET",
            "0 g 0 0 200 20 re 20 18 160 -16 re f BT 1 g /H 10 Tf 2 5 Td (100) Tj ET",
        ],
    );
    all_refused(
        "paints over",
        &field(),
        &[
            "BT /H 10 Tf 2 5 Td (100) Tj ET 1 g 0 0 200 20 re f",
            "BT /H 5 Tf 2 1 Td (100) Tj ET 1 G 4 w 0 2 m 200 2 l S",
        ],
    );
    all_refused(
        "more than borders and grounds",
        &field(),
        &["4 w 0 5 m 4 5.1 l 0 5.2 l S BT /H 10 Tf 2 5 Td (100) Tj ET"],
    );
    all_refused("in points", &field(), &["4000 M 0 5 m 4 5 l S BT /H 10 Tf 2 5 Td (100) Tj ET"]);
    let filled = |content: &str| read(content, &field()).unwrap().grounds;
    assert_eq!(filled("q 5 5 190 10 re W n 1 g 0 0 200 20 re f Q"), [[5.0, 5.0, 195.0, 15.0]]);
    assert_eq!(filled("1 g 0 0 m 200 0 l 200 20 l 0 20 l h f"), [[0.0, 0.0, 200.0, 20.0]]);
    all_refused(
        "too thick",
        &field(),
        &[
            "40 w 0 0 m 200 0 l S BT /H 10 Tf 2 5 Td (100) Tj ET",
            "q 1 w 1 0 0 20 0 0 cm 0 0 m 200 0 l S Q BT /H 10 Tf 2 5 Td (100) Tj ET",
            "q .1 0 0 .1 0 0 cm 40 w Q q 1 0 0 1 0 0 cm 40 w 0 0 m 200 0 l S Q BT /H 10 Tf 2 5 Td (1) Tj ET",
        ],
    );
}

#[test]
fn a_clip_cuts_off_nothing_of_the_text() {
    all_show("-900", &field(), &["q 2 2 196 16 re W n BT /H 10 Tf 2 5 Td (-900) Tj ET Q"]);
    all_refused(
        "outside of the field",
        &field(),
        &[
            // The minus is to the left of what is seen, the point below it.
            "q 5 2 190 16 re W n BT /H 10 Tf 1 5 Td (-900) Tj ET Q",
            "q 2 5 196 14 re W n BT /H 10 Tf 2 3.5 Td (1.25) Tj ET Q",
            "BT /H 10 Tf 2 -2 Td (1.25) Tj ET",
        ],
    );
}

#[test]
fn a_character_leaves_the_one_before_it_to_be_seen() {
    all_show("1.25", &field(), &["BT /H 10 Tf 2 5 Td [(1) 20 (.) 40 (25)] TJ ET"]);
    all_refused("over itself", &field(), &["BT /H 10 Tf 2 5 Td [(1.) 200 (25)] TJ ET"]);
}

#[test]
fn words_are_parted_as_every_reader_parts_them() {
    all_show("100", &field(), &["/Span <</MCID 0/Lang(en)/X[1 2]>> BDC BT /H 10 Tf 2 5 Td (100) Tj ET EMC"]);
    all_refused(
        "part differently",
        &field(),
        &[
            "/P 12Tf BT /H 10 Tf 2 5 Td (100) Tj ET",
            "/Q 12Tf/P<</MCID 0>>BDC BT /H 10 Tf 2 5 Td (100) Tj ET EMC",
            "BT /H 10 Tf 2 5 Td > (100) Tj ET",
            "BT /H 10 Tf 2 5 Td 1.0.0 (100) Tj ET",
        ],
    );
    all_refused(
        "other operands than it takes",
        &field(),
        &[
            "/Q /P <</MCID 0>> BDC BT /H 10 Tf 2 5 Td (100) Tj ET EMC",
            "/P <<1>> 3 DP BT /H 10 Tf 2 5 Td (100) Tj ET",
            "[/H 3] 0 d BT /H 10 Tf 2 5 Td (100) Tj ET",
        ],
    );
}

#[test]
fn nothing_is_in_a_layer_or_transparent() {
    all_show("100", &field(), &["/Plain gs /Span BMC BT /H 10 Tf 2 5 Td (100) Tj ET EMC"]);
    all_refused("in a layer", &field(), &["/OC /L BDC BT /H 10 Tf 2 5 Td (100) Tj ET EMC"]);
    let hidden =
        ["/Thin gs", "/Screen gs", "/Nobody gs"].map(|s| format!("{s} BT /H 10 Tf 2 5 Td (100) Tj ET"));
    all_refused("may hide its text", &field(), &hidden.each_ref().map(String::as_str));
}

#[test]
fn nothing_but_text_and_paths_is_drawn() {
    let contents = ["/Im Do", "/Sh sh", "BI /W 1 /H 1 ID x EI", "/P scn", "d1 0 0 0 0 0 0 d1"];
    all_refused("the operator", &field(), &contents);
}

#[test]
fn a_comb_has_one_character_a_cell_and_lines_between_them() {
    let content =
        "10 0 m 10 20 l S 20 0 m 20 20 l S BT /H 10 Tf 2 5 Td (1) Tj 10 0 Td (0) Tj 10 0 Td (0) Tj ET";
    all_show("100", &Frame { comb: true, ..field() }, &[content]);
    all_refused("more than borders", &field(), &[content]);
    let close: String = (10..30).map(|x| format!("{x} 0 m {x} 20 l S ")).collect();
    all_refused("too narrow", &Frame { comb: true, ..field() }, &[&close]);
}

#[test]
fn rows_of_a_list_may_be_marked() {
    let list = Frame { bbox: [0.0, 0.0, 100.0, 60.0], rows: true, ..field() };
    let content = ".6 .75 .85 rg 1 40 98 14 re f BT 0 g /H 10 Tf 2 44 Td (x) Tj 0 -14 Td (y) Tj ET";
    all_show("xy", &list, &[content]);
    all_refused("more than borders", &Frame { rows: false, ..list }, &[content]);
}

#[test]
fn a_mark_lies_beneath_its_row_or_beside_it() {
    let list = Frame { bbox: [0.0, 0.0, 100.0, 60.0], rows: true, ..field() };
    let content = |bottom: &str| {
        format!(".6 .75 .85 rg 1 {bottom} 98 14 re f BT 0 g /H 10 Tf 2 44 Td (x) Tj 0 -14 Td (y) Tj ET")
    };
    let rows = |bottom: &str| {
        let rows = read(&content(bottom), &list).unwrap().rows;
        rows.into_iter().map(|row| (row.text, row.ground.lightness() < 0.9)).collect::<Vec<_>>()
    };
    assert_eq!(rows("40"), [("x".to_owned(), true), ("y".to_owned(), false)]);
    assert_eq!(rows("26"), [("x".to_owned(), false), ("y".to_owned(), true)]);
    all_refused("between its rows", &list, &[&content("33"), &content("47")]);
}

#[test]
fn a_value_has_one_look() {
    let area = Frame { bbox: [0.0, 0.0, 200.0, 60.0], ..field() };
    all_refused(
        "looks different from the rest",
        &area,
        &[
            "BT .75 g /H 10 Tf 2 45 Td (Not ) Tj 0 g (accepted) Tj ET",
            "BT 0 g /H 10 Tf 2 45 Td (Not) Tj 1 0 0 rg 0 -12 Td (accepted) Tj ET",
            ".5 g 40 0 160 60 re f BT 0 g /H 10 Tf 2 45 Td (Not so ) Tj (accepted at all) Tj ET",
        ],
    );
    all_show("accepted", &area, &["0 0 1 rg BT /H 10 Tf 2 45 Td (acc) Tj 0 0 1 rg (epted) Tj ET"]);
}

#[test]
fn several_lines_go_down_and_not_up() {
    let area = Frame { bbox: [0.0, 0.0, 200.0, 60.0], ..field() };
    all_show(
        "abc",
        &area,
        &[
            "BT /H 10 Tf 2 45 Td (a) Tj 0 -12 Td (b) Tj 0 -12 Td (c) Tj ET",
            "BT /H 10 Tf 12 TL 2 45 Td (a) Tj T* (b) Tj (c) ' ET",
            "BT /H 10 Tf 2 45 Td (a) Tj 30 -12 TD (b) Tj T* (c) Tj ET",
        ],
    );
    all_refused(
        "over itself",
        &area,
        &["BT /H 10 Tf 2 20 Td (a) Tj 0 12 Td (b) Tj ET", "BT /H 10 Tf 2 45 Td (a) Tj 0 -4 Td (b) Tj ET"],
    );
}

#[test]
fn device_colours_mean_themselves() {
    let resources =
        "<</Font<</H<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/ColorSpace<</DefaultGray/X>>>>";
    let refused = read_with("BT /H 10 Tf 2 5 Td (100) Tj ET", resources, &field()).unwrap_err();
    assert!(refused.contains("device colours"), "{refused}");
}

#[test]
fn what_is_too_much_is_refused() {
    let operands = format!("BT /H 10 Tf 2 5 Td [{}] TJ ET", "1 ".repeat(5000));
    let nested = "q ".repeat(100);
    let fonts: String = (0..40).map(|n| format!("/F{n} 10 Tf ")).collect();
    let text = format!("BT /H 10 Tf 2 5 Td ({}) Tj ET", "a".repeat(20_001));
    for content in [operands, nested, fonts, text] {
        assert!(read(&content, &field()).unwrap_err().contains("too many"));
    }
    all_refused("paints too much", &field(), &[&"0 0 200 20 re f ".repeat(65)]);
    all_refused("too long", &field(), &[&"0 0 m 200 0 l ".repeat(258)]);
}
