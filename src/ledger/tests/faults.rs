//! What happens when the disk does not play along.

use super::*;
use crate::audit::{AuditError, AuditReader};
use crate::ledger::LogError;
use crate::store::{Disk, SledFiles};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A disk that counts its syncs and fails from the n-th on.
struct Failing {
    files: SledFiles,
    syncs: Arc<AtomicUsize>,
    from: usize,
}

impl Disk for Failing {
    fn sync(&mut self) -> io::Result<()> {
        if self.syncs.fetch_add(1, Ordering::SeqCst) + 1 >= self.from {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.files.sync()
    }
}

fn failing(site: &Site, from: usize) -> (AuditProcess, Arc<AtomicUsize>) {
    let syncs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&syncs);
    let log =
        Log::open_with(&site.folder, 1 << 20, |files| Box::new(Failing { files, syncs: counter, from }));
    (site.start_over(log.unwrap()), syncs)
}

#[test]
fn nothing_is_acknowledged_before_its_sync() {
    let site = Site::new();
    let (process, syncs) = failing(&site, usize::MAX);
    let client = connect(&process, Role::Network);
    for n in 0..20 {
        let before = syncs.load(Ordering::SeqCst);
        client.record(cx(), event(n)).unwrap();
        assert!(syncs.load(Ordering::SeqCst) > before, "acknowledged without a sync");
    }
}

#[test]
fn after_a_failed_sync_there_are_no_permits_and_no_answers() {
    let site = Site::new();
    let (process, syncs) = failing(&site, 3);
    let client = connect(&process, Role::Network);
    let permit = client.begin(cx(), intent(vec![a_use(1)])).unwrap();
    client.record(cx(), event(1)).unwrap();
    let unavailable = |e: Option<AuditError>| assert!(matches!(e, Some(AuditError::Unavailable(_))), "{e:?}");
    unavailable(permit.spend().close(done()).err());
    unavailable(client.begin(cx(), intent(vec![a_use(1)])).err());
    unavailable(client.record(cx(), event(2)).err());
    unavailable(client.checkpoint(cx()).err());
    assert_eq!(syncs.load(Ordering::SeqCst), 3, "a failed sync is not tried again");
    assert!(process.health().is_err());
    assert_eq!(client.read(cx(), 0, 10).unwrap().len(), 2, "reading goes on");
    drop((client, process));
    // After a restart on a sound disk all is well, and what was answered is there.
    let process = site.start();
    let client = connect(&process, Role::Network);
    assert!(client.head(cx()).unwrap().size >= 2);
    client.record(cx(), event(3)).unwrap();
}

/// A disk that does not answer until told to.
struct Hung(flume::Receiver<()>);

impl Disk for Hung {
    fn sync(&mut self) -> io::Result<()> {
        self.0.recv().map_err(io::Error::other)
    }
}

#[test]
fn a_hung_disk_is_an_error_and_late_permits_are_closed() {
    let site = Site::new();
    let (release, hung) = flume::unbounded();
    let log = Log::open_with(&site.folder, 1 << 20, |_| Box::new(Hung(hung))).unwrap();
    let process = site.start_over(log);
    let client = connect(&process, Role::Network);
    let short = Cx { deadline: Instant::now() + Duration::from_millis(700), ..cx() };
    assert_eq!(client.begin(short, intent(vec![a_use(1)])).err(), Some(AuditError::Timeout));
    assert!(process.status().busy_for() > Duration::ZERO);
    for _ in 0..16 {
        release.send(()).unwrap();
    }
    client.record(cx(), event(1)).unwrap();
    client.record(cx(), event(2)).unwrap();
    // The late permit is closed once the writer finds that nobody waits for it.
    let deadline = Instant::now() + Duration::from_secs(20);
    let (ended, entries) = loop {
        let entries = client.read(cx(), 0, 10).unwrap();
        let ended = entries.iter().any(|e| {
            matches!(&e.body, crate::audit::Body::Outcome { of: 0, outcome, .. } if outcome.ending == Ending::Abandoned)
        });
        if ended || Instant::now() > deadline {
            break (ended, entries);
        }
        let _ = release.send(());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended, "{entries:#?}");
    drop(release);
}

#[test]
fn lost_or_exchanged_records_are_noticed_at_the_start() {
    let damaged = |site: &Site| match open(&site.folder).err() {
        Some(LogError::Damaged(reason)) => reason,
        other => panic!("{other:?}"),
    };
    // The log is set back to an earlier state.
    let site = filled(20);
    let newer = filled(40);
    let swap = |from: std::path::PathBuf, to: std::path::PathBuf| {
        if to.is_dir() {
            std::fs::remove_dir_all(&to).unwrap();
            let status = std::process::Command::new("cp").arg("-r").arg(&from).arg(&to).status().unwrap();
            assert!(status.success());
        } else {
            std::fs::copy(from, to).unwrap();
        }
    };
    swap(site.folder.sled(), newer.folder.sled());
    let reason = damaged(&newer);
    assert!(reason.contains("19 of them are gone"), "{reason}");
    // Another log of the same length is put in its place.
    let (one, other) = (filled(20), filled(20));
    swap(one.folder.sled(), other.folder.sled());
    assert!(damaged(&other).contains("not those of the checkpoint"));
    // Without a checkpoint over the tail, the head file still tells.
    std::fs::remove_file(other.folder.checkpoint()).unwrap();
    assert!(damaged(&other).contains("not those of the checkpoint"), "the last one kept takes its place");
    std::fs::remove_file(other.folder.checkpoint()).unwrap();
    std::fs::remove_dir_all(other.folder.checkpoints()).unwrap();
    assert!(damaged(&other).contains("not those of the head"));
    // sled itself is gone.
    let site = filled(5);
    std::fs::remove_dir_all(site.folder.sled()).unwrap();
    assert!(damaged(&site).contains("5 of them are gone"));
}
