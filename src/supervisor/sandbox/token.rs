//! Confining a token worker. What a vendor's PKCS#11 module touches is the vendor's affair: sockets, devices, folders that nobody
//! lists. So a worker is not told what it may see but what it may not: everything that is the appliance's own and not its token's.

use super::{Active, LANDLOCK, SandboxError, enforced, is_unprivileged, syscalls};
use landlock::{
    Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
    path_beneath_rules,
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::path::{Path, PathBuf};

/// Rules at most: entries beside the folders that are hidden, and beside each folder above one.
const MAX_RULES: usize = 10_000;

/// What a worker may not see, and what of that it needs nevertheless.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// Files and folders that it must not see.
    pub all: Vec<PathBuf>,
    /// Files to read below them.
    pub but_read: Vec<PathBuf>,
    /// Files and folders to read and write below them.
    pub but_write: Vec<PathBuf>,
}

/// Confines this thread and all that it starts, for ever, and tries the result: files by Landlock, and by seccomp the system calls
/// that reach into other processes or into the kernel.
///
/// # Errors
/// See [`SandboxError`].
pub fn confine(hidden: &Hidden) -> Result<Active, SandboxError> {
    let all: Vec<PathBuf> = hidden.all.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let files = if all.is_empty() { Ok("none") } else { confine_files(hidden, &all) };
    let files = files.unwrap_or_else(|error| {
        tracing::error!(%error, "files are not restricted");
        "none"
    });
    if let Err(error) = syscalls::forbid() {
        tracing::error!(%error, "system calls are not restricted");
    }
    let active = Active {
        files,
        // A module may need what its process was started with.
        unprivileged: is_unprivileged(),
        files_denied: !all.is_empty() && all.iter().all(|path| is_denied(path)),
        // A process may always take its own descriptors that way.
        calls_denied: pidfd_open(own(), PidfdFlags::empty())
            .and_then(|handle| pidfd_getfd(handle, 0, PidfdGetfdFlags::empty()))
            .is_err(),
    };
    tracing::info!(?active, "confined");
    Ok(active)
}

fn own() -> Pid {
    rustix::process::getpid()
}

fn is_denied(path: &Path) -> bool {
    if path.is_dir() { std::fs::read_dir(path).is_err() } else { std::fs::File::open(path).is_err() }
}

fn confine_files(hidden: &Hidden, all: &[PathBuf]) -> Result<&'static str, SandboxError> {
    let mut seen = Vec::new();
    beside(Path::new("/"), all, &mut seen)?;
    let everything = AccessFs::from_all(LANDLOCK);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(seen, everything))?
        .add_rules(path_beneath_rules(&hidden.but_read, AccessFs::from_read(LANDLOCK)))?
        .add_rules(path_beneath_rules(&hidden.but_write, everything))?
        .restrict_self()?;
    Ok(enforced(&status))
}

/// Collects what is in `folder` and hidden neither itself nor in part, and the same of the folders above what is hidden.
fn beside(folder: &Path, hidden: &[PathBuf], seen: &mut Vec<PathBuf>) -> Result<(), SandboxError> {
    // What this user cannot list the module could not either.
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = entry.path();
        // A rule on a link would be one on what it points to.
        if hidden.contains(&path) || entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            continue;
        }
        if hidden.iter().any(|hidden| hidden.starts_with(&path)) {
            beside(&path, hidden, seen)?;
        } else if seen.len() < MAX_RULES {
            seen.push(path);
        } else {
            return Err(SandboxError::TooMany(folder.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_but_what_is_hidden_and_links_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["data/state", "data/pin", "token", "conf"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        std::fs::write(at("conf/other-pin"), b"x").unwrap();
        std::fs::write(at("conf/module.conf"), b"x").unwrap();
        std::os::unix::fs::symlink(at("data/state"), at("link")).unwrap();
        let mut seen = Vec::new();
        beside(folder.path(), &[at("data/state"), at("conf/other-pin")], &mut seen).unwrap();
        seen.sort();
        assert_eq!(seen, [at("conf/module.conf"), at("data/pin"), at("token")]);
    }
}
