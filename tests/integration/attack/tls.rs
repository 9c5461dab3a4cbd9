//! TLS as others try it: openssl with old versions and wrong certificates, noise, and testssl.sh where it is installed.

use super::wire::Target;
use crate::daemon::{HUFU, Site};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn address(site: &Site) -> &str {
    site.env["HUFU_URL"].strip_prefix("https://").unwrap().split('/').next().unwrap()
}

/// What openssl says of a handshake with these options.
fn handshake(site: &Site, options: &[&str]) -> String {
    let done = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            address(site),
            "-CAfile",
            &site.env["HUFU_CA"],
            "-brief",
            "-cipher",
            "ALL:@SECLEVEL=0",
        ])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[test]
fn only_modern_tls_is_spoken() {
    let site = &super::daemon().site;
    for version in ["-tls1_2", "-tls1_3"] {
        let said = handshake(site, &[version]);
        assert!(said.contains("CONNECTION ESTABLISHED"), "{version}: {said}");
    }
    for old in [
        &["-tls1"][..],
        &["-tls1_1"],
        &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "NULL:@SECLEVEL=0"],
    ] {
        let said = handshake(site, old);
        assert!(!said.contains("CONNECTION ESTABLISHED"), "{old:?}: {said}");
        println!("TLS, {}: refused", old.join(" "));
    }
}

#[test]
fn a_strangers_client_certificate_is_refused() {
    let site = &super::daemon().site;
    let elsewhere = tempfile::tempdir().unwrap();
    for what in [&["ca"][..], &["client", "mallory"]] {
        let done =
            Command::new(HUFU).args(["tls", "--dir"]).arg(elsewhere.path()).args(what).output().unwrap();
        assert!(done.status.success());
    }
    let file = |name: &str| elsewhere.path().join(name).display().to_string();
    let done = Command::new("curl")
        .args(["-s", "-S", "--max-time", "10", "--cacert", &site.env["HUFU_CA"]])
        .args(["--cert", &file("mallory.pem"), "--key", &file("mallory.key")])
        .arg(format!("{}/index.html", site.env["HUFU_URL"]))
        .output()
        .unwrap();
    assert!(!done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    println!("TLS, another CA's client: {}", String::from_utf8_lossy(&done.stderr).trim());
}

#[test]
fn noise_ends_the_connection_and_nothing_else() {
    let site = &super::daemon().site;
    let target = Target::of(site);
    // A record that claims 16 KiB and brings none, an alert, plain HTTP, octets without sense.
    let noise: [&[u8]; 5] = [
        &[0x16, 3, 1, 0x40, 0],
        &[0x15, 3, 3, 0, 2, 2, 40],
        b"GET /hufu/index.html HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0xff; 4_096],
        &[0x16, 3, 3, 0, 4, 1, 0xff, 0xff, 0xff],
    ];
    for (n, bytes) in noise.iter().enumerate() {
        let mut stream = target.tcp(11).unwrap();
        let _ = stream.write_all(bytes);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP/1.1 200"), "noise {n}");
        println!("TLS, noise {n}: closed after {} octets", said.len());
    }
    super::honest(site, 1);
}

/// Nothing above "low" in testssl.sh's judgement.
#[test]
fn testssl_finds_nothing() {
    if std::env::var_os("HUFU_LONG").is_none() {
        println!("skipped: testssl.sh (HUFU_LONG is not set)");
        return;
    }
    let Some(program) =
        ["testssl", "testssl.sh"].into_iter().find(|p| Command::new(p).arg("--version").output().is_ok())
    else {
        println!("skipped: testssl.sh is not installed");
        return;
    };
    let daemon = Site::new().start();
    let report = daemon.site.dir().join("testssl.json");
    let done = Command::new(program)
        .args([
            "--quiet",
            "--color",
            "0",
            "--warnings",
            "off",
            "--ip",
            "127.0.0.1",
            "--severity",
            "LOW",
            "--jsonfile",
        ])
        .arg(&report)
        .args(["--protocols", "--server-preference", "--server-defaults", "--vulnerable", "--std"])
        .arg(address(&daemon.site))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&report)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stdout)));
    let findings: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let field =
        |finding: &serde_json::Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    // A private CA is meant to be one, and its certificates name no address to ask for revocation.
    let ours = [
        "cert_chain_of_trust",
        "cert_revocation",
        "cert_crlDistributionPoints",
        "cert_ocspURL",
        "cert_trust",
    ];
    let bad: Vec<String> = findings
        .iter()
        .filter(|f| ["MEDIUM", "HIGH", "CRITICAL"].contains(&field(f, "severity").as_str()))
        .filter(|f| !ours.iter().any(|id| field(f, "id").starts_with(id)))
        .map(|f| format!("{} {}: {}", field(f, "severity"), field(f, "id"), field(f, "finding")))
        .collect();
    println!("testssl.sh: {} findings of low and above, {} above low", findings.len(), bad.len());
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
