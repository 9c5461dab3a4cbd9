#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use hufu_api::{Expect, IdKind, Key, MemoryStore, Order, Space, Store, StoreError, Write};
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

fn key(space: Space, bytes: impl AsRef<[u8]>) -> Key {
    Key { space, bytes: bytes.as_ref().to_vec() }
}

fn put(space: Space, bytes: impl AsRef<[u8]>, expect: Expect, value: &[u8]) -> Write {
    Write { key: key(space, bytes), expect, value: Some(value.to_vec()) }
}

fn remove(space: Space, bytes: impl AsRef<[u8]>, expect: Expect) -> Write {
    Write { key: key(space, bytes), expect, value: None }
}

/// What every store owes its callers.
fn contract(store: &dyn Store) {
    all_or_nothing(store);
    versions_are_never_reused(store);
    spaces_are_ordered_and_apart(store);
    ids_are_given_once(store);
    limits(store);
}

fn all_or_nothing(store: &dyn Store) {
    let a = put(Space::Signer, "a", Expect::Absent, b"1");
    let b = put(Space::SignerByCertify, "b", Expect::Absent, b"2");
    store.commit(&[a, b.clone()]).unwrap();
    let c = put(Space::Signer, "c", Expect::Absent, b"3");
    assert_eq!(store.commit(&[c, b]), Err(StoreError::Conflict(1)));
    assert_eq!(store.get(&key(Space::Signer, "c")).unwrap(), None);
    assert_eq!(store.count(Space::Signer).unwrap(), 1);
    store.commit(&[remove(Space::SignerByCertify, "b", Expect::Any)]).unwrap();
    assert_eq!(store.count(Space::SignerByCertify).unwrap(), 0);
    // A later write of one commit sees the earlier ones.
    let again = put(Space::Signer, "d", Expect::Absent, b"4");
    assert_eq!(store.commit(&[again.clone(), again]), Err(StoreError::Conflict(1)));
}

fn versions_are_never_reused(store: &dyn Store) {
    let at = key(Space::Seal, "v");
    let version = |s: &dyn Store| s.get(&at).unwrap().unwrap().version;
    store.commit(&[put(Space::Seal, "v", Expect::Absent, b"1")]).unwrap();
    let first = version(store);
    store.commit(&[put(Space::Seal, "v", Expect::Version(first), b"2")]).unwrap();
    let stale = put(Space::Seal, "v", Expect::Version(first), b"3");
    assert_eq!(store.commit(std::slice::from_ref(&stale)), Err(StoreError::Conflict(0)));
    store.commit(&[remove(Space::Seal, "v", Expect::Version(version(store)))]).unwrap();
    store.commit(&[put(Space::Seal, "v", Expect::Absent, b"1")]).unwrap();
    assert_ne!(version(store), first, "removed and made again must not look unchanged");
    assert_eq!(store.commit(&[stale]), Err(StoreError::Conflict(0)));
}

fn spaces_are_ordered_and_apart(store: &dyn Store) {
    let rows: Vec<Write> =
        (0_u64..10).map(|n| put(Space::Deposit, n.to_be_bytes(), Expect::Absent, &[1])).collect();
    store.commit(&rows).unwrap();
    store.commit(&[put(Space::DepositBySid, "", Expect::Absent, b"")]).unwrap();
    store.commit(&[put(Space::Stamp, [0xff; 9], Expect::Absent, b"")]).unwrap();
    let numbers = |from: Bound<u64>, order, limit| -> Vec<u64> {
        let from = from.map(u64::to_be_bytes);
        let rows = store.scan(Space::Deposit, from.as_ref().map(<[u8; 8]>::as_slice), order, limit).unwrap();
        rows.iter().map(|(k, _)| u64::from_be_bytes(k.as_slice().try_into().unwrap())).collect()
    };
    use Bound::{Excluded, Included, Unbounded};
    assert_eq!(numbers(Unbounded, Order::Ascending, 3), [0, 1, 2]);
    assert_eq!(numbers(Included(4), Order::Ascending, 3), [4, 5, 6]);
    assert_eq!(numbers(Excluded(4), Order::Ascending, 99), [5, 6, 7, 8, 9]);
    assert_eq!(numbers(Unbounded, Order::Descending, 3), [9, 8, 7]);
    assert_eq!(numbers(Included(4), Order::Descending, 3), [4, 3, 2]);
    assert_eq!(numbers(Excluded(4), Order::Descending, 99), [3, 2, 1, 0]);
    assert_eq!(store.count(Space::Deposit).unwrap(), 10);
}

fn ids_are_given_once(store: &dyn Store) {
    assert_eq!(store.reserve(IdKind::Seal, 3).unwrap(), 1..4);
    assert_eq!(store.reserve(IdKind::Seal, 1).unwrap(), 4..5);
    assert_eq!(store.reserve(IdKind::Deposit, 1).unwrap(), 1..2);
    store.skip_ids(IdKind::Seal, 5_000).unwrap();
    let after = store.reserve(IdKind::Seal, 2_500).unwrap();
    assert!(after.start > 5_000 && after.end - after.start == 2_500, "{after:?}");
}

fn limits(store: &dyn Store) {
    let long = vec![7; 1024];
    assert_eq!(store.commit(&[put(Space::Meta, &long, Expect::Any, &long)]), Ok(()));
    let large = vec![8; 3 << 20];
    store.commit(&[put(Space::SealImage, "large", Expect::Any, &large)]).unwrap();
    assert_eq!(store.get(&key(Space::SealImage, "large")).unwrap().unwrap().value, large);
}

fn open(folder: &TempDir) -> SledStore {
    SledStore::open(&folder.path().join("state")).unwrap()
}

#[test]
fn memory_keeps_the_contract() {
    contract(&MemoryStore::new());
}

#[test]
fn sled_keeps_the_contract() {
    contract(&open(&TempDir::new().unwrap()));
}

#[test]
fn everything_committed_is_there_after_reopening() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    contract(&store);
    let signers = store.count(Space::Signer).unwrap();
    let last = store.reserve(IdKind::Seal, 1).unwrap().start;
    drop(store);
    let store = open(&folder);
    assert_eq!(store.count(Space::Signer).unwrap(), signers);
    assert_eq!(store.get(&key(Space::Signer, "a")).unwrap().unwrap().value, b"1");
    assert_eq!(store.get(&key(Space::SealImage, "large")).unwrap().unwrap().value.len(), 3 << 20);
    assert!(store.reserve(IdKind::Seal, 1).unwrap().start > last);
}

/// As a disk that is full leaves it, and a process that dies before it gives the file its name.
#[test]
fn a_snapshot_that_was_not_finished_is_no_obstacle() {
    let folder = TempDir::new().unwrap();
    for content in [&b""[..], b"the first octets of a snapshot", &[0; 1000]] {
        let store = open(&folder);
        store.commit(&[put(Space::App, content, Expect::Any, b"1")]).unwrap();
        drop(store);
        let unfinished = folder.path().join("state/snap.7FFFFFFFFFFFFFFF.generating");
        std::fs::write(&unfinished, content).unwrap();
        assert!(open(&folder).get(&key(Space::App, content)).unwrap().is_some());
        assert!(!unfinished.exists());
    }
}

#[test]
fn limits_are_enforced() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let large = put(Space::Meta, vec![0; 1025], Expect::Any, b"");
    assert_eq!(store.commit(&[large]), Err(StoreError::TooLarge));
}

#[test]
fn a_second_opener_is_told_so() {
    let folder = TempDir::new().unwrap();
    let _store = open(&folder);
    let second = SledStore::open(&folder.path().join("state"));
    assert!(matches!(second.err(), Some(DurableError::InUse { .. })));
}

/// A disk that counts its syncs and fails from the n-th on.
struct Counted {
    files: SledFiles,
    syncs: Arc<AtomicUsize>,
    fail_from: usize,
}

impl Disk for Counted {
    fn sync(&mut self) -> io::Result<()> {
        if self.syncs.fetch_add(1, Ordering::SeqCst) + 1 >= self.fail_from {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.files.sync()
    }
}

fn counted(folder: &TempDir, fail_from: usize) -> (SledStore, Arc<AtomicUsize>) {
    let syncs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&syncs);
    let durable = Durable::open_with(&folder.path().join("state"), 1 << 20, |files| {
        Box::new(Counted { files, syncs: counter, fail_from })
    });
    (SledStore::over(durable.unwrap()).unwrap(), syncs)
}

#[test]
fn every_commit_waits_for_a_sync_and_concurrent_ones_share_it() {
    let folder = TempDir::new().unwrap();
    let (store, syncs) = counted(&folder, usize::MAX);
    for n in 0_u8..10 {
        let before = syncs.load(Ordering::SeqCst);
        store.commit(&[put(Space::App, [n], Expect::Absent, b"x")]).unwrap();
        assert!(syncs.load(Ordering::SeqCst) > before, "answered without a sync");
    }
    let before = syncs.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        for t in 0_u8..16 {
            let store = &store;
            scope.spawn(move || {
                for n in 0_u8..50 {
                    store.commit(&[put(Space::Signer, [t, n], Expect::Absent, b"x")]).unwrap();
                }
            });
        }
    });
    assert_eq!(store.count(Space::Signer).unwrap(), 800);
    assert!(syncs.load(Ordering::SeqCst) - before < 800, "no two commits shared a sync");
}

#[test]
fn only_one_of_many_takes_a_unique_key() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let winners = Mutex::new(0);
    std::thread::scope(|scope| {
        for t in 0_u8..16 {
            let (store, winners) = (&store, &winners);
            scope.spawn(move || {
                if store.commit(&[put(Space::SignerByCertify, "110", Expect::Absent, &[t])]).is_ok() {
                    *winners.lock().unwrap() += 1;
                }
            });
        }
    });
    assert_eq!(*winners.lock().unwrap(), 1);
}

#[test]
fn a_failed_sync_ends_all_writing() {
    let folder = TempDir::new().unwrap();
    let (store, syncs) = counted(&folder, 2);
    store.commit(&[put(Space::App, "a", Expect::Absent, b"x")]).unwrap();
    for name in ["b", "c"] {
        let failed = store.commit(&[put(Space::App, name, Expect::Absent, b"x")]);
        assert!(matches!(failed, Err(StoreError::Poisoned(_))), "{failed:?}");
    }
    assert!(matches!(store.reserve(IdKind::Seal, 1), Err(StoreError::Poisoned(_))));
    assert_eq!(syncs.load(Ordering::SeqCst), 2, "nothing is tried again after a failure");
}

/// A disk that does not answer until told to.
struct Hung(flume::Receiver<()>);

impl Disk for Hung {
    fn sync(&mut self) -> io::Result<()> {
        self.0.recv().map_err(io::Error::other)
    }
}

#[test]
fn a_hung_disk_is_an_error_and_its_end_is_noticed() {
    let folder = TempDir::new().unwrap();
    let (release, hung) = flume::unbounded();
    let durable =
        Durable::open_with(&folder.path().join("state"), 1 << 20, |_| Box::new(Hung(hung))).unwrap();
    let store = SledStore::over(durable).unwrap();
    let write = |n: &str| store.commit(&[put(Space::App, n, Expect::Any, b"x")]);
    assert_eq!(write("a"), Err(StoreError::Stalled));
    assert_eq!(write("b"), Err(StoreError::Stalled));
    for _ in 0..16 {
        release.send(()).unwrap();
    }
    let recovered = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        write("c").is_ok()
    });
    assert!(recovered);
    drop(release);
}

#[test]
fn projections_need_no_sync_of_their_own_and_move_the_mark() {
    let folder = TempDir::new().unwrap();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&syncs);
    let durable = Durable::open_with(&folder.path().join("state"), 1 << 20, |files| {
        Box::new(Counted { files, syncs: counter, fail_from: usize::MAX })
    });
    let store = SledStore::with_window(durable.unwrap(), Duration::ZERO).unwrap();
    assert_eq!(store.projected().unwrap(), None);
    store.project(7, &[put(Space::Signature, "s", Expect::Any, b"x")]).unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst), 0);
    assert_eq!(store.get(&key(Space::Signature, "s")).unwrap().unwrap().value, b"x");
    store.project(5, &[]).unwrap();
    assert_eq!(store.projected().unwrap(), Some(7), "the mark never goes back");
    drop(store);
    assert!(syncs.load(Ordering::SeqCst) > 0, "closing leaves nothing behind");
    assert_eq!(open(&folder).projected().unwrap(), Some(7));
}

#[test]
fn recent_projections_are_replayed_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    store.project(7, &[put(Space::Signature, "s", Expect::Any, b"x")]).unwrap();
    assert_eq!(store.projected().unwrap(), None, "a slower neighbour may still be on its way");
    store.complete_through(7).unwrap();
    assert_eq!(store.projected().unwrap(), Some(7));
    store.project(9, &[]).unwrap();
    drop(store);
    assert_eq!(open(&folder).projected().unwrap(), Some(9), "nobody was under way when it was closed");
}

#[test]
fn a_snapshot_taken_under_writing_is_the_state_between_two_commits() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(SledStore::open(&dir.path().join("a")).unwrap());
    let pair = |n: u64, value: u64| {
        let (n, value) = (n.to_be_bytes(), value.to_be_bytes());
        [put(Space::App, n, Expect::Any, &value), put(Space::Meta, n, Expect::Any, &value)]
    };
    store.commit(&(0..3_000).flat_map(|n| pair(n, 0)).collect::<Vec<_>>()).unwrap();
    let (stop, running) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&store));
    let stopped = Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        let mut last = 0;
        while stopped.load(Ordering::SeqCst) == 0 {
            last += 1;
            running.commit(&pair(last * 7 % 3_000, last)).unwrap();
            let gone = last * 11 % 3_000;
            let none = |space| remove(space, gone.to_be_bytes(), Expect::Any);
            running.commit(&[none(Space::App), none(Space::Meta)]).unwrap();
        }
        last
    });
    let mut rows: Vec<Row> = Vec::new();
    let mut slowly = |row| {
        if rows.len().is_multiple_of(1_000) {
            // The writer gets its turn.
            running_turn(&store);
        }
        rows.push(row);
        Ok(())
    };
    store.snapshot(&mut slowly).unwrap();
    stop.store(1, Ordering::SeqCst);
    assert!(writer.join().unwrap() > 0);
    let removed = rows.iter().filter(|(_, value)| value.is_none()).count();
    restore_state(&dir.path().join("b"), rows.into_iter().map(Ok), 1_000_000).unwrap();
    let restored = SledStore::open(&dir.path().join("b")).unwrap();
    let all = |space| restored.scan(space, Bound::Unbounded, Order::Ascending, 10_000).unwrap();
    let (apps, metas) = (all(Space::App), all(Space::Meta));
    assert!(removed > 0, "nothing was written meanwhile");
    assert_eq!(apps.len(), metas.len());
    for (app, meta) in apps.iter().zip(&metas) {
        assert_eq!((&app.0, &app.1.value), (&meta.0, &meta.1.value));
    }
    assert_eq!(restored.count(Space::App).unwrap(), u64::try_from(apps.len()).unwrap());
    assert!(restored.reserve(IdKind::Signer, 1).unwrap().start > 1_000_000);
    assert!(restore_state(&dir.path().join("b"), std::iter::empty(), 0).is_err());
}

/// Waits until a commit from here has had its turn: those that waited before it have had theirs.
fn running_turn(store: &SledStore) {
    store.commit(&[put(Space::Signature, "turn", Expect::Any, b"")]).unwrap();
}

#[test]
fn one_snapshot_at_a_time_and_one_that_fails_leaves_room_for_the_next() {
    let dir = TempDir::new().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    store.commit(&[put(Space::App, "a", Expect::Any, b"1")]).unwrap();
    let mut inner = None;
    let mut once = |_| {
        inner.get_or_insert_with(|| store.snapshot(&mut |_| Ok(())));
        Err(io::Error::other("the disk is full"))
    };
    assert!(store.snapshot(&mut once).is_err());
    assert!(inner.unwrap().is_err(), "two at once");
    store.snapshot(&mut |_| Ok(())).unwrap();
}

/// Resident memory of this process in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// 400 MB of rows; with `HUFU_LONG` only.
#[test]
fn a_walk_over_very_many_rows_does_not_keep_them_in_memory() {
    if std::env::var_os("HUFU_LONG").is_none() {
        println!("skipped: HUFU_LONG is not set");
        return;
    }
    let folder = TempDir::new().unwrap();
    let rows = 50_000_u64;
    let store = SledStore::open(folder.path()).unwrap();
    let value = vec![b'x'; 8_000];
    for chunk in (0..rows).collect::<Vec<_>>().chunks(500) {
        let write = |n: &u64| hufu_api::Write {
            key: hufu_api::Key { space: Space::Certificate, bytes: n.to_be_bytes().to_vec() },
            expect: hufu_api::Expect::Any,
            value: Some(value.clone()),
        };
        store.commit(&chunk.iter().map(write).collect::<Vec<_>>()).unwrap();
    }
    drop(store);
    let store = SledStore::open(folder.path()).unwrap();
    let before = resident();
    let (mut from, mut seen) = (std::ops::Bound::Unbounded, 0);
    loop {
        let page = store
            .scan(Space::Certificate, from.as_ref().map(Vec::as_slice), hufu_api::Order::Ascending, 1_000)
            .unwrap();
        seen += page.len() as u64;
        let Some((last, _)) = page.last() else { break };
        from = std::ops::Bound::Excluded(last.clone());
    }
    assert_eq!(seen, rows);
    let grown = resident().saturating_sub(before);
    println!("{before} MiB before, {grown} more after");
    assert!(grown < 250, "{grown} MiB stay");
}
