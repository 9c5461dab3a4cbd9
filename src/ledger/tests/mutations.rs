//! Whatever is changed in a log is found.
//!
//! The attacker can write to the whole disk and knows the format: he makes everything anew that carries no signature (tree
//! head, head file, record numbers). He has no token. What no checkpoint covers is not protected from him, so he is let loose
//! on what one covers. `HUFU_LONG` makes it ten times as many mutations.

use super::*;
use crate::audit::Entry;
use crate::ledger::checkpoints;
use crate::ledger::head::{Head, HeadFile};
use crate::ledger::source::{InMemory, Offline, Source};
use crate::ledger::verify::{Options, verify};
use crate::tlog::{Range, leaf_hash};
use std::fs;

/// A small deterministic generator: a failing mutation can be run again.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }
}

/// A log with intents, outcomes, events and two checkpoints, and another one with the same key.
struct Ground {
    site: Site,
    records: Vec<Vec<u8>>,
    covered: usize,
    foreign: Vec<Vec<u8>>,
    foreign_note: String,
}

fn run(site: &Site, seed: u64) -> (Vec<Vec<u8>>, String) {
    let process = site.start();
    let client = connect(&process, Role::Network);
    // The token in memory takes a record number once, whichever log it comes from.
    for n in 0..seed / 500 {
        client.record(cx(), event(n)).unwrap();
    }
    let mut note = String::new();
    for n in 0..12 {
        client.record(cx(), event(seed + n)).unwrap();
        let permit = client.begin(cx(), intent(vec![a_use(1)])).unwrap();
        client.record(cx(), event(seed + n)).unwrap();
        permit.spend().close(done()).unwrap();
        if n % 5 == 4 {
            note = client.checkpoint(cx()).unwrap().checkpoint;
        }
    }
    // The end of the process brings a last checkpoint.
    drop((client, process));
    let source = patiently(|| Offline::open(&site.folder)).unwrap();
    (source.read(0).unwrap(), note)
}

fn ground() -> Ground {
    let site = Site::new();
    let (records, _) = run(&site, 100);
    let token = Token { keys: Arc::clone(&site.token.keys), key: site.token.key.clone() };
    let (foreign, foreign_note) = run(&Site { token, ..Site::new() }, 500);
    let covered = checkpoints::newest(&site.folder).unwrap().unwrap().size;
    Ground { site, records, covered: usize::try_from(covered).unwrap(), foreign, foreign_note }
}

fn rooted(records: Vec<Vec<u8>>) -> InMemory {
    let mut range = Range::new();
    records.iter().for_each(|record| range.push(leaf_hash(record)));
    InMemory { root: range.root(), records }
}

/// Gives every record the number of its place, in canonical form, where it can.
fn renumber(records: &mut [Vec<u8>]) {
    for (number, record) in (0..).zip(records) {
        if let Ok(mut entry) = Entry::parse(record) {
            entry.number = number;
            *record = entry.encode().unwrap();
        }
    }
}

/// Files that a mutation may touch, put back afterwards.
fn witness_files(site: &Site) -> Vec<std::path::PathBuf> {
    let mut files = vec![site.folder.checkpoint(), site.folder.head()];
    files.extend(fs::read_dir(site.folder.checkpoints()).unwrap().map(|e| e.unwrap().path()));
    files.sort();
    files
}

fn write_head(site: &Site, source: &InMemory) {
    fs::remove_file(site.folder.head()).unwrap();
    let file = HeadFile::open(&site.folder).unwrap();
    let head = Head { size: source.records.len() as u64, root: source.root };
    file.write(head).and_then(|()| file.write(head)).unwrap();
}

/// Changes the log in one way; gives what was done.
fn mutate(ground: &Ground, dice: &mut Dice) -> (&'static str, InMemory) {
    let mut records = ground.records.clone();
    let at = dice.below(ground.covered);
    let kind = dice.below(12);
    let name = match kind {
        0 => {
            let byte = dice.below(records[at].len());
            records[at][byte] ^= 1 << dice.below(8);
            "bit flipped"
        }
        1 => {
            let text = String::from_utf8(records[at].clone()).unwrap();
            let mut entry = Entry::parse(text.as_bytes()).unwrap();
            entry.at = entry.at.plus_millis(1 + i64::try_from(dice.below(1000)).unwrap());
            records[at] = entry.encode().unwrap();
            "time changed"
        }
        2 => {
            records.remove(at);
            "deleted"
        }
        3 => {
            let other = ground.foreign[dice.below(ground.foreign.len())].clone();
            records.insert(at, other);
            "inserted"
        }
        4 => {
            let other = (at + 1 + dice.below(ground.covered - 1)) % ground.covered;
            records.swap(at, other);
            "reordered"
        }
        5 => {
            records.truncate(at);
            "truncated"
        }
        6 => {
            records[at] = ground.foreign[at].clone();
            "exchanged"
        }
        7 => {
            records.truncate(at);
            records.extend(ground.foreign[at..].iter().cloned());
            "forked"
        }
        8 => {
            let copy = records[at].clone();
            records.insert(at, copy);
            "doubled"
        }
        9 => {
            let cut = dice.below(records[at].len());
            records[at].truncate(cut);
            "record cut"
        }
        10 => {
            // A checkpoint's note is exchanged or changed; the records stay.
            let files: Vec<_> =
                witness_files(&ground.site).into_iter().filter(|f| *f != ground.site.folder.head()).collect();
            let file = &files[dice.below(files.len())];
            let note = fs::read_to_string(file).unwrap();
            let changed = match dice.below(3) {
                0 => ground.foreign_note.clone(),
                1 => String::new(),
                _ => {
                    let mut bytes = note.into_bytes();
                    let byte = dice.below(bytes.len());
                    bytes[byte] ^= 1;
                    String::from_utf8_lossy(&bytes).into_owned()
                }
            };
            fs::write(file, changed).unwrap();
            "checkpoint changed"
        }
        _ => {
            // The head file is changed.
            let mut head = fs::read(ground.site.folder.head()).unwrap();
            let byte = dice.below(head.len());
            head[byte] ^= 1 << dice.below(7);
            fs::write(ground.site.folder.head(), head).unwrap();
            "head changed"
        }
    };
    if kind < 9 && dice.below(2) == 0 {
        renumber(&mut records);
    }
    let mut source = rooted(records);
    if dice.below(3) == 0 && kind < 10 {
        // A clumsy attacker leaves the old tree head.
        source.root = rooted(ground.records.clone()).root;
    } else if kind < 10 {
        write_head(&ground.site, &source);
    }
    (name, source)
}

#[test]
fn every_mutation_is_found() {
    let long = std::env::var("HUFU_LONG").is_ok_and(|long| !long.is_empty());
    let (grounds, each) = if long { (4, 25_000) } else { (2, 5_050) };
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..grounds).map(|n| scope.spawn(move || attack(0x6875_6675 + n, each))).collect();
        running.into_iter().map(|attack| attack.join().unwrap()).collect()
    });
    let mut counts = Tally::new();
    for (name, count) in tallies.into_iter().flatten() {
        *counts.entry(name).or_default() += count;
    }
    let unchanged = counts.remove(UNCHANGED).unwrap_or(0);
    let changed: u64 = counts.values().sum();
    println!("{changed} mutations, all found: {counts:?}; {unchanged} changed nothing");
    assert!(unchanged < changed / 20 && counts.len() == 12, "{unchanged} without effect: {counts:?}");
}

/// How many mutations of each kind were found.
type Tally = std::collections::BTreeMap<&'static str, u64>;
const UNCHANGED: &str = "changed nothing";

/// So many mutations of a log of its own.
fn attack(seed: u64, mutations: u64) -> Tally {
    let ground = ground();
    let judge = |source: &InMemory| {
        verify(&ground.site.folder, &mut source.clone(), &Options::default(), &mut |_| ())
    };
    // As an attacker would leave it, so that a change that comes out as no change is seen as none.
    write_head(&ground.site, &rooted(ground.records.clone()));
    let saved: Vec<_> = witness_files(&ground.site).into_iter().map(|f| (fs::read(&f).unwrap(), f)).collect();
    let sound = rooted(ground.records.clone());
    assert_eq!(judge(&sound).findings, [], "the ground itself is sound");
    let mut tally = Tally::new();
    let mut dice = Dice(seed);
    for n in 0..mutations {
        let (mut name, source) = mutate(&ground, &mut dice);
        let same_files = saved.iter().all(|(bytes, file)| fs::read(file).unwrap() == *bytes);
        if source.records == ground.records && source.root == sound.root && same_files {
            name = UNCHANGED;
        } else {
            assert!(!judge(&source).is_sound(), "mutation {n} of seed {seed} ({name}) was not found");
        }
        *tally.entry(name).or_default() += 1;
        for (bytes, file) in &saved {
            if fs::read(file).unwrap() != *bytes {
                fs::write(file, bytes).unwrap();
            }
        }
    }
    tally
}
