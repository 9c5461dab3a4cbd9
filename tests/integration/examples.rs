//! The example clients work against the real daemon, where their tools exist.

use crate::daemon::{Daemon, top};
use std::process::Command;

fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

#[test]
fn every_client_signs_a_contract() {
    let daemon = Daemon::new();
    let env = daemon.site.dir().join("client.env");
    let contract = top().join("softhsm/sample-contract.pdf");
    for (tool, program, first) in [
        ("jq", "bash", "examples/curl/sign.sh"),
        ("python3", "python3", "examples/python/sign.py"),
        ("javac", "java", "examples/java/Sign.java"),
    ] {
        if !exists(tool) {
            println!("skipped: {first}: no {tool} here");
            continue;
        }
        let done = Command::new(program).arg(top().join(first)).arg(&env).arg(&contract).output().unwrap();
        let out = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{first}:\n{out}\n{}", String::from_utf8_lossy(&done.stderr));
        assert!(
            out.contains("summaryId") && out.to_lowercase().contains("unchanged: true"),
            "{first}:\n{out}"
        );
    }
}
