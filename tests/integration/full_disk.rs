//! The file system beneath the documents is full, or the one beneath log and state, or both. They are tmpfs of a few mebibytes that
//! only this appliance sees, in a mount namespace of its own.

use crate::daemon::{Answer, Daemon, HUFU, Site};
use crate::disk::{Signing, unseen};
use crate::pki::stamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// An appliance with small file systems beneath some of its folders.
struct Small {
    daemon: Daemon,
    /// Where they are, seen from here.
    root: PathBuf,
    folders: &'static [&'static str],
}

impl Small {
    fn start(folders: &'static [&'static str]) -> Option<Self> {
        const BECOME: &str = r#"set -e
            mount --make-rprivate /
            for folder in $1; do
                mkdir -p "$0/small/$folder"
                mount -t tmpfs -o size=32m hufu-test "$0/small/$folder"
                cp -a "$0/$folder/." "$0/small/$folder"
                mount --bind "$0/small/$folder" "$0/$folder"
            done
            shift
            exec "$@""#;
        let tried = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
        if !tried.is_ok_and(|done| done.status.success()) {
            println!("skipped: no file system may be mounted here, not even in a namespace");
            return None;
        }
        let site = Site::new();
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", BECOME]).arg(site.dir()).arg(folders.join(" ")).arg(HUFU);
        let daemon = site.start_by(command);
        let dir = daemon.site.dir().to_str().unwrap().to_owned();
        let root = PathBuf::from(format!("/proc/{}/root{dir}/small", daemon.supervisor()));
        Some(Self { daemon, root, folders })
    }

    /// A contract among the documents, and who signs it.
    fn signing(&self) -> Signing {
        let signing = Signing::on(&self.daemon);
        let where_it_looks = self.seen_documents().join("c.pdf");
        if where_it_looks != signing.file {
            std::fs::copy(&signing.file, where_it_looks).unwrap();
        }
        signing
    }

    /// The documents' folder, seen from here.
    fn seen_documents(&self) -> PathBuf {
        if self.folders.contains(&"documents") {
            self.root.join("documents")
        } else {
            self.daemon.documents()
        }
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
        let open = |name: &&'static str| (*name, File::open(self.root.join(name)).unwrap());
        let folders: Vec<_> = self.folders.iter().map(open).collect();
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

impl Filler {
    /// Gives so many octets back.
    fn give_back(&self, octets: u64) {
        let file = File::options().write(true).open(&self.0).unwrap();
        file.set_len(file.metadata().unwrap().len().saturating_sub(octets)).unwrap();
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A seal of 60 KB that does not compress, of a kind of its own for each `seed`.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 56).unwrap()
    };
    let pixels: Vec<u8> = (0..110 * 200 * 3).map(|_| next()).collect();
    let mut image = Vec::new();
    let mut encoder = png::Encoder::new(&mut image, 110, 200);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    STANDARD.encode(image)
}

/// What was asked of an appliance whose disk fills up, and what came of it.
struct Run {
    small: Small,
    signing: Signing,
    answered: Vec<(u64, PathBuf)>,
    refused: usize,
    reasons: BTreeMap<String, usize>,
    slowest: Duration,
    seals: u64,
    /// Files of which nobody was told whether they were signed.
    unanswered: Vec<PathBuf>,
}

impl Run {
    fn start(folders: &'static [&'static str]) -> Option<Self> {
        let small = Small::start(folders)?;
        let signing = small.signing();
        let answered = vec![signing.recovers("before.pdf")];
        let (refused, reasons) = (0, BTreeMap::new());
        Some(Self {
            small,
            signing,
            answered,
            refused,
            reasons,
            slowest: Duration::ZERO,
            seals: 0,
            unanswered: vec![],
        })
    }

    fn fill(&self, full: &[&str], leave: u64) -> Vec<Filler> {
        full.iter().map(|folder| self.small.fill(folder, leave)).collect()
    }

    /// Whether that was a refusal, which it may be for want of space alone.
    fn note(&mut self, answer: &Answer, to: PathBuf, documents: bool) -> bool {
        if answer.code() == 200 {
            self.answered.push((answer.data("summaryId").as_u64().unwrap(), to));
            return false;
        }
        // Either the file cannot be written, which the answer says, or log or state cannot.
        let by_documents = answer.code() == 20110 && answer.msg().contains("存储空间不足");
        assert!(by_documents && documents || answer.status == 503, "{:?}", answer.body);
        *self.reasons.entry(format!("{} {}", answer.code(), answer.msg())).or_insert(0) += 1;
        let seen = self.small.seen_documents().join(to.file_name().unwrap());
        assert!(!seen.exists(), "a file that was answered with an error");
        self.refused += 1;
        true
    }

    /// Signs until that was refused eight times.
    fn sign_until_refused(&mut self, round: &str, full: &[&str]) {
        let before = self.answered.len();
        let mut failures = 0;
        for n in 0..2_000 {
            let (answer, to) = self.signing.attempt(&format!("{round}-{n}.pdf"));
            failures += u32::from(self.note(&answer, to, full.contains(&"documents")));
            if failures == 8 {
                break;
            }
        }
        println!("{full:?} full: {} signed, then {failures} refused", self.answered.len() - before);
        assert_eq!(failures, 8, "{full:?} never were full");
    }

    /// Makes seals until one is refused: they fill the state soon.
    fn make_seals_until_refused(&mut self) {
        for _ in 0..500 {
            self.seals += 1;
            let body = json!({"signerId": self.signing.parties.person, "imgBase": noise(self.seals)});
            let answer = self.signing.client.post("/moulage/upload", &body);
            if answer.code() != 200 {
                assert_eq!(answer.status, 503, "{:?}", answer.body);
                return;
            }
        }
        panic!("the state never was full");
    }

    /// Asks for one signature, which may wait for a process that cannot open its state before there is room: that comes after some
    /// seconds without an answer.
    fn sign_or_make_room(&mut self, name: &str, fillers: &[Filler]) {
        let (tell, told) = std::sync::mpsc::channel();
        let signing = &self.signing;
        let result = std::thread::scope(|scope| {
            let asked = scope.spawn(move || {
                let answer = signing.try_attempt(name);
                let _ = tell.send(());
                answer
            });
            if told.recv_timeout(Duration::from_secs(5)).is_err() {
                fillers.iter().for_each(|filler| filler.give_back(u64::MAX));
            }
            asked.join().unwrap()
        });
        let to = self.signing.docs.join(name);
        match result {
            Ok(answer) => {
                self.note(&answer, to, false);
            }
            Err(_) => self.unanswered.push(to),
        }
    }

    /// There is room again: nothing else has to be done.
    fn recovers(&mut self, round: &str) {
        let begun = Instant::now();
        self.answered.push(self.signing.recovers(&format!("after-{round}.pdf")));
        self.slowest = self.slowest.max(begun.elapsed());
    }

    /// All that was answered is on record, nothing else is in the folder.
    fn end(self) {
        let Self { answered, refused, reasons, slowest, small, unanswered, .. } = self;
        println!(
            "full file systems: {} answered, all on record; {refused} refused {reasons:?}; slowest recovery {slowest:?}",
            answered.len()
        );
        assert_eq!(unseen(&small.seen_documents()), Vec::<PathBuf>::new());
        let site = small.stop();
        crate::processes::check_what_was_answered(&site, &answered);
        let files = names(Path::new(&site.env["HUFU_DOCUMENTS"]));
        let signed_unanswered = unanswered.iter().filter(|file| file.exists()).count();
        assert_eq!(
            files.len(),
            answered.len() + signed_unanswered + 1,
            "files that nobody was answered: {files:?}"
        );
    }
}

fn long(what: &str) -> bool {
    let long = std::env::var_os("HUFU_LONG").is_some();
    if !long {
        println!("skipped: {what} (HUFU_LONG is not set)");
    }
    long
}

#[test]
fn a_full_file_system_is_a_clear_error_loses_nothing_and_heals_by_itself() {
    if !long("an appliance on full file systems") {
        return;
    }
    let Some(mut run) = Run::start(&["data", "documents"]) else { return };
    for (round, full) in [&["documents"][..], &["data"], &["data", "documents"]].into_iter().enumerate() {
        // Room for some documents; what the log has taken from the disk before is room for some records.
        let fillers = run.fill(full, if round == 0 { 300_000 } else { 0 });
        run.sign_until_refused(&round.to_string(), full);
        if full == ["data"] {
            // Nothing else that needs the log is taken either; a deposit fails for want of its time stamp.
            let body = json!({"sid": "while-full", "filePath": run.signing.file});
            let deposit = run.signing.client.post("/cz/in", &body);
            assert!(deposit.status == 503 || deposit.code() == 20110, "{:?}", deposit.body);
            stamp(&run.small.daemon.site).expect_err("a time stamp that is not on record");
        }
        drop(fillers);
        run.recovers(&round.to_string());
    }
    run.end();
}

/// State and log each on a file system of its own; room comes back bit by bit, and goes again while the appliance is healing.
#[test]
fn state_or_log_alone_may_be_full_and_full_again_while_it_heals() {
    if !long("an appliance with its state or its log on a full file system") {
        return;
    }
    let Some(mut run) = Run::start(&["data/state", "data/audit"]) else { return };
    for (round, full) in
        [&["data/state"][..], &["data/audit"], &["data/state", "data/audit"]].into_iter().enumerate()
    {
        let fillers = run.fill(full, 200_000);
        if full.contains(&"data/state") {
            run.make_seals_until_refused();
        } else {
            run.sign_until_refused(&format!("{round}-full"), full);
        }
        for n in 0..12 {
            fillers.iter().for_each(|filler| filler.give_back(700_000));
            run.sign_or_make_room(&format!("{round}-bit-{n}.pdf"), &fillers);
        }
        drop(fillers);
        let again = run.fill(full, 0);
        for n in 0..4 {
            run.sign_or_make_room(&format!("{round}-again-{n}.pdf"), &again);
        }
        drop(again);
        run.recovers(&round.to_string());
    }
    run.end();
}
