//! CPU time and memory of the appliance's processes, from /proc: what a document costs, and where.

use std::collections::BTreeMap;
use std::path::Path;

/// Clock ticks a second of /proc's CPU times (`USER_HZ`, fixed at 100 in Linux's interface on all its usual machines).
const TICKS: f64 = 100.0;

/// CPU seconds so far, by kind of process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cpu {
    seconds: BTreeMap<String, f64>,
}

impl Cpu {
    /// Of all processes of the supervisor that `network` is a child of; nothing where they cannot be seen.
    pub(super) fn of_appliance(network: u32) -> Self {
        let mut cpu = Self::default();
        let Some(supervisor) = stat(network).map(|s| s.parent) else { return cpu };
        let Ok(processes) = std::fs::read_dir("/proc") else { return cpu };
        for pid in processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            if let (Some(stat), Some(kind)) = (stat(pid), kind(pid))
                && stat.parent == supervisor
            {
                *cpu.seconds.entry(kind).or_default() += stat.ticks / TICKS;
            }
        }
        cpu
    }

    /// Milliseconds for each of `documents` since `before`, by kind.
    pub(super) fn each(&self, before: &Self, documents: u64) -> BTreeMap<&str, f64> {
        #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
        let documents = documents.max(1) as f64;
        self.seconds
            .iter()
            .map(|(kind, seconds)| {
                let spent = seconds - before.seconds.get(kind).copied().unwrap_or_default();
                (kind.as_str(), spent * 1e3 / documents)
            })
            .collect()
    }
}

/// The largest resident size that the process has had, in MiB.
pub(super) fn peak_mib(pid: u32) -> Option<u64> {
    mib(pid, "VmHWM:")
}

/// The resident size that the process has now, in MiB.
pub(super) fn resident_mib(pid: u32) -> Option<u64> {
    mib(pid, "VmRSS:")
}

fn mib(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

/// Begins a new measurement of [`peak_mib`], where this user may.
pub(super) fn forget_peak(pid: u32) {
    // Without the right to, the peak is that of the process's whole life.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

struct Stat {
    parent: u32,
    ticks: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name in parentheses may itself hold spaces and parentheses.
    let (_, after) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: number(11)? + number(12)? })
}

/// `network`, `audit` or `worker`: the word after `internal`.
fn kind(pid: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = line.split(|b| *b == 0).map(String::from_utf8_lossy);
    words.by_ref().find(|word| word == "internal")?;
    words.next().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_is_read_from_proc() {
        let own = stat(std::process::id()).unwrap();
        assert!(own.parent > 0);
        assert!(peak_mib(std::process::id()).unwrap() > 0);
        assert_eq!(kind(std::process::id()), None);
    }

    #[test]
    fn cpu_is_shared_among_documents() {
        let of = |seconds| Cpu { seconds: BTreeMap::from([("network".to_owned(), seconds)]) };
        assert_eq!(of(3.0).each(&of(1.0), 1000), BTreeMap::from([("network", 2.0)]));
    }
}
