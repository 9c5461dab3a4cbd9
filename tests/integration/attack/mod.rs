//! What a hostile client can try over the network, against the real daemon. Each test prints its figures; none asserts a
//! time that a loaded machine could miss, only that the bad end and the good are served.

mod rates;
mod tls;
mod wire;

use crate::daemon::{Client, Daemon, Site};
use serde_json::json;
use std::io::{Read, Write};
use std::sync::OnceLock;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use wire::{Target, Wire, post, rest, status};

/// One appliance for all, with times that a test can wait for.
fn daemon() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| {
        let site = Site::with(|dir| {
            let file = dir.join("conf/hufu.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.replacen(
                "[server]\n",
                "[server]\nbody_grace_seconds = 1\nbody_bytes_per_second = 1000\n",
                1,
            );
            let limits = "\n[server.limits]\nhead_seconds = 2\nhandshake_seconds = 2\n";
            std::fs::write(&file, text + limits).unwrap();
        });
        site.start()
    })
}

/// Somebody honest; how long the slowest of `n` logins took.
fn honest(site: &Site, n: usize) -> Duration {
    let slowest = (0..n).map(|_| {
        let began = Instant::now();
        Client::new(site, true).login("HUFU_APP_ID", "HUFU_APP_KEY");
        began.elapsed()
    });
    slowest.max().unwrap_or_default()
}

fn resident_mib(daemon: &Daemon) -> u64 {
    let pid = std::fs::read_to_string(daemon.site.dir().join("data/run/network.pid")).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[test]
fn slow_heads_are_cut_off_and_others_served_meanwhile() {
    let daemon = daemon();
    let target = Target::of(&daemon.site);
    let mut slow: Vec<_> = (0..150).map(|_| target.tls(2).unwrap()).collect();
    for wire in &mut slow {
        wire.write_all(b"GET /hufu/index.html HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
        wire.flush().unwrap();
    }
    let good = honest(&daemon.site, 10);
    let began = Instant::now();
    for mut wire in slow {
        let answer = rest(&mut wire);
        assert_ne!(status(&answer), 200, "{answer}");
    }
    println!(
        "slowloris: 150 half heads ended after {:?}; slowest honest login meanwhile {good:?}",
        began.elapsed()
    );
}

#[test]
fn slow_bodies_are_told_408() {
    let target = Target::of(&daemon().site);
    let mut wire = target.tls(3).unwrap();
    let head = "POST /hufu/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{";
    wire.write_all(head.as_bytes()).unwrap();
    wire.flush().unwrap();
    let began = Instant::now();
    let mut first = [0; 64];
    // One octet now and then is below the least rate.
    wire.sock.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let said = loop {
        match wire.read(&mut first) {
            Ok(n) => break String::from_utf8_lossy(&first[..n]).into_owned(),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                let _ = wire.write_all(b" ").and_then(|()| wire.flush());
                assert!(began.elapsed() < Duration::from_secs(60), "never told");
            }
            Err(e) => panic!("{e}"),
        }
    };
    assert_eq!(status(&said), 408, "{said}");
    println!("slow body: 408 after {:?}", began.elapsed());
}

#[test]
fn huge_and_many_header_fields_are_refused() {
    let target = Target::of(&daemon().site);
    let field = |n: usize, size: usize| format!("X-{n}: {}\r\n", "a".repeat(size));
    for (what, fields) in [
        ("one of 1 MiB", field(0, 1 << 20)),
        ("10,000", (0..10_000).map(|n| field(n, 1)).collect()),
        ("65 of 1 octet", (0..65).map(|n| field(n, 1)).collect()),
    ] {
        let request = format!("GET /hufu/index.html HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let answer = target.ask(4, request.as_bytes());
        assert!(matches!(status(&answer), 0 | 400 | 431), "{what}: {answer:.100}");
        println!("header fields, {what}: status {}", status(&answer));
    }
}

#[test]
fn malformed_requests_smuggle_nothing() {
    let target = Target::of(&daemon().site);
    let inner = "GET /hufu/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    for (what, request) in [
        (
            "two lengths",
            format!(
                "POST /hufu/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}{inner}"
            ),
        ),
        (
            "length and chunks",
            format!(
                "POST /hufu/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
            ),
        ),
        (
            "chunked twice",
            format!(
                "POST /hufu/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{inner}"
            ),
        ),
        (
            "a length with a sign",
            format!("POST /hufu/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{{}}{inner}"),
        ),
        (
            "bare line feeds in a chunk size",
            format!(
                "POST /hufu/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\n{{\n0\n\n{inner}"
            ),
        ),
        ("a space before the colon", "GET /hufu/index.html HTTP/1.1\r\nHost : x\r\n\r\n".to_owned()),
        ("a null in the path", "GET /hufu/\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
        ("HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ] {
        let answer = target.ask(5, request.as_bytes());
        assert!(!answer.contains("\"openapi\""), "{what}: the inner request was answered");
        assert!(matches!(status(&answer), 0 | 200 | 400..=599), "{what}: {answer:.100}");
        println!("malformed, {what}: status {}", status(&answer));
    }
}

#[test]
fn multipart_and_json_bombs_cost_little() {
    let daemon = daemon();
    let target = Target::of(&daemon.site);
    let part = |name: &str, body: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{body}\r\n")
    };
    let form = "multipart/form-data; boundary=B";
    let validate = "/v2/auth/validateContract";
    let many: String = (0..20_000).map(|n| part(&format!("f{n}"), "x")).collect::<String>() + "--B--\r\n";
    let long_name = part(&"n".repeat(1 << 20), "x") + "--B--\r\n";
    let long_text = part("contractType", &"0".repeat(4 << 20)) + "--B--\r\n";
    let endless = part("contractFile", "%PDF") + &"--B\r\n".repeat(100_000);
    let headers = format!("--B\r\n{}\r\nx\r\n--B--\r\n", "X: y\r\n".repeat(50_000));
    let deep = "[".repeat(500_000);
    let wide = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(150_000));
    let before = resident_mib(daemon);
    for (what, path, kind, body) in [
        ("20,000 parts", validate, form, many.as_str()),
        ("a name of 1 MiB", validate, form, &long_name),
        ("a text of 4 MiB", validate, form, &long_text),
        ("boundaries without end", validate, form, &endless),
        ("50,000 part headers", validate, form, &headers),
        ("no boundary", validate, "multipart/form-data", "x"),
        (
            "a boundary of 4 KiB",
            validate,
            &format!("multipart/form-data; boundary={}", "b".repeat(4096)),
            "x",
        ),
        ("JSON 500,000 deep", "/auth/login", "application/json", &deep),
        ("JSON with 150,000 equal names", "/auth/login", "application/json", &wide),
        ("JSON of 2 MiB", "/auth/login", "application/json", &format!("\"{}\"", "a".repeat(2 << 20))),
    ] {
        let began = Instant::now();
        let answer = target.ask(6, &post(path, kind, body.as_bytes()));
        let took = began.elapsed();
        assert!(
            !answer.contains("\"code\":200") && !answer.contains("\"code\":500"),
            "{what}: {answer:.300}"
        );
        println!("bomb, {what}: status {} in {took:?}", status(&answer));
    }
    honest(&daemon.site, 1);
    let grown = resident_mib(daemon).saturating_sub(before);
    println!("bombs: the network process grew by {grown} MiB");
    assert!(grown < 200, "{grown} MiB");
}

#[test]
fn thousands_of_idle_connections_leave_room_for_others() {
    let daemon = daemon();
    let target = Target::of(&daemon.site);
    let before = resident_mib(daemon);
    let began = Instant::now();
    // No handshake at all, and handshakes without a request; both are ended after their time.
    let silent: Vec<_> = (0..1_000).map(|_| target.tcp(7).unwrap()).collect();
    let idle: Vec<_> = (0..500).filter_map(|_| target.tls(8).ok()).collect();
    let grown = resident_mib(daemon).saturating_sub(before);
    let good = honest(&daemon.site, 5);
    println!(
        "idle: {} silent and {} idle connections in {:?}, {grown} MiB more; slowest honest login {good:?}",
        silent.len(),
        idle.len(),
        began.elapsed()
    );
    for mut one in silent.into_iter().take(20) {
        assert_eq!(one.read(&mut [0; 1]).unwrap_or(0), 0, "closed after handshake_seconds");
    }
    let mut last = idle.into_iter().next_back().unwrap();
    assert_eq!(status(&rest(&mut last)), 0, "closed after head_seconds");
}

#[test]
fn one_address_cannot_take_every_place() {
    let daemon = daemon();
    let target = Target::of(&daemon.site);
    // 1,024 places an address; what comes beyond is closed at once.
    let held: Vec<_> = (0..1_100).filter_map(|_| target.tcp(9).ok()).collect();
    let refused = held
        .iter()
        .rev()
        .take(76)
        .filter(|stream| {
            stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let mut one: &std::net::TcpStream = stream;
            matches!(one.read(&mut [0; 1]), Ok(0) | Err(_))
        })
        .count();
    let good = honest(&daemon.site, 3);
    println!("one address: {refused} of 1,100 refused at once; an honest login from another {good:?}");
    assert!(refused > 0);
}

/// Requests of one measurement of a good client, enough for a p99.
const ASKED: usize = 500;

/// How long half of the answers to a good client take at most, and all but one in a hundred.
fn p50_and_p99(client: &Client) -> [Duration; 2] {
    let mut all: Vec<Duration> = (0..ASKED)
        .map(|_| {
            let began = Instant::now();
            let answer =
                client.post("/user/signerId/certifyNums", &json!({"certifyNumList": ["110101199003070011"]}));
            assert!(answer.status == 200 || answer.status == 404, "{:?}", answer.body);
            began.elapsed()
        })
        .collect();
    all.sort_unstable();
    [all[all.len() / 2], all[all.len() * 99 / 100]]
}

/// A thousand connections that have begun a request and give one octet more at a time.
fn thousand_slow(target: &Target) -> Vec<Wire> {
    let mut slow: Vec<_> = (0..1_000).map(|_| target.tls(10).unwrap()).collect();
    for wire in &mut slow {
        wire.write_all(b"GET /hufu/index.html HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
        wire.flush().unwrap();
    }
    slow
}

/// Whether the server has the connection still open.
fn is_open(wire: &Wire) -> bool {
    wire.sock.set_nonblocking(true).unwrap();
    let mut one: &std::net::TcpStream = &wire.sock;
    !matches!(one.read(&mut [0; 1]), Ok(0))
}

/// The figure: p99 of good clients with 1,000 slow connections against without, measured in turn.
#[test]
fn good_clients_beside_a_thousand_slow_ones() {
    if std::env::var_os("HUFU_LONG").is_none() {
        println!("skipped: p99 beside 1,000 slow connections (HUFU_LONG is not set)");
        return;
    }
    // Long enough for none to be cut off before the measurement ends.
    let site = Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + "\n[server.limits]\nhead_seconds = 60\n").unwrap();
    });
    let daemon = site.start();
    let target = Target::of(&daemon.site);
    let client = daemon.client();
    p50_and_p99(&client);
    let rounds: Vec<_> = (1..=8)
        .map(|round| {
            let alone = p50_and_p99(&client);
            let slow = thousand_slow(&target);
            // They drip while we measure, a thousand octets a second together.
            let (stop, told) = std::sync::mpsc::channel::<()>();
            let dripping = std::thread::spawn(move || {
                let mut slow = slow;
                for turn in 0.. {
                    let wire = &mut slow[turn % 1_000];
                    let _ = wire.write_all(b"x").and_then(|()| wire.flush());
                    if told.recv_timeout(Duration::from_millis(1)) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                }
                slow
            });
            let beside = p50_and_p99(&client);
            stop.send(()).unwrap();
            let slow = dripping.join().unwrap();
            assert_eq!(
                slow.iter().filter(|wire| is_open(wire)).count(),
                1_000,
                "some were cut off too early"
            );
            println!(
                "round {round}: p50 and p99 alone {alone:.2?}, beside 1,000 slow connections {beside:.2?}"
            );
            (alone, beside)
        })
        .collect();
    // What else the machine does only adds: the quietest round of each says most.
    for (at, name) in ["p50", "p99"].iter().enumerate() {
        let alone = rounds.iter().map(|(alone, _)| alone[at]).min().unwrap();
        let beside = rounds.iter().map(|(_, beside)| beside[at]).min().unwrap();
        let mut ratios: Vec<f64> =
            rounds.iter().map(|(alone, beside)| beside[at].as_secs_f64() / alone[at].as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "{name} of good clients, quietest of eight rounds: alone {alone:.2?}, beside 1,000 slow connections {beside:.2?}: × {:.2}; \
             median of the rounds' ratios × {:.2}",
            beside.as_secs_f64() / alone.as_secs_f64(),
            ratios[ratios.len() / 2]
        );
    }
}
