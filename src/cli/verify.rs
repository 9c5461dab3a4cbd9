//! `hufu verify`: judging signed files without a service.

use super::Failure;
use crate::channels::Online;
use crate::conf::Site;
use crate::ops::judge_with;
use crate::registry::network::{online, trust};
use crate::verify::{Indication, Report, SignatureReport, render_text};
use crate::x509::path::TrustStore;
use clap::Args;
use hufu_api::{Clock, Cx, Der, RequestId, StatusLookup, UnixTime};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A file larger than this is not judged.
const MAX_FILE: u64 = 1 << 30;
/// Time for looking up the status of one file's certificates, where hosts are listed in the configuration.
const LOOKING_UP: Duration = Duration::from_secs(6);

/// Judge signed PDF files: who signed, when, and what was changed since.
///
/// Exit status 0: every signature of every file passed; 1: at least one did not, or there is none; 2: a file cannot be judged.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Trust anchors (PEM), in place of the appliance's own and its trust folder.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Print one JSON report per file and line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Verify, file: &Path) -> Result<ExitCode, Failure> {
    let (store, online) = if args.trust.is_empty() {
        let site = Site::read(file)?;
        (trust(&site)?, online(&site)?)
    } else {
        let mut store = TrustStore::new();
        for anchor in &args.trust {
            store
                .add_pem(&std::fs::read_to_string(anchor)?)
                .map_err(|e| format!("{}: {e}", anchor.display()))?;
        }
        (store, None)
    };
    let now = crate::clock::SystemClock::new(i64::MAX, None).now()?;
    let mut worst = 0;
    for path in &args.files {
        match judge(path, &store, online.as_ref(), now) {
            Err(error) => {
                super::complain(&*error);
                worst = 2;
            }
            Ok(report) => {
                if args.json {
                    let line = serde_json::json!({"file": path.display().to_string(), "report": report});
                    super::say(&line.to_string());
                } else {
                    super::say(&format!("{}\n{}", path.display(), render_text(&report)));
                }
                let passed = |s: &SignatureReport| s.indication == Indication::TotalPassed;
                if report.signatures.is_empty() || !report.signatures.iter().all(passed) {
                    worst = worst.max(1);
                }
            }
        }
    }
    Ok(ExitCode::from(worst))
}

fn judge(path: &Path, store: &TrustStore, online: Option<&Online>, now: UnixTime) -> Result<Report, Failure> {
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let size = std::fs::metadata(path).map_err(|e| named(&e))?.len();
    if size > MAX_FILE {
        return Err(named(&format!("{size} bytes are too many")).into());
    }
    let bytes = std::fs::read(path).map_err(|e| named(&e))?;
    let deadline = Instant::now().checked_add(LOOKING_UP).unwrap_or_else(Instant::now);
    let cx = Cx { request: RequestId(0), deadline };
    let look_up = |certificate: &Der, issuer: &Der| match online {
        Some(online) => online.look_up(cx, certificate, issuer),
        None => Ok(None),
    };
    Ok(judge_with(&bytes, store, now, look_up).map_err(|e| named(&e))?)
}
