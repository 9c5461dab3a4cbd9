//! Codes, masks, limits and messages.

use super::fonts::set;
use super::sheets::{company, person};
use crate::seal::*;

#[test]
fn codes_of_the_document_are_parsed_and_nothing_else() {
    assert_eq!(Border::from_code("B2"), Some(Border::Open));
    assert_eq!(FontFamily::from_code("F4"), Some(FontFamily::YaHei));
    assert_eq!(Colour::from_code("C3"), Some(Colour::Black));
    assert_eq!(Mode::from_code("2"), Some(Mode::Masked));
    assert_eq!(CompanyShape::from_code("2"), Some(CompanyShape::Oval));
    for wrong in ["", "b1", "B3", "F0", "F5", "C4", "1 ", "01", "二"] {
        assert_eq!(Border::from_code(wrong), None, "{wrong}");
        assert_eq!(FontFamily::from_code(wrong), None, "{wrong}");
        assert_eq!(Colour::from_code(wrong), None, "{wrong}");
        assert_eq!(CompanyShape::from_code(wrong), None, "{wrong}");
    }
    // 脱敏 is 2; the document has no 1.
    assert_eq!(Mode::from_code("1"), None);
    for family in FontFamily::ALL {
        assert_eq!(FontFamily::from_code(family.code()), Some(*family));
    }
}

#[test]
fn texts_keep_their_limits_in_characters() {
    assert!(SealName::parse(&"𠮷".repeat(60)).is_ok());
    assert!(SealName::parse(&"国".repeat(61)).is_err());
    assert!(SealName::parse(" \u{3000} ").is_err());
    assert!(SealName::parse("张\u{7}三").is_err());
    assert_eq!(SealName::parse("  John \t Smith ").unwrap().as_str(), "John Smith");
    assert!(SealText::parse(&"章".repeat(12)).is_ok());
    assert!(SealText::parse(&"章".repeat(13)).is_err());
    assert!(CodeNumber::parse("1234567890123").is_ok());
    for wrong in ["", "123456789012", "12345678901234", "123456789012a", "１２３４５６７８９０１２３"]
    {
        assert!(CodeNumber::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_decomposed_letter_is_composed() {
    assert_eq!(SealName::parse("Mu\u{308}ller").unwrap().as_str(), "Müller");
    // A compatibility ideograph is a character of its own in a name and stays.
    assert_eq!(SealName::parse("\u{F9D1}").unwrap().as_str(), "\u{F9D1}");
}

#[test]
fn masks() {
    use crate::seal::mask;
    for (name, masked) in [
        ("张", "张"),
        ("张三", "张＊"),
        ("王小明", "王＊明"),
        ("欧阳喆堃", "欧＊＊堃"),
        ("买买提·艾力", "买＊＊·＊力"),
        ("John Smith", "J＊＊＊ ＊＊＊＊h"),
    ] {
        assert_eq!(mask::person(name), masked);
    }
    for (name, masked) in [
        ("华为", "华＊"),
        ("华为公司", "华＊公司"),
        ("北京云签科技有限公司", "北京＊＊＊＊有限公司"),
        ("上海浦东发展银行股份有限公司", "上海＊＊＊＊＊＊股份有限公司"),
        ("有限公司", "有＊公司"),
        ("国家税务总局", "国家＊＊＊局"),
        ("上海（高新区）科技中心", "上海（＊＊＊）＊＊中心"),
    ] {
        assert_eq!(mask::company(name), masked);
    }
}

#[test]
fn no_mask_shows_what_it_hides() {
    for length in 2..=60_usize {
        let name: String =
            (0..length).filter_map(|i| char::from_u32(0x4E00 + u32::try_from(i).unwrap())).collect();
        let hidden = |masked: &str| name.chars().filter(|c| !masked.contains(*c)).count();
        assert!(hidden(&crate::seal::mask::person(&name)) >= 1);
        assert!(hidden(&crate::seal::mask::company(&name)) >= 1);
        assert_eq!(crate::seal::mask::company(&name).chars().count(), length);
    }
}

#[test]
fn a_missing_character_is_named_with_what_would_cover_it() {
    let refused =
        |name: &str| draw_person(set(), &person(name, FontFamily::Kai, Border::Framed)).unwrap_err();
    let absent = |range: std::ops::RangeInclusive<char>| {
        range
            .into_iter()
            .find(|c| set().chain(Chain::Person(FontFamily::Kai)).iter().all(|f| !f.covers(*c)))
            .unwrap()
    };
    let g = absent('\u{30000}'..='\u{3134A}');
    let error = refused(&format!("张{g}"));
    let SealError::MissingCharacters { characters, remedy, .. } = &error else { panic!("{error}") };
    assert_eq!(characters, &[g]);
    assert!(remedy.contains("fonts-babelstone-han"), "{remedy}");
    assert!(error.to_string().contains(&format!("U+{:X}", u32::from(g))), "{error}");
    let f = absent('\u{2CEB0}'..='\u{2EBE0}');
    assert!(refused(&format!("{f}三")).to_string().contains("fonts-hanazono"));
    // Arabic is joined and runs from right to left: refused, not drawn wrong.
    assert!(refused("محمد").to_string().contains("shaping"));
    // Emoji: no font of seals.
    assert!(refused("张😀").to_string().contains("U+1F600"));
    let error = draw_company(set(), &company("公司", CompanyShape::Round, "章😀", "")).unwrap_err();
    assert!(matches!(error, SealError::MissingCharacters { chain: "company", .. }));
}

#[test]
fn fonts_are_never_mixed_and_rare_characters_come_from_the_font_that_has_them() {
    // 堃 is in the first font of F1, 𠮷 is only in the second; a name with both is the second's throughout.
    let rare = ('\u{20000}'..='\u{2A6DF}')
        .find(|c| {
            let chain = set().chain(Chain::Person(FontFamily::Kai));
            !chain[0].covers(*c) && chain[1].covers(*c)
        })
        .unwrap();
    let name = format!("张{rare}");
    let mixed = draw_person(set(), &person(&name, FontFamily::Kai, Border::Open)).unwrap();
    let second = draw_person(set(), &person(&name, FontFamily::HuawenKai, Border::Open)).unwrap();
    assert_eq!(mixed.outline(), second.outline());
    let first = draw_person(set(), &person("张三", FontFamily::Kai, Border::Open)).unwrap();
    let other = draw_person(set(), &person("张三", FontFamily::HuawenKai, Border::Open)).unwrap();
    assert_ne!(first.outline(), other.outline());
}

#[test]
fn an_empty_chain_says_so() {
    let none = FontSet::new([]).unwrap();
    let error = draw_person(&none, &person("张三", FontFamily::Kai, Border::Framed)).unwrap_err();
    assert!(error.to_string().contains("chain is empty"), "{error}");
    assert!(set_caption(&none, &["2026"], 30.0, Colour::Red).is_err());
}

#[test]
fn hostile_fonts_are_refused() {
    use std::sync::Arc;
    let inspect = |bytes: Vec<u8>| {
        let source: Arc<dyn FontSource> = Arc::new(Arc::new(bytes));
        FontFile::inspect("x", [(0, source)])
    };
    assert!(matches!(inspect(Vec::new()), Err(FontError::Unusable { .. })));
    assert!(matches!(inspect(vec![0; 4096]), Err(FontError::Unusable { .. })));
    assert!(matches!(inspect(b"OTTO\0\xFF\xFF\xFF".to_vec()), Err(FontError::Unusable { .. })));
}

#[test]
fn captions_fit_their_width() {
    let digest = "0123456789abcdef".repeat(2);
    let caption = set_caption(set(), &[&digest, &digest], 30.0, Colour::Red).unwrap();
    let points = 30.0 * 72.0 / 25.4;
    assert!((caption.width - points).abs() < 1e-9 && (6.0..20.0).contains(&caption.height), "{caption:?}");
    assert!((4.0..=7.0).contains(&caption.size), "legible: {} points", caption.size);
    assert_eq!(caption.glyphs.len(), 16, "each glyph once");
    for (x, y, line) in &caption.lines {
        let set = |c: char| f64::from(caption.glyphs[&c].advance) / 1000.0 * caption.size;
        let end = x + line.chars().map(set).sum::<f64>();
        assert!(*x >= 0.0 && end <= points && *y > 0.0 && y + 0.8 * caption.size < caption.height);
    }
    set_caption(set(), &["签署时间：2026年11月22日 02:30:00 +08:00"], 40.0, Colour::Black).unwrap();
    assert!(set_caption(set(), &["龘"], 40.0, Colour::Black).is_err());
}
