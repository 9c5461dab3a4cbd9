//! 脱敏: a name with its middle masked.

use super::glyph::Sign;

const MASK: char = '＊';

/// Masks a person's name. Of two characters the second is masked (张＊), of three the middle one (王＊明), of more all but
/// the first and the last (欧＊＊明). Dots and spaces between parts of a name stay and are not counted (买＊＊·＊力).
pub(super) fn person(name: &str) -> String {
    let letters = name.chars().filter(|c| is_letter(*c)).count();
    let kept = |i: usize| i == 0 || (letters > 2 && i + 1 == letters);
    masked(name, kept)
}

/// Endings that say the kind of company, longest first.
const KINDS: &[&str] = &[
    "股份有限公司",
    "有限责任公司",
    "集团有限公司",
    "有限公司",
    "分公司",
    "公司",
    "合伙企业",
    "事务所",
    "研究院",
    "研究所",
    "协会",
    "学校",
    "医院",
    "中心",
    "银行",
    "集团",
    "工厂",
    "厂",
    "店",
    "社",
    "局",
];

/// Masks a company's name: the first two characters (one of a short name) and the ending that says its kind stay
/// (北京＊＊＊＊有限公司); where no ending is known, the last two characters.
pub(super) fn company(name: &str) -> String {
    let letters = name.chars().filter(|c| is_letter(*c)).count();
    let ending = KINDS.iter().find(|kind| name.ends_with(**kind)).map_or(2, |kind| kind.chars().count());
    let head = if letters >= 6 { 2 } else { 1 };
    // A name that is hardly longer than its ending still gets something masked.
    let tail = ending.min(letters.saturating_sub(head + 1));
    masked(name, |i| i < head || i + tail >= letters)
}

fn masked(name: &str, kept: impl Fn(usize) -> bool) -> String {
    let mut i = 0;
    name.chars()
        .map(|c| {
            if !is_letter(c) {
                return c;
            }
            let shown = if kept(i) { c } else { MASK };
            i += 1;
            shown
        })
        .collect()
}

/// What is counted and can be masked: everything but separators.
fn is_letter(c: char) -> bool {
    !matches!(Sign::of(c), Sign::Dot | Sign::Space | Sign::Bracket(_)) && c != '-'
}
