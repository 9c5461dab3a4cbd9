//! What each process may touch, read off the configuration before its first thread.

use super::Told;
use crate::conf::{Pin, Site, Token};
use crate::files::fonts::SYSTEM_FOLDERS;
use crate::supervisor::sandbox::Confinement;
use crate::token::pin::CREDENTIALS;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folders of configuration, state, documents, fonts and TLS files, and the files that channels name. Not the audit
/// log's, not the tokens', not the PIN's.
///
/// # Errors
/// When settings or channel files cannot be read.
pub fn limits(settings: &[u8]) -> Result<Confinement, String> {
    let told = Told::parse(settings)?;
    let site = &told.site;
    let base = told.file.parent().map(PathBuf::from).unwrap_or_default();
    let mut limits = Confinement {
        read: vec![base.clone(), site.pki_folder()],
        list: vec![site.data().to_owned()],
        write: vec![site.state_folder(), site.run_folder()],
        programs: false,
    };
    limits.write.extend(site.documents().iter().map(|root| root.path.clone()));
    let fonts = &site.seals.font_folders;
    limits.read.extend(fonts.iter().cloned().chain(SYSTEM_FOLDERS.iter().map(PathBuf::from)));
    // Folders, since certificates are renewed by putting new files in the place of the old.
    let tls = &site.server.tls;
    let files = [&tls.certificate, &tls.key].into_iter().chain(&tls.client_ca);
    limits.read.extend(files.filter_map(|file| file.parent().map(PathBuf::from)));
    // What is no TOML is told by whoever loads the channels.
    for table in told.channels.tables() {
        channel(&table, &base, &mut limits)?;
    }
    Ok(limits)
}

/// The audit log's folder, its archive, its second copy and the run folder; of the rest what it reads at its start.
///
/// # Errors
/// When settings cannot be read or the second copy cannot be made.
pub fn audit_limits(settings: &[u8]) -> Result<Confinement, String> {
    let told = Told::parse(settings)?;
    let site = &told.site;
    let mut limits = Confinement {
        read: vec![site.pki_folder(), PathBuf::from("/dev/log")],
        list: vec![site.data().to_owned()],
        write: vec![site.audit_folder(), site.run_folder()],
        programs: false,
    };
    if let Some(folder) = &site.audit.archive_folder {
        std::fs::create_dir_all(folder)
            .map_err(|e| format!("audit.archive_folder {}: {e}", folder.display()))?;
        limits.write.push(folder.clone());
    }
    if let Some(path) = &site.audit.copy_to {
        // Made now, as an outbox is below.
        let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        made.map_err(|error| format!("audit.copy_to {}: {error}", path.display()))?;
        limits.write.push(path.clone());
    }
    Ok(limits)
}

/// What a token's workers must not see: state, log, documents, configuration, TLS keys and the other PINs. A folder that Debian or
/// the token itself may need is not hidden with a file in it.
pub fn hidden(site: &Site, token: &Token, file: &Path) -> Vec<PathBuf> {
    let conf = file.parent().map(PathBuf::from);
    let tls = site.server.tls.key.parent().map(PathBuf::from);
    let pin = match &token.pin {
        Pin::File(path) => path.parent().map(PathBuf::from),
        Pin::Credential(_) => None,
    };
    let mut hidden = vec![site.data().to_owned()];
    hidden.extend(site.documents().iter().map(|root| root.path.clone()));
    let credentials = std::env::var_os(CREDENTIALS).map(PathBuf::from);
    hidden.extend([conf, tls, pin, credentials].into_iter().flatten());
    hidden.extend(site.audit.copy_to.clone().into_iter().chain(site.audit.archive_folder.clone()));
    hidden.retain(|path| path.components().count() > 2 && !token.module.starts_with(path));
    hidden
}

/// Every file that a channel's settings name.
fn channel(table: &toml::Table, base: &Path, limits: &mut Confinement) -> Result<(), String> {
    limits.programs |=
        table.get("kind").and_then(toml::Value::as_str).is_some_and(|kind| kind.ends_with("-exec"));
    for (key, value) in table {
        for text in texts(value) {
            let path = base.join(text);
            if key == "outbox" {
                // Made now: a rule can only name what is there.
                let made = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
                made.map_err(|error| format!("outbox {}: {error}", path.display()))?;
                limits.write.push(path);
            } else if key == "folders" && path.is_dir() {
                // A missing one is told by the channel, which does not start then.
                limits.write.push(path);
            } else if key == "renewed" {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
                made.map_err(|error| format!("renewed {}: {error}", path.display()))?;
                limits.write.push(path);
            } else if path.is_file() {
                limits.read.push(path);
            }
        }
    }
    Ok(())
}

/// All strings in a value, however deep; TOML's reader bounds the depth.
fn texts(value: &toml::Value) -> Vec<&str> {
    match value {
        toml::Value::String(text) => vec![text],
        toml::Value::Array(values) => values.iter().flat_map(texts).collect(),
        toml::Value::Table(table) => table.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_that_channels_name_may_be_read_and_an_outbox_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["key.pem", "ca.pem", "other.pem"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        let table = "kind = \"ca-est\"\nurl = \"https://ca.example\"\nkey = \"key.pem\"\n[tls]\nroots = [\"ca.pem\"]\n";
        let mut limits = Confinement::default();
        channel(&table.parse().unwrap(), folder.path(), &mut limits).unwrap();
        let named = |name: &str| folder.path().join(name);
        assert_eq!(limits.read, [named("key.pem"), named("ca.pem")]);
        assert!(limits.write.is_empty() && !limits.programs);
        channel(&"kind = \"sms-dev\"\noutbox = \"out\"\n".parse().unwrap(), folder.path(), &mut limits)
            .unwrap();
        channel(&"kind = \"ca-est\"\nrenewed = \"est\"\n".parse().unwrap(), folder.path(), &mut limits)
            .unwrap();
        assert_eq!(limits.write, [named("out"), named("est")]);
        assert!(named("est").is_dir());
        let table = "kind = \"ca-exec\"\nfolders = [\"est\", \"missing\"]\n".parse().unwrap();
        channel(&table, folder.path(), &mut limits).unwrap();
        assert_eq!(limits.write, [named("out"), named("est"), named("est")]);
        assert!(limits.programs);
    }
}
