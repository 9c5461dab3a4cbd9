#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::seal::SealForm;

fn page(number: u32, crop: [f64; 4], quarter_turns: u8, user_unit: f64) -> Page {
    Page { number, id: ObjectId::new(number + 10), crop, quarter_turns, user_unit }
}

fn seal(width: f64, height: f64) -> SealForm {
    SealForm { width, height, content: Vec::new().into(), image: None }
}

fn around(page: &Page, x: f64, y: f64, form: &SealForm) -> Result<Place, PlaceError> {
    let mark = Mark { seal: form, caption: None };
    let point = Point { page: page.number, x, y };
    Box::around(page, &point, &mark, Anchor::LowerLeft, false).map(|b| b.place(page))
}

#[test]
fn a_place_is_where_it_was_asked_for_on_every_rotation() {
    let form = seal(100.0, 50.0);
    for (turns, rect) in [
        (0, [20.0, 30.0, 120.0, 80.0]),
        // Displayed 800 x 600: to the right is up in user space, up is to the left.
        (1, [540.0, 20.0, 590.0, 120.0]),
        (2, [500.0, 740.0, 600.0, 790.0]),
        (3, [30.0, 700.0, 80.0, 800.0]),
    ] {
        let page = page(1, [10.0, 10.0, 610.0, 810.0], turns, 1.0);
        let place = around(&page, 10.0, 20.0, &form).unwrap();
        assert_eq!(place.quarter_turns, turns);
        assert_eq!(page.to_display(place.rect)[..2], [10.0, 20.0]);
        assert_eq!(place.rect, rect, "{turns} quarter turns");
    }
}

#[test]
fn user_units_scale_the_rectangle() {
    let place = around(&page(1, [0.0, 0.0, 300.0, 400.0], 0, 2.0), 100.0, 200.0, &seal(50.0, 20.0)).unwrap();
    assert_eq!(place.rect, [50.0, 100.0, 75.0, 110.0]);
    assert_eq!(place.size, (50.0, 20.0));
}

#[test]
fn a_seal_that_would_leave_the_page_is_refused_by_name() {
    let page = page(3, [0.0, 0.0, 595.0, 842.0], 0, 1.0);
    let form = seal(100.0, 100.0);
    assert!(around(&page, 495.0, 742.0, &form).is_ok());
    let error = around(&page, 495.5, 0.0, &form).unwrap_err();
    assert_eq!(error.to_string(), "the seal at 3,495.5,0 would leave the page of 595 x 842 points");
    assert!(around(&page, -1.0, 0.0, &form).is_err());
    assert!(around(&page, f64::NAN, 0.0, &form).is_err());
    assert!(around(&page, 0.0, 0.0, &seal(600.0, 10.0)).is_err());
}

#[test]
fn captions_stay_inside_the_page() {
    let form = seal(100.0, 100.0);
    let caption = crate::seal::Caption {
        width: 160.0,
        height: 10.0,
        size: 7.0,
        colour: [0.0; 3],
        lines: Vec::new(),
        glyphs: std::collections::BTreeMap::new(),
    };
    let mark = Mark { seal: &form, caption: Some(&caption) };
    let page = page(1, [0.0, 0.0, 595.0, 842.0], 0, 1.0);
    let at = |x, y| Box::around(&page, &Point { page: 1, x, y }, &mark, Anchor::LowerLeft, false).unwrap();
    assert_eq!(at(200.0, 200.0).captions, [(170.0, 188.5)]);
    assert_eq!(at(0.0, 0.0).captions, [(0.0, 101.5)]);
    assert_eq!(at(0.0, 0.0).rect, [0.0, 0.0, 160.0, 111.5]);
}

#[test]
fn overlapping_seals_share_a_place() {
    let form = seal(100.0, 100.0);
    let mark = Mark { seal: &form, caption: None };
    let page = page(1, [0.0, 0.0, 595.0, 842.0], 0, 1.0);
    let mut boxes: Vec<Box> = [(0.0, 0.0), (300.0, 0.0), (50.0, 50.0), (0.0, 0.0)]
        .iter()
        .map(|&(x, y)| Box::around(&page, &Point { page: 1, x, y }, &mark, Anchor::LowerLeft, false).unwrap())
        .collect();
    merge(&mut boxes);
    assert_eq!(boxes.len(), 2);
    assert_eq!(boxes[0].rect, [0.0, 0.0, 150.0, 150.0]);
    assert_eq!(boxes[0].seals, [(0.0, 0.0), (50.0, 50.0)]);
}

#[test]
fn seam_slices_make_one_whole_seal() {
    let form = seal(120.0, 120.0);
    let mark = Mark { seal: &form, caption: None };
    let pages: Vec<Page> =
        (1..=45).map(|n| page(n, [0.0, 0.0, 595.0, 842.0], u8::try_from(n % 4).unwrap(), 1.0)).collect();
    let places = seam::slices(&pages, Seam::default(), &mark).unwrap();
    assert_eq!(places.len(), 45);
    for group in places.chunks(15) {
        let mut from = 0.0;
        for place in group {
            assert!((place.seals[0].0 + from).abs() < 1e-9);
            from += place.size.0;
            let shown = pages[place.page as usize - 1].to_display(place.rect);
            assert!((shown[2] - pages[place.page as usize - 1].size().0).abs() < 1e-9, "on the right edge");
        }
        assert!((from - 120.0).abs() < 1e-9);
    }
    let small = seam::slices(&[page(7, [0.0, 0.0, 300.0, 60.0], 0, 1.0)], Seam::default(), &mark);
    assert_eq!(small, Err(PlaceError::SeamTooLarge { page: 7, width: 300.0, height: 60.0 }));
    let one = seam::slices(&pages[..1], Seam::default(), &mark).unwrap();
    assert_eq!(one[0].size, (120.0, 120.0));
    let booklet = seam::slices(&pages, Seam { booklet: true, ..Seam::default() }, &mark).unwrap();
    assert!(pages[1].to_display(booklet[1].rect)[0].abs() < 1e-9, "even pages at the left edge");
}
