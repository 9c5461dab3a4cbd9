//! `hufu evidence …`: checking evidence packages, anywhere, without an appliance.

use super::{Failure, say};
use crate::clock::SystemClock;
use crate::evidence::{report, verify};
use crate::tlog::NoteKey;
use crate::verify as pdf;
use crate::x509::path::TrustStore;
use clap::Subcommand;
use hufu_api::{Clock, UnixTime};
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Largest package that is read, in bytes.
const MAX_PACKAGE: u64 = 256 << 20;

/// What to do with a package.
#[derive(Debug, Subcommand)]
pub(super) enum Evidence {
    /// Check a package; exit status 0 only if everything in it holds.
    Verify {
        /// The package, a ZIP file.
        package: PathBuf,
        /// The deposited file, if the package does not hold it.
        #[arg(long, value_name = "FILE")]
        document: Option<PathBuf>,
        /// A file with the verifier key that the appliance's operator has published.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Root certificates (PEM) that you accept for the signer of the report; without any, the report's signature is checked
        /// but not whose it is.
        #[arg(long, value_name = "FILE")]
        trust: Vec<PathBuf>,
    },
}

/// Does it.
pub(super) fn run(command: &Evidence) -> Result<(), Failure> {
    let Evidence::Verify { package, document, key, trust } = command;
    let read = |file: &PathBuf| std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()));
    if std::fs::metadata(package).is_ok_and(|m| m.len() > MAX_PACKAGE) {
        return Err(format!("{} is larger than {MAX_PACKAGE} bytes", package.display()).into());
    }
    let key = key.as_ref().map(read).transpose()?.map(String::from_utf8).transpose()?;
    // The newest key of the audit folder's list is its last line.
    let key = key.map(|text| NoteKey::parse(text.lines().last().unwrap_or_default())).transpose()?;
    let document = document.as_ref().map(read).transpose()?;
    let package = read(package)?;
    let judged = verify(&package, document.as_deref(), key.as_ref())?;
    let sheet = judge_report(&package, trust)?;
    let time = |at: UnixTime| -> Result<String, Failure> {
        Ok(OffsetDateTime::from_unix_timestamp(at.seconds())?.format(&Rfc3339)?)
    };
    if let Some(number) = judged.number {
        say(&format!("record          {number}"));
    }
    if let Some(at) = judged.deposited {
        say(&format!("deposited       {}", time(at)?));
    }
    if let Some(digest) = &judged.document {
        say(&format!(
            "document        {digest}{}",
            if judged.document_seen { ", seen" } else { ", not seen" }
        ));
    }
    if let Some(at) = judged.stamped {
        say(&format!("time-stamped    {}", time(at)?));
    }
    if let Some(at) = judged.anchored {
        say(&format!("log anchored    {}", time(at)?));
    }
    if let Some(key) = &judged.key {
        let origin =
            if judged.key_trusted { "given" } else { "from the package: compare it with the published one" };
        say(&format!("checkpoint key  {key} ({origin})"));
    }
    for (number, names) in &judged.related {
        let of = if *names { "names the document" } else { "does not name the document itself" };
        say(&format!("related record  {number}, {of}"));
    }
    say(&format!("report          {}", sheet.said));
    judged.findings.iter().for_each(|finding| say(&format!("wrong: {finding}")));
    if judged.holds() && sheet.holds {
        say("holds");
        Ok(())
    } else {
        Err("the package does not hold".into())
    }
}

/// What is to be said of the readable sheet.
struct Sheet {
    holds: bool,
    said: String,
}

fn judge_report(package: &[u8], trust: &[PathBuf]) -> Result<Sheet, Failure> {
    let mut store = TrustStore::new();
    for file in trust {
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
        let text = std::fs::read_to_string(file).map_err(|e| named(&e))?;
        store.add_pem(&text).map_err(|e| named(&e))?;
    }
    let now = SystemClock::new(i64::MAX, None).now()?;
    let sheet = match report(package) {
        Ok(sheet) => sheet,
        Err(error) => return Ok(Sheet { holds: false, said: error.to_string() }),
    };
    let report = match pdf::verify(&sheet, &store, &pdf::Options::at(now)) {
        Ok(report) => report,
        Err(error) => return Ok(Sheet { holds: false, said: error.to_string() }),
    };
    let names: Vec<String> = report.signatures.iter().map(|s| pdf::visible(&s.sign_name)).collect();
    let trusted = report.signatures.iter().all(|s| s.trusted);
    let (holds, how) = match (report.unmodified(), trust.is_empty(), trusted) {
        (false, _, _) => (false, "not signed, or changed since"),
        (true, true, _) => (true, "unchanged; whose it is was not asked (--trust)"),
        (true, false, true) => (true, "unchanged, trusted"),
        (true, false, false) => (false, "signed by somebody whom the roots do not vouch for"),
    };
    Ok(Sheet { holds, said: format!("signed by {}: {how}", names.join(", ")) })
}
