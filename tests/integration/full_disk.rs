//! The file system beneath the documents is full, or the one beneath log and state, or both. They are tmpfs of a few mebibytes that
//! only this appliance sees, in a mount namespace of its own.

use crate::daemon::{Daemon, HUFU, Site, top};
use crate::disk::{recovers, try_sign, unseen};
use crate::pki::stamp;
use crate::signed_contract::register;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// An appliance whose data and documents lie on small file systems.
struct Small {
    daemon: Daemon,
    /// Their folder, seen from here.
    root: PathBuf,
}

impl Small {
    fn start() -> Option<Self> {
        const BECOME: &str = r#"set -e
            mount --make-rprivate /
            for folder in data documents; do
                mkdir -p "$0/small/$folder"
                mount -t tmpfs -o size=32m hufu-test "$0/small/$folder"
                cp -a "$0/$folder/." "$0/small/$folder"
                mount --bind "$0/small/$folder" "$0/$folder"
            done
            exec "$@""#;
        let tried = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
        if !tried.is_ok_and(|done| done.status.success()) {
            println!("skipped: no file system may be mounted here, not even in a namespace");
            return None;
        }
        let site = Site::new();
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", BECOME]).arg(site.dir()).arg(HUFU);
        let daemon = site.start_by(command);
        let dir = daemon.site.dir().to_str().unwrap().to_owned();
        let root = PathBuf::from(format!("/proc/{}/root{dir}/small", daemon.supervisor()));
        Some(Self { daemon, root })
    }

    /// The sample contract among the documents; its path as the appliance knows it.
    fn contract(&self) -> PathBuf {
        std::fs::copy(top().join("softhsm/sample-contract.pdf"), self.root.join("documents/c.pdf")).unwrap();
        self.daemon.documents().join("c.pdf")
    }

    /// Fills the file system of a folder but for so many octets.
    fn fill(&self, folder: &str, leave: u64) -> Filler {
        let path = self.root.join(folder).join("filler");
        let mut file = File::create(&path).unwrap();
        let zeros = [0; 4096];
        while file.write_all(&zeros).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(leave)).unwrap();
        Filler(path)
    }

    /// Stops it; the site has then what was on the small file systems.
    fn stop(self) -> Site {
        // A file system lives as long as somebody has a file of it open.
        let folders = ["data", "documents"].map(|name| (name, File::open(self.root.join(name)).unwrap()));
        let (site, ended_well) = self.daemon.stop();
        assert!(ended_well);
        for (name, open) in folders {
            let from = format!("/proc/{}/fd/{}/.", std::process::id(), open.as_raw_fd());
            let done = Command::new("cp").args(["-a", &from]).arg(site.dir().join(name)).status().unwrap();
            assert!(done.success());
        }
        site
    }
}

/// What takes the room, until it is dropped.
struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_full_file_system_is_a_clear_error_loses_nothing_and_heals_by_itself() {
    if std::env::var_os("HUFU_LONG").is_none() {
        println!("skipped: an appliance on full file systems (HUFU_LONG is not set)");
        return;
    }
    let Some(small) = Small::start() else { return };
    let client = small.daemon.second_client();
    let parties = register(&client);
    let file = small.contract();
    let docs = small.daemon.documents();
    let seen = small.root.join("documents");
    let mut answered = vec![recovers(&client, &parties, &file, docs.join("before.pdf"))];
    let (mut refused, mut reasons, mut slowest) = (0, BTreeMap::new(), Duration::ZERO);
    for (round, full) in [&["documents"][..], &["data"], &["data", "documents"]].into_iter().enumerate() {
        // Room for some documents; what the log has taken from the disk before is room for some records.
        let fillers: Vec<_> =
            full.iter().map(|folder| small.fill(folder, if round == 0 { 300_000 } else { 0 })).collect();
        let (mut failures, mut taken) = (0, 0);
        for n in 0..2_000 {
            let to = docs.join(format!("{round}-{n}.pdf"));
            let answer = try_sign(&client, &parties, &file, &to);
            if answer.code() == 200 {
                taken += 1;
                answered.push((answer.data("summaryId").as_u64().unwrap(), to));
                continue;
            }
            // Either the file cannot be written, which the answer says, or the log cannot.
            let by_documents = answer.code() == 20110 && answer.msg().contains("存储空间不足");
            assert!(by_documents && full.contains(&"documents") || answer.status == 503, "{:?}", answer.body);
            *reasons.entry(format!("{} {}", answer.code(), answer.msg())).or_insert(0) += 1;
            assert!(!seen.join(to.file_name().unwrap()).exists(), "a file that was answered with an error");
            failures += 1;
            if failures == 8 {
                break;
            }
        }
        println!("{full:?} full: {taken} signed, then {failures} refused");
        assert_eq!(failures, 8, "{full:?} never were full");
        refused += failures;
        if full == ["data"] {
            // Nothing else that needs the log is taken either; a deposit fails for want of its time stamp.
            let deposit = client.post("/cz/in", &json!({"sid": "while-full", "filePath": file}));
            assert!(deposit.status == 503 || deposit.code() == 20110, "{:?}", deposit.body);
            stamp(&small.daemon.site).expect_err("a time stamp that is not on record");
        }
        drop(fillers);
        let begun = Instant::now();
        answered.push(recovers(&client, &parties, &file, docs.join(format!("after-{round}.pdf"))));
        slowest = slowest.max(begun.elapsed());
    }
    println!(
        "full file systems: {} answered, all on record; {refused} refused {reasons:?}; slowest recovery {slowest:?}",
        answered.len()
    );
    assert_eq!(unseen(&seen), Vec::<PathBuf>::new());
    let site = small.stop();
    crate::processes::check_what_was_answered(&site, &answered);
    let files = names(Path::new(&site.env["HUFU_DOCUMENTS"]));
    assert_eq!(files.len(), answered.len() + 1, "files that nobody was answered: {files:?}");
}
