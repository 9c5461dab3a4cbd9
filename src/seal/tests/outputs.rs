//! PNG, SVG and stored form show the same geometry.

use super::fonts::set;
use super::sheets::{company, person};
use crate::seal::*;

fn seals() -> Vec<(String, SealShape)> {
    let mut seals = Vec::new();
    for family in FontFamily::ALL {
        for (name, border) in
            [("张三", Border::Framed), ("欧阳喆堃", Border::Framed), ("王小明", Border::Open)]
        {
            let shape = draw_person(set(), &person(name, *family, border)).unwrap();
            seals.push((format!("{} {} {name}", family.code(), border.code()), shape));
        }
    }
    let masked =
        PersonSeal { mode: Mode::Masked, ..person("买买提·艾力", FontFamily::Kai, Border::Framed) };
    seals.push(("F1 B1 masked".into(), draw_person(set(), &masked).unwrap()));
    for shape in CompanyShape::ALL {
        for (name, text, code) in [
            ("华为公司", "", ""),
            ("北京云签科技有限公司", "合同专用章", "1234567890123"),
            ("新疆维吾尔自治区乌鲁木齐市（高新区）科技发展集团有限责任公司第二分公司", "财务专用章", ""),
        ] {
            let drawn = draw_company(set(), &company(name, *shape, text, code)).unwrap();
            seals.push((format!("{} {name} {text} {code}", shape.code()), drawn));
        }
    }
    seals
}

/// Another program's reading of the SVG against our PNG: the same pixels but for rounding at the edges.
#[test]
fn the_svg_shows_what_the_png_shows() {
    for (name, seal) in seals() {
        let svg = seal.to_svg();
        assert!(!svg.contains("<text") && !svg.contains("font"), "{name}");
        let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
        let ours = tiny_skia::Pixmap::decode_png(&seal.to_png(600).unwrap()).unwrap();
        let mut theirs = resvg::tiny_skia::Pixmap::new(ours.width(), ours.height()).unwrap();
        #[allow(clippy::cast_precision_loss)]
        let scale = ours.width() as f32 / tree.size().width();
        resvg::render(&tree, resvg::tiny_skia::Transform::from_scale(scale, scale), &mut theirs.as_mut());
        let differing = ours.data().iter().zip(theirs.data()).filter(|(a, b)| a.abs_diff(**b) > 64).count();
        assert!(
            differing * 500 < ours.data().len(),
            "{name}: {differing} of {} bytes differ",
            ours.data().len()
        );
        assert!(ours.data().contains(&255), "{name} is empty");
    }
}

#[test]
fn a_png_has_the_size_asked_for_and_a_transparent_ground() {
    let (_, seal) = seals().remove(0);
    for pixels in [100, 200, 4096] {
        let map = tiny_skia::Pixmap::decode_png(&seal.to_png(pixels).unwrap()).unwrap();
        assert_eq!(map.width(), pixels);
        assert!((f64::from(map.height()) - f64::from(pixels) * 16.5 / 30.0).abs() <= 0.5);
        assert_eq!(map.pixel(0, 0).unwrap().alpha(), 0);
    }
    assert!(seal.to_png(15).is_err() && seal.to_png(4097).is_err());
}

#[test]
fn a_stored_seal_comes_back_as_it_was_and_is_small() {
    for (name, seal) in seals() {
        let face = SealFace::Drawn(seal);
        let stored = postcard::to_allocvec(&face).unwrap();
        assert!(stored.len() < 64 * 1024, "{name}: {}", stored.len());
        assert_eq!(postcard::from_bytes::<SealFace>(&stored).unwrap(), face, "{name}");
    }
}

#[test]
fn a_form_is_balanced_and_uses_only_path_and_colour_operators() {
    for (name, seal) in seals() {
        let form = seal.to_pdf_form();
        let text = String::from_utf8(form.content.to_vec()).unwrap();
        let mut depth = 0;
        for token in text.split_ascii_whitespace().filter(|t| t.parse::<f64>().is_err()) {
            match token {
                "q" => depth += 1,
                "Q" => depth -= 1,
                "m" | "l" | "c" | "h" | "f" | "B" | "rg" | "RG" | "w" | "j" | "cm" => {}
                other => panic!("{name}: {other}"),
            }
            assert!(depth >= 0);
        }
        assert_eq!(depth, 0, "{name}");
        assert!(form.width > 0.0 && form.height > 0.0 && form.image.is_none());
    }
}

/// The geometry is part of what customers see and have registered: a change must be meant. `HUFU_BLESS=1` writes the
/// present hashes. Lines for fonts of another version than the recorded one are skipped aloud.
#[test]
fn geometry_is_the_recorded_one() {
    use sha2::{Digest, Sha256};
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/seal/tests/golden.txt");
    let hash = |bytes: &[u8]| hex::encode(&Sha256::digest(bytes)[..12]);
    let lines: Vec<(String, String)> = seals()
        .into_iter()
        .map(|(name, seal)| {
            let fonts = if name.starts_with('F') { name.split_at(2).0 } else { "company" };
            let chain = set().chain(Chain::from_name(fonts).unwrap());
            let version =
                chain.iter().map(|f| format!("{}/{}", f.name(), f.characters())).collect::<Vec<_>>();
            let geometry = hash(&postcard::to_allocvec(seal.outline()).unwrap());
            (format!("{name} [{}]", version.join(" ")), geometry)
        })
        .collect();
    if std::env::var_os("HUFU_BLESS").is_some() {
        let text: String = lines.iter().map(|(name, hash)| format!("{hash} {name}\n")).collect();
        std::fs::write(&path, text).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap();
    let mut changed = Vec::new();
    for (name, geometry) in &lines {
        match recorded.lines().find_map(|l| l.split_once(' ').filter(|(_, n)| n == name)) {
            Some((known, _)) if known == geometry => {}
            Some(_) => changed.push(name),
            None => println!("skipped: {name} (other fonts than the recorded ones)"),
        }
    }
    assert!(changed.is_empty(), "changed: {changed:#?}; look at target/seals/, then HUFU_BLESS=1");
    assert!(recorded.lines().count() >= 19);
}
