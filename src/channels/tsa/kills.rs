//! The authority killed with its process, at any moment: no serial number comes twice.
//!
//! This test binary runs itself as an authority with its store on a disk: [`child`] issues tokens on four threads until it is
//! killed, and says what the store gave for each token's serial number. `HUFU_LONG` makes it 1,000 kills.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::LocalTsa;
use crate::channels::testing::{World, tsa_spec};
use crate::keys::Purpose;
use crate::store::SledStore;
use crate::tsp::Token;
use crate::x509::Role;
use hufu_api::{HashAlgorithm, Imprint, TimestampSource};
use hufu_testkit::cx;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FOLDER: &str = "HUFU_TEST_TSA_FOLDER";

/// Not a test of its own: the process that the other starts.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let world = World::new();
    let identity = world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 1);
    let store = Arc::new(SledStore::open(folder.as_ref()).unwrap());
    let parts = super::TsaParts { store, ..world.parts() };
    let tsa = LocalTsa::new(&parts, &identity, &tsa_spec()).unwrap();
    // One short write each: a kill does not tear it.
    let say = |line: &str| std::io::stderr().write_all(line.as_bytes()).unwrap();
    say("ready\n");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (tsa, say) = (&tsa, &say);
            scope.spawn(move || {
                let imprint = Imprint { algorithm: HashAlgorithm::Sha256, digest: &[thread; 32] };
                loop {
                    let token = tsa.stamp(cx(5), imprint).unwrap();
                    let serial = Token::from_bytes(&token.0).unwrap().info.serial;
                    // The upper half is the store's; the random half would hide that it gave a number twice.
                    let number = serial.iter().fold(0_u128, |number, octet| number << 8 | u128::from(*octet));
                    say(&format!("number {}\n", number >> 64));
                }
            });
        }
    });
}

#[test]
fn no_serial_number_comes_twice_when_the_process_is_killed() {
    let long = std::env::var_os("HUFU_LONG").is_some_and(|long| !long.is_empty());
    let kills = if long { 1_000 } else { 12 };
    let tmp = tempfile::TempDir::new().unwrap();
    let (mut numbers, mut slowest) = (HashSet::new(), Duration::ZERO);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "channels::tsa::kills::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, tmp.path().join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // From the moment in which the first numbers are reserved to the one in which a second block has been.
        let enough = [0, 1, 2, 5, 40, 300, 1_100][kill % 7];
        let mut take = |line: String| {
            if let Some(number) = line.strip_prefix("number ") {
                assert!(numbers.insert(number.parse::<u64>().unwrap()), "kill {kill}: {number} came before");
                return true;
            }
            assert_eq!(line, "ready", "the authority failed");
            slowest = slowest.max(begun.elapsed());
            false
        };
        let mut seen = 0;
        assert!(!take(lines.next().expect("an authority that is ready").unwrap()));
        while seen < enough {
            seen += usize::from(take(lines.next().expect("tokens without end").unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| {
            take(line);
        });
    }
    println!("{kills} kills, {} tokens, no serial number twice; slowest start {slowest:?}", numbers.len());
    assert!(numbers.len() > kills);
}
