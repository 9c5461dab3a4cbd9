//! Kernels' and documents' failures in the words of the API.

use crate::codes::Code;
use crate::documents::DocumentError;
use crate::locate::LocateError;
use crate::ops::Error;
use crate::pdf::place::{MAX_PLACES, PlaceError, Placement};
use crate::pdf::sign::SignError;
use crate::pdf::syntax::SyntaxError;

/// A file that cannot be read.
pub(in crate::ops) fn read_error(error: &DocumentError, path: &str) -> Error {
    match error {
        DocumentError::Missing
        | DocumentError::Outside
        | DocumentError::Malformed(_)
        | DocumentError::NoFolder => {
            Error::with(Code::ContractNotFound, format!("合同文件{path} 不存在")).because(error)
        }
        DocumentError::Timeout => Error::new(Code::Overloaded).because(error),
        DocumentError::TooLarge { limit } => {
            Error::with(Code::ContractUnreadable, format!("合同文件读取失败：文件超过 {limit} 字节"))
                .because(error)
        }
        _ => Error::new(Code::ContractUnreadable).because(error),
    }
}

/// A file that cannot be written.
pub(in crate::ops) fn save_error(error: &DocumentError) -> Error {
    match error {
        DocumentError::Timeout => Error::new(Code::Overloaded).because(error),
        DocumentError::Full => Error::signing("合同保存失败，存储空间不足").because(error),
        _ => Error::signing("合同保存失败").because(error),
    }
}

/// A file that is no PDF we can read, with the reason.
pub(in crate::ops) fn syntax_error(error: &SyntaxError) -> Error {
    let reason = match error {
        SyntaxError::Password => "文件需要密码",
        SyntaxError::Encryption(_) => "不支持的加密方式",
        SyntaxError::SignedAndDamaged(_) => "已签名的文件损坏或不完整",
        SyntaxError::Limit(_) => "文件结构超出限制",
        SyntaxError::Header => "文件开头不是 %PDF",
        _ => "文件损坏或不是 PDF",
    };
    let message = format!("{}：{reason}", Code::ContractUnreadable.message());
    Error::with(Code::ContractUnreadable, message).because(error)
}

/// A place that cannot be had, asked for with the parameter `name`.
pub(in crate::ops) fn place_error(name: &str, error: &PlaceError, asked: &Placement) -> Error {
    let parameter = |reason: String| {
        Error::with(Code::BadParameter, format!("{name} 格式不正确：{reason}")).because(error)
    };
    let by_coordinates = matches!(asked, Placement::At(_));
    match error {
        PlaceError::OutsidePage { place, width, height } if by_coordinates => {
            parameter(format!("{place} 处的印章超出页面（{width}×{height}）"))
        }
        PlaceError::OutsidePage { place, .. } => {
            Error::signing(format!("{place} 处的印章超出页面")).because(error)
        }
        PlaceError::SeamTooLarge { page, width, height } => Error::with(
            Code::BadParameter,
            format!("sealClass 格式不正确：骑缝章超出第 {page} 页（{width}×{height}）"),
        )
        .because(error),
        PlaceError::NoSuchPage { page, pages } if by_coordinates => {
            parameter(format!("第 {page} 页不存在，共 {pages} 页"))
        }
        PlaceError::TooMany(_) if by_coordinates => parameter(format!("最多 {MAX_PLACES} 处")),
        PlaceError::KeywordNotFound { keyword, .. } => {
            Error::signing(format!("未找到关键字“{keyword}”")).because(error)
        }
        PlaceError::Locate(LocateError::EmptyKeyword) => Error::missing(name),
        PlaceError::TooMany(_) => {
            Error::signing(format!("关键字出现次数超过 {MAX_PLACES} 处")).because(error)
        }
        PlaceError::Syntax(error) | PlaceError::Locate(LocateError::Document(error)) => syntax_error(error),
        _ => Error::signing("无法定位印章").because(error),
    }
}

/// A file that is not signed.
pub(in crate::ops) fn sign_error(error: &SignError) -> Error {
    let reason = match error {
        SignError::Syntax(error) => return syntax_error(error),
        SignError::Certified => "文件的认证签名不允许任何修改（DocMDP P=1）",
        SignError::Locked(_) => "签名域已被先前的签名锁定",
        SignError::AllLocked => "先前的签名锁定了签名域，不允许新增签名",
        SignError::NoFieldLeft(_) => "文件的认证签名不允许新增可见签名域",
        SignError::Permissions => "文件的权限不允许签名",
        SignError::DynamicXfa => "动态 XFA 表单不能签名",
        SignError::NotFirst(_) => "只有文件的第一个签名才能认证文件或预设签名域",
        SignError::SeedValue { .. } => "签名域的种子值要求不满足",
        SignError::NoSuchField(_) => "签名域不存在或已被使用",
        SignError::Unsupported(_) => "不支持的文件结构",
        SignError::Request(_) => "签名请求无效",
        SignError::Overflow { .. } => "签名值超出预留空间",
        SignError::SelfCheck(_) => "签署后自检未通过",
    };
    Error::signing(reason).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_says_why_on_every_call() {
        for (error, reason) in [
            (SyntaxError::Password, "文件需要密码"),
            (SyntaxError::Header, "文件开头不是 %PDF"),
            (SyntaxError::SignedAndDamaged(String::new()), "已签名的文件损坏或不完整"),
            (SyntaxError::Structure("no trailer"), "文件损坏或不是 PDF"),
        ] {
            let signing = sign_error(&SignError::Syntax(error.clone()));
            assert_eq!(signing.code, Code::ContractUnreadable);
            assert_eq!(signing.message, format!("合同文件读取失败：{reason}"));
            let keyword = Placement::Keyword("x".into());
            let locating =
                place_error("keyword", &PlaceError::Locate(LocateError::Document(error)), &keyword);
            assert_eq!((locating.code, locating.message), (signing.code, signing.message));
        }
    }

    #[test]
    fn a_seam_seal_too_large_for_a_page_names_it() {
        let error = PlaceError::SeamTooLarge { page: 2, width: 300.0, height: 60.0 };
        let error = place_error("positionContent", &error, &Placement::Invisible);
        assert_eq!(
            (error.code, &*error.message),
            (Code::BadParameter, "sealClass 格式不正确：骑缝章超出第 2 页（300×60）")
        );
    }
}
