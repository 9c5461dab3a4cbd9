//! How long the calls that do not sign take, with a few clients at once.

use super::load::{Load, Target};
use super::{BenchError, Failure};
use base64::Engine as _;
use bytes::Bytes;
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Time every call that does not sign, on a serving appliance. It registers users and seals, deposits evidence and sends codes through
/// the SMS channel: only for a test site whose channel is the development one.
#[derive(Debug, Args)]
pub(in crate::cli) struct Calls {
    /// `client.env` as `softhsm/setup` writes it; the second app is used.
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// Clients at once, each with a connection of its own.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Seconds for each call.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

type Make = Arc<dyn Fn(usize, u64) -> Value + Send + Sync>;

/// One row of the table.
struct Row {
    method: Method,
    path: &'static str,
    body: Make,
}

pub(super) fn run(args: &Calls) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&args.env)?;
    let env: HashMap<String, String> =
        text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let target = Target::from_env(&env)?;
    let clients = args.clients.clamp(1, 64);
    let length = Duration::from_secs(args.seconds.clamp(1, 600));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let need = |name: &'static str| env.get(name).cloned().ok_or(BenchError::Missing(name));
    let login = json!({"appId": need("HUFU_APP2_ID")?, "appKey": need("HUFU_APP2_KEY")?});
    let file = PathBuf::from(need("HUFU_DOCUMENTS")?).join("bench-evidence.txt");
    std::fs::write(&file, "Evidence of a measurement.\n")?;
    let (token, _) = runtime.block_on(target.once("/auth/login", "", &login))?;
    let token = token.ok_or_else(|| BenchError::Refused("/auth/login".into(), "no token".into()))?;

    crate::cli::say(&format!("{clients} clients, {} s a call", length.as_secs()));
    crate::cli::say("call                                 calls/s  p50 ms  p95 ms  p99 ms  failed");
    let mut slowest = Duration::ZERO;
    let mut measure = |row: Row| -> Result<(), Failure> {
        let body = row.body;
        let make = move |client: usize, number: u64| Bytes::from(body(client, number).to_string());
        let load = Load { connections: clients, length, rate: None };
        let mut run = runtime.block_on(target.drive((row.method.clone(), row.path), &token, load, make))?;
        run.failed += run.refused;
        let p95 = run.quantile(0.95);
        slowest = slowest.max(p95);
        crate::cli::say(&format!(
            "{:<5} {:<30} {:>7.0}  {:>6.1}  {:>6.1}  {:>6.1}  {:>6}",
            row.method.as_str(),
            row.path,
            run.rate(),
            run.quantile(0.5).as_secs_f64() * 1e3,
            p95.as_secs_f64() * 1e3,
            run.quantile(0.99).as_secs_f64() * 1e3,
            run.failed,
        ));
        if let Some(first) = &run.first_failure {
            crate::cli::say(&format!("      first failure: {first}"));
        }
        Ok(())
    };
    let salt = u64::from(std::process::id()) % 100_000;
    for row in creating(salt, login) {
        measure(row)?;
    }
    let people = runtime.block_on(ids(&target, &token, salt, 0..clients))?;
    let companies = runtime.block_on(ids(&target, &token, salt, COMPANIES..COMPANIES + clients))?;
    let rows = using(people, salt, file.to_string_lossy().into_owned());
    for row in rows.into_iter().chain(company_seals(companies)?) {
        measure(row)?;
    }
    crate::cli::say(&format!("slowest p95: {:.1} ms", slowest.as_secs_f64() * 1e3));
    Ok(())
}

fn post(path: &'static str, body: impl Fn(usize, u64) -> Value + Send + Sync + 'static) -> Row {
    Row { method: Method::POST, path, body: Arc::new(body) }
}

/// Added to a client's number where a company is meant: numbers are unique in an app.
const COMPANIES: usize = 500;

/// A number of 18 digits that only this client's call of that number has.
fn identity(salt: u64, client: usize, number: u64) -> String {
    format!("{salt:05}{client:03}{number:010}")
}

fn creating(salt: u64, login: Value) -> Vec<Row> {
    vec![
        post("/auth/login", move |_, _| login.clone()),
        post("/user/person", move |client, number| {
            json!({"userName": "压力测试", "identityRegion": "0", "certifyNum": identity(salt, client, number),
                   "phoneNo": "13000000000"})
        }),
        post(
            "/user/company",
            move |client, number| json!({"userName": "压力测试有限公司", "certifyType": "1", "certifyNum": identity(salt, COMPANIES + client, number)}),
        ),
    ]
}

/// The signers that the first calls of these clients registered.
async fn ids(
    target: &Target,
    token: &str,
    salt: u64,
    clients: std::ops::Range<usize>,
) -> Result<Vec<u64>, BenchError> {
    let numbers: Vec<String> =
        (0..10).flat_map(|n| clients.clone().map(move |client| identity(salt, client, n))).collect();
    let asked = json!({"certifyNumList": numbers, "pageSize": 1000});
    let (_, answer) = target.once("/user/signerId/certifyNums", token, &asked).await?;
    // [{"number": signerId}, …]
    let pairs =
        answer.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let found: Vec<u64> = pairs.flat_map(|pair| pair.values().filter_map(Value::as_u64)).collect();
    if found.is_empty() {
        return Err(BenchError::Http(format!("no signers in {answer}")));
    }
    Ok(found)
}

fn using(people: Vec<u64>, salt: u64, file: String) -> Vec<Row> {
    let people = Arc::new(people);
    let pick = move |client: usize, number: u64| {
        let at = usize::try_from(number).unwrap_or(0).wrapping_mul(61).wrapping_add(client) % people.len();
        people.get(at).copied().unwrap_or_default()
    };
    let (of_seal, of_code, of_phone) = (pick.clone(), pick.clone(), pick);
    vec![
        post(
            "/user/signerId/certifyNums",
            move |client, number| json!({"certifyNumList": [identity(salt, client, number % 10)]}),
        ),
        post("/user/userInfo/signerIds", |_, number| json!({"pageNum": number % 5 + 1, "pageSize": 20})),
        post("/moulage/person", move |client, number| json!({"signerId": of_seal(client, number)})),
        Row {
            method: Method::PATCH,
            path: "/user/personNameAndPhone",
            body: Arc::new(
                move |client, number| json!({"signerId": of_phone(client, 0), "phoneRegion": "0", "phoneNo": format!("131{:08}", number + 1)}),
            ),
        },
        post(
            "/cz/in",
            move |client, number| json!({"sid": identity(salt, client, number), "filePath": file}),
        ),
        post("/cz/queryCzId", move |client, _| json!({"sid": identity(salt, client, 0)})),
        post("/send/verifyCode", move |client, number| json!({"signerId": of_code(client, number)})),
    ]
}

/// Seals of companies: drawn, and uploaded as a picture of 200 × 110 pixels.
fn company_seals(companies: Vec<u64>) -> Result<Vec<Row>, Failure> {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, 200, 110);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header()?;
    let stripes: Vec<u8> = (0..200 * 110_u32).map(|at| if at / 200 % 11 < 4 { 0 } else { 255 }).collect();
    writer.write_image_data(&stripes)?;
    writer.finish()?;
    let picture = base64::engine::general_purpose::STANDARD.encode(&picture);
    let companies = Arc::new(companies);
    let uploaders = Arc::clone(&companies);
    let pick = |companies: &[u64], client: usize| companies.get(client % companies.len()).copied();
    Ok(vec![
        post("/moulage/company", move |client, _| json!({"signerId": pick(&companies, client)})),
        post(
            "/moulage/upload",
            move |client, _| json!({"signerId": pick(&uploaders, client), "imgBase": picture}),
        ),
    ])
}
