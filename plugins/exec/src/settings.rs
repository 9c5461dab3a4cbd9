//! The channel's file.

use crate::pinned::{Pinned, sha256_of};
use hufu_api::PluginError;
use hufu_https::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Children at most.
const MOST_PROCESSES: usize = 16;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Absolute path of the program or script.
    program: PathBuf,
    /// SHA-256 of the program, hex.
    sha256: String,
    /// For scripts: the interpreter, pinned likewise.
    interpreter: Option<Interpreter>,
    /// Arguments after the program (or the script).
    #[serde(default)]
    arguments: Vec<String>,
    /// Children that serve one request each at a time.
    #[serde(default = "two")]
    processes: usize,
    /// Given to the child in `hello`, as it stands here.
    #[serde(default)]
    settings: toml::Table,
    /// Given to the child in `hello`: name and file, readable by its owner only.
    #[serde(default)]
    secrets: BTreeMap<String, PathBuf>,
    /// Existing folders that the child may write to; the appliance's confinement, which the child shares, denies it all others.
    #[serde(default)]
    folders: Vec<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Interpreter {
    program: PathBuf,
    sha256: String,
}

fn two() -> usize {
    2
}

/// Settings that have been checked.
pub(crate) struct Checked {
    pub(crate) program: Pinned,
    pub(crate) interpreter: Option<Pinned>,
    pub(crate) arguments: Vec<String>,
    pub(crate) processes: usize,
    pub(crate) settings: serde_json::Value,
    pub(crate) secrets: BTreeMap<String, Secret>,
}

impl Settings {
    /// The program at `path` as it is now. A script is run by the interpreter that its first line names.
    pub(crate) fn for_test(path: &Path) -> Result<Self, PluginError> {
        let problem = |e: &dyn std::fmt::Display| PluginError(format!("{}: {e}", path.display()));
        let program = path.canonicalize().map_err(|e| problem(&e))?;
        let bytes = std::fs::read(&program).map_err(|e| problem(&e))?;
        let interpreter = match bytes.strip_prefix(b"#!") {
            None => None,
            Some(rest) => {
                let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
                let line = std::str::from_utf8(line).map_err(|e| problem(&e))?.trim();
                let named = match line.strip_prefix("/usr/bin/env ") {
                    Some(name) => Path::new("/usr/bin").join(name.trim()),
                    None => PathBuf::from(line),
                };
                let program = named.canonicalize().map_err(|e| problem(&format!("{line}: {e}")))?;
                Some(Interpreter { sha256: sha256_of(&program)?, program })
            }
        };
        Ok(Self {
            sha256: sha256_of(&program)?,
            program,
            interpreter,
            arguments: vec![],
            processes: 1,
            settings: toml::Table::new(),
            secrets: BTreeMap::new(),
            folders: vec![],
        })
    }

    pub(crate) fn check(self, base: &Path) -> Result<Checked, PluginError> {
        if !(1..=MOST_PROCESSES).contains(&self.processes) {
            return Err(PluginError(format!("processes: must be from 1 to {MOST_PROCESSES}")));
        }
        if let Some(missing) = self.folders.iter().find(|folder| !base.join(folder).is_dir()) {
            return Err(PluginError(format!("folders: {} is no folder", missing.display())));
        }
        let interpreter = self.interpreter.map(|i| Pinned::new(i.program, &i.sha256)).transpose()?;
        let mut secrets = BTreeMap::new();
        for (name, file) in self.secrets {
            let secret = hufu_https::read_secret(&base.join(file))?;
            secret.text()?;
            secrets.insert(name, secret);
        }
        let settings =
            serde_json::to_value(&self.settings).map_err(|e| PluginError(format!("settings: {e}")))?;
        Ok(Checked {
            program: Pinned::new(self.program, &self.sha256)?,
            interpreter,
            arguments: self.arguments,
            processes: self.processes,
            settings,
            secrets,
        })
    }
}
