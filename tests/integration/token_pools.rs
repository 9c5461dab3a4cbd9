//! Several tokens that hold the same keys: they share the load, and one may fail.

use crate::daemon::Site;
use crate::processes::{children, command_line};
use crate::token_faults::{Faults, under_load};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A copy of the tokens as an HSM cluster's node holds them, behind a module with faults of its own.
fn replicate(dir: &Path) {
    let copied = Command::new("cp")
        .arg("-r")
        .args([dir.join("token/tokens"), dir.join("token/tokens-2")])
        .status()
        .unwrap();
    assert!(copied.success());
    let conf = dir.join("token/softhsm2-2.conf");
    let text = fs::read_to_string(dir.join("token/softhsm2.conf")).unwrap();
    fs::write(&conf, text.replace("/token/tokens", "/token/tokens-2")).unwrap();
    fs::create_dir(dir.join("token/faults/signer-2")).unwrap();
    let file = dir.join("conf/hufu.toml");
    let site = fs::read_to_string(&file).unwrap();
    let replica = format!(
        "\n[[token.signer.replicas]]\nsessions = 2\n[token.signer.replicas.environment]\nSOFTHSM2_CONF = {conf:?}\n\
         HUFU_FAULTY_FOLDER = {:?}\n\n[certificates.person_long]\ncustody = \"wrapped\"\n",
        dir.join("token/faults/signer-2"),
    );
    fs::write(&file, site + &replica).unwrap();
}

#[test]
fn a_pool_of_equal_tokens_serves_on_when_one_fails() {
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    replicate(site.dir());
    let (ok, shown, err) = site.hufu(&["check-config"]);
    assert!(ok && shown.contains("replicas"), "{shown}{err}");
    let daemon = site.start();
    let workers = children(daemon.supervisor()).into_iter().filter(|p| command_line(*p).contains("worker"));
    assert_eq!(workers.count(), 5, "two for signers");
    under_load(daemon, |daemon, load| {
        let nodes = ["signer", "signer-2"].map(|name| Faults::of(&daemon.site, name));
        for failing in &nodes {
            failing.set("removed", "");
            // The calls that met the failing one are told 503; then nobody meets it any more.
            load.until_served(20);
            let told = || load.codes.lock().unwrap().get(&503).copied().unwrap_or_default();
            let before = told();
            load.until_served(20);
            assert_eq!(told(), before, "only the other one is asked");
            failing.clear("removed");
            load.until_served(8);
        }
        // Without both there is no service, and it comes back.
        nodes.iter().for_each(|node| node.set("removed", ""));
        load.until_told(503, 10);
        nodes.iter().for_each(|node| assert!(node.clear("removed")));
        load.until_served(4);
    });
}
