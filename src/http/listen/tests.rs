#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn start(limits: Limits) -> (SocketAddr, Stopper, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stopper, drain) = Stopper::new();
    let thread = std::thread::spawn(move || {
        let router = Router::new()
            .route("/", get(|Extension(peer): Extension<Peer>| async move { peer.address.ip().to_string() }))
            .route(
                "/slow",
                get(|| async {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    "done"
                }),
            );
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(serve(listener, None, router, limits, drain))
            .unwrap();
    });
    (address, stopper, thread)
}

fn ask(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_request_knows_its_peer() {
    let (address, stopper, thread) = start(Limits::default());
    let answer = ask(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    stopper.stop();
    thread.join().unwrap();
}

#[test]
fn a_slow_head_is_cut_off() {
    let (address, stopper, thread) = start(Limits { head_seconds: 1, ..Limits::default() });
    let began = Instant::now();
    let answer = ask(address, "GET / HTTP/1.1\r\nHost:");
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(8));
    stopper.stop();
    thread.join().unwrap();
}

#[test]
fn a_huge_head_is_refused() {
    let (address, stopper, thread) = start(Limits::default());
    let answer = ask(address, &format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(100_000)));
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let many: String = (0..200).map(|n| format!("X{n}: 1\r\n")).collect();
    let answer = ask(address, &format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    stopper.stop();
    thread.join().unwrap();
}

#[test]
fn a_stop_lets_requests_under_way_end() {
    let (address, stopper, thread) = start(Limits::default());
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // Connections are taken in order: once the second one is answered the first has been taken.
    ask(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stopper.stop();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    thread.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_connection_that_was_just_made_brings_its_request_after_a_stop() {
    let (address, stopper, thread) = start(Limits::default());
    let mut made = TcpStream::connect(address).unwrap();
    // Connections are taken in order: once the second one is answered the first has been taken.
    ask(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stopper.stop();
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    made.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    made.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    thread.join().unwrap();
}

#[test]
fn one_address_has_so_many_connections() {
    let (address, stopper, thread) = start(Limits { connections_per_address: 2, ..Limits::default() });
    let held: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut third = TcpStream::connect(address).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(third.read(&mut [0; 1]).unwrap(), 0, "closed at once");
    drop(held);
    stopper.stop();
    thread.join().unwrap();
}
