//! 印章模块

use crate::http::args::Args;
use crate::http::reply::Reply;
use crate::http::table::{Access, Endpoint, Kind, LINE, Need, Param, Run, SIGNER, optional, required};
use crate::ops::{Error, Result};
use crate::seal::{
    Border, CodeNumber, Colour, CompanySeal, CompanyShape, FontFamily, Mode, PersonSeal, SealName, SealText,
};

const COLOUR: Param = Param {
    need: Need::Default("C1"),
    ..optional(
        "color",
        Kind::OneOf(&["C1", "C2", "C3"]),
        "字体颜色，C1=红色，C2=蓝色，C3=黑色；默认 C1",
        "Red, blue or black",
        "\"C1\"",
    )
};

const MODE: Param = Param {
    need: Need::Default("0"),
    ..optional(
        "mode",
        Kind::OneOf(&["0", "2"]),
        "印章样式，0=正常，2=脱敏；默认 0",
        "Plain or masked",
        "\"0\"",
    )
};

const NO_PERMISSION: &[(u32, &str)] = &[(20001, "用户无权限")];
/// 400 KB
const PICTURE: usize = 409_600;

/// A call that makes a seal, for the platform or the signer itself.
const fn call(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    data: &'static str,
    params: &'static [Param],
    run: Run,
) -> Endpoint {
    Endpoint {
        access: Access::Signer,
        creates: true,
        data,
        failures: NO_PERMISSION,
        ..Endpoint::post(path, "印章模块", title, en, params, run)
    }
}

pub(super) const CALLS: &[Endpoint] = &[
    call(
        "/moulage/person",
        "创建个人印章",
        "Draws a person's seal from the registered name",
        r#"{"moulageId": 1}"#,
        &[
            SIGNER,
            Param {
                need: Need::Default("B1"),
                ..optional(
                    "borderType",
                    Kind::OneOf(&["B1", "B2"]),
                    "边框样式，B1=有边框，B2=无边框；默认 B1",
                    "With or without frame",
                    "\"B1\"",
                )
            },
            Param {
                need: Need::Default("F1"),
                ..optional(
                    "fontFamily",
                    Kind::OneOf(&["F1", "F2", "F3", "F4"]),
                    "字体样式，F1=楷体，F2=华文仿宋，F3=华文楷体，F4=微软雅黑；默认 F1",
                    "Typeface",
                    "\"F1\"",
                )
            },
            COLOUR,
            MODE,
        ],
        |appliance, call, caller, args| {
            let id = appliance.make_person_seal(call, caller, args.id("signerId")?, |name| {
                Ok(PersonSeal {
                    name: seal_name(name)?,
                    border: coded(&args, "borderType", Border::from_code)?,
                    family: coded(&args, "fontFamily", FontFamily::from_code)?,
                    colour: coded(&args, "color", Colour::from_code)?,
                    mode: coded(&args, "mode", Mode::from_code)?,
                })
            })?;
            Ok(Reply::id("moulageId", id))
        },
    ),
    call(
        "/moulage/company",
        "创建企业印章",
        "Draws a company's seal from the registered name",
        r#"{"moulageId": 2}"#,
        &[
            SIGNER,
            Param {
                need: Need::Default("1"),
                ..optional(
                    "styleType",
                    Kind::OneOf(&["1", "2"]),
                    "章的形状，1=常规圆章；2=椭圆章；默认 1",
                    "Round or oval",
                    "\"1\"",
                )
            },
            optional(
                "textContent",
                Kind::Text { least: 1, most: 12, pattern: Some(LINE) },
                "横向文案，长度<= 12 字符",
                "The line beneath the star",
                "\"测试专用章\"",
            ),
            optional(
                "keyContent",
                Kind::Digits { least: 13, most: 13 },
                "防伪码信息，长度 13 位纯数字",
                "The number along the edge",
                "\"1234567890123\"",
            ),
            COLOUR,
            MODE,
        ],
        |appliance, call, caller, args| {
            let text = args.text("textContent").map(SealText::parse).transpose();
            let code = args.text("keyContent").map(CodeNumber::parse).transpose();
            let text = text.map_err(|e| Error::malformed("textContent").because(e))?;
            let code = code.map_err(|e| Error::malformed("keyContent").because(e))?;
            let id = appliance.make_company_seal(call, caller, args.id("signerId")?, |name| {
                Ok(CompanySeal {
                    name: seal_name(name)?,
                    shape: coded(&args, "styleType", CompanyShape::from_code)?,
                    text,
                    code,
                    colour: coded(&args, "color", Colour::from_code)?,
                    mode: coded(&args, "mode", Mode::from_code)?,
                })
            })?;
            Ok(Reply::id("moulageId", id))
        },
    ),
    call(
        "/moulage/upload",
        "自定义印章",
        "Takes a PNG as seal",
        r#"{"moulageId": 3}"#,
        &[
            SIGNER,
            required(
                "imgBase",
                Kind::Base64 { most: PICTURE },
                "图片 Base64 编码，格式要求：png，大小限制在 400KB 内；个人印章尺寸 110X200px，企业圆章 200X200px；椭圆章 160X300px",
                "Base64 of a PNG of at most 409,600 bytes, a data-URI prefix allowed",
                "\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\"",
            ),
            Param {
                need: Need::Default("0"),
                ..optional(
                    "whiteTransparent",
                    Kind::OneOf(&["0", "1"]),
                    "白色背景是否变为透明：0=保持原样，1=变为透明（扩展参数）",
                    "1 makes the white ground transparent (extension)",
                    "\"0\"",
                )
            },
        ],
        |appliance, call, caller, args| {
            let id = appliance.upload_seal(
                call,
                caller,
                args.id("signerId")?,
                args.binary("imgBase")?,
                args.text("whiteTransparent") == Some("1"),
            )?;
            Ok(Reply::id("moulageId", id))
        },
    ),
];

fn seal_name(name: &str) -> Result<SealName> {
    SealName::parse(name).map_err(|e| Error::malformed("userName").because(e))
}

fn coded<T>(args: &Args, name: &str, read: fn(&str) -> Option<T>) -> Result<T> {
    read(args.required(name)?).ok_or_else(|| Error::malformed(name))
}
