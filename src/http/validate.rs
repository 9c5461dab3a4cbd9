//! `POST /v2/auth/validateContract` (签署后文件验签) and `/x/verify`: the other document's wire format.

use super::args::{Args, Fields, Raw};
use super::edge::{Edge, media_type, query_fields};
use super::intake::Intake;
use super::listen::Peer;
use super::reply::{JSON, Reply, respond};
use super::table::{Kind, Need, Param, optional, required};
use crate::codes::Code;
use crate::ops::{Call, Caller, Error, RequestSignature, Result};
use crate::verify::{CertificateReport, Report, SignatureReport, TimestampReport};
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hufu_api::UnixTime;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;
use time::macros::{format_description, offset};

/// Its path.
pub(super) const PATH: &str = "/v2/auth/validateContract";
/// The full report's path.
pub(super) const FULL: &str = "/x/verify";

/// Largest file name or other text of a form: files come as text in urlencoded bodies.
const PARAMS: &[Param] = &[
    required(
        "contractType",
        Kind::OneOf(&["0", "1"]),
        "合同类型 0 为普通合同 1 为数据签",
        "0 a signed PDF, 1 data signature",
        "\"0\"",
    ),
    required(
        "contractFile",
        Kind::File,
        "合同文件",
        "The signed PDF, or the original of a data signature",
        "\"（文件）\"",
    ),
    Param {
        need: Need::Conditional,
        ..optional(
            "byteSignLogFile",
            Kind::File,
            "数据签日志文件，contractType 为 1 必传",
            "The data signature's log",
            "\"（文件）\"",
        )
    },
];

const FULL_PARAMS: &[Param] =
    &[required("contractFile", Kind::File, "合同文件", "The signed PDF", "\"（文件）\"")];

/// Serves either.
pub(super) async fn serve(
    edge: Arc<Edge>,
    request: Request<Body>,
    peer: Peer,
    path: &'static str,
) -> Response<Body> {
    let begun = Instant::now();
    let id = edge.request_id();
    let (parts, body) = request.into_parts();
    // Base64 in an urlencoded body takes a third more, and percent signs.
    let files = edge.appliance.settings().stream_bytes;
    let mut intake = Intake::new(body, files.saturating_mul(4), &edge.settings);
    let mut renewed = None;
    let query = parts.uri.query();
    let result =
        handle(&edge, &parts.headers, query, &mut intake, edge.call(id, peer), &mut renewed, path).await;
    if result.is_err() {
        intake.drain().await;
    }
    edge.answered(path, &result, id, begun);
    match result {
        Err(error) if path == PATH && !error.code.is_edge() => {
            let reply = Reply::Raw { kind: JSON, body: failure(&error).to_string().into_bytes() };
            respond(Ok(reply), renewed, id, edge.settings.http_status)
        }
        result => respond(result, renewed, id, edge.settings.http_status),
    }
}

async fn handle(
    edge: &Arc<Edge>,
    headers: &HeaderMap,
    query: Option<&str>,
    intake: &mut Intake,
    call: Call,
    renewed: &mut Option<String>,
    path: &'static str,
) -> Result<Reply> {
    // With a token a stranger is sent away before the body is read; a signed request carries its parameters in it.
    let early = if headers.contains_key("token") || path == FULL {
        let caller = edge.admit(headers, &call, renewed).await?;
        caller.platform_only()?;
        Some(caller)
    } else {
        edge.admit_address(&call)?;
        None
    };
    let _place = edge.upload_place().await?;
    let mut fields = query_fields(query);
    fields.extend(form(edge, headers, intake).await?);
    let caller = match early {
        Some(caller) => caller,
        None => signed(edge, &call, fields.clone()).await?,
    };
    let params = if path == FULL { FULL_PARAMS } else { PARAMS };
    let args = Args::check_params(params, fields)?;
    let worker = Arc::clone(edge);
    edge.pool.run(move || run(&worker, &call, &caller, &args, path)).await
}

fn run(edge: &Edge, call: &Call, caller: &Caller, args: &Args, path: &'static str) -> Result<Reply> {
    let file = args.file("contractFile")?;
    if path == FULL {
        let report = edge.appliance.verify_document(call, caller, &file)?;
        let report = serde_json::to_value(&report).map_err(Error::internal)?;
        return Ok(Reply::Done(Some(report)));
    }
    let data = match args.required("contractType")? {
        "0" => json!({
            "contractSignatures": signatures(&edge.appliance.verify_document(call, caller, &file)?)?,
            "success": true,
        }),
        _ => {
            let log = args.file("byteSignLogFile")?;
            let judged = edge.appliance.verify_byte_sign(call, caller, &file, &log)?;
            let mut list = signatures(&judged.report)?;
            for (entry, signatory) in list.iter_mut().zip(&judged.record.signatories) {
                if let Some(entry) = entry.as_object_mut() {
                    entry.insert("signName".into(), signatory.full_name.clone().into());
                    entry.insert("idNo".into(), signatory.identity_card.clone().into());
                }
            }
            json!({
                "seqNo": judged.record.seq_no,
                "hash": judged.record.hash,
                "contractSignatures": list,
                "success": true,
            })
        }
    };
    let body = json!({"success": true, "resultCode": "0", "data": data});
    Ok(Reply::Raw { kind: JSON, body: body.to_string().into_bytes() })
}

/// The caller behind 君子签's request signature.
pub(super) async fn signed(edge: &Arc<Edge>, call: &Call, fields: Fields) -> Result<Caller> {
    let (worker, call) = (Arc::clone(edge), call.clone());
    let result = edge
        .pool
        .run(move || {
            let text = |name: &str| {
                fields.iter().find_map(|(known, raw)| match raw {
                    Raw::Text(text) if known == name => Some(text.as_str()),
                    _ => None,
                })
            };
            let missing = || Error::new(Code::Unauthorized);
            let shown = RequestSignature {
                app: text("app_key").ok_or_else(missing)?,
                ts: text("ts").ok_or_else(missing)?,
                nonce: text("nonce").ok_or_else(missing)?,
                method: text("encry_method").filter(|m| !m.is_empty()),
                sign: text("sign").ok_or_else(missing)?,
            };
            let result = worker.appliance.authenticate_signed(&call, shown);
            if result.is_err() {
                worker.count_refusal(&call)?;
            }
            result
        })
        .await?;
    Ok(result)
}

/// multipart/form-data, or urlencoded with files in Base64.
pub(super) async fn form(edge: &Arc<Edge>, headers: &HeaderMap, intake: &mut Intake) -> Result<Fields> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let limit = edge.appliance.settings().stream_bytes;
    match media_type(kind).as_str() {
        "multipart/form-data" => intake.form(kind, limit).await,
        "application/x-www-form-urlencoded" => {
            let body = intake.bytes().await?;
            form_urlencoded::parse(&body)
                .take(64)
                .map(|(name, value)| {
                    let file = matches!(&*name, "contractFile" | "byteSignLogFile") && !value.is_empty();
                    let raw =
                        if file { Raw::File(decoded(&name, &value)?) } else { Raw::Text(value.into_owned()) };
                    Ok((name.into_owned(), raw))
                })
                .collect()
        }
        _ => Err(Code::UnsupportedMediaType.into()),
    }
}

fn decoded(name: &str, value: &str) -> Result<Bytes> {
    // A plus sign that a client forgot to escape has become a space.
    let clean: String =
        value.chars().map(|c| if c == ' ' { '+' } else { c }).filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(clean).map(Bytes::from).map_err(|_| Error::malformed(name))
}

/// `{"success":false,…}` as in the document's sample.
pub(super) fn failure(error: &Error) -> Value {
    let (result, message) = match error.code {
        Code::Unauthorized | Code::AppOffline | Code::AppNotFound => ("HTTP_PARAM_ERROR", "app_secret不可用"),
        Code::Internal => ("SYSTEM_ERROR", error.message.as_str()),
        _ => ("HTTP_PARAM_ERROR", error.message.as_str()),
    };
    json!({"success": false, "resultCode": result, "msg": message})
}

fn signatures(report: &Report) -> Result<Vec<Value>> {
    report.signatures.iter().map(signature).collect()
}

fn signature(report: &SignatureReport) -> Result<Value> {
    let mut out = Map::new();
    out.insert("signName".into(), report.sign_name.clone().into());
    if let Some(date) = report.sign_date {
        out.insert("signDate".into(), date.time.millis().into());
        out.insert("signDateFormat".into(), beijing(date.time)?.into());
    }
    out.insert("validModify".into(), report.valid_modify.into());
    out.insert("contractCertificateInfos".into(), certificates(&report.chain)?);
    if let Some(stamp) = &report.timestamp {
        out.insert("contractTimeStampInfo".into(), time_stamp(stamp)?);
    }
    Ok(out.into())
}

fn time_stamp(report: &TimestampReport) -> Result<Value> {
    Ok(json!({
        "timeStamp": report.time.millis(),
        "timeStampFormat": beijing(report.time)?,
        "verified": report.verified,
        "contractCertificateInfos": certificates(&report.chain)?,
    }))
}

fn certificates(chain: &[CertificateReport]) -> Result<Value> {
    chain.iter().map(certificate).collect::<Result<Vec<_>>>().map(Value::from)
}

fn certificate(report: &CertificateReport) -> Result<Value> {
    let begin = beijing(report.not_before)?;
    Ok(json!({
        "certificateOwner": report.subject,
        "certificateIssuer": report.issuer,
        "certificateBeginTime": report.not_before.millis(),
        "certificateBeginTimeFormat": begin,
        // The table misspells it; clients may read either.
        "ertificateBeginTimeFormat": begin,
        "certificateEndTime": report.not_after.millis(),
        "certificateEndTimeFormat": beijing(report.not_after)?,
        "sn": report.serial,
    }))
}

/// yyyy-MM-dd HH:mm:ss.SS with hundredths, Asia/Shanghai.
fn beijing(at: UnixTime) -> Result<String> {
    let seconds = OffsetDateTime::from_unix_timestamp(at.seconds())
        .map_err(Error::internal)?
        .to_offset(offset!(+8))
        .format(&format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .map_err(Error::internal)?;
    Ok(format!("{seconds}.{:02}", at.millis().rem_euclid(1_000) / 10))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_as_in_the_sample() {
        assert_eq!(beijing(UnixTime::from_millis(1_726_794_725_000)).unwrap(), "2024-09-20 09:12:05.00");
        assert_eq!(beijing(UnixTime::from_millis(1_727_335_299_456)).unwrap(), "2024-09-26 15:21:39.45");
    }

    #[test]
    fn every_refused_stranger_looks_the_same() {
        let expected = json!({"success": false, "resultCode": "HTTP_PARAM_ERROR", "msg": "app_secret不可用"});
        assert_eq!(failure(&Code::Unauthorized.into()), expected);
        assert_eq!(failure(&Code::AppOffline.into()), expected);
    }
}
