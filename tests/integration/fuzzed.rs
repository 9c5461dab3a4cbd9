//! Every parser takes hostile bytes: the fuzz targets (docs/FUZZING.md) run over their seeds and simple mutations of them, without a
//! fuzzer. The inputs are the same in every run; `HUFU_LONG=1` takes many more.

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use crate::daemon::top;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Inputs beside the seeds, for each target.
fn mutations() -> u64 {
    if std::env::var_os("HUFU_LONG").is_some() { 20_000 } else { 150 }
}

fn seeds(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = top().join("fuzz/seeds").join(folder);
    let mut all: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// SplitMix64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// One to four changes: bits, extreme bytes, digits, cuts, repetitions, parts of another seed.
fn mutated(numbers: &mut Numbers, all: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = all[numbers.below(all.len())].1.clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + 1 + numbers.below(24)).min(bytes.len());
        match numbers.below(8) {
            _ if bytes.is_empty() => bytes.push(0),
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = [0, 0x7F, 0x80, 0xFF][numbers.below(4)],
            2 => {
                let digit = bytes[at..].iter().position(u8::is_ascii_digit).map(|n| at + n);
                bytes[digit.unwrap_or(at)] = b'0' + u8::try_from(numbers.below(10)).unwrap();
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].repeat(1 + numbers.below(40));
                bytes.splice(at..at, part);
            }
            6 => {
                let other = &all[numbers.below(all.len())].1;
                let from = numbers.below(other.len());
                let part = other[from..(from + 200).min(other.len())].to_vec();
                bytes.splice(at..end, part);
            }
            _ => {
                let number =
                    ["-1", "0", "4294967296", "99999999999999999999", "<<", "[[[[[[[["][numbers.below(6)];
                bytes.splice(at..end, number.bytes());
            }
        }
    }
    bytes
}

#[test]
fn every_parser_survives_hostile_bytes() {
    let mut found = Vec::new();
    for (name, folder, run) in targets::ALL {
        let all = seeds(folder);
        assert!(!all.is_empty(), "{name} has no seeds");
        let mut attempt = |what: &str, bytes: &[u8]| {
            if catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
                let kept = std::env::temp_dir().join(format!("hufu-{name}-{}", found.len()));
                std::fs::write(&kept, bytes).unwrap();
                found.push(format!("{name}: {what}, kept as {}", kept.display()));
            }
        };
        for (path, bytes) in &all {
            attempt(&path.display().to_string(), bytes);
        }
        let mut numbers = Numbers(name.bytes().map(u64::from).sum());
        for n in 0..mutations() {
            attempt(&format!("mutation {n}"), &mutated(&mut numbers, &all));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    println!("{} targets, {} mutations each", targets::ALL.len(), mutations());
}

/// Whatever has a target has a program, and the other way round.
#[test]
fn every_target_has_a_program() {
    let manifest = std::fs::read_to_string(top().join("fuzz/Cargo.toml")).unwrap();
    let programs: Vec<&str> = manifest
        .split("[[bin]]")
        .skip(1)
        .map(|bin| bin.split('"').nth(1).unwrap())
        .inspect(|name| {
            let source = top().join(format!("fuzz/fuzz_targets/{name}.rs"));
            assert!(std::fs::read_to_string(source).unwrap().contains(&format!("target!({name})")), "{name}");
        })
        .collect();
    let targets: Vec<&str> = targets::ALL.iter().map(|(name, ..)| *name).collect();
    assert_eq!(programs, targets);
}
