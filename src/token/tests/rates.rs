//! How much of the token's own rate is left behind receipts, structures and sockets. Prints, asserts nothing about time:
//! `cargo test --lib token::tests::rates -- --ignored --nocapture`.

use super::acts::document;
use super::site::{SoftToken, TestWorker, part_command, spec};
use crate::keys::{Custody, KeyAlgorithm, Purpose};
use crate::token::wire::TokenDone;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(2);

fn through_workers(
    token: &SoftToken,
    algorithm: KeyAlgorithm,
    custody: Custody,
    workers: usize,
    callers: usize,
) -> f64 {
    let workers: Vec<_> = (0..workers).map(|_| TestWorker::start(token, Purpose::Signer)).collect();
    let key = workers[0].generate(&spec(algorithm, custody)).key;
    for worker in &workers {
        assert!(worker.sign(&key, &document(1)).is_ok());
    }
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let (worker, key, done, over) = (&workers[caller % workers.len()], &key, &done, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    assert!(matches!(worker.sign(key, &document(2)), Ok(TokenDone::Octets(_))));
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(SPAN);
        over.store(true, Ordering::Relaxed);
    });
    done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// The token alone: processes that do nothing but sign, with one thread each.
fn alone(token: &SoftToken, algorithm: KeyAlgorithm, processes: usize) -> f64 {
    let run = |_| {
        let mut command = part_command(token.path(), "rate");
        command.env("HUFU_TEST_ALGORITHM", serde_json::to_string(&algorithm).unwrap());
        command.spawn().unwrap()
    };
    let children: Vec<_> = (0..processes).map(run).collect();
    let ids: Vec<u32> = children.iter().map(std::process::Child::id).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let read = |id| std::fs::read_to_string(token.path().join(format!("rate-{id}"))).unwrap();
    ids.into_iter().map(|id| read(id).parse::<f64>().unwrap()).sum()
}

#[test]
#[ignore = "a measurement: cargo test --release --lib rates -- --ignored"]
fn rates() {
    let token = SoftToken::new();
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048] {
        for processes in [1, 2] {
            let own = alone(&token, algorithm, processes);
            println!("{algorithm:?} token alone, {processes} processes: {own:.0}/s");
            for custody in [Custody::Token, Custody::Wrapped] {
                for callers in [processes, 16, 64] {
                    let rate = through_workers(&token, algorithm, custody, processes, callers);
                    println!("  {custody:?}, {callers} callers: {rate:.0}/s, {:.0} %", rate / own * 100.0);
                }
            }
        }
    }
}
