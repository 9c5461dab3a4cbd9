//! 数据签: `POST /v2/sign/byteSign` and `/v2/sign/byteSignLog`, in the wire format of validateContract.

use super::args::Args;
use super::junziqian::done;
use super::reply::Reply;
use super::table::{Endpoint, Form, Kind, Run, Wire, required, text};
use crate::ops::{Appliance, Call, Caller, Error, Result, Signatory};
use serde_json::json;

const SIGNATORY: &str = r#"{"type": "object", "required": ["fullName", "identityCard"], "properties": {
    "fullName": {"type": "string", "minLength": 1, "maxLength": 60, "description": "The registered userName"},
    "identityType": {"type": "string", "description": "As the client wrote it"},
    "identityCard": {"type": "string", "minLength": 5, "maxLength": 20, "description": "The registered certifyNum"}}}"#;

const fn call(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    params: &'static [super::table::Param],
    data: &'static str,
    run: Run,
) -> Endpoint {
    Endpoint {
        wire: Wire::Junziqian(run),
        form: Form::Any,
        data,
        ..Endpoint::post(path, "数据签", title, en, params, run)
    }
}

pub(super) const CALLS: &[Endpoint] = &[
    call(
        "/v2/sign/byteSign",
        "数据签",
        "Each signatory signs the SHA-512 of bytes that stay with the client. Also as a form, signatories as JSON text",
        &[
            required(
                "hash",
                Kind::Text { least: 128, most: 128, pattern: Some("^[0-9A-Fa-f]{128}$") },
                "原文 SHA-512 哈希，128 位十六进制",
                "SHA-512 of the original, 128 hexadecimal digits",
                "\"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e\"",
            ),
            required(
                "signatories",
                Kind::Items { most: 30, item: SIGNATORY },
                "签署人集合，1-30 个，均须为应用内已注册用户",
                "1 to 30 signers of the app, each once",
                r#"[{"fullName": "张三", "identityType": "1", "identityCard": "123456789123456789"}]"#,
            ),
        ],
        r#"{"presId": 1000, "seqNo": "6f1c0e5b7a9d4c3e8b2a1f0d9c8b7a65"}"#,
        sign,
    ),
    call(
        "/v2/sign/byteSignLog",
        "数据签日志",
        "The log of a data signature: a PDF in Base64, signed by each signatory. Also as a form",
        &[required(
            "seqNo",
            text(64),
            "数据签编号",
            "The data signature",
            "\"6f1c0e5b7a9d4c3e8b2a1f0d9c8b7a65\"",
        )],
        r#"{"presId": 1000, "seqNo": "6f1c0e5b7a9d4c3e8b2a1f0d9c8b7a65", "pdf": "JVBERi0xLjcK…"}"#,
        log,
    ),
];

fn sign(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let signatories: Vec<Signatory> = serde_json::from_value(args.items("signatories")?.clone())
        .map_err(|e| Error::malformed("signatories").because(e))?;
    let made = appliance.byte_sign(call, caller, args.required("hash")?, &signatories)?;
    Ok(done(&json!({"presId": made.pres_id, "seqNo": made.seq_no})))
}

fn log(appliance: &Appliance, _: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let seq_no = args.required("seqNo")?;
    let (pres_id, pdf) = appliance.byte_sign_log(caller, seq_no)?;
    Ok(done(&json!({"presId": pres_id, "seqNo": seq_no, "pdf": pdf})))
}
