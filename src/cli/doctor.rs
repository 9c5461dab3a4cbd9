//! `hufu doctor`: what is wrong, and what to do about it.

use super::{Failure, token_report};
use crate::conf::{Pin, Seat, Site, channels_folder};
use crate::registry::expiry::{self, Standing};
use clap::Args;
use hufu_api::Clock;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

/// Check configuration, tokens' files, fonts, clock, disk and certificates, with a remedy for each trouble. Exit status 1 if
/// anything is wrong. No PIN is tried, except with --token.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Instead of that, try out what each token can do, and print a record of it to keep: mechanisms, key types, wrapping,
    /// sessions, rates. Leaves nothing in the token. Logs in once to each, and not at all where the token warns of a wrong PIN
    /// or a refusal was noted.
    #[arg(long)]
    token: bool,
    /// With --token: only this purpose's tokens: signer, ca, tsa, audit or root; may be given several times.
    #[arg(long, value_name = "PURPOSE", requires = "token")]
    purpose: Vec<String>,
    /// With --token: do not log in; only what tokens say of themselves.
    #[arg(long, requires = "token")]
    no_login: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// How one thing is.
enum Finding {
    Good(String),
    Odd(String, String),
    Bad(String, String),
}

use Finding::{Bad, Good, Odd};

pub(super) fn run(args: &Doctor, file: &Path) -> Result<ExitCode, Failure> {
    if args.token {
        return token_report::run(&args.purpose, !args.no_login, args.json, file);
    }
    let mut sound = true;
    let mut tell = |what: &str, finding: Finding| {
        let (state, text, remedy) = match &finding {
            Good(text) => ("ok", text, ""),
            Odd(text, remedy) => ("warning", text, remedy.as_str()),
            Bad(text, remedy) => ("wrong", text, remedy.as_str()),
        };
        sound &= !matches!(finding, Bad(..));
        if args.json {
            super::say(
                &serde_json::json!({"what": what, "state": state, "text": text, "remedy": remedy})
                    .to_string(),
            );
        } else {
            super::say(&format!("{state:8} {what:14} {text}"));
            if !remedy.is_empty() {
                super::say(&format!("{:24}do: {remedy}", ""));
            }
        }
    };
    let site = match Site::read(file) {
        Ok(site) => {
            tell("configuration", Good(file.display().to_string()));
            site
        }
        Err(error) => {
            tell(
                "configuration",
                Bad(error.to_string(), "correct the key; `hufu check-config` shows what is in force".into()),
            );
            return Ok(ExitCode::FAILURE);
        }
    };
    channels(file, &mut tell);
    for seat in Seat::ALL {
        token(&site, file, seat, &mut tell);
    }
    tell("ceremony", ceremony(&site));
    certificates(&site, &mut tell);
    for root in site.documents() {
        tell("documents", folder(&root.path, &format!("root {:?}", root.name)));
    }
    tell("disk", disk(&site));
    tell("clock", clock());
    fonts(&site, &mut tell);
    tell("service", service(&site));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn channels(file: &Path, tell: &mut dyn FnMut(&str, Finding)) {
    let folder = channels_folder(file);
    let problems = crate::registry::channels::check(&folder);
    if problems.is_empty() {
        tell("channels", Good(folder.display().to_string()));
    }
    for problem in problems {
        tell("channels", Bad(problem.to_string(), "correct or remove the file".into()));
    }
}

fn token(site: &Site, file: &Path, seat: Seat, tell: &mut dyn FnMut(&str, Finding)) {
    let what = format!("token {}", seat.name());
    let token = match site.tokens().of(seat, file) {
        Ok(token) => token,
        Err((key, reason)) => {
            return tell(&what, Bad(format!("{key}: {reason}"), "correct the configuration".into()));
        }
    };
    if !token.module.is_file() {
        let text = format!("no PKCS#11 module at {}", token.module.display());
        return tell(&what, Bad(text, "install your HSM's driver or correct token.module".into()));
    }
    let finding = match &token.pin {
        Pin::Credential(name) => Good(format!("{:?}, PIN from credential {name}", token.name)),
        Pin::File(path) => match std::fs::metadata(path) {
            Err(error) if seat == Seat::Root => {
                Odd(format!("{}: {error}", path.display()), "bring the root's PIN for ceremonies only".into())
            }
            Err(error) => {
                Bad(format!("{}: {error}", path.display()), "write the user PIN there, mode 0400".into())
            }
            Ok(meta) if meta.permissions().mode() & 0o077 != 0 => Bad(
                format!("{} can be read by others", path.display()),
                format!("chmod 0400 {}", path.display()),
            ),
            Ok(_) => Good(format!("{:?} of {}", token.name, token.module.display())),
        },
    };
    tell(&what, finding);
}

fn ceremony(site: &Site) -> Finding {
    if site.identities_file().is_file() && site.audit_key_file().is_file() {
        Good(site.identities_file().display().to_string())
    } else {
        Bad("no keys yet".into(), "hufu init".into())
    }
}

fn certificates(site: &Site, tell: &mut dyn FnMut(&str, Finding)) {
    let now = crate::clock::SystemClock::new(i64::MAX, None).now_untrusted();
    for (what, standing) in expiry::tls(site, now) {
        tell("TLS", ending(&what, &standing));
    }
    let tls = &site.server.tls;
    if let Ok(meta) = std::fs::metadata(&tls.key)
        && meta.permissions().mode() & 0o077 != 0
    {
        let remedy = format!("chmod 0600 {}", tls.key.display());
        tell("TLS", Bad(format!("{} can be read by others", tls.key.display()), remedy));
    }
    for (what, standing) in expiry::pki(site, now) {
        tell("PKI", ending(&what, &standing));
    }
}

fn ending(what: &str, standing: &Standing) -> Finding {
    match standing {
        Standing::Good(days) => Good(format!("{what}: {days} days left")),
        Standing::Soon(days) => Odd(format!("{what}: {days} days left"), "renew it soon".into()),
        Standing::Ended(days) => Bad(format!("{what}: ended {days} days ago"), "renew it".into()),
        Standing::Unreadable(why) => {
            Bad(format!("{what}: {why}"), "put a PEM certificate there; `hufu tls` can make one".into())
        }
    }
}

fn folder(path: &Path, what: &str) -> Finding {
    if path.is_dir() {
        Good(format!("{what}: {}", path.display()))
    } else {
        Bad(format!("{what}: {} is no folder", path.display()), format!("mkdir -p {}", path.display()))
    }
}

fn disk(site: &Site) -> Finding {
    let existing = site.data().ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(existing) {
        Err(error) => Bad(error.to_string(), "mount the data folder's volume".into()),
        Ok(volume) => {
            let free = volume.f_bavail.saturating_mul(volume.f_frsize) >> 20;
            let text = format!("{free} MiB free for {}", site.data().display());
            match free {
                0..64 => Bad(text, "make room: nothing is signed when the audit log cannot grow".into()),
                64..2048 => Odd(text, "make room soon".into()),
                _ => Good(text),
            }
        }
    }
}

fn clock() -> Finding {
    let now = crate::clock::SystemClock::new(i64::MAX, None).now_untrusted();
    let text = crate::registry::ceremony::clock_text(now);
    // A clock before this program was written cannot be right.
    const WRITTEN: i64 = 1_790_000_000;
    if now.seconds() < WRITTEN {
        Bad(format!("{text} is in the past"), "set the clock; run chrony or another NTP client".into())
    } else {
        Good(text)
    }
}

fn fonts(site: &Site, tell: &mut dyn FnMut(&str, Finding)) {
    let found = match crate::registry::network::fonts(site) {
        Ok(found) => found,
        Err(error) => return tell("fonts", Bad(error, "softhsm/fonts installs the shipped chains".into())),
    };
    for chain in found.report {
        let names: Vec<String> =
            chain.found.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        let text = format!("{}: {}", chain.chain.name(), names.join(", "));
        let finding = match (&chain.lacking.first(), chain.degraded, names.is_empty()) {
            (Some((file, _, remedy)), _, true) => {
                Bad(format!("{}: no font; {file} is wanted", chain.chain.name()), remedy.clone())
            }
            (Some((_, _, remedy)), true, _) => Odd(text, remedy.clone()),
            _ => Good(text),
        };
        tell("fonts", finding);
    }
}

fn service(site: &Site) -> Finding {
    match std::os::unix::net::UnixStream::connect(site.admin_socket()) {
        Ok(_) => Good(format!("serving; http://{}/health tells more", site.server.admin_listen)),
        Err(_) => Odd("not serving".into(), "hufu serve".into()),
    }
}
