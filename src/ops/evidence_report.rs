//! The readable sheet 存证证书, sealed and signed by the appliance.

use super::appliance::facts;
use super::deposit::Deposit;
use super::evidence_trail::Signed;
use super::paper::{Attachment, paper};
use super::settings::Level;
use super::sign::{Content, Job, Terms, beijing, place_error, syntax_error};
use super::{Appliance, Call, Caller, Error, Result};
use crate::audit::{Act, Ending, Outcome, Proof};
use crate::pdf::appearance::Mark;
use crate::pdf::place::{Anchor, Placement, Point, resolve};
use crate::pdf::syntax::Document;
use crate::seal::{CompanySeal, SealForm, SealName, SealText, draw_company};
use crate::tlog::Checkpoint;
use crate::tsp::Token;
use bytes::Bytes;

/// Where the seal's centre stands on the first page, in points.
const SEAL: Point = Point { page: 1, x: 470.0, y: 130.0 };
/// The line across the seal.
const SEAL_TEXT: &str = "存证专用章";

impl Appliance {
    /// The report's PDF, and the certificates that it is signed with, leaf first, DER.
    #[allow(clippy::too_many_arguments, reason = "one caller; each is a different part of the sheet")]
    pub(super) fn evidence_report(
        &self,
        call: &Call,
        caller: &Caller,
        deposit: &Deposit,
        proof: &Proof,
        trail: &[Signed],
        enclosed: bool,
        data: &[u8],
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
        let lines = lines(&caller.app.name, deposit, proof, trail, enclosed)?;
        let attachment = Attachment { name: "deposit.json", kind: "application/json", bytes: data };
        let sheet = Content::of(Bytes::from(paper(&self.ports.fonts, "存证证书", &lines, &attachment)))?;
        let document = Document::open(&sheet.bytes).map_err(|e| syntax_error(&e))?;
        let now = self.now()?;
        let credential = self.own_credential(call, now)?;
        let seal = self.report_seal();
        let nothing = SealForm::transparent(1.0, 1.0);
        let mark = Mark { seal: seal.as_ref().unwrap_or(&nothing), caption: None };
        let placement = if seal.is_some() { Placement::At(vec![SEAL]) } else { Placement::Invisible };
        let places = resolve(&document, &placement, &mark, Anchor::Centre)
            .map_err(|e| place_error("positionContent", &e, &placement))?;
        let made = self.make_signature(
            call,
            Job {
                act: Act::ReadEvidence,
                actor: Self::actor(call, caller),
                credential: &credential,
                document: &document,
                input: &sheet,
                places: &places,
                mark,
                may_hide: true,
                terms: &Terms::default(),
                later: &[],
                level: if self.ports.timestamps.is_some() { Level::BT } else { Level::BB },
                now,
                facts: facts([
                    ("deposit", deposit.id.into()),
                    ("document_sha256", deposit.sha256.clone().into()),
                    ("report_sha256", hex::encode(sheet.sha256).into()),
                ]),
            },
        )?;
        let facts = facts([("output_sha256", made.output_sha256.into())]);
        made.spent.close(Outcome { ending: Ending::Done, facts })?;
        let chain = std::iter::once(credential.leaf.der().to_vec()).chain(credential.issuers.iter().cloned());
        Ok(([&sheet.bytes[..], &made.tail].concat(), chain.collect()))
    }

    /// The round seal on the sheet; a name that the fonts cannot draw leaves the signature invisible.
    fn report_seal(&self) -> Option<SealForm> {
        let name = SealName::parse(&self.settings.evidence_name).ok()?;
        let design = CompanySeal { text: SealText::parse(SEAL_TEXT).ok(), ..CompanySeal::new(name) };
        match draw_company(&self.ports.fonts, &design) {
            Ok(face) => Some(face.to_pdf_form()),
            Err(error) => {
                tracing::warn!(%error, "evidence report without a seal");
                None
            }
        }
    }
}

fn lines(
    app: &str,
    deposit: &Deposit,
    proof: &Proof,
    trail: &[Signed],
    enclosed: bool,
) -> Result<Vec<String>> {
    let checkpoint = Checkpoint::unverified(&proof.checkpoint).map_err(Error::internal)?;
    let mut lines = vec![
        "一、存证".to_owned(),
        format!("存证编号 czId：{}", deposit.id),
        format!("业务编号 sid：{}", deposit.sid),
        format!("存证应用：{app}"),
        format!("存证时间：{}（北京时间）", beijing(deposit.at)?),
        format!("文件 SHA-256：{}", deposit.sha256),
        format!("文件大小：{} 字节", deposit.size),
        format!(
            "原件：{}",
            if enclosed {
                "随证据包附上（document）"
            } else {
                "由存证人保管，本设备仅存摘要"
            }
        ),
        format!(
            "文件摘要时间戳：{}",
            stamp_time(deposit.token.as_ref().map(|t| t.0.as_slice()), "document.tsr")?
        ),
        String::new(),
        "二、审计日志".to_owned(),
        format!("日志：{}", checkpoint.origin),
        format!("审计记录编号：{}，检查点覆盖 {} 条记录", proof.number, proof.size),
        format!("检查点树根：{}", hex::encode(checkpoint.root)),
        format!("检查点时间戳：{}", stamp_time(proof.anchor.as_deref(), "checkpoint.tsr")?),
        format!("检查点公钥：{}", proof.key),
        String::new(),
        format!("三、本文件的签署记录：{} 条", trail.len()),
    ];
    for (number, signed) in (1..).zip(trail) {
        let row = &signed.row;
        lines.push(format!(
            "{number}. {}，{}（北京时间），summaryId {}，审计记录 {}",
            signed.name.as_deref().unwrap_or("（证书未留存）"),
            beijing(row.at)?,
            row.id,
            row.record
        ));
        lines.push(format!("   证书 SHA-256：{}", row.certificate_sha256));
        lines.push(format!("   签署前文件：{}", row.document_sha256));
        lines.push(format!("   签署后文件：{}", row.output_sha256));
        lines.push(match &signed.consent {
            None => "   意愿认证：由业务平台完成".to_owned(),
            Some((proof, entry)) => {
                let registered =
                    entry.facts().and_then(|f| f.get("registered")?.as_bool()).unwrap_or_default();
                let phone = if registered { "登记手机号" } else { "请求中给出的手机号" };
                format!(
                    "   意愿认证：短信验证码（{phone}），{}，审计记录 {}",
                    beijing(entry.at)?,
                    proof.number
                )
            }
        });
    }
    lines.push(String::new());
    lines.push("四、核验".to_owned());
    lines.push(
        "本证书由签章设备以数字签名签署。核验步骤见证据包内 README.txt：无需设备，使用 openssl 即可。"
            .to_owned(),
    );
    lines.push("附件 deposit.json 为机器可读形式。".to_owned());
    Ok(lines)
}

fn stamp_time(token: Option<&[u8]>, file: &str) -> Result<String> {
    let Some(token) = token else { return Ok("无".to_owned()) };
    let token = Token::from_bytes(token).map_err(Error::internal)?;
    Ok(format!("{}（北京时间，{file}）", beijing(token.info.time)?))
}
