//! pyHanko over the same token, for comparison.

use super::Failure;
use crate::conf::{Pin, Site, Token};
use crate::keys::{KeyAlgorithm, Purpose};
use crate::registry::tokens;
use crate::token::ceremony::Ceremony;
use crate::x509::{self, Addresses, Issuer, Role, SignatureAlgorithm, TbsSpec};
use hufu_api::Clock;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The program: signs a file again and again with PyKCS11 and prints one line.
const PROGRAM: &str = include_str!("pyhanko_rate.py");

/// The label of the key pair that it signs with; the program destroys it.
const LABEL: &str = "hufu bench pyhanko";

const DAY_MILLIS: i64 = 86_400_000;

/// What the program says, or why it cannot.
pub(super) fn rate(
    python: &Path,
    site: &Site,
    token: &Token,
    algorithm: KeyAlgorithm,
    pdf: &Path,
    length: Duration,
) -> Result<String, Failure> {
    let Pin::File(pin) = &token.pin else {
        return Ok("skipped: the PIN is no file".into());
    };
    let tools = Command::new(python).args(["-c", "import pyhanko, PyKCS11"]).output();
    if !tools.is_ok_and(|done| done.status.success()) {
        return Ok(format!("skipped: {} has no pyHanko or no PyKCS11", python.display()));
    }
    let label = format!("{LABEL} {}", std::process::id());
    let certificate = certificate(site, token, algorithm, &label)?;
    let folder = site.run_folder();
    let (program, der) = (folder.join("bench-pyhanko.py"), folder.join("bench-pyhanko.cer"));
    std::fs::write(&program, PROGRAM)?;
    std::fs::write(&der, certificate)?;
    let done = Command::new(python)
        .arg(&program)
        .arg(&token.module)
        .arg(pin)
        .arg(&label)
        .arg(&der)
        .arg(pdf)
        .arg(length.as_secs().to_string())
        .envs(&token.environment)
        .output()?;
    for file in [program, der] {
        std::fs::remove_file(file)?;
    }
    let told = if done.status.success() { done.stdout } else { done.stderr };
    let told = String::from_utf8_lossy(&told);
    Ok(told.lines().last().unwrap_or("no answer").to_owned())
}

/// A self-signed certificate over a new key of the token.
fn certificate(site: &Site, token: &Token, algorithm: KeyAlgorithm, label: &str) -> Result<Vec<u8>, Failure> {
    let mut ceremony = Ceremony::open(&tokens::settings(site, token))?;
    let (key, _) = ceremony.key_pair(Purpose::Signer, algorithm, label)?;
    let algorithm = SignatureAlgorithm::for_key(&key.spki.0)?.identifier();
    let name = x509::authority_name("CN", "Hufu", label)?;
    let identifier = x509::key_identifier(&key.spki.0)?;
    let now = crate::clock::SystemClock::new(i64::MAX, None).now()?;
    let tbs = x509::certificate_tbs(&TbsSpec {
        serial: &[1; 16],
        algorithm: &algorithm,
        issuer: Issuer::new(&name, &identifier),
        subject: &name,
        spki: &key.spki.0,
        not_before: now.plus_millis(-DAY_MILLIS),
        not_after: now.plus_millis(DAY_MILLIS),
        role: Role::Signer { extended_key_usage: &[], policies: &[], scene: None },
        addresses: Addresses::default(),
    })?;
    let signature = ceremony.sign(&key, &tbs)?;
    Ok(x509::assemble(&tbs, &algorithm, &signature))
}
