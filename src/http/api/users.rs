//! 用户模块

use crate::codes::Code;
use crate::http::args::Args;
use crate::http::reply::Reply;
use crate::http::table::{
    Access, CA_TYPE, CERT_TYPE, Endpoint, Kind, LINE, Method, Need, PHONES, Param, Run, SIGNER, optional,
    required,
};
use crate::ops::rules::{Certify, IdentityRegion, Name, mobile};
use crate::ops::{Appliance, Call, Caller, Error, NewSigner, Paging, Result, SignerChange};
use hufu_api::{CertificateKind, SignerKind};
use serde_json::json;

const PHONE_REGION: Param = optional(
    "phoneRegion",
    Kind::OneOf(&["0", "1", "2"]),
    "手机号地区：0=大陆；1=香港、澳门；2=台湾；可选参数，与 phoneNo 关联",
    "Region of phoneNo: 0 mainland (default), 1 Hong Kong or Macao, 2 Taiwan",
    "\"0\"",
);

const PHONE: Param = optional(
    "phoneNo",
    Kind::Loose { least: 8, most: 11, pattern: Some(PHONES) },
    "手机号：大陆，首位为 1，长度 11 位纯数字；香港、澳门，长度为 8 的纯数字；台湾，长度为 10 的纯数字；可选参数，与 phoneRegion 关联",
    "Mobile number: 11 digits beginning with 1, 8 digits, or 10 digits by region",
    "\"13000000000\"",
);

const PERSON_NAME: Kind = Kind::Text { least: 1, most: 15, pattern: Some(LINE) };
const COMPANY_NAME: Kind = Kind::Text { least: 1, most: 60, pattern: Some(LINE) };

/// phoneNo follows phoneRegion; neither needs to be there.
const PHONE_RULE: &str = r#"{"anyOf": [
    {"properties": {"phoneRegion": {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^ *$"}]},
        "phoneNo": {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^ *$"}]}}},
    {"required": ["phoneNo"], "properties": {"phoneRegion": {"anyOf": [{"enum": ["0", 0, null]}, {"type": "string", "pattern": "^ *$"}]},
        "phoneNo": {"anyOf": [{"type": "string", "pattern": "^1[0-9]{10}$"}, {"type": "integer", "minimum": 10000000000, "maximum": 19999999999}]}}},
    {"required": ["phoneRegion", "phoneNo"], "properties": {"phoneRegion": {"enum": ["1", 1]},
        "phoneNo": {"anyOf": [{"type": "string", "pattern": "^[0-9]{8}$"}, {"type": "integer", "minimum": 10000000, "maximum": 99999999}]}}},
    {"required": ["phoneRegion", "phoneNo"], "properties": {"phoneRegion": {"enum": ["2", 2]},
        "phoneNo": {"anyOf": [{"type": "string", "pattern": "^[0-9]{10}$"}, {"type": "integer", "minimum": 1000000000, "maximum": 9999999999}]}}}]}"#;

/// A change changes something.
const CHANGE_RULE: &str = r#"{"anyOf": [
    {"required": ["userName"], "properties": {"userName": {"type": "string", "pattern": "\\S"}}},
    {"required": ["phoneNo"], "properties": {"phoneNo": {"anyOf": [{"type": "string", "pattern": "^[0-9]+$"}, {"type": "integer"}]}}}]}"#;

/// Mainland identity cards have their own form.
const PERSON_RULE: &str = r#"{"anyOf": [
    {"properties": {"identityRegion": {"enum": ["0", 0]}, "certifyType": {"anyOf": [{"enum": ["a", null]}, {"type": "string", "pattern": "^ *$"}]},
        "certifyNum": {"anyOf": [{"type": "string", "pattern": "^([0-9]{15}|[0-9]{17}[0-9Xx])$"},
            {"type": "integer", "minimum": 100000000000000, "maximum": 999999999999999},
            {"type": "integer", "minimum": 100000000000000000, "maximum": 999999999999999999}]}}},
    {"properties": {"identityRegion": {"enum": ["1", "2", "3", "4", 1, 2, 3, 4]}}},
    {"required": ["certifyType"], "properties": {"certifyType": {"enum": ["b"]}}}]}"#;

const COMPANY_RULE: &str = r#"{"anyOf": [
    {"properties": {"certifyType": {"enum": ["1", "2", 1, 2]},
        "certifyNum": {"anyOf": [{"type": "string", "pattern": "^[0-9A-Za-z]{18}$"},
            {"type": "integer", "minimum": 100000000000000000, "maximum": 999999999999999999}]}}},
    {"properties": {"certifyType": {"enum": ["3", 3]},
        "certifyNum": {"anyOf": [{"type": "string", "pattern": "^[0-9A-Za-z-]{9}$"},
            {"type": "integer", "minimum": 100000000, "maximum": 999999999}]}}}]}"#;

const TAG: &str = "用户模块";
const EXISTS: &[(u32, &str)] = &[(20207, "认证号码(123456789123456789)已经存在")];
const NO_USER: &[(u32, &str)] = &[(20206, "用户不存在")];
const USERS: &str = r#"{"page": 1, "totalPages": 1, "pageSize": 2, "total": 2, "userList": [
            {"signerId": 1, "userName": "张三", "certifyNum": "123456789987654321", "phoneNo": "13000000000", "userType": "个人"},
            {"signerId": 2, "userName": "浙江律讯网络科技有限公司", "certifyNum": "123456789", "phoneNo": "13000000000", "userType": "企业"}]}"#;
const MADE: &str = r#"{"signerId": 349}"#;

pub(super) const CALLS: &[Endpoint] = &[
    Endpoint {
        creates: true,
        data: MADE,
        failures: EXISTS,
        rules: &[PERSON_RULE, PHONE_RULE],
        ..Endpoint::post(
            "/user/person",
            TAG,
            "创建个人用户",
            "Creates a person: key in the token, certificate through a channel",
            &[
                required("userName", PERSON_NAME, "用户姓名（最长 15 字符）", "Name", "\"张三\""),
                required(
                    "identityRegion",
                    Kind::OneOf(&["0", "1", "2", "3", "4"]),
                    "身份地区：0=大陆；1=香港；2=台湾；3=澳门；4=外籍",
                    "Region of identity: mainland, Hong Kong, Taiwan, Macao, foreign",
                    "\"0\"",
                ),
                Param {
                    need: Need::Default("a"),
                    ..optional(
                        "certifyType",
                        Kind::OneOf(&["a", "b"]),
                        "证件类型：a=身份证，b=护照；默认 a",
                        "Identity card or passport",
                        "\"a\"",
                    )
                },
                required(
                    "certifyNum",
                    Kind::Loose { least: 5, most: 20, pattern: Some("^[0-9A-Za-z()-]{5,20}$") },
                    "身份证号码或护照，应用内唯一",
                    "Identity number, unique in the app; a mainland card has 15 digits, or 17 and a digit or X",
                    "\"123456789123456789\"",
                ),
                PHONE_REGION,
                PHONE,
                CA_TYPE,
                CERT_TYPE,
            ],
            |appliance, call, caller, args| {
                let strict = appliance.settings().strict_id_numbers;
                let region = IdentityRegion::parse(args.required("identityRegion")?)?;
                let certify =
                    Certify::person(args.text("certifyType"), args.required("certifyNum")?, region, strict)?;
                let new = signer(&args, SignerKind::Person, Some(region), certify)?;
                Ok(Reply::id("signerId", appliance.create_signer(call, caller, new)?))
            },
        )
    },
    Endpoint {
        creates: true,
        data: MADE,
        failures: EXISTS,
        rules: &[COMPANY_RULE, PHONE_RULE],
        ..Endpoint::post(
            "/user/company",
            TAG,
            "创建企业用户",
            "Creates a company",
            &[
                required(
                    "userName",
                    COMPANY_NAME,
                    "企业名称（最长 60 字符）",
                    "Name",
                    "\"浙江律讯网络科技有限公司\"",
                ),
                required(
                    "certifyType",
                    Kind::OneOf(&["1", "2", "3"]),
                    "证件类型：1=社会统一信用代码，长度为 18；2=营业执照注册号，长度为 18；3=组织机构代码，长度为 9",
                    "Social credit code (18), business licence (18), organisation code (9)",
                    "\"1\"",
                ),
                required(
                    "certifyNum",
                    Kind::Loose { least: 9, most: 18, pattern: Some("^([0-9A-Za-z]{18}|[0-9A-Za-z-]{9})$") },
                    "证件号码：1=社会统一信用代码；2=营业执照；3=组织机构代码；应用内唯一",
                    "Its number, unique in the app",
                    "\"123456789123456789\"",
                ),
                PHONE_REGION,
                PHONE,
                CA_TYPE,
                CERT_TYPE,
            ],
            |appliance, call, caller, args| {
                let strict = appliance.settings().strict_id_numbers;
                let certify =
                    Certify::company(args.required("certifyType")?, args.required("certifyNum")?, strict)?;
                let new = signer(&args, SignerKind::Company, None, certify)?;
                Ok(Reply::id("signerId", appliance.create_signer(call, caller, new)?))
            },
        )
    },
    patch(
        "/user/personNameAndPhone",
        "更新个人用户信息",
        "Changes a person's name or phone; the certificate follows the name",
        &[
            SIGNER,
            optional(
                "userName",
                PERSON_NAME,
                "用户姓名（最长 15 字符）",
                "New name, not the present one",
                "\"张三\"",
            ),
            PHONE_REGION,
            PHONE,
        ],
        |appliance, call, caller, args| change(appliance, call, caller, &args, SignerKind::Person),
    ),
    patch(
        "/user/companyNameAndPhone",
        "更新企业用户信息",
        "Changes a company's name or phone; the certificate follows the name",
        &[
            SIGNER,
            optional(
                "userName",
                COMPANY_NAME,
                "用户名称（最长 60 字符）",
                "New name, not the present one",
                "\"浙江律讯网络科技有限公司\"",
            ),
            PHONE_REGION,
            PHONE,
        ],
        |appliance, call, caller, args| change(appliance, call, caller, &args, SignerKind::Company),
    ),
    Endpoint {
        data: r#"[{"1234789987654321": 1}, {"123456789": 2}]"#,
        failures: NO_USER,
        ..Endpoint::post(
            "/user/signerId/certifyNums",
            TAG,
            "查询用户编号",
            "signerIds of certifyNums; unknown ones are left out",
            &[required(
                "certifyNumList",
                Kind::Texts { most: 1_000 },
                "证件号集合",
                "Identity numbers, at most 1,000",
                r#"["123456789987654321", "123456789"]"#,
            )],
            |appliance, _, caller, args| {
                let found = appliance.signer_ids(caller, args.texts("certifyNumList")?)?;
                let list = found.into_iter().map(|(number, id)| json!({ number: id })).collect::<Vec<_>>();
                Ok(Reply::Done(Some(list.into())))
            },
        )
    },
    Endpoint {
        data: USERS,
        failures: NO_USER,
        ..Endpoint::post(
            "/user/userInfo/signerIds",
            TAG,
            "查询用户信息",
            "Signers by signerId, or all of the app in ascending order",
            &[
                optional(
                    "signerIdList",
                    Kind::Ids { most: 1_000 },
                    "signerId 集合；不传则查询应用内全部用户",
                    "signerIds; all when absent",
                    r#"["1", "2"]"#,
                ),
                optional(
                    "pageNum",
                    Kind::Number { least: 1, most: 1_000_000_000 },
                    "列表页数，默认 1",
                    "Page, from 1",
                    "1",
                ),
                optional(
                    "pageSize",
                    Kind::Number { least: 1, most: 1_000 },
                    "列表单页展示条数，默认 20，最大 1000",
                    "Records a page",
                    "100",
                ),
            ],
            |appliance, _, caller, args| {
                let paging = Paging {
                    page: args.some_id("pageNum").unwrap_or(1),
                    size: args.some_id("pageSize").unwrap_or(20),
                };
                let found = appliance.signer_page(caller, args.ids("signerIdList"), paging)?;
                let list: Vec<_> = found
                .signers
                .iter()
                .map(|signer| {
                    json!({
                        "signerId": signer.id,
                        "userName": signer.name.as_str(),
                        "certifyNum": signer.certify.number,
                        "phoneNo": signer.mobile.as_ref().map_or("", |m| m.number.as_str()),
                        "userType": match signer.kind { SignerKind::Person => "个人", SignerKind::Company => "企业" },
                    })
                })
                .collect();
                Ok(Reply::Done(Some(json!({
                    "page": found.page,
                    "totalPages": found.pages,
                    "pageSize": list.len(),
                    "total": found.total,
                    "userList": list,
                }))))
            },
        )
    },
];

const fn patch(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    params: &'static [Param],
    run: Run,
) -> Endpoint {
    Endpoint {
        method: Method::Patch,
        access: Access::Signer,
        rules: &[CHANGE_RULE, PHONE_RULE],
        failures: &[(20001, "用户无权限"), (20001, "修改的userName与当前值一致")],
        ..Endpoint::post(path, TAG, title, en, params, run)
    }
}

/// What persons and companies have in common.
fn signer(
    args: &Args,
    kind: SignerKind,
    region: Option<IdentityRegion>,
    certify: Certify,
) -> Result<NewSigner> {
    Ok(NewSigner {
        kind,
        name: Name::parse(args.required("userName")?, kind)?,
        region,
        certify,
        mobile: mobile(args.text("phoneRegion"), args.text("phoneNo"))?,
        ca_type: args.owned("caType"),
        certificates: certificates(args)?,
    })
}

/// certType, wherever it may be given.
pub(super) fn certificates(args: &Args) -> Result<Option<CertificateKind>> {
    match args.text("certType") {
        None => Ok(None),
        Some("long") => Ok(Some(CertificateKind::Long)),
        Some("scene") => Ok(Some(CertificateKind::Scene)),
        Some(_) => Err(Error::malformed("certType")),
    }
}

fn change(
    appliance: &Appliance,
    call: &Call,
    caller: &Caller,
    args: &Args,
    kind: SignerKind,
) -> Result<Reply> {
    let name = args.text("userName").map(|name| Name::parse(name, kind)).transpose()?;
    let mobile = mobile(args.text("phoneRegion"), args.text("phoneNo"))?;
    if name.is_none() && mobile.is_none() {
        return Err(Error::with(Code::BadParameter, "userName、phoneNo 为空"));
    }
    appliance.change_signer(call, caller, args.id("signerId")?, kind, SignerChange { name, mobile })?;
    Ok(Reply::Done(None))
}
