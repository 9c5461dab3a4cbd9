//! The signing calls' extension parameters: what a signature certifies, locks and says, and where nothing is to be seen.

use crate::http::args::Args;
use crate::http::table::{Kind, LINE, Param, optional};
use crate::ops::{Error, Result, Terms, field_lock, later_fields, line};
use crate::pdf::sign::DocMdp;

const LATER_PATTERN: &str = r"^[^\s.,;:\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]{1,100},[1-9][0-9]{0,5}(,[1-9]?[0-9]{1,3}([.][0-9]{1,6})?){2}(,[1-9][0-9]{0,3}([.][0-9]{1,6})?){2}$";
const LOCK_PATTERN: &str = r"^(all|(include|exclude):[^\s;:\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]{1,100})$";
const LINE_OF_TEXT: Kind = Kind::Text { least: 1, most: 200, pattern: Some(LINE) };

/// An empty field of the file that is signed instead of a new one.
pub(super) const FIELD: Param = optional(
    "fieldName",
    LINE_OF_TEXT,
    "签署文件中已有的空签名域（全名）；传此参数时 signPositionType、positionContent 无效，印章显示在该域内（扩展参数）",
    "The file's empty signature field to be used, by its full name; the seal is shown inside it, positions have no effect (extension)",
    "\"partyB\"",
);
/// Whether anything is shown.
pub(super) const VISIBLE: Param = optional(
    "visible",
    Kind::OneOf(&["0", "1"]),
    "0=不可见签名，signPositionType、positionContent 无效；默认为 1（扩展参数）",
    "0: an invisible signature, positions have no effect (extension)",
    "\"1\"",
);
pub(super) const SEAM_PAGES: Param = optional(
    "seamPages",
    Kind::Number { least: 1, most: 999 },
    "骑缝章每枚印章最多跨页数，超过则循环使用；默认取配置 signing.seam_pages，即 20（扩展参数）",
    "Most pages that share one seam seal; more pages begin another (extension)",
    "20",
);
pub(super) const SEAM_BOOKLET: Param = optional(
    "seamBooklet",
    Kind::OneOf(&["0", "1"]),
    "骑缝章双面装订：1=奇数页盖右侧、偶数页盖左侧；默认为 0（扩展参数）",
    "1: bound as a booklet, odd pages take their slice at the right edge, even pages at the left (extension)",
    "\"0\"",
);
pub(super) const CERTIFY: Param = optional(
    "certify",
    Kind::OneOf(&["1", "2", "3"]),
    "认证签名（DocMDP），只能是文件的第一个签名：此后 1=不许修改，2=只许填表和签名，3=另许批注（扩展参数）",
    "A certification, the first signature of a file; afterwards 1: no changes, 2: forms and signatures, 3: annotations too (extension)",
    "\"2\"",
);
pub(super) const LATER_FIELDS: Param = optional(
    "laterFields",
    Kind::Text { least: 1, most: 20_000, pattern: Some(LATER_PATTERN) },
    "为后续签署人预设的空签名域，格式为“域名,页面,x轴,y轴,宽,高”，多个用分号隔开，最多 50 个（扩展参数）",
    "Empty fields for later signers, made with the first signature: name,page,x,y,width,height;… at most 50 (extension)",
    "\"partyB,1,300,100,120,60\"",
);
pub(super) const LOCK: Param = optional(
    "lock",
    Kind::Text { least: 1, most: 20_000, pattern: Some(LOCK_PATTERN) },
    "签署后锁定的表单域：all=全部，include:域名;…=这些，exclude:域名;…=除这些以外（扩展参数）",
    "Form fields that this signature locks: all, include:name;…, or exclude:name;… (extension)",
    "\"include:amount\"",
);
pub(super) const REASON: Param = optional(
    "reason",
    LINE_OF_TEXT,
    "签署原因，写入签名；默认取配置 signing.reason（扩展参数）",
    "Reason, written into the signature (extension)",
    "\"同意\"",
);
pub(super) const LOCATION: Param = optional(
    "location",
    LINE_OF_TEXT,
    "签署地点，写入签名（扩展参数）",
    "Location, written into the signature (extension)",
    "\"杭州\"",
);
pub(super) const CONTACT: Param = optional(
    "contact",
    LINE_OF_TEXT,
    "联系方式，写入签名（扩展参数）",
    "Contact, written into the signature (extension)",
    "\"legal@example.cn\"",
);

/// Reads them.
///
/// # Errors
/// 201 naming the parameter.
pub(super) fn terms(args: &Args) -> Result<Terms> {
    let text = |name: &str| args.text(name).map(|text| line(name, text)).transpose();
    Ok(Terms {
        certify: match args.text("certify") {
            None => None,
            Some("1") => Some(DocMdp::NoChanges),
            Some("2") => Some(DocMdp::FillForms),
            Some("3") => Some(DocMdp::Annotate),
            Some(_) => return Err(Error::malformed("certify")),
        },
        field: text("fieldName")?,
        later_fields: args.text("laterFields").map(later_fields).transpose()?.unwrap_or_default(),
        lock: args.text("lock").map(field_lock).transpose()?,
        reason: text("reason")?,
        location: text("location")?,
        contact: text("contact")?,
    })
}
