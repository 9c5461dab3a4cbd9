//! Reading a log offline and on a serving appliance.

use super::*;
use crate::audit::{AuditReader, Body, Entry};
use crate::ledger::archive::Archive;
use crate::ledger::source::{Live, Offline};
use crate::ledger::verify::{Finding, Options, Report, verify};
use crate::ledger::{admin, checkpoints, export, search};
use crate::tlog::{Checkpoint, leaf_hash, merkle, tile};
use search::Filter;
use std::fs;

/// Once the process that filled it has let go.
fn offline(site: &Site) -> Offline {
    patiently(|| Offline::open(&site.folder)).unwrap()
}

fn write(client: &Client, n: u64) {
    // Many at a time share their syncs.
    std::thread::scope(|scope| {
        for writer in 0..16 {
            scope.spawn(move || {
                for n in (writer..n).step_by(16) {
                    client.record(cx(), event(n)).unwrap();
                }
            });
        }
    });
}

fn all_options() -> Options {
    Options { tiles: true, ..Options::default() }
}

fn verified(site: &Site) -> Report {
    verify(&site.folder, &mut offline(site), &all_options(), &mut |_| ())
}

#[test]
fn a_sound_log_verifies() {
    let site = filled(700);
    let report = verified(&site);
    assert_eq!(report.findings, []);
    assert_eq!((report.records, report.checkpoints, report.covered), (701, 2, 700));
    assert_eq!((report.open, report.unsigned), (0, 0));
}

#[test]
fn verification_can_begin_at_a_checkpoint() {
    let site = filled(600);
    let process = site.start();
    let client = connect(&process, Role::Network);
    write(&client, 50);
    drop((client, process));
    let since = |size| {
        let options = Options { since: Some(size), ..Options::default() };
        verify(&site.folder, &mut offline(&site), &options, &mut |_| ())
    };
    let report = since(600);
    assert_eq!(report.findings, []);
    assert!(report.records < 200, "{} records read", report.records);
    assert_eq!(report.root, verified(&site).root);
    assert!(matches!(since(599).findings[..], [Finding::Unreadable(_)]), "there is no such checkpoint");
    // Tiles that do not lead to the checkpoint's root are no beginning.
    let tile = site.folder.tile("tile/0/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[5] ^= 1;
    fs::write(&tile, bytes).unwrap();
    assert!(!since(600).is_sound());
}

#[test]
fn a_log_set_back_to_an_older_copy_is_found_by_a_checkpoint_kept_elsewhere() {
    let site = filled(30);
    let report = |site: &Site, note: &str| {
        let options = Options { elsewhere: vec![note.into()], ..Options::default() };
        verify(&site.folder, &mut offline(site), &options, &mut |_| ())
    };
    let process = site.start();
    let client = connect(&process, Role::Network);
    client.record(cx(), event(99)).unwrap();
    let later = client.checkpoint(cx()).unwrap().checkpoint;
    drop((client, process));
    assert_eq!(report(&site, &later).findings, []);
    let size = Checkpoint::unverified(&later).unwrap().size;
    // The same key, a shorter log.
    let (short, token) =
        (Site::new(), Token { keys: Arc::clone(&site.token.keys), key: site.token.key.clone() });
    let short = Site { token, ..short };
    let process = short.start();
    connect(&process, Role::Network).record(cx(), event(1)).unwrap();
    drop(process);
    let found = report(&short, &later).findings;
    assert!(matches!(&found[..], [Finding::Truncated { size: s, .. }] if *s == size), "{found:?}");
}

#[test]
fn damaged_tiles_are_found() {
    let site = filled(600);
    for path in ["tile/entries/001", "tile/0/000"] {
        let file = site.folder.tile(path);
        let good = fs::read(&file).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        fs::write(&file, bad).unwrap();
        assert_eq!(verified(&site).findings, [Finding::BadTile(path.into())]);
        fs::write(&file, good).unwrap();
    }
}

#[test]
fn damaged_tiles_do_not_keep_the_appliance_from_starting() {
    let site = filled(600);
    let file = site.folder.tile("tile/0/000");
    let good = fs::read(&file).unwrap();
    fs::write(&file, vec![0; good.len()]).unwrap();
    drop(site.start());
    assert_eq!(fs::read(&file).unwrap(), good, "tiles are made again from the records");
    assert_eq!(verified(&site).findings, []);
}

#[test]
fn a_serving_appliance_is_read_through_its_admin_socket() {
    let site = Site::new();
    let process = site.start();
    let socket = site.folder.path().join("admin.socket");
    admin::listen(&socket, process.service()).unwrap();
    let client = connect(&process, Role::Network);
    write(&client, 300);
    client.checkpoint(cx()).unwrap();
    let mut live = Live::connect(&socket).unwrap();
    // More arrives while it is verified.
    write(&client, 10);
    client.checkpoint(cx()).unwrap();
    let report = verify(&site.folder, &mut live, &all_options(), &mut |_| ());
    assert_eq!(report.findings, []);
    assert_eq!(report.covered, 311);
    assert_eq!(search::newest(&live, &Filter::default(), 5).unwrap().len(), 5);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(live.client().record(cx(), event(1)).is_err());
}

#[test]
fn records_are_found_by_what_they_say() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    for n in 0..1200 {
        client.record(cx(), event(n)).unwrap();
    }
    let permit = client.begin(cx(), intent(vec![a_use(1)])).unwrap();
    client.record(cx(), event(5)).unwrap();
    permit.spend().close(done()).unwrap();
    drop((client, process));
    let source = offline(&site);
    let numbers = |filter: Filter| -> Vec<u64> {
        search::search(&source, 0, &filter, 10).unwrap().iter().map(|e| e.number).collect()
    };
    assert_eq!(numbers(Filter { value: Some("5".into()), ..Filter::default() }), [5, 1201]);
    assert_eq!(numbers(Filter { act: Some(Act::Sign), ..Filter::default() }), [1200, 1202]);
    let sign_done = Filter { act: Some(Act::Sign), ending: Some(Ending::Done), ..Filter::default() };
    assert_eq!(numbers(sign_done), [1202]);
    assert_eq!(numbers(Filter { app: Some("nobody".into()), ..Filter::default() }), Vec::<u64>::new());
    let newest = |limit| -> Vec<u64> {
        let filter = Filter { act: Some(Act::Login), ..Filter::default() };
        search::newest(&source, &filter, limit).unwrap().iter().map(|e| e.number).collect()
    };
    assert_eq!(newest(3), [1198, 1199, 1201]);
    assert_eq!(newest(5000).len(), 1201);
    let shown = |n| -> Vec<u64> {
        search::show(&source, n).unwrap().unwrap().iter().map(|e: &Entry| e.number).collect()
    };
    assert_eq!((shown(1200), shown(1202), shown(7)), (vec![1200, 1202], vec![1200, 1202], vec![7]));
    assert!(search::show(&source, 99_999).unwrap().is_none());
    assert!(matches!(search::show(&source, 1203).unwrap().unwrap()[0].body, Body::Checkpoint { .. }));
}

#[test]
fn a_proof_made_offline_holds() {
    let site = filled(300);
    let source = offline(&site);
    let proof = export::prove(&site.folder, &source, 17).unwrap().unwrap();
    let root = Checkpoint::unverified(&proof.checkpoint).unwrap().root;
    assert_eq!(
        merkle::verify_inclusion(&leaf_hash(&proof.record), 17, proof.size, &proof.hashes, &root),
        Ok(())
    );
    assert!(export::prove(&site.folder, &source, 300).unwrap().is_none(), "no checkpoint covers it");
}

#[test]
fn an_export_holds_the_whole_tree_as_tiles() {
    let site = filled(600);
    let to = TempDir::new().unwrap();
    let size = export::export(&site.folder, &offline(&site), to.path(), &mut |_| ()).unwrap();
    assert_eq!(size, 600);
    let lines = fs::read_to_string(to.path().join("records.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 600);
    let read = |path: String| fs::read(to.path().join(path)).unwrap();
    let leaves: Vec<_> = (0..3)
        .flat_map(|n| tile::parse_hashes(&read(tile::hash_tile(0, n, if n < 2 { 256 } else { 88 }))).unwrap())
        .collect();
    let hashed: Vec<_> = lines.lines().map(|line| leaf_hash(line.as_bytes())).collect();
    assert_eq!(leaves, hashed);
    assert_eq!(tile::parse_hashes(&read(tile::hash_tile(1, 0, 2))).unwrap().len(), 2);
    assert_eq!(tile::parse_bundle(&read(tile::entry_bundle(2, 88))).unwrap().len(), 88);
    let newest = checkpoints::newest_note(&site.folder).unwrap().unwrap();
    assert_eq!(read("checkpoint".into()), newest.as_bytes());
    assert!(export::export(&site.folder, &offline(&site), to.path(), &mut |_| ()).is_err(), "not empty");
}

/// Judges that share no code with us: a script in Python, and Go's checksum-database library on the tiles.
#[test]
fn others_judge_an_export() {
    let site = filled(700);
    let to = TempDir::new().unwrap();
    export::export(&site.folder, &offline(&site), to.path(), &mut |_| ()).unwrap();
    let interop = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let python = || {
        let output = std::process::Command::new("python3")
            .arg(interop.join("verify_audit.py"))
            .arg(to.path())
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (sound, said) = python();
    assert!(sound && said.contains("sound: 700 records"), "{said}");
    let go = std::process::Command::new("go")
        .args(["run", "."])
        .arg(to.path())
        .current_dir(interop.join("tlogcheck"))
        .output();
    match go {
        Ok(output) if output.status.success() => {
            assert!(
                String::from_utf8_lossy(&output.stdout).contains("sound: 700 records of hufu.test/audit")
            );
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("download") || said.contains("dial") || said.contains("proxy"), "{said}");
            println!("skipped: the Go modules cannot be had here: {said}");
        }
        Err(error) => println!("skipped: go: {error}"),
    }
    for (file, from, to_) in [("records.jsonl", "\"n\":5}", "\"n\":6}"), ("checkpoint", "700", "699")] {
        let path = to.path().join(file);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, good.replacen(from, to_, 1)).unwrap();
        assert!(!python().0, "{file} was changed");
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn old_records_leave_sled_and_stay_provable() {
    let site = Site::new();
    let log = open(&site.folder).unwrap();
    let records = log.records();
    let process = site.start_keeping(log, Some(100));
    let client = connect(&process, Role::Network);
    write(&client, 1100);
    client.checkpoint(cx()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !records.held_below(768, 1).unwrap().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(records.held_below(u64::MAX, 1).unwrap(), [768], "bundles of 256, and the newest 100 stay");
    assert_eq!(client.read(cx(), 5, 1).unwrap()[0].number, 5);
    let proof = client.prove(cx(), 5).unwrap();
    let root = Checkpoint::unverified(&proof.checkpoint).unwrap().root;
    assert_eq!(
        merkle::verify_inclusion(&leaf_hash(&proof.record), 5, proof.size, &proof.hashes, &root),
        Ok(())
    );
    drop((client, process, records));
    assert_eq!(verified(&site).findings, []);
    drop(site.start());
    // A bundle that is gone is noticed.
    fs::remove_file(site.folder.tile("tile/entries/001")).unwrap();
    assert_eq!(verified(&site).findings[0], Finding::Missing(256));
}

#[test]
fn old_segments_move_to_the_archive_and_stay_provable() {
    let site = Site::new();
    let archive = site.folder.path().with_file_name("archive");
    fs::create_dir(&archive).unwrap();
    let process = site.start_archiving(open(&site.folder).unwrap(), Some(100), Some(archive.clone()));
    let client = connect(&process, Role::Network);
    write(&client, 1100);
    client.checkpoint(cx()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let moved = |index| {
        [tile::entry_bundle(index, 256), tile::hash_tile(0, index, 256)]
            .iter()
            .all(|path| archive.join(path).exists() && !site.folder.tile(path).exists())
    };
    while !(0..3).all(moved) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!((0..3).all(moved) && !moved(3), "three segments of 256 records");
    // Everybody finds them: readers, proofs, the verifier, an export, the next start.
    assert_eq!(client.read(cx(), 5, 1).unwrap()[0].number, 5);
    let proof = client.prove(cx(), 5).unwrap();
    let root = Checkpoint::unverified(&proof.checkpoint).unwrap().root;
    let leaf = leaf_hash(&proof.record);
    assert_eq!(merkle::verify_inclusion(&leaf, 5, proof.size, &proof.hashes, &root), Ok(()));
    drop((client, process));
    assert_eq!(verified(&site).findings, []);
    let to = TempDir::new().unwrap();
    let size = export::export(&site.folder, &offline(&site), to.path(), &mut |_| ()).unwrap();
    assert!(size >= 1100);
    // Without the setting they are found all the same.
    drop(site.start());
    // What proves them lies beside them.
    for path in ["checkpoint", "key"] {
        assert!(archive.join(path).exists(), "{path}");
    }
    // Another place is not taken for the archive, and an archive that is away is said to be.
    let other = TempDir::new().unwrap();
    let refused = Archive::open(&site.folder, other.path()).unwrap_err().to_string();
    assert!(refused.contains("move its files"), "{refused}");
    fs::rename(&archive, archive.with_extension("away")).unwrap();
    let away = open(&site.folder).err().unwrap().to_string();
    assert!(away.contains("is not there"), "{away}");
    fs::rename(archive.with_extension("away"), &archive).unwrap();
    // What is changed or gone there is noticed.
    let file = archive.join(tile::hash_tile(0, 1, 256));
    let good = fs::read(&file).unwrap();
    let mut bad = good.clone();
    bad[7] ^= 1;
    fs::write(&file, bad).unwrap();
    assert_eq!(verified(&site).findings, [Finding::BadTile(tile::hash_tile(0, 1, 256))]);
    fs::write(&file, good).unwrap();
    fs::remove_file(archive.join(tile::entry_bundle(1, 256))).unwrap();
    assert_eq!(verified(&site).findings[0], Finding::Missing(256));
}
