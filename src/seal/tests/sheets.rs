//! Contact sheets into `target/seals/`, to be looked at.

use tiny_skia::{Color, Pixmap, Transform};

use super::fonts::set;
use crate::seal::*;

pub(super) fn company(name: &str, shape: CompanyShape, text: &str, code: &str) -> CompanySeal {
    CompanySeal {
        shape,
        text: (!text.is_empty()).then(|| SealText::parse(text).unwrap()),
        code: (!code.is_empty()).then(|| CodeNumber::parse(code).unwrap()),
        ..CompanySeal::new(SealName::parse(name).unwrap())
    }
}

pub(super) fn person(name: &str, family: FontFamily, border: Border) -> PersonSeal {
    PersonSeal { family, border, ..PersonSeal::new(SealName::parse(name).unwrap()) }
}

/// Pixels per millimetre on a sheet.
const SCALE: f32 = 8.0;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn sheet(file: &str, columns: usize, seals: &[SealShape]) {
    let (w, h) =
        seals.iter().fold((0.0_f64, 0.0_f64), |(w, h), s| (w.max(s.size_mm().0), h.max(s.size_mm().1)));
    let (w, h) = (w as f32 + 2.0, h as f32 + 2.0);
    let rows = seals.len().div_ceil(columns);
    let mut map = Pixmap::new((columns as f32 * w * SCALE) as u32, (rows as f32 * h * SCALE) as u32).unwrap();
    map.fill(Color::WHITE);
    for (i, seal) in seals.iter().enumerate() {
        let (x, y) = ((i % columns) as f32 * w + 1.0, (i / columns) as f32 * h + 1.0);
        seal.paint(
            &mut map,
            Transform::from_scale(SCALE / 1000.0, SCALE / 1000.0).post_translate(x * SCALE, y * SCALE),
        );
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/seals");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file), map.encode_png().unwrap()).unwrap();
}

#[test]
fn contact_sheets() {
    let mut seals = Vec::new();
    let names = [
        "张三",
        "王小明",
        "欧阳喆堃",
        "买买提·艾力",
        "阿卜杜热西提·买买提艾力",
        "John Smith",
        "Müller-Lüdenscheidt",
        "尼古拉·瓦西里耶维奇·果戈理",
        "司马相如之",
    ];
    for (i, family) in FontFamily::ALL.iter().enumerate() {
        for name in names {
            let border = Border::ALL[usize::from(name == "王小明" && i % 2 == 1)];
            let colour = Colour::ALL[(i + name.len()) % 3];
            seals.push(draw_person(set(), &PersonSeal { colour, ..person(name, *family, border) }).unwrap());
        }
        for name in ["张三", "王小明", "欧阳喆堃"] {
            let seal = PersonSeal { mode: Mode::Masked, ..person(name, *family, Border::Framed) };
            seals.push(draw_person(set(), &seal).unwrap());
        }
    }
    sheet("person.png", 6, &seals);

    let code = "1101081234567";
    let round = [
        ("华为", "", ""),
        ("华为公司", "", code),
        ("北京云签科技有限公司", "合同专用章", code),
        ("上海浦东发展银行股份有限公司", "财务专用章", code),
        ("深圳市前海微众数字信息技术服务有限公司", "合同专用章(2)", code),
        ("内蒙古自治区呼和浩特市新城区市场监督管理局", "", code),
        ("新疆维吾尔自治区乌鲁木齐市（高新区）科技发展集团有限责任公司", "财务专用章", code),
        ("中国国际经济技术合作促进会信息化专业委员会驻北京办事处综合管理科", "人事专用章", ""),
        ("ABC Technology (Shanghai) Co., Ltd.", "合同专用章", code),
        ("A股第3分公司", "业务办理合同专用章一二三", ""),
        (
            "中国国际经济技术合作促进会信息化专业委员会驻北京办事处综合管理科第一附属技术服务中心",
            "人事专用章",
            code,
        ),
        (
            "中国国际经济技术合作促进会信息化专业委员会驻北京办事处综合管理科第一附属技术服务中心中国国际经济技术合作促进会信息化委",
            "人事专用章",
            code,
        ),
    ];
    let seals: Vec<_> = round
        .iter()
        .map(|(n, t, c)| draw_company(set(), &company(n, CompanyShape::Round, t, c)).unwrap())
        .collect();
    sheet("round.png", 4, &seals);
    let seals: Vec<_> = round
        .iter()
        .map(|(n, t, c)| draw_company(set(), &company(n, CompanyShape::Oval, t, c)).unwrap())
        .collect();
    sheet("oval.png", 4, &seals);

    let long: String = round[11].0.chars().take(60).collect();
    let lengths: Vec<_> = (2..=60)
        .map(|n| {
            let name: String = long.chars().take(n).collect();
            let shape = CompanyShape::ALL[n % 2];
            let text = ["", "合同专用章"][n / 2 % 2];
            draw_company(set(), &company(&name, shape, text, code)).unwrap()
        })
        .collect();
    sheet("lengths.png", 10, &lengths);
}
