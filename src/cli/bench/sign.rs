//! `hufu bench sign`: documents a second over HTTPS, beside what the token alone and the disk alone can do, in one run.

use super::load::{Load, Target};
use super::processes::{self, Cpu};
use super::{BenchError, Fields, NAMES, disk, document, pyhanko};
use crate::cli::app::LevelName;
use crate::cli::{Failure, say};
use crate::conf::{Seat, Site, Token};
use crate::keys::{KeyAlgorithm, Purpose};
use crate::ops::{AppChange, Level};
use crate::registry::admin::{Command as Ask, Target as Admin, View, ask};
use crate::registry::tokens;
use crate::token::ceremony::Ceremony;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// `client.env` as `softhsm/setup` writes it; the second app is used.
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// The PDF; the sample contract by default.
    #[arg(long, value_name = "FILE", default_value = "softhsm/sample-contract.pdf")]
    pdf: PathBuf,
    /// Connections at once, one row of the table each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// PAdES levels; the second app is set to each in turn, and to b-b in the end.
    #[arg(long, value_delimiter = ',', default_value = "b-b")]
    levels: Vec<LevelName>,
    /// Who signs. The configuration says which key type persons and companies have: with RSA for one and P-256 for the other
    /// both are measured in one run.
    #[arg(long, value_delimiter = ',', default_value = "person")]
    signers: Vec<Kind>,
    /// Also sign a document of so many MiB and 100 pages.
    #[arg(long, value_name = "MIB")]
    large: Option<usize>,
    /// Documents a second that are asked for, whatever is answered; without, each connection asks again as soon as it has its
    /// answer.
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Python with pyHanko and PyKCS11, to sign the same document with the same token beside it. Default: HUFU_VENV's.
    #[arg(long, value_name = "PROGRAM")]
    pyhanko: Option<PathBuf>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Person,
    Company,
}

impl Kind {
    fn algorithm(self, site: &Site) -> KeyAlgorithm {
        match self {
            Self::Person => site.certificates.person_long.algorithm,
            Self::Company => site.certificates.company_long.algorithm,
        }
    }
}

/// A signer ready to sign.
struct Signer {
    algorithm: KeyAlgorithm,
    /// The fixed part of the request.
    request: Fields,
    /// What the token alone does a second with that key type.
    token: f64,
}

/// A document to sign.
struct Input {
    name: String,
    path: PathBuf,
    octets: usize,
}

/// Where and how one run measures.
struct Bench<'a> {
    site: &'a Site,
    env: HashMap<String, String>,
    target: Target,
    login: String,
    documents: PathBuf,
    network: Option<u32>,
    runtime: tokio::runtime::Runtime,
    length: Duration,
    rate: Option<u32>,
}

pub(super) fn run(sign: &Sign, file: &Path) -> Result<(), Failure> {
    let site = Site::read(file)?;
    // The token's own rate is taken in this process, which must see what the workers see.
    let seat = Seat::Served(Purpose::Signer);
    let token = site.tokens().of(seat, file).map_err(|(key, reason)| format!("{key}: {reason}"))?;
    let environment = &token.environment;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return crate::cli::again_with(environment);
    }
    let text = std::fs::read_to_string(&sign.env)?;
    let env: HashMap<String, String> =
        text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let target = Target::from_env(&env)?;
    let documents = PathBuf::from(env.get("HUFU_DOCUMENTS").ok_or(BenchError::Missing("HUFU_DOCUMENTS"))?);
    let login = runtime.block_on(login(&target, &env))?;
    let network = env.get("HUFU_PID").and_then(|pid| pid.parse::<u32>().ok());
    let length = Duration::from_secs(sign.seconds.clamp(1, 600));
    let bench =
        Bench { site: &site, env, target, login, documents, network, runtime, length, rate: sign.rate };

    let inputs = bench.inputs(&sign.pdf, sign.large)?;
    say(&format!("{} s a row; the token alone in 1 session and in as many as it has", length.as_secs()));
    let mut signers = Vec::new();
    for (at, kind) in sign.signers.iter().enumerate() {
        let algorithm = kind.algorithm(&site);
        let (one, many) = token_rates(&site, &token, algorithm, length)?;
        say(&format!("{algorithm:?}: {one:.0}/s and {many:.0}/s"));
        let request = bench.runtime.block_on(bench.register(*kind, at))?;
        signers.push(Signer { algorithm, request, token: one.max(many) });
    }
    say(
        "| key | level | document | connections | documents/s | of the lower | writes alone/s | p50 ms | p99 ms | refused | failed | CPU ms a document | peak MiB |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for level in &sign.levels {
        bench.set_level(*level)?;
        for signer in &signers {
            for input in &inputs {
                for connections in sign.connections.iter().copied().filter(|c| (1..=4096).contains(c)) {
                    bench.row(signer, Level::from(*level), input, connections)?;
                }
            }
        }
    }
    bench.set_level(LevelName::BB)?;
    let python = sign
        .pyhanko
        .clone()
        .or_else(|| std::env::var_os("HUFU_VENV").map(|v| Path::new(&v).join("bin/python")));
    for (signer, input) in signers.iter().flat_map(|s| inputs.iter().map(move |i| (s, i))) {
        match &python {
            Some(python) => {
                let told = pyhanko::rate(python, &site, &token, signer.algorithm, &input.path, length)?;
                say(&format!(
                    "pyHanko, {:?}, {}, B-B, no log, no HTTPS, one process: {told}",
                    signer.algorithm, input.name
                ));
            }
            None => say("pyHanko: skipped, --pyhanko or HUFU_VENV names no Python"),
        }
    }
    Ok(())
}

/// Signatures a second of the token alone, in one session and in as many as are worth measuring.
fn token_rates(
    site: &Site,
    token: &Token,
    algorithm: KeyAlgorithm,
    length: Duration,
) -> Result<(f64, f64), Failure> {
    let mut ceremony = Ceremony::open(&tokens::settings(site, token))?;
    let cores = std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(1));
    let one = ceremony.rate(algorithm, "hufu bench", 1, length)?;
    let mut many = ceremony.rate(algorithm, "hufu bench", cores.min(token.sessions), length)?;
    if token.sessions > cores {
        many = many.max(ceremony.rate(algorithm, "hufu bench", token.sessions, length)?);
    }
    Ok((one, many))
}

async fn login(target: &Target, env: &HashMap<String, String>) -> Result<String, BenchError> {
    let need = |name: &'static str| env.get(name).ok_or(BenchError::Missing(name));
    let login = serde_json::json!({"appId": need("HUFU_APP2_ID")?, "appKey": need("HUFU_APP2_KEY")?});
    let (token, _) = target.once("/auth/login", "", &login).await?;
    token.ok_or_else(|| BenchError::Refused("/auth/login".into(), "no token".into()))
}

impl Bench<'_> {
    fn inputs(&self, pdf: &Path, large: Option<usize>) -> Result<Vec<Input>, Failure> {
        let mut inputs = Vec::new();
        let mut add = |name: String, bytes: &[u8], file: &str| -> Result<(), Failure> {
            let path = self.documents.join(file);
            std::fs::write(&path, bytes)?;
            inputs.push(Input { name, path, octets: bytes.len() });
            Ok(())
        };
        let bytes = std::fs::read(pdf)?;
        add(format!("{} KiB", bytes.len() / 1024), &bytes, "bench.pdf")?;
        if let Some(mib) = large {
            let bytes = document::of_pages(100, mib.clamp(1, 150) << 20);
            add(format!("{mib} MiB, 100 pages"), &bytes, "bench-large.pdf")?;
        }
        Ok(inputs)
    }

    /// Registers a signer with a seal, and gives the request's fixed part.
    async fn register(&self, kind: Kind, at: usize) -> Result<Fields, BenchError> {
        let number = format!("11010119{at}{:09}", std::process::id());
        let (user, seal, body) = match kind {
            Kind::Person => (
                "/user/person",
                "/moulage/person",
                serde_json::json!({"userName": "压力测试", "identityRegion": "0", "certifyNum": number}),
            ),
            Kind::Company => (
                "/user/company",
                "/moulage/company",
                serde_json::json!({"userName": "压力测试有限公司", "certifyType": "1", "certifyNum": number}),
            ),
        };
        let (_, answer) = self.target.once(user, &self.login, &body).await?;
        let signer = id(&answer, "/data/signerId")?;
        let asked = serde_json::json!({"signerId": signer});
        let (_, answer) = self.target.once(seal, &self.login, &asked).await?;
        let fixed = [
            ("signerId", signer),
            ("moulageId", id(&answer, "/data/moulageId")?),
            ("signPositionType", "1".into()),
            ("positionContent", "1,100,100".into()),
        ];
        Ok(fixed.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    fn set_level(&self, level: LevelName) -> Result<(), Failure> {
        let app = self.env.get("HUFU_APP2_ID").ok_or(BenchError::Missing("HUFU_APP2_ID"))?;
        let change = AppChange { level: Some(level.into()), ..AppChange::default() };
        let socket = Admin::Socket(self.site.admin_socket());
        ask::<View>(&socket, &Ask::SetApp(app.clone(), Box::new(change)))?;
        Ok(())
    }

    fn row(&self, signer: &Signer, level: Level, input: &Input, connections: usize) -> Result<(), Failure> {
        let folder = self.documents.join("bench-bare");
        let bare = disk::rate(&folder, connections.min(256), input.octets + 20_000, self.length)?;
        std::fs::remove_dir_all(&folder)?;
        let (path, documents, request) =
            (input.path.to_string_lossy().into_owned(), self.documents.clone(), signer.request.clone());
        let make = move |connection: usize, number: u64| {
            let save = documents.join(format!("bench-{connection}-{}.pdf", number % NAMES));
            let mut request = request.clone();
            request.insert("contractPath".into(), path.clone().into());
            request.insert("contractSavePath".into(), save.to_string_lossy().into_owned().into());
            Bytes::from(serde_json::Value::Object(request).to_string())
        };
        if let Some(network) = self.network {
            processes::forget_peak(network);
        }
        let before = self.network.map(Cpu::of_appliance).unwrap_or_default();
        let load = Load { connections, length: self.length, rate: self.rate };
        let call = (hyper::Method::POST, "/sign/filePath");
        let mut run = self.runtime.block_on(self.target.drive(call, &self.login, load, make))?;
        let after = self.network.map(Cpu::of_appliance).unwrap_or_default();
        let cpu: Vec<String> =
            after.each(&before, run.done).iter().map(|(kind, ms)| format!("{kind} {ms:.2}")).collect();
        let peak =
            self.network.and_then(processes::peak_mib).map_or_else(|| "-".to_owned(), |m| m.to_string());
        let level = format!("{level:?}");
        say(&format!(
            "| {:?} | {level} | {} | {connections} | {:.0} | {:.0} % | {bare:.0} | {:.1} | {:.1} | {} | {} | {} | {peak} |",
            signer.algorithm,
            input.name,
            run.rate(),
            100.0 * run.rate() / signer.token.min(bare).max(1.0),
            run.quantile(0.5).as_secs_f64() * 1e3,
            run.quantile(0.99).as_secs_f64() * 1e3,
            run.refused,
            run.failed,
            cpu.join(", "),
        ));
        if let Some(first) = &run.first_failure {
            say(&format!("first failure: {first}"));
        }
        Ok(())
    }
}

/// An id of an answer, as text.
fn id(answer: &serde_json::Value, pointer: &str) -> Result<String, BenchError> {
    let id = answer.pointer(pointer).and_then(serde_json::Value::as_u64);
    id.map(|id| id.to_string()).ok_or_else(|| BenchError::Http(format!("no {pointer} in {answer}")))
}
