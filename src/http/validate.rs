//! `POST /v2/auth/validateContract` (签署后文件验签) and `/x/verify`: the other document's wire format.

use super::args::Args;
use super::junziqian::done;
use super::reply::Reply;
use super::table::{Endpoint, Form, Kind, Need, Param, Wire, optional, required};
use crate::ops::{Appliance, Call, Caller, Error, Result};
use crate::verify::{CertificateReport, Report, SignatureReport, TimestampReport};
use hufu_api::UnixTime;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::{format_description, offset};

const TAG: &str = "验签";
const FILE: Param = required(
    "contractFile",
    Kind::File,
    "合同文件",
    "The signed PDF, or the original of a data signature",
    "\"（文件）\"",
);

/// The log of a data signature goes with it.
const LOG_RULE: &str = r#"{"anyOf": [
    {"properties": {"contractType": {"enum": ["0", 0]}}},
    {"required": ["byteSignLogFile"], "properties": {"contractType": {"enum": ["1", 1]}, "byteSignLogFile": {"type": "string", "pattern": "\\S"}}}]}"#;

pub(super) const CALLS: &[Endpoint] = &[
    Endpoint {
        wire: Wire::Junziqian(validate),
        form: Form::Upload,
        rules: &[LOG_RULE],
        data: include_str!("validate.json"),
        ..Endpoint::post(
            "/v2/auth/validateContract",
            TAG,
            "签署后文件验签",
            "Verifies a signed PDF, or the log of a data signature against its original",
            &[
                required(
                    "contractType",
                    Kind::OneOf(&["0", "1"]),
                    "合同类型 0 为普通合同 1 为数据签",
                    "0 a signed PDF, 1 data signature",
                    "\"0\"",
                ),
                FILE,
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
            ],
            validate,
        )
    },
    Endpoint {
        form: Form::Upload,
        data: "{}",
        ..Endpoint::post(
            "/x/verify",
            TAG,
            "验签报告",
            "The full report on a signed PDF: what was checked, what came out, what changed after each signature",
            &[FILE],
            |appliance, call, caller, args| {
                let report = appliance.verify_document(call, caller, &args.file("contractFile")?)?;
                Ok(Reply::Done(Some(serde_json::to_value(&report).map_err(Error::internal)?)))
            },
        )
    },
];

fn validate(appliance: &Appliance, call: &Call, caller: &Caller, args: Args) -> Result<Reply> {
    let file = args.file("contractFile")?;
    if args.required("contractType")? == "0" {
        let report = appliance.verify_document(call, caller, &file)?;
        return Ok(done(&json!({"contractSignatures": signatures(&report)?, "success": true})));
    }
    let log = args.file("byteSignLogFile")?;
    let judged = appliance.verify_byte_sign(call, caller, &file, &log)?;
    let mut list = signatures(&judged.report)?;
    for (entry, signer) in list.iter_mut().zip(judged.signers) {
        if let (Some(entry), Some(signer)) = (entry.as_object_mut(), signer) {
            entry.insert("signName".into(), signer.name.into());
            entry.insert("validModify".into(), signer.valid.into());
            entry.extend(signer.identity_card.map(|number| ("idNo".to_owned(), number.into())));
        }
    }
    Ok(done(&json!({
        "seqNo": judged.record.seq_no,
        "hash": judged.record.hash,
        "contractSignatures": list,
        "success": true,
    })))
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
}
