//! `hufu bench signers`: whether the last of very many signers is made, and signs, as fast as the first.

use super::load::Target;
use super::{BenchError, Failure, processes};
use crate::conf::{Seat, Site};
use crate::keys::Purpose;
use crate::token::ceremony::Ceremony;
use bytes::Bytes;
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Register very many persons on a serving test appliance, each with key and certificate, and sign with the first and the newest
/// of them after each tenth. The table should be flat, and the token's objects as many as before.
#[derive(Debug, Args)]
pub(in crate::cli) struct Signers {
    /// `client.env` as `softhsm/setup` writes it; the second app is used, and set to level b-b by `hufu app set` before.
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// Signers to register.
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// Rows of the table.
    #[arg(long, default_value_t = 10)]
    rows: u64,
    /// Signatures a cell, each by another signer.
    #[arg(long, default_value_t = 100)]
    signatures: usize,
    /// Connections at once.
    #[arg(long, default_value_t = 4)]
    connections: usize,
}

pub(super) fn run(args: &Signers, file: &Path) -> Result<(), Failure> {
    let site = Site::read(file)?;
    // The token's objects are counted in this process, which must see what the workers see.
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return crate::cli::again_with(&environment);
    }
    let text = std::fs::read_to_string(&args.env)?;
    let env: HashMap<String, String> =
        text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let need = |name: &'static str| env.get(name).cloned().ok_or(BenchError::Missing(name));
    let documents = PathBuf::from(need("HUFU_DOCUMENTS")?);
    let input = documents.join("bench.pdf");
    std::fs::copy("softhsm/sample-contract.pdf", &input)?;
    let target = Target::from_env(&env)?;
    let login = json!({"appId": need("HUFU_APP2_ID")?, "appKey": need("HUFU_APP2_KEY")?});
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let network = std::fs::read_to_string(site.run_folder().join("network.pid")).ok();
    let network = network.and_then(|pid| pid.trim().parse::<u32>().ok());
    let settings = &site.certificates.person_long;
    crate::cli::say(&format!(
        "{} signers, {:?}, custody {:?}, {} connections",
        args.count, settings.algorithm, settings.custody, args.connections
    ));
    crate::cli::say(
        "signers   made p50 ms   p95 ms   first sign p50 ms   p95 ms   newest sign p50 ms   p95 ms   objects   network MiB",
    );
    let each = args.count.div_ceil(args.rows.max(1)).max(1);
    let salt = u64::from(std::process::id()) % 100_000;
    let (mut made, mut first): (u64, Vec<u64>) = (0, Vec::new());
    while made < args.count {
        // A login lives for a quarter of an hour; a row may take longer than what is left of it.
        let (token, _) = runtime.block_on(target.once("/auth/login", "", &login))?;
        let token = token.ok_or_else(|| BenchError::Refused("/auth/login".into(), "no token".into()))?;
        let here = each.min(args.count - made);
        let persons: Vec<Bytes> = (made..made + here)
            .map(|n| json!({"userName": "压力测试", "identityRegion": "0", "certifyNum": format!("{salt:05}{n:013}")}))
            .map(|person| Bytes::from(person.to_string()))
            .collect();
        let done = runtime.block_on(target.jobs(
            (Method::POST, "/user/person"),
            &token,
            args.connections,
            persons,
        ))?;
        let ids = done.iter().map(|(_, answer)| id(answer)).collect::<Result<Vec<u64>, _>>()?;
        made += here;
        first.extend(ids.iter().take(args.signatures.saturating_sub(first.len())));
        let newest: Vec<u64> = ids.into_iter().rev().take(args.signatures).collect();
        let (made_p50, made_p95) = quantiles(done.into_iter().map(|(took, _)| took).collect());
        let sign = |signers: &[u64]| -> Result<(f64, f64), Failure> {
            let bodies =
                signers.iter().zip(0..).map(|(signer, n)| request(*signer, n, &input, &documents)).collect();
            let done = runtime.block_on(target.jobs(
                (Method::POST, "/sign/filePath"),
                &token,
                args.connections,
                bodies,
            ))?;
            Ok(quantiles(done.into_iter().map(|(took, _)| took).collect()))
        };
        let (first_p50, first_p95) = sign(&first)?;
        let (newest_p50, newest_p95) = sign(&newest)?;
        let objects = objects(&site, file)?;
        let mib = network.and_then(processes::resident_mib).unwrap_or_default();
        crate::cli::say(&format!(
            "{made:>7}   {made_p50:>11.1}   {made_p95:>6.1}   {first_p50:>17.1}   {first_p95:>6.1}   {newest_p50:>18.1}   \
             {newest_p95:>6.1}   {objects:>7}   {mib:>11}"
        ));
    }
    Ok(())
}

fn id(answer: &Value) -> Result<u64, BenchError> {
    let id = answer.pointer("/data/signerId").and_then(Value::as_u64);
    id.ok_or_else(|| BenchError::Http(format!("no id in {answer}")))
}

fn request(signer: u64, n: u64, input: &Path, documents: &Path) -> Bytes {
    let save = documents.join(format!("bench-{}.pdf", n % 16));
    let body = json!({"signerId": signer.to_string(), "moulageId": "-1", "contractPath": input, "contractSavePath": save,
        "signPositionType": "1", "positionContent": "1,100,100"});
    Bytes::from(body.to_string())
}

/// Objects in the signers' token, of every class.
fn objects(site: &Site, file: &Path) -> Result<usize, Failure> {
    let seat = Seat::Served(Purpose::Signer);
    let token = site.tokens().of(seat, file).map_err(|(key, reason)| format!("{key}: {reason}"))?;
    Ok(Ceremony::open(&crate::registry::tokens::settings(site, &token))?.objects()?)
}

/// Median and 95th percentile in milliseconds.
fn quantiles(mut all: Vec<Duration>) -> (f64, f64) {
    all.sort_unstable();
    let at = |percent: usize| {
        let last = all.len().saturating_sub(1);
        all.get(last * percent / 100).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    (at(50), at(95))
}
