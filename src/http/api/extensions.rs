//! Our own calls under /x/: never needed by a client of the documented API.

use super::signing;
use crate::codes::Code;
use crate::http::args::{Args, json_value_fields};
use crate::http::reply::{Reply, signing_data};
use crate::http::table::{
    Access, Endpoint, Form, Kind, Method, Param, SEAL, SIGNER, optional, required, text,
};
use crate::ops::{Appliance, Call, Caller, Error, IdempotencyKey, MOST_OLD_ID, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const TAG: &str = "扩展接口";
const OPTIONAL_SIGNER: Param = optional(
    "signerId",
    Kind::Id,
    "用户 id；不传则为应用内全部",
    "One signer's; all of the app when absent",
    "\"1\"",
);

const fn get(
    path: &'static str,
    title: &'static str,
    en: &'static str,
    params: &'static [Param],
    run: crate::http::table::Run,
) -> Endpoint {
    Endpoint { method: Method::Get, form: Form::Query, ..Endpoint::post(path, TAG, title, en, params, run) }
}

const SIGNATURE: &str = r#"{"id": 1000, "signer": 349, "seal": 1, "certificate_sha256": "8f43…", "document_sha256": "5d2c…",
    "output_sha256": "c0ff…", "path": "/yunhetong/contract/签署后合同.pdf", "title": "租赁合同", "level": "b-t", "places": 1,
    "consent": 41, "record": 42, "at": 1790000000000}"#;
const STAMP: &str = r#"{"id": 1000, "document_sha256": "5d2c…", "output_sha256": "c0ff…",
    "path": "/yunhetong/contract/固化后.pdf", "title": "租赁合同", "at": 1790000000000}"#;

pub(super) const CALLS: &[Endpoint] = &[
    Endpoint {
        creates: true,
        data: r#"{"results": [{"code": 200, "msg": true, "data": {"summaryId": 1000}}, {"code": 20206, "msg": "用户不存在"}]}"#,
        ..Endpoint::post(
            "/x/sign/batch",
            TAG,
            "批量文件签署",
            "Signs up to 100 PDFs by path, each with its own result, in order; items take the parameters of /sign/filePath",
            &[required(
                "items",
                Kind::Items { most: 100, item: r#"{"type": "object"}"# },
                "签署请求集合，每项参数同 /sign/filePath",
                "Requests, at most 100",
                r#"[{"signerId": "1", "moulageId": "1", "contractPath": "/c/1.pdf", "contractSavePath": "/c/1s.pdf", "signPositionType": "1", "positionContent": "1,100,100"}]"#,
            )],
            batch,
        )
    },
    Endpoint {
        data: r#"{"id": 1000}"#,
        ..get(
            "/x/results/{idempotencyKey}",
            "按幂等键查询结果",
            "The id that a creating call with this Idempotency-Key answered",
            &[required("idempotencyKey", text(255), "幂等键", "The header's value", "\"order-1\"")],
            |appliance, _, caller, args| {
                let id = appliance.answered(&caller.app.id, args.required("idempotencyKey")?)?;
                let id = id.ok_or_else(|| Error::with(Code::NotFound, "无此幂等键的结果"))?;
                Ok(Reply::id("id", id))
            },
        )
    },
    Endpoint {
        access: Access::Signer,
        data: r#"{"certificates": [{"certificateId": 1, "signerId": 1, "channel": "local", "profile": "person-long", "standing": "active",
            "notBefore": 1790000000000, "notAfter": 1821622400000, "chain": ["MIIC…"]}]}"#,
        ..get(
            "/x/certificates",
            "证书列表",
            "Certificates with validity, standing and chain",
            &[OPTIONAL_SIGNER],
            |appliance, _, caller, args| {
                let rows = appliance.certificates(caller, args.some_id("signerId"))?;
                Ok(Reply::Done(Some(json!({ "certificates": rows }))))
            },
        )
    },
    Endpoint {
        access: Access::Signer,
        files: &["application/pem-certificate-chain"],
        ..get(
            "/x/certificates/{certificateId}",
            "下载证书链",
            "A certificate with its chain as PEM, leaf first; kept for ever, whatever became of it",
            &[required("certificateId", Kind::Id, "证书 id", "The certificate", "\"1\"")],
            |appliance, _, caller, args| {
                let body = appliance.certificate_pem(caller, args.id("certificateId")?)?.into_bytes();
                Ok(Reply::Raw { kind: "application/pem-certificate-chain", body })
            },
        )
    },
    Endpoint::post(
        "/x/user/disable",
        TAG,
        "停用用户",
        "A signer may act no more: its certificates are revoked and its keys destroyed; what it signed stays. Any call that it \
         would act in answers 20001 用户已停用",
        &[SIGNER],
        |appliance, call, caller, args| {
            appliance.disable_signer(call, caller, args.id("signerId")?, true)?;
            Ok(Reply::Done(None))
        },
    ),
    Endpoint::post(
        "/x/user/enable",
        TAG,
        "启用用户",
        "A disabled signer may act again, with a new certificate from its next signature on",
        &[SIGNER],
        |appliance, call, caller, args| {
            appliance.disable_signer(call, caller, args.id("signerId")?, false)?;
            Ok(Reply::Done(None))
        },
    ),
    Endpoint {
        access: Access::Signer,
        data: r#"{"seals": [{"moulageId": 1, "signerId": 1, "origin": "template", "created": 1790000000000, "maker": {"app": "quickstart", "client": "5f1e…", "from": "127.0.0.1"}, "record": 12, "revoked": null, "revoker": null}]}"#,
        ..get(
            "/x/seals",
            "印章列表",
            "Seals of a signer or of the app",
            &[OPTIONAL_SIGNER],
            |appliance, _, caller, args| {
                let seals = appliance.seals(caller, args.some_id("signerId"))?;
                let list: Vec<Value> = seals
                    .iter()
                    .map(|seal| {
                        json!({
                            "moulageId": seal.id,
                            "signerId": seal.signer,
                            "origin": seal.design.origin(),
                            "created": seal.created.millis(),
                            "maker": seal.maker,
                            "record": seal.record,
                            "revoked": seal.revoked.map(|at| at.millis()),
                            "revoker": seal.revoker,
                        })
                    })
                    .collect();
                Ok(Reply::Done(Some(json!({ "seals": list }))))
            },
        )
    },
    Endpoint {
        access: Access::Signer,
        files: &["image/png", "image/svg+xml"],
        ..get(
            "/x/seals/{moulageId}/image",
            "印章图片",
            "A seal as PNG, or as SVG where it was drawn or written",
            &[
                required("moulageId", Kind::Id, "印章 id", "The seal", "\"1\""),
                optional(
                    "pixels",
                    Kind::Number { least: 16, most: 2_048 },
                    "长边像素数，默认 400",
                    "Longer side in pixels",
                    "400",
                ),
                optional(
                    "format",
                    Kind::OneOf(&["png", "svg"]),
                    "图片格式，默认 png；上传的印章没有 svg",
                    "png, or svg where the seal was not uploaded",
                    "\"png\"",
                ),
            ],
            |appliance, _, caller, args| {
                if args.text("format") == Some("svg") {
                    let body = appliance.seal_svg(caller, args.id("moulageId")?)?.into_bytes();
                    return Ok(Reply::Raw { kind: "image/svg+xml", body });
                }
                let pixels = u32::try_from(args.some_id("pixels").unwrap_or(400)).unwrap_or(400);
                let body = appliance.seal_png(caller, args.id("moulageId")?, pixels)?;
                Ok(Reply::Raw { kind: "image/png", body })
            },
        )
    },
    Endpoint {
        access: Access::Signer,
        data: r#"{"path": "handwriting/0f1e…", "expires": 1790000000000}"#,
        ..Endpoint::post(
            "/x/handwriting",
            TAG,
            "手绘链接",
            "A one-time link, good for 15 minutes, to the page on which this signer writes by hand; `path` is relative to the service",
            &[SIGNER],
            |appliance, _, caller, args| {
                let link = appliance.invite_to_write(caller, args.id("signerId")?)?;
                let path = format!("handwriting/{}", link.token);
                Ok(Reply::Done(Some(json!({ "path": path, "expires": link.expires.millis() }))))
            },
        )
    },
    Endpoint {
        access: Access::Signer,
        ..Endpoint::post(
            "/x/seals/revoke",
            TAG,
            "注销印章",
            "Revokes a seal; signatures made with it stay",
            &[SIGNER, Param { kind: Kind::Id, zh: "印章 id", en: "The seal", ..SEAL }],
            |appliance, call, caller, args| {
                appliance.revoke_seal(call, caller, args.id("signerId")?, args.id("moulageId")?)?;
                Ok(Reply::Done(None))
            },
        )
    },
    Endpoint {
        data: SIGNATURE,
        ..get(
            "/x/signatures/{summaryId}",
            "签署记录",
            "What is known of a signature",
            &[required("summaryId", Kind::Id, "摘要签署流水号 id", "The signature", "\"1000\"")],
            |appliance, _, caller, args| done(&appliance.signature(caller, args.id("summaryId")?)?),
        )
    },
    Endpoint {
        files: &["application/zip"],
        ..get(
            "/x/evidence/{czId}",
            "存证证据包",
            "The evidence package of a deposit, a ZIP",
            &[required(
                "czId",
                // Ids of an older installation may be longer than ours.
                Kind::Number { least: 1, most: MOST_OLD_ID },
                "存证 id",
                "The deposit",
                "30615281684185940",
            )],
            |appliance, call, caller, args| {
                let body = appliance.evidence_package(call, caller, args.id("czId")?)?;
                Ok(Reply::Raw { kind: "application/zip", body })
            },
        )
    },
    Endpoint {
        data: STAMP,
        ..get(
            "/x/stamps/{timeStampSignId}",
            "时间戳记录",
            "What is known of a document time stamp",
            &[required("timeStampSignId", Kind::Id, "时间戳固化流水号 id", "The time stamp", "\"1000\"")],
            |appliance, _, caller, args| done(&appliance.stamp(caller, args.id("timeStampSignId")?)?),
        )
    },
];

/// A row as `data`; what it does not know is left out.
fn done<T: serde::Serialize>(value: &T) -> Result<Reply> {
    let mut value = serde_json::to_value(value).map_err(Error::internal)?;
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    Ok(Reply::Done(Some(value)))
}

fn batch(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let items = args.items("items")?.as_array().map(Vec::as_slice).unwrap_or_default();
    let results: Vec<Value> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let result = json_value_fields(item).and_then(|fields| {
                let args = Args::check_params(signing::BY_PATH, fields)?;
                let request = signing::request(appliance, &args, None)?;
                appliance.sign_document(&of_item(call, index, &args), caller, &request)
            });
            match result {
                Ok(signing) => json!({"code": 200, "msg": true, "data": signing_data(&signing)}),
                Err(error) => json!({"code": error.code.number(), "msg": error.message}),
            }
        })
        .collect();
    Ok(Reply::Done(Some(json!({ "results": results }))))
}

/// The call of one item: its own Idempotency-Key under the batch's.
fn of_item(call: &Call, index: usize, args: &Args) -> Call {
    let idempotency = call.idempotency.as_ref().map(|key| IdempotencyKey {
        name: hex::encode(Sha256::digest(format!("batch\0{}\0{index}", key.name))),
        request: args.digest("/x/sign/batch"),
    });
    Call { idempotency, ..call.clone() }
}
