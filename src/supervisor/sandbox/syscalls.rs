//! The system calls that the network process and the audit writer need; every other fails with EPERM. Not killed: a library that
//! probes for a newer call falls back then, and a refusal is logged where it happens. And those that no PKCS#11 module needs.

use super::SandboxError;
use libc as c;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::BTreeMap;

/// Files, by descriptor and by path.
const FILES: &[c::c_long] = &[
    c::SYS_read,
    c::SYS_write,
    c::SYS_readv,
    c::SYS_writev,
    c::SYS_pread64,
    c::SYS_pwrite64,
    c::SYS_preadv,
    c::SYS_pwritev,
    c::SYS_preadv2,
    c::SYS_pwritev2,
    c::SYS_openat,
    c::SYS_openat2,
    c::SYS_close,
    c::SYS_close_range,
    c::SYS_fstat,
    c::SYS_newfstatat,
    c::SYS_statx,
    c::SYS_statfs,
    c::SYS_fstatfs,
    c::SYS_lseek,
    c::SYS_faccessat,
    c::SYS_faccessat2,
    c::SYS_dup,
    c::SYS_dup3,
    c::SYS_pipe2,
    c::SYS_fcntl,
    c::SYS_flock,
    c::SYS_fsync,
    c::SYS_fdatasync,
    c::SYS_sync_file_range,
    c::SYS_syncfs,
    c::SYS_ftruncate,
    c::SYS_fallocate,
    c::SYS_getdents64,
    c::SYS_getcwd,
    c::SYS_renameat,
    c::SYS_renameat2,
    c::SYS_mkdirat,
    c::SYS_linkat,
    c::SYS_unlinkat,
    c::SYS_readlinkat,
    c::SYS_fchmod,
    c::SYS_fchmodat,
    c::SYS_fchown,
    c::SYS_fchownat,
    c::SYS_umask,
    c::SYS_utimensat,
    c::SYS_copy_file_range,
    c::SYS_sendfile,
    c::SYS_splice,
    c::SYS_fadvise64,
    c::SYS_ioctl,
    c::SYS_memfd_create,
    c::SYS_inotify_init1,
    c::SYS_inotify_add_watch,
    c::SYS_inotify_rm_watch,
];

/// Sockets.
const SOCKETS: &[c::c_long] = &[
    c::SYS_socketpair,
    c::SYS_connect,
    c::SYS_accept,
    c::SYS_accept4,
    c::SYS_sendto,
    c::SYS_recvfrom,
    c::SYS_sendmsg,
    c::SYS_recvmsg,
    c::SYS_sendmmsg,
    c::SYS_recvmmsg,
    c::SYS_shutdown,
    c::SYS_bind,
    c::SYS_listen,
    c::SYS_getsockname,
    c::SYS_getpeername,
    c::SYS_setsockopt,
    c::SYS_getsockopt,
];

/// Memory, threads, time, signals to itself.
const PROCESS: &[c::c_long] = &[
    c::SYS_mmap,
    c::SYS_mprotect,
    c::SYS_munmap,
    c::SYS_brk,
    c::SYS_madvise,
    c::SYS_mremap,
    c::SYS_msync,
    c::SYS_mincore,
    c::SYS_mlock,
    c::SYS_mlock2,
    c::SYS_munlock,
    c::SYS_rt_sigaction,
    c::SYS_rt_sigprocmask,
    c::SYS_rt_sigreturn,
    c::SYS_rt_sigtimedwait,
    c::SYS_sigaltstack,
    c::SYS_sched_yield,
    c::SYS_sched_getaffinity,
    c::SYS_sched_setaffinity,
    c::SYS_nanosleep,
    c::SYS_clock_nanosleep,
    c::SYS_clock_gettime,
    c::SYS_clock_getres,
    c::SYS_gettimeofday,
    c::SYS_getpid,
    c::SYS_gettid,
    c::SYS_getppid,
    c::SYS_getuid,
    c::SYS_geteuid,
    c::SYS_getgid,
    c::SYS_getegid,
    c::SYS_getgroups,
    c::SYS_getpgid,
    c::SYS_getsid,
    c::SYS_getrandom,
    c::SYS_set_robust_list,
    c::SYS_get_robust_list,
    c::SYS_rseq,
    c::SYS_futex,
    c::SYS_set_tid_address,
    c::SYS_exit,
    c::SYS_exit_group,
    c::SYS_uname,
    c::SYS_getrusage,
    c::SYS_sysinfo,
    c::SYS_times,
    c::SYS_prctl,
    c::SYS_membarrier,
    c::SYS_restart_syscall,
    c::SYS_clone3,
    c::SYS_eventfd2,
    c::SYS_epoll_create1,
    c::SYS_epoll_ctl,
    c::SYS_epoll_pwait,
    c::SYS_epoll_pwait2,
    c::SYS_ppoll,
    c::SYS_pselect6,
    c::SYS_timerfd_create,
    c::SYS_timerfd_settime,
    c::SYS_timerfd_gettime,
];

/// Old names of some of these that only this processor has.
#[cfg(target_arch = "x86_64")]
const OLD: &[c::c_long] = &[
    c::SYS_open,
    c::SYS_stat,
    c::SYS_lstat,
    c::SYS_access,
    c::SYS_pipe,
    c::SYS_dup2,
    c::SYS_poll,
    c::SYS_select,
    c::SYS_epoll_wait,
    c::SYS_epoll_create,
    c::SYS_eventfd,
    c::SYS_rename,
    c::SYS_mkdir,
    c::SYS_rmdir,
    c::SYS_link,
    c::SYS_unlink,
    c::SYS_readlink,
    c::SYS_chmod,
    c::SYS_arch_prctl,
    c::SYS_time,
    c::SYS_getdents,
    c::SYS_getrlimit,
    c::SYS_getpgrp,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[c::c_long] = &[];

/// Starting and ending the programs of channels.
const PROGRAMS: &[c::c_long] = &[
    c::SYS_execve,
    c::SYS_execveat,
    c::SYS_wait4,
    c::SYS_waitid,
    c::SYS_pidfd_open,
    c::SYS_pidfd_send_signal,
    c::SYS_kill,
    c::SYS_setpgid,
    c::SYS_setsid,
    c::SYS_chdir,
    c::SYS_fchdir,
    c::SYS_fchmodat2,
    c::SYS_symlinkat,
];
#[cfg(target_arch = "x86_64")]
const OLD_PROGRAMS: &[c::c_long] = &[c::SYS_fork, c::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const OLD_PROGRAMS: &[c::c_long] = &[];

/// Into other processes, into the kernel, into other name spaces.
const INTRUSIVE: &[c::c_long] = &[
    c::SYS_ptrace,
    c::SYS_process_vm_readv,
    c::SYS_process_vm_writev,
    c::SYS_pidfd_getfd,
    c::SYS_kcmp,
    c::SYS_bpf,
    c::SYS_perf_event_open,
    c::SYS_userfaultfd,
    c::SYS_init_module,
    c::SYS_finit_module,
    c::SYS_delete_module,
    c::SYS_kexec_load,
    c::SYS_mount,
    c::SYS_umount2,
    c::SYS_move_mount,
    c::SYS_open_tree,
    c::SYS_fsopen,
    c::SYS_pivot_root,
    c::SYS_chroot,
    c::SYS_setns,
    c::SYS_unshare,
    c::SYS_add_key,
    c::SYS_request_key,
    c::SYS_keyctl,
    c::SYS_acct,
    c::SYS_swapon,
    c::SYS_swapoff,
    c::SYS_reboot,
    c::SYS_settimeofday,
    c::SYS_clock_settime,
    c::SYS_open_by_handle_at,
];

/// CLONE_NEW…: a name space of one's own is a way around.
const NAME_SPACES: u64 = (c::CLONE_NEWNS
    | c::CLONE_NEWCGROUP
    | c::CLONE_NEWUTS
    | c::CLONE_NEWIPC
    | c::CLONE_NEWUSER
    | c::CLONE_NEWPID
    | c::CLONE_NEWNET) as u64;

/// Confines the calling thread and those that it starts.
pub(super) fn confine(programs: bool) -> Result<(), SandboxError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| SandboxError::Processor(std::env::consts::ARCH))?;
    // clone3 hides its flags in memory where no filter sees them; told that there is none, libraries use clone.
    let no_clone3 = BTreeMap::from([(c::SYS_clone3, Vec::new())]);
    let enosys = SeccompAction::Errno(u32::try_from(c::ENOSYS).unwrap_or(38));
    apply(no_clone3, SeccompAction::Allow, enosys, arch)?;
    let eperm = SeccompAction::Errno(u32::try_from(c::EPERM).unwrap_or(1));
    apply(allowed(programs).map_err(calls)?, eperm, SeccompAction::Allow, arch)
}

/// Forbids the calling thread, and those that it starts, what no PKCS#11 module needs.
pub(super) fn forbid() -> Result<(), SandboxError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| SandboxError::Processor(std::env::consts::ARCH))?;
    let rules = INTRUSIVE.iter().map(|call| (*call, Vec::new())).collect();
    let eperm = SeccompAction::Errno(u32::try_from(c::EPERM).unwrap_or(1));
    apply(rules, SeccompAction::Allow, eperm, arch)
}

fn calls(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Calls(error.to_string())
}

fn apply(
    rules: BTreeMap<c::c_long, Vec<SeccompRule>>,
    mismatch: SeccompAction,
    matching: SeccompAction,
    arch: TargetArch,
) -> Result<(), SandboxError> {
    let filter = SeccompFilter::new(rules, mismatch, matching, arch).map_err(calls)?;
    let program = BpfProgram::try_from(filter).map_err(calls)?;
    seccompiler::apply_filter_all_threads(&program).map_err(calls)
}

fn allowed(programs: bool) -> Result<BTreeMap<c::c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules = BTreeMap::new();
    let mut lists = vec![FILES, SOCKETS, PROCESS, OLD];
    if programs {
        lists.extend([PROGRAMS, OLD_PROGRAMS]);
    }
    for call in lists.into_iter().flatten() {
        rules.insert(*call, Vec::new());
    }
    let when = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    let equal =
        |argument, value: i32| when(argument, SeccompCmpOp::Eq, u64::try_from(value).unwrap_or(u64::MAX));
    // Threads, and programs' processes, but no name spaces.
    rules.insert(c::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(NAME_SPACES), 0)?]);
    // Internet and local sockets; the kernel's other families are rarely used and often holed. Netlink lists addresses.
    let families = [c::AF_UNIX, c::AF_INET, c::AF_INET6, c::AF_NETLINK];
    let families = families.into_iter().map(|family| equal(0, family)).collect::<Result<_, _>>()?;
    rules.insert(c::SYS_socket, families);
    // Signals only to itself (abort), and limits only its own.
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    rules.insert(c::SYS_tgkill, vec![equal(0, own)?]);
    rules.insert(c::SYS_prlimit64, vec![equal(0, 0)?]);
    Ok(rules)
}
