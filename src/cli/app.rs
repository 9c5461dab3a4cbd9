//! `hufu app`: the business systems that may call.

use super::Failure;
use super::appliance::with_appliance;
use crate::conf::Site;
use crate::ops::{AppChange, AppKind, Level, NewApp};
use crate::registry::admin::{Command as Ask, Issued, View, ask};
use clap::{Subcommand, ValueEnum};
use der::Encode;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Works on a serving appliance through its admin socket; on a stopped one it starts the parts that it needs.
#[derive(Debug, Subcommand)]
pub(super) enum App {
    /// Add an app and print its appId and appKey. The appKey is shown this once.
    Add {
        /// For operators, for example "loan system".
        name: String,
        /// Client certificates (PEM) that may speak for the app. Their public keys are pinned: a renewed certificate over the
        /// same key stays good.
        #[arg(long, value_name = "FILE", required_unless_present = "not_pinned")]
        client_cert: Vec<PathBuf>,
        /// Let any client that knows the appKey speak for the app, without a certificate.
        #[arg(long, conflicts_with = "client_cert")]
        not_pinned: bool,
        /// Document roots of the configuration by name, beneath which it may read and write; none where none is given.
        #[arg(long, value_name = "NAME")]
        root: Vec<String>,
        /// PAdES level of its signatures.
        #[arg(long)]
        level: Option<LevelName>,
        /// 正式应用: its data cannot be purged. Otherwise a test app 测试应用.
        #[arg(long)]
        production: bool,
        /// An appId to take over from an older installation.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the apps.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change an app.
    Set {
        /// appId
        id: String,
        /// Client certificates (PEM) that may speak for it, in place of the present ones.
        #[arg(long, value_name = "FILE")]
        client_cert: Vec<PathBuf>,
        /// Let any client that knows the appKey speak for the app.
        #[arg(long, conflicts_with = "client_cert")]
        not_pinned: bool,
        /// Document roots, in place of the present ones.
        #[arg(long, value_name = "NAME")]
        root: Vec<String>,
        /// PAdES level of its signatures.
        #[arg(long)]
        level: Option<LevelName>,
        /// Make a test app a production app.
        #[arg(long)]
        production: bool,
        /// 上线 or not: an app that is not online is answered 20300.
        #[arg(long, value_name = "true|false")]
        online: Option<bool>,
        /// The document root that keeps a copy of every deposited file under its SHA-256; `none`: only digests are deposited. Give
        /// it a root that no app may use.
        #[arg(long, value_name = "NAME|none")]
        archive: Option<String>,
        /// Grants and quotas and channels, as JSON: {"grants":{"sms":false},"quotas":{"signatures":1000}}.
        #[arg(long, value_name = "JSON")]
        json: Option<String>,
    },
    /// Stop an app: its tokens end at once.
    Disable {
        /// appId
        id: String,
    },
    /// Let a disabled app call again.
    Enable {
        /// appId
        id: String,
    },
    /// Give an app a new appKey; the old one stays good for the configured overlap.
    Rotate {
        /// appId
        id: String,
        /// End the old appKey and all tokens now.
        #[arg(long)]
        now: bool,
    },
    /// 应用清库: remove all data of a test app. Audit records stay.
    Purge {
        /// appId
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// PAdES baseline levels.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LevelName {
    /// The signature alone.
    #[value(name = "b-b")]
    BB,
    /// With a signature time stamp.
    #[value(name = "b-t")]
    BT,
    /// With revocation data.
    #[value(name = "b-lt")]
    BLt,
    /// With an archival time stamp.
    #[value(name = "b-lta")]
    BLta,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::BB => Self::BB,
            LevelName::BT => Self::BT,
            LevelName::BLt => Self::BLt,
            LevelName::BLta => Self::BLta,
        }
    }
}

pub(super) fn run(command: &App, file: &Path) -> Result<(), Failure> {
    match command {
        App::Add { name, client_cert, root, level, production, id, json, .. } => {
            known_roots(file, root)?;
            let new = NewApp {
                id: id.clone(),
                name: name.clone(),
                kind: if *production { AppKind::Production } else { AppKind::Test },
                clients: pins(client_cert)?,
                roots: root.clone(),
                key: None,
            };
            let change = AppChange { level: level.map(Into::into), ..AppChange::default() };
            let issued: Issued =
                with_appliance(file, |socket| ask(socket, &Ask::AddApp(new, Box::new(change))))?;
            show_key(&issued, *json);
        }
        App::List { json } => {
            let views: Vec<View> = with_appliance(file, |socket| ask(socket, &Ask::ListApps))?;
            if *json {
                super::say(&serde_json::to_string_pretty(&views)?);
            } else {
                views.iter().for_each(|view| super::say(&line(view)));
            }
        }
        App::Set { id, client_cert, not_pinned, root, level, production, online, archive, json } => {
            known_roots(file, root)?;
            let archive = archive.as_deref().map(|name| if name == "none" { "" } else { name });
            known_roots(
                file,
                &archive.iter().filter(|n| !n.is_empty()).map(|n| (*n).to_owned()).collect::<Vec<_>>(),
            )?;
            let mut change: AppChange =
                json.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
            if *not_pinned || !client_cert.is_empty() {
                change.clients = Some(pins(client_cert)?);
            }
            if !root.is_empty() {
                change.roots = Some(root.clone());
            }
            change.level = level.map(Into::into).or(change.level);
            change.online = online.or(change.online);
            change.archive = archive.map(str::to_owned).or(change.archive);
            if *production {
                change.kind = Some(AppKind::Production);
            }
            set(file, id, change)?;
        }
        App::Disable { id } => set(file, id, AppChange { disabled: Some(true), ..AppChange::default() })?,
        App::Enable { id } => set(file, id, AppChange { disabled: Some(false), ..AppChange::default() })?,
        App::Rotate { id, now } => {
            let command = Ask::RotateKey(id.clone(), *now);
            let issued: Issued = with_appliance(file, |socket| ask(socket, &command))?;
            show_key(&issued, false);
        }
        App::Purge { id, yes } => {
            if !*yes {
                super::confirm(&format!(
                    "Remove all signers, seals, certificates, keys and signatures of app {id}?"
                ))?;
            }
            let rows: u64 = with_appliance(file, |socket| ask(socket, &Ask::PurgeApp(id.clone())))?;
            super::say(&format!("{rows} rows removed"));
        }
    }
    Ok(())
}

fn set(file: &Path, id: &str, change: AppChange) -> Result<(), Failure> {
    let command = Ask::SetApp(id.to_owned(), Box::new(change));
    let view: View = with_appliance(file, |socket| ask(socket, &command))?;
    super::say(&line(&view));
    Ok(())
}

fn show_key(issued: &Issued, json: bool) {
    if json {
        super::say(&serde_json::json!({"appId": issued.app, "appKey": issued.key}).to_string());
    } else {
        super::say(&format!(
            "appId  {}\nappKey {}\nKeep the appKey: it is not shown again.",
            issued.app, issued.key
        ));
    }
}

fn line(view: &View) -> String {
    let app = &view.app;
    let state = match (app.disabled, app.online) {
        (true, _) => "disabled",
        (_, false) => "not online",
        _ => "online",
    };
    let pinned = if app.clients.is_empty() {
        "not pinned".to_owned()
    } else {
        format!("{} pinned", app.clients.len())
    };
    let roots = if app.roots.is_empty() { "no roots".to_owned() } else { app.roots.join(",") };
    format!("{}  {:?}  {state}  {pinned}  {roots}  {}", app.id, app.kind, app.name)
}

/// A name that the configuration does not have is told at once, where the configuration is here.
fn known_roots(file: &Path, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() || std::env::var_os("HUFU_REMOTE").is_some() {
        return Ok(());
    }
    let site = Site::read(file)?;
    let known: Vec<&str> = site.documents().iter().map(|r| r.name.as_str()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(format!("no document root is called {name:?}; the configuration has: {}", known.join(", "))
                .into())
        }
        None => Ok(()),
    }
}

/// SHA-256 of the SubjectPublicKeyInfo of the first certificate of each file.
pub(super) fn pins(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    files
        .iter()
        .map(|file| {
            let named = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
            let text = std::fs::read(file).map_err(|e| named(&e))?;
            let chain = x509_cert::Certificate::load_pem_chain(&text).map_err(|e| named(&e))?;
            let leaf = chain.first().ok_or_else(|| named(&"no certificate in it"))?;
            let spki = leaf.tbs_certificate.subject_public_key_info.to_der().map_err(|e| named(&e))?;
            Ok(hex::encode(Sha256::digest(spki)))
        })
        .collect()
}
