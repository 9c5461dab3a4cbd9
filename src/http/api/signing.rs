//! 签署模块

use super::terms::{self, terms};
use super::users::certificates;
use crate::codes::Code;
use crate::http::args::Args;
use crate::http::reply::Reply;
use crate::http::table::{
    CA_TYPE, CERT_TYPE, Endpoint, Form, Kind, Need, PDF_PATH, PHONES, Param, Run, SEAL, SIGNER, optional,
    required, text,
};
use crate::ops::{
    Appliance, Call, Caller, Error, Result, SealClass, SignRequest, Source, StampRequest, positions,
};
use crate::pdf::place::{Placement, Seam};
use serde_json::json;

const PATH_MOST: usize = 4_096;

const SEAL_CLASS: Param = Param {
    need: Need::Default("0"),
    ..optional(
        "sealClass",
        Kind::OneOf(&["0", "1", "2", "3"]),
        "印章样式，0=常规，1=骑缝章，2=含摘要，3=含签署时间；默认为 0，传 1 时参数 signPositionType、positionContent 无效",
        "Plain, seam seal over all pages, with the document's digest, with the time of signing",
        "\"0\"",
    )
};
/// What leaves the position without effect.
const NO_POSITION: Need =
    Need::Unless(&[("sealClass", Some("1")), ("fieldName", None), ("visible", Some("0"))]);
const POSITION_TYPE: Param = Param {
    need: NO_POSITION,
    ..optional(
        "signPositionType",
        Kind::OneOf(&["0", "1"]),
        "定位方式，0=关键字定位；1=坐标定位",
        "Keyword or coordinates; without effect for a seam seal",
        "\"1\"",
    )
};
const POSITION: Param = Param {
    need: NO_POSITION,
    ..optional(
        "positionContent",
        text(20_000),
        "signPositionType 为 0 时，传关键字内容；为 1 时，传坐标位置信息，格式为“页面,x轴,y轴”，多个用分号隔开，坐标原点为页面左下角",
        "The keyword, or page,x,y;page,x,y from the lower left corner of the page",
        "\"1,100,100\"",
    )
};
const MORE_SIGNERS: Param = optional(
    "moreSigners",
    Kind::OneOf(&["0", "1"]),
    "后续还有签署人：1=是，长期验证数据（B-LT、B-LTA）由最后一位签署人的调用写入；默认为 0（扩展参数）",
    "1: others sign this file later; what B-LT and B-LTA add is left to the last signer's call (extension)",
    "\"0\"",
);
const CONTRACT_PATH: Param = required(
    "contractPath",
    text(PATH_MOST),
    "合同原文路径",
    "The PDF, below the app's document roots",
    "\"/yunhetong/contract/待签署合同.pdf\"",
);
const CONTRACT_FILE: Param =
    required("contractPath", Kind::File, "合同原文（文件）", "The PDF, at most 20 MiB", "\"（文件）\"");
const SAVED: Kind = Kind::Text { least: 1, most: PATH_MOST, pattern: Some(PDF_PATH) };
const SAVE_PATH: Param = required(
    "contractSavePath",
    SAVED,
    "合同保存路径",
    "Where the signed file goes; ends in .pdf",
    "\"/yunhetong/contract/签署后合同.pdf\"",
);
const TITLE: Param = optional("contractTitle", text(200), "合同标题", "Title", "\"租赁合同\"");
const CODE: Param = Param {
    need: Need::Else(Code::CodeEmpty),
    ..optional(
        "code",
        Kind::Digits { least: 4, most: 4 },
        "短信验证码 4 位数字",
        "The four digits that the signer received",
        "\"1234\"",
    )
};

/// positionContent follows signPositionType; a seam seal, an existing field and an invisible signature need neither.
const POSITION_RULE: &str = r#"{"anyOf": [
    {"required": ["sealClass"], "properties": {"sealClass": {"enum": ["1", 1]}}},
    {"required": ["fieldName"], "properties": {"fieldName": {"type": "string", "pattern": "\\S"}}},
    {"required": ["visible"], "properties": {"visible": {"enum": ["0", 0]}}},
    {"required": ["signPositionType", "positionContent"], "properties": {"signPositionType": {"enum": ["0", 0]},
        "positionContent": {"type": "string", "maxLength": 200}}},
    {"required": ["signPositionType", "positionContent"], "properties": {"signPositionType": {"enum": ["1", 1]},
        "positionContent": {"type": "string", "pattern": "^ *[1-9][0-9]{0,5}( *, *[1-9]?[0-9]{1,3}([.][0-9]{1,6})?){2} *(; *[1-9][0-9]{0,5}( *, *[1-9]?[0-9]{1,3}([.][0-9]{1,6})?){2} *){0,99};?$"}}}]}"#;

const TAG: &str = "签署模块";

/// The parameters of the signing calls, with their way of giving the contract.
const fn params(contract: Param) -> [Param; 21] {
    [
        SIGNER,
        SEAL,
        SEAL_CLASS,
        contract,
        SAVE_PATH,
        terms::FIELD,
        terms::VISIBLE,
        POSITION_TYPE,
        POSITION,
        TITLE,
        CA_TYPE,
        CERT_TYPE,
        MORE_SIGNERS,
        terms::SEAM_PAGES,
        terms::SEAM_BOOKLET,
        terms::CERTIFY,
        terms::LATER_FIELDS,
        terms::LOCK,
        terms::REASON,
        terms::LOCATION,
        terms::CONTACT,
    ]
}

/// The same after a code.
const fn params_with_code(contract: Param) -> [Param; 22] {
    let mut all = [CODE; 22];
    let (_, rest) = all.split_at_mut(1);
    rest.copy_from_slice(&params(contract));
    all
}

/// Parameters of /sign/filePath, and of each item of a batch.
pub(super) const BY_PATH: &[Param] = &params(CONTRACT_PATH);

const fn call(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    form: Form,
    params: &'static [Param],
    run: Run,
) -> Endpoint {
    Endpoint {
        form,
        creates: true,
        data: r#"{"summaryId": 1000}"#,
        rules: &[POSITION_RULE],
        failures: &[(201, "moulageId 为空")],
        ..Endpoint::post(path, TAG, title, en, params, run)
    }
}

const fn stamping(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    form: Form,
    params: &'static [Param],
) -> Endpoint {
    Endpoint {
        form,
        creates: true,
        data: r#"{"timeStampSignId": 1000}"#,
        failures: &[(201, "文件保存类型非法")],
        ..Endpoint::post(path, TAG, title, en, params, stamp)
    }
}

const STAMP_PATH: Param = required(
    "filePath",
    text(PATH_MOST),
    "文件路径，只支持 pdf，文件最大 20M",
    "The PDF",
    "\"/yunhetong/contract/合同.pdf\"",
);
const STAMP_FILE: Param = required(
    "filePath",
    Kind::File,
    "文件原文（文件），只支持 pdf，文件最大 20M",
    "The PDF, at most 20 MiB",
    "\"（文件）\"",
);
const STAMP_SAVE_PATH: Param = required(
    "fileSavePath",
    SAVED,
    "文件保存路径",
    "Where the stamped file goes; ends in .pdf",
    "\"/yunhetong/contract/固化后.pdf\"",
);
const STAMP_TITLE: Param = optional("title", text(200), "文件标题", "Title", "\"租赁合同\"");

pub(super) const CALLS: &[Endpoint] = &[
    call("/sign/filePath", "文件签署", "Signs a PDF by path", Form::Json, BY_PATH, sign),
    call(
        "/sign/fileStream",
        "文件流签署",
        "Signs an uploaded PDF",
        Form::Multipart,
        &params(CONTRACT_FILE),
        sign,
    ),
    Endpoint {
        failures: &[(20003, "系统异常")],
        ..Endpoint::post(
            "/send/verifyCode",
            TAG,
            "发送短信验证码",
            "Sends a code for a signature with consent",
            &[
                SIGNER,
                optional(
                    "phoneNo",
                    Kind::Loose { least: 1, most: 4_096, pattern: Some(PHONES) },
                    "手机号码，如果不传使用创建用户时的号码",
                    "Another number than the registered one",
                    "\"13000000000\"",
                ),
            ],
            |appliance, call, caller, args| {
                appliance.send_code(call, caller, args.id("signerId")?, args.text("phoneNo"))?;
                Ok(Reply::Done(None))
            },
        )
    },
    call(
        "/sign/verifyCodeFilePath",
        "文件签署（短信认证）",
        "Signs a PDF by path after the signer's code",
        Form::Json,
        &params_with_code(CONTRACT_PATH),
        sign_with_code,
    ),
    call(
        "/sign/verifyCodeFileStream",
        "文件流签署（短信认证）",
        "Signs an uploaded PDF after the signer's code",
        Form::Multipart,
        &params_with_code(CONTRACT_FILE),
        sign_with_code,
    ),
    stamping(
        "/tsa/pathSign",
        "时间戳数据固化（文件）",
        "Adds a document time stamp to a PDF by path, at most 20 MiB",
        Form::Json,
        &[STAMP_PATH, STAMP_SAVE_PATH, STAMP_TITLE],
    ),
    stamping(
        "/tsa/streamSign",
        "时间戳数据固化（文件流）",
        "Adds a document time stamp to an uploaded PDF",
        Form::Multipart,
        &[STAMP_FILE, STAMP_SAVE_PATH, STAMP_TITLE],
    ),
];

const KEYWORD: Param = required("keyword", text(200), "关键字", "The text to be found", "\"甲方盖章处\"");

const fn locating(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    form: Form,
    params: &'static [Param],
) -> Endpoint {
    Endpoint {
        form,
        data: r#"{"pages": 2, "hits": [{"page": 1, "angle": 0.0, "rects": [[90.1, 320.5, 150.1, 332.5]]}], "glyphs": 1840, "unmappedGlyphs": 0}"#,
        failures: &[(201, "keyword 为空")],
        ..Endpoint::post(path, "扩展接口", title, en, params, locate)
    }
}

/// Keyword search without a signature.
pub(super) const LOCATE: [Endpoint; 2] = [
    locating(
        "/x/locate",
        "关键字定位",
        "Where a keyword stands, without signing: pages, rectangles (left, bottom, right, top in points from the lower left corner of the page as displayed, one for each line) and writing direction in degrees",
        Form::Json,
        &[CONTRACT_PATH, KEYWORD],
    ),
    locating(
        "/x/locate/stream",
        "关键字定位（文件流）",
        "The same for an uploaded PDF",
        Form::Multipart,
        &[CONTRACT_FILE, KEYWORD],
    ),
];

fn locate(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let located =
        appliance.locate(call, caller, &source(&args, "contractPath")?, args.required("keyword")?)?;
    let hits: Vec<_> = located
        .hits
        .iter()
        .map(|hit| json!({"page": hit.page, "angle": hit.angle, "rects": hit.rects}))
        .collect();
    Ok(Reply::Done(Some(json!({
        "pages": located.pages,
        "hits": hits,
        "glyphs": located.glyphs,
        "unmappedGlyphs": located.unmapped_glyphs,
    }))))
}

fn sign(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let request = request(appliance, &args, None)?;
    Ok(Reply::signing(&appliance.sign_document(call, caller, &request)?))
}

fn sign_with_code(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let request = request(appliance, &args, Some(args.required("code")?.to_owned()))?;
    Ok(Reply::signing(&appliance.sign_document(call, caller, &request)?))
}

/// The uploaded file, or the path.
fn source(args: &Args, name: &str) -> Result<Source> {
    match args.text(name) {
        Some(path) => Ok(Source::Path(path.to_owned())),
        None => Ok(Source::Bytes(args.file(name)?)),
    }
}

/// What the four signing calls and the batch have in common.
pub(super) fn request(appliance: &Appliance, args: &Args, code: Option<String>) -> Result<SignRequest> {
    let class = SealClass::parse(args.required("sealClass")?)?;
    Ok(SignRequest {
        signer: args.id("signerId")?,
        seal: args.some_id("moulageId"),
        class,
        placement: placement(appliance, args, class)?,
        source: source(args, "contractPath")?,
        save_path: args.required("contractSavePath")?.to_owned(),
        title: args.owned("contractTitle"),
        code,
        ca_type: args.owned("caType"),
        certificates: certificates(args)?,
        more_signers: args.text("moreSigners") == Some("1"),
        terms: terms(args)?,
    })
}

fn placement(appliance: &Appliance, args: &Args, class: SealClass) -> Result<Placement> {
    if args.text("fieldName").is_some() || args.text("visible") == Some("0") {
        return Ok(Placement::Invisible);
    }
    if class == SealClass::Seam {
        let pages = args.some_id("seamPages").and_then(|n| u32::try_from(n).ok());
        return Ok(Placement::Seam(Seam {
            pages_per_seal: pages.unwrap_or(appliance.settings().seam_pages),
            booklet: args.text("seamBooklet") == Some("1"),
            ..Seam::default()
        }));
    }
    let kind = args.required("signPositionType")?;
    let content = args.required("positionContent")?;
    match kind {
        "1" => Ok(Placement::At(positions(content, appliance.settings().places)?)),
        _ if content.chars().count() > 200 => Err(Error::malformed("positionContent")),
        _ => Ok(Placement::Keyword(content.to_owned())),
    }
}

fn stamp(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let request = StampRequest {
        source: source(&args, "filePath")?,
        save_path: args.required("fileSavePath")?.to_owned(),
        title: args.owned("title"),
    };
    Ok(Reply::id("timeStampSignId", appliance.stamp_document(call, caller, &request)?))
}
