//! `hufu backup` and `hufu restore`.

use super::{Failure, say};
use crate::conf::Site;
use crate::registry::backup::{self, Check, Key, Lock, Manifest, Prepared, Progress, Restore as Order};
use clap::{Args, Subcommand};
use hufu_api::{Clock, UnixTime};
use indicatif::{ProgressBar, ProgressStyle};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Encrypted backups of state, audit log, PKI files and wrapped keys.
#[derive(Debug, Subcommand)]
pub(super) enum Backup {
    /// Write a backup, of the serving appliance or of a stopped one's folder. No PIN is needed.
    Write {
        /// The file to write; it must not be there yet.
        file: PathBuf,
        /// Whom it is for: a public key from `hufu backup key` or `age-keygen` (may be given several times).
        #[arg(long, value_name = "age1…", conflicts_with = "passphrase_file")]
        recipient: Vec<String>,
        /// Instead of public keys: a file with a passphrase of at least 16 characters.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Read a backup to its end and check it: every entry's digest, every record, the tree, the checkpoints.
    Check {
        /// The backup.
        file: PathBuf,
        #[command(flatten)]
        with: With,
        /// Print what it says of itself as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a key pair for backups: the private key into FILE, to be kept away from this machine, the public key printed.
    Key {
        /// The file to write.
        file: PathBuf,
    },
}

/// What opens a backup.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct With {
    /// The private key's file.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// A file with the passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Restore a backup into a new data folder, and its keys into fresh tokens.
///
/// The configuration names data folder and tokens, as for `hufu init`; do not run `hufu init` before. The log goes on where the
/// backup ends: what was signed after it is not in the log, but every file that was signed stays valid.
///
/// Where the backup's log says that several must agree (access.approvals), `--prepare` writes a statement, as many of the
/// backup's admins sign it with the key of their certificate, and their signatures are given as `--approval`. The restored log
/// begins with who agreed.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    with: With,
    /// Recovery components of the ceremony, all of them. Without any, the token must have its keys already (the backup of
    /// the HSM's maker).
    #[arg(long, value_name = "FILE")]
    recovery: Vec<PathBuf>,
    /// Check the backup, write the statement that its admins are to sign, and say who they are. Nothing is restored.
    #[arg(long, conflicts_with_all = ["approval", "recovery", "so_pin_file"])]
    prepare: bool,
    /// An admin's signature over the statement (CMS, detached, DER).
    #[arg(long, value_name = "FILE")]
    approval: Vec<PathBuf>,
    /// File with the security officer's PIN, needed where a token is still uninitialised.
    #[arg(long, value_name = "FILE")]
    so_pin_file: Option<PathBuf>,
    /// Do not ask before beginning.
    #[arg(long)]
    yes: bool,
}

impl With {
    fn key(&self) -> Result<Key, Failure> {
        match (&self.identity, &self.passphrase_file) {
            (Some(file), _) => Ok(Key::from_file(file)?),
            (None, Some(file)) => Ok(Key::from_passphrase(file)?),
            (None, None) => Err("give --identity or --passphrase-file".into()),
        }
    }
}

/// A bar for each stage in turn.
struct Bars(ProgressBar);

impl Bars {
    fn new() -> Self {
        Self(ProgressBar::new_spinner())
    }

    fn show(&self, progress: Progress) {
        let (template, at, of) = match progress {
            Progress::Rows(n) => ("{spinner} {pos} rows of state, {per_sec}", n, None),
            Progress::Records(n, all) => {
                ("{bar:40} {pos}/{len} records, {per_sec}, {eta} left", n, Some(all))
            }
            Progress::Files => ("{spinner} files", 0, None),
            Progress::Verified(n, all) => ("{bar:40} {pos}/{len} records verified, {eta} left", n, Some(all)),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        if let Some(all) = of {
            self.0.set_length(all);
        }
        self.0.set_position(at);
    }
}

fn now(site: &Site) -> Result<UnixTime, Failure> {
    Ok(crate::clock::SystemClock::new(site.clock.tolerance_millis, None).now()?)
}

pub(super) fn backup(command: &Backup, file: &Path) -> Result<(), Failure> {
    match command {
        Backup::Write { file: to, recipient, passphrase_file } => {
            let site = Site::read(file)?;
            let lock = match passphrase_file {
                Some(path) => Lock::to_passphrase(path)?,
                None => Lock::to_recipients(recipient)?,
            };
            let bars = Bars::new();
            let made = backup::make(&site, file, lock, to, now(&site)?, &mut |p| bars.show(p))?;
            bars.0.finish_and_clear();
            tell(&made);
            say(&format!("written: {}", to.display()));
            if !made.entries.iter().any(|e| e.name == "pki/recovery.json") {
                say(
                    "the token's own keys are not in it: the ceremony had no --recovery, so back the token up as its maker says",
                );
            }
            Ok(())
        }
        Backup::Check { file, with, json } => {
            let bars = Bars::new();
            let Check { manifest, covered, roster } =
                backup::check(file, &with.key()?, &mut |p| bars.show(p))?;
            bars.0.finish_and_clear();
            if *json {
                say(&serde_json::to_string_pretty(&manifest)?);
            } else {
                tell(&manifest);
                say(&format!("sound; checkpoints in it cover {covered} records"));
                let needed = roster.needed(0);
                if needed > 0 {
                    say(&format!("a restore needs {needed} of its admins: {}", roster.admins().join(", ")));
                }
            }
            Ok(())
        }
        Backup::Key { file } => {
            say(&backup::new_key(file)?);
            Ok(())
        }
    }
}

fn tell(manifest: &Manifest) {
    say(&format!(
        "made {} by {}: {} rows of state, {} records, root {}",
        crate::registry::ceremony::clock_text(manifest.made),
        manifest.program,
        manifest.rows,
        manifest.records,
        manifest.root
    ));
}

pub(super) fn restore(args: &Restore, file: &Path) -> Result<(), Failure> {
    let site = Site::read(file)?;
    let key = args.with.key()?;
    let order = Order {
        site: &site,
        conf: file,
        components: &args.recovery,
        approvals: &args.approval,
        so_pin: args.so_pin_file.as_deref(),
        operator: format!("uid {}", rustix::process::getuid().as_raw()),
        now: now(&site)?,
    };
    if args.prepare {
        return prepare(args, &key, &order);
    }
    if !args.yes {
        super::confirm(&format!(
            "This restores {} into {}. Go on?",
            args.file.display(),
            site.data().display()
        ))?;
    }
    // The module is loaded in this process: it must see what the workers will see.
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return super::again_with(&environment);
    }
    crate::registry::prepare_folders(&site)?;
    let bars = Bars::new();
    let mut tell_line = |line: &str| bars.0.suspend(|| say(line));
    let restored = backup::restore(&args.file, &key, &order, &mut tell_line, &mut |p| bars.show(p))?;
    bars.0.finish_and_clear();
    tell(&restored.manifest);
    say("restored; `hufu doctor`, then `hufu serve`");
    Ok(())
}

fn prepare(args: &Restore, key: &Key, order: &Order<'_>) -> Result<(), Failure> {
    crate::registry::prepare_folders(order.site)?;
    let bars = Bars::new();
    let (check, prepared) = backup::prepare(&args.file, key, order, &mut |p| bars.show(p))?;
    bars.0.finish_and_clear();
    tell(&check.manifest);
    let Some(Prepared { path, statement }) = prepared else {
        say("nobody else has to agree: restore it");
        return Ok(());
    };
    say(&format!("request {}, good until {}: {}", statement.request, statement.expires, path.display()));
    let needed = check.roster.needed(order.site.access.approvals);
    say(&format!(
        "{needed} of these admins must sign it: {}. Each compares backup_sha256 and signs:",
        check.roster.admins().join(", ")
    ));
    say(&format!(
        "  openssl cms -sign -binary -md sha256 -in {} -signer NAME.pem -inkey NAME.key -outform DER -out NAME.p7s",
        path.file_name().and_then(OsStr::to_str).unwrap_or_default()
    ));
    say("then give `hufu restore` again with --approval NAME.p7s for each of them");
    Ok(())
}
