//! `hufu doctor --token`: what each token can do, as a record to keep.

use super::{Failure, say};
use crate::conf::{Seat, Site, Token};
use crate::registry::{ceremony::clock_text, prepare_folders, tokens};
use crate::token::TokenSettings;
use crate::token::report::{self, Outcome, Report, Trial};
use hufu_api::Clock;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Settings are a few hundred octets.
const MAX_ASKED: u64 = 64 << 10;

/// How long each rate is measured.
const SPAN: Duration = Duration::from_millis(500);

pub(super) fn run(purposes: &[String], log_in: bool, json: bool, file: &Path) -> Result<ExitCode, Failure> {
    let site = Site::read(file)?;
    // Refused PINs are noted there, also before the first start.
    prepare_folders(&site)?;
    if let Some(unknown) = purposes.iter().find(|p| Seat::ALL.iter().all(|seat| seat.name() != p.as_str())) {
        return Err(format!("--purpose {unknown}: one of signer, ca, tsa, audit, root").into());
    }
    let wanted = |seat: &Seat| purposes.is_empty() || purposes.iter().any(|p| p == seat.name());
    let now = clock_text(crate::clock::SystemClock::new(i64::MAX, None).now_untrusted());
    let mut sound = true;
    for seat in Seat::ALL.into_iter().filter(wanted) {
        let all = site.tokens().all(seat, file).map_err(|(key, reason)| format!("{key}: {reason}"))?;
        for (at, token) in all.iter().enumerate() {
            let name = if at == 0 { seat.name().to_owned() } else { format!("{} replica {at}", seat.name()) };
            let trial = Trial { log_in, sessions: token.sessions, span: SPAN };
            let report = tried_out(token, &tokens::settings(&site, token), trial);
            sound &= report.as_ref().is_ok_and(Report::is_sound);
            if json {
                let module = token.module.display().to_string();
                let version = env!("CARGO_PKG_VERSION");
                let head = serde_json::json!({"token": name, "module": module, "time": now, "hufu": version});
                let body = match &report {
                    Ok(report) => serde_json::to_value(report)?,
                    Err(error) => serde_json::json!({"error": error}),
                };
                say(&serde_json::json!({"head": head, "report": body}).to_string());
                continue;
            }
            say(&format!(
                "token {name}, {}, {now}, Hufu {}",
                token.module.display(),
                env!("CARGO_PKG_VERSION")
            ));
            match &report {
                Ok(report) => tell(report),
                Err(error) => say(&format!("  wrong        {error}")),
            }
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// In a process with the environment that the token's module needs, which alone loads it.
fn tried_out(token: &Token, settings: &TokenSettings, trial: Trial) -> Result<Report, String> {
    let asked = serde_json::to_vec(&(settings, trial)).map_err(|e| e.to_string())?;
    let mut child = Command::new("/proc/self/exe")
        .args(["internal", "token-trial"])
        .envs(&token.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&asked).map_err(|e| e.to_string())?;
    }
    let done = child.wait_with_output().map_err(|e| e.to_string())?;
    serde_json::from_slice::<Result<Report, String>>(&done.stdout)
        .map_err(|_| format!("the module ended the trial: {}", done.status))?
}

/// The process of one trial: settings on standard input, the report on standard output.
pub(super) fn child() -> ExitCode {
    let mut asked = Vec::new();
    let told = match std::io::stdin().take(MAX_ASKED).read_to_end(&mut asked) {
        Ok(_) => serde_json::from_slice::<(TokenSettings, Trial)>(&asked)
            .map_err(|e| e.to_string())
            .and_then(|(settings, trial)| report::make(&settings, &trial).map_err(|e| e.to_string())),
        Err(error) => Err(error.to_string()),
    };
    let text = serde_json::to_string(&told).unwrap_or_default();
    say(&text);
    ExitCode::SUCCESS
}

fn tell(report: &Report) {
    say(&format!("  library      {}", report.library));
    for (name, value) in &report.token {
        say(&format!("  {name:<12} {value}"));
    }
    say(&format!("  mechanisms   {} in all, of which the appliance has a use for:", report.offered));
    for (name, value) in &report.mechanisms {
        say(&format!("    {name:<28} {value}"));
    }
    for tried in &report.trials {
        let (state, text) = match &tried.outcome {
            Outcome::Works(text) => ("works", text),
            Outcome::NotOffered(text) => ("not offered", text),
            Outcome::Fails(text) => ("FAILS", text),
        };
        say(&format!("  {state:<12} {}{}{text}", tried.what, if text.is_empty() { "" } else { ": " }));
    }
}
