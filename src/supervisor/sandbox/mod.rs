//! Confining the processes: Landlock for files, seccomp for system calls. Done before a process's first thread, since
//! Landlock holds for a thread and those that it starts. The network process and the audit writer may do what is listed; a token
//! worker, whose module nobody knows, all but what is listed ([`token`]).

mod syscalls;
pub mod token;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The newest Landlock interface that is used where the kernel has it.
const LANDLOCK: ABI = ABI::V6;

/// What every process reads of the system: libraries, fonts, names, trust anchors, its own state.
const SYSTEM: [&str; 14] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/fonts",
    "/run/systemd/resolve",
    "/proc/self",
    "/dev/urandom",
];

/// What the network process or the audit writer may touch.
#[derive(Clone, Debug, Default)]
pub struct Confinement {
    /// Files and folders to read, beside the system's.
    pub read: Vec<PathBuf>,
    /// Folders to list, without reading what is in them: whoever makes a file durable syncs the folder that names it.
    pub list: Vec<PathBuf>,
    /// Folders to read and write, and everything below. They must exist.
    pub write: Vec<PathBuf>,
    /// Whether channels run programs (`exec`): those may then be started, under the same restrictions.
    pub programs: bool,
}

/// What is in force, for `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Landlock restricts files: `full`, `partial` (an older kernel), or `none` (a kernel without it).
    pub files: &'static str,
    /// The process has no capability but to lock memory, should it have been started with more.
    pub unprivileged: bool,
    /// The kernel really denies a file that is not allowed. Tried, not assumed.
    pub files_denied: bool,
    /// The kernel really denies a system call that is not allowed. Tried, not assumed.
    pub calls_denied: bool,
}

/// Why the process was not confined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A folder to write does not exist, so that no rule can name it.
    #[error("sandbox: {0} does not exist")]
    Missing(PathBuf),
    /// Landlock refused the rules.
    #[error("sandbox, files: {0}")]
    Files(#[from] landlock::RulesetError),
    /// seccomp refused the filter.
    #[error("sandbox, system calls: {0}")]
    Calls(String),
    /// A folder has more entries than there can be rules.
    #[error("sandbox: too many files and folders beside what is hidden, in {0}")]
    TooMany(PathBuf),
    /// This processor has no table.
    #[error("sandbox: no table of system calls for {0}")]
    Processor(&'static str),
}

static ACTIVE: OnceLock<Active> = OnceLock::new();

/// What is in force in this process; `None` where [`confine`] has not run.
pub fn active() -> Option<&'static Active> {
    ACTIVE.get()
}

/// Confines this thread and all that it starts, for ever, and tries the result.
///
/// # Errors
/// See [`SandboxError`].
pub fn confine(limits: &Confinement) -> Result<Active, SandboxError> {
    if let Some(missing) = limits.write.iter().find(|path| !path.exists()) {
        return Err(SandboxError::Missing(missing.clone()));
    }
    // A kernel or container that knows no such rules is no reason not to serve, but one to be told of.
    let files = confine_files(limits).unwrap_or_else(|error| {
        tracing::error!(%error, "files are not restricted");
        "none"
    });
    if let Err(error) = give_up_privileges() {
        tracing::error!(%error, "capabilities are not given up");
    }
    // Asked now: the filter below knows no such call.
    let unprivileged = is_unprivileged();
    if let Err(error) = syscalls::confine(limits.programs) {
        tracing::error!(%error, "system calls are not restricted");
    }
    let active = Active {
        files,
        unprivileged,
        files_denied: std::fs::read_dir("/").is_err(),
        // Harmless, allowed to everybody otherwise, and not on our list.
        calls_denied: rustix::process::getpriority_process(None).is_err(),
    };
    tracing::info!(?active, "confined");
    Ok(ACTIVE.get_or_init(|| active).clone())
}

/// Without CAP_IPC_LOCK memory that is locked already could not grow.
fn give_up_privileges() -> rustix::io::Result<()> {
    let mut sets = capabilities(None)?;
    if is_unprivileged() && sets.inheritable.is_empty() {
        return Ok(());
    }
    sets.effective &= CapabilitySet::IPC_LOCK;
    sets.permitted &= CapabilitySet::IPC_LOCK;
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)
}

fn is_unprivileged() -> bool {
    capabilities(None).is_ok_and(|sets| CapabilitySet::IPC_LOCK.contains(sets.permitted | sets.effective))
}

fn confine_files(limits: &Confinement) -> Result<&'static str, SandboxError> {
    let mut read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    if limits.programs {
        read |= AccessFs::Execute;
    }
    // Everything but devices and sockets is made in our folders; sockets for the commands of operators.
    let write = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::Refer;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .scope(Scope::Signal | Scope::AbstractUnixSocket)?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(&limits.list, AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(&limits.read, read))?
        .add_rules(path_beneath_rules(&limits.write, write))?
        .restrict_self()?;
    Ok(enforced(&status))
}

fn enforced(status: &RestrictionStatus) -> &'static str {
    match status.ruleset {
        RulesetStatus::FullyEnforced => "full",
        RulesetStatus::PartiallyEnforced => "partial",
        RulesetStatus::NotEnforced => "none",
    }
}
