//! `hufu bench`: documents a second over HTTPS, beside what the token alone and the disk alone can do, in one run.

mod calls;
mod disk;
mod load;
mod log;
mod processes;
mod stamps;
mod verify;

use super::Failure;
use super::app::LevelName;
use crate::conf::{Seat, Site};
use crate::keys::{KeyAlgorithm, Purpose};
use crate::ops::{AppChange, Level};
use crate::registry::admin::{Command as Ask, View, ask};
use crate::token::ceremony::Ceremony;
use bytes::Bytes;
use clap::{Args, Subcommand};
use load::Target;
use processes::Cpu;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a measurement was not made.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    /// `client.env` lacks an entry, or it is malformed.
    #[error("client.env: {0} is missing or malformed")]
    Missing(&'static str),
    /// A certificate or key file cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connection failed.
    #[error("connection: {0}")]
    Io(std::io::Error),
    /// The exchange failed.
    #[error("HTTP: {0}")]
    Http(String),
    /// A call that the measurement needs was refused.
    #[error("{0} answered {1}")]
    Refused(String, String),
}

/// File names that each connection writes in turn, so that the disk does not fill.
const NAMES: u64 = 4;

/// A JSON object's members.
type Fields = serde_json::Map<String, serde_json::Value>;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Sign a one-page PDF over HTTPS on a serving appliance, again and again. It registers a signer and writes files under the
    /// app's documents: not for a production site.
    Sign(Sign),
    Log(log::BenchLog),
    Stamps(stamps::Stamps),
    Calls(calls::Calls),
    /// Judge signed files again and again on one core, with the release check beside one public-key verification.
    Verify(verify::Verify),
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// `client.env` as `softhsm/setup` writes it; the second app is used.
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// The PDF; the sample contract by default.
    #[arg(long, value_name = "FILE", default_value = "softhsm/sample-contract.pdf")]
    pdf: PathBuf,
    /// Connections at once, one row of the table each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// PAdES levels, one table each; the second app is set to each in turn, and to b-b in the end.
    #[arg(long, value_delimiter = ',', default_value = "b-b")]
    levels: Vec<LevelName>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

pub(super) fn run(command: &Bench, file: &Path) -> Result<(), Failure> {
    let sign = match command {
        Bench::Sign(sign) => sign,
        Bench::Log(args) => return log::run(args),
        Bench::Stamps(args) => return stamps::run(args, file),
        Bench::Calls(args) => return calls::run(args),
        Bench::Verify(args) => return verify::run(args),
    };
    let site = Site::read(file)?;
    // The token's own rate is taken in this process, which must see what the workers see.
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return super::again_with(&environment);
    }
    let text = std::fs::read_to_string(&sign.env)?;
    let env: HashMap<String, String> =
        text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let length = Duration::from_secs(sign.seconds.clamp(1, 600));
    let algorithm = site.certificates.person_long.algorithm;
    let pdf = std::fs::read(&sign.pdf)?;
    let documents = PathBuf::from(env.get("HUFU_DOCUMENTS").ok_or(BenchError::Missing("HUFU_DOCUMENTS"))?);
    let input = documents.join("bench.pdf");
    std::fs::write(&input, &pdf)?;

    super::say(&format!("{algorithm:?}, {} octets a document, {} s a row", pdf.len(), length.as_secs()));
    let token = token_rate(&site, file, algorithm, length)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let target = Target::from_env(&env)?;
    let (login, body) = runtime.block_on(prepare(&target, &env))?;
    let network = env.get("HUFU_PID").and_then(|pid| pid.parse::<u32>().ok());
    let set = |level: LevelName| -> Result<(), Failure> {
        let app = env.get("HUFU_APP2_ID").ok_or(BenchError::Missing("HUFU_APP2_ID"))?;
        let change = AppChange { level: Some(level.into()), ..AppChange::default() };
        ask::<View>(
            &crate::registry::admin::Target::Socket(site.admin_socket()),
            &Ask::SetApp(app.clone(), Box::new(change)),
        )?;
        Ok(())
    };
    for level in &sign.levels {
        set(*level)?;
        super::say(&format!("level {:?}", Level::from(*level)));
        super::say(
            "connections  documents/s  writes alone/s  of the lower  p50 ms  p99 ms  failed  CPU ms a document",
        );
        for connections in sign.connections.iter().copied().filter(|c| (1..=1024).contains(c)) {
            let bare_folder = documents.join("bench-bare");
            let bare = disk::rate(&bare_folder, connections, pdf.len() + 20_000, length)?;
            std::fs::remove_dir_all(&bare_folder)?;
            let (input, documents, body) = (input.clone(), documents.clone(), body.clone());
            let make = move |connection: usize, number: u64| {
                let save = documents.join(format!("bench-{connection}-{}.pdf", number % NAMES));
                let mut request = body.clone();
                request.insert("contractPath".into(), input.to_string_lossy().into_owned().into());
                request.insert("contractSavePath".into(), save.to_string_lossy().into_owned().into());
                Bytes::from(serde_json::Value::Object(request).to_string())
            };
            let before = network.map(Cpu::of_appliance).unwrap_or_default();
            let mut run = runtime.block_on(target.drive(
                (hyper::Method::POST, "/sign/filePath"),
                &login,
                connections,
                length,
                make,
            ))?;
            let after = network.map(Cpu::of_appliance).unwrap_or_default();
            let cpu: Vec<String> =
                after.each(&before, run.done).iter().map(|(kind, ms)| format!("{kind} {ms:.2}")).collect();
            let lower = token.min(bare).max(1.0);
            super::say(&format!(
                "{connections:>11}  {:>11.0}  {bare:>14.0}  {:>11.0} %  {:>6.1}  {:>6.1}  {:>6}  {}",
                run.rate(),
                100.0 * run.rate() / lower,
                run.quantile(0.5).as_secs_f64() * 1e3,
                run.quantile(0.99).as_secs_f64() * 1e3,
                run.failed,
                cpu.join(", "),
            ));
            if let Some(first) = &run.first_failure {
                super::say(&format!("             first failure: {first}"));
            }
        }
    }
    set(LevelName::BB)?;
    if let Some(mib) = network.and_then(processes::peak_mib) {
        super::say(&format!("largest resident size of the network process: {mib} MiB"));
    }
    Ok(())
}

fn token_rate(site: &Site, file: &Path, algorithm: KeyAlgorithm, length: Duration) -> Result<f64, Failure> {
    let seat = Seat::Served(Purpose::Signer);
    let token = site.tokens().of(seat, file).map_err(|(key, reason)| format!("{key}: {reason}"))?;
    let mut ceremony = Ceremony::open(&crate::registry::tokens::settings(&token))?;
    let one = ceremony.rate(algorithm, "hufu bench", 1, length)?;
    let cores = std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(1));
    let many = ceremony.rate(algorithm, "hufu bench", cores, length)?;
    super::say(&format!("token alone: {one:.0}/s in one session, {many:.0}/s in {cores} at once"));
    Ok(one.max(many))
}

/// Logs the second app in, registers a signer with a seal, and gives the token and the request's fixed part.
async fn prepare(target: &Target, env: &HashMap<String, String>) -> Result<(String, Fields), BenchError> {
    let need = |name: &'static str| env.get(name).ok_or(BenchError::Missing(name));
    let login = serde_json::json!({"appId": need("HUFU_APP2_ID")?, "appKey": need("HUFU_APP2_KEY")?});
    let (token, _) = target.once("/auth/login", "", &login).await?;
    let token = token.ok_or_else(|| BenchError::Refused("/auth/login".into(), "no token".into()))?;
    let identity = format!("11010119{:010}", std::process::id());
    let person = serde_json::json!({"userName": "压力测试", "identityRegion": "0", "certifyNum": identity});
    let (_, answer) = target.once("/user/person", &token, &person).await?;
    let signer = number(&answer, "/data/signerId")?;
    let (_, answer) =
        target.once("/moulage/person", &token, &serde_json::json!({"signerId": signer})).await?;
    let seal = number(&answer, "/data/moulageId")?;
    let fixed = [
        ("signerId", signer),
        ("moulageId", seal),
        ("signPositionType", "1".into()),
        ("positionContent", "1,100,100".into()),
    ];
    Ok((token, fixed.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()))
}

/// An id of an answer, as text.
fn number(answer: &serde_json::Value, pointer: &str) -> Result<String, BenchError> {
    let id = answer.pointer(pointer).and_then(serde_json::Value::as_u64);
    id.map(|id| id.to_string()).ok_or_else(|| BenchError::Http(format!("no {pointer} in {answer}")))
}
