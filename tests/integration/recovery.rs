//! Backup while serving, and the disaster that it is for: machine and tokens gone, everything back on fresh tokens.

use crate::daemon::{Daemon, Site};
use crate::judges;
use crate::signed_contract::{contract, register, sign};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn works(site: &Site, args: &[&str]) -> String {
    let (ok, out, err) = site.hufu(args);
    assert!(ok, "hufu {}: {out}{err}", args.join(" "));
    out
}

fn fails(site: &Site, args: &[&str], why: &str) {
    let (ok, out, err) = site.hufu(args);
    assert!(!ok && err.contains(why), "hufu {}: {out}{err}", args.join(" "));
}

/// Signers' keys lie wrapped in the state, where a backup has them.
fn wrapped(dir: &Path) {
    use std::io::Write;
    let mut conf = std::fs::OpenOptions::new().append(true).open(dir.join("conf/hufu.toml")).unwrap();
    let custody =
        ["person_long", "company_long"].map(|p| format!("\n[certificates.{p}]\ncustody = \"wrapped\"\n"));
    conf.write_all(custody.concat().as_bytes()).unwrap();
}

/// Token and data are gone, as with the machine; what an operator has elsewhere is left.
fn disaster(site: &Site) {
    std::fs::remove_dir_all(site.dir().join("data")).unwrap();
    std::fs::remove_dir_all(site.dir().join("token/tokens")).unwrap();
    std::fs::create_dir(site.dir().join("token/tokens")).unwrap();
}

/// The folders may be there, but there is nothing in them.
fn nothing_restored(site: &Site) -> bool {
    ["state", "audit", "pki"].iter().all(|folder| {
        std::fs::read_dir(site.dir().join("data").join(folder))
            .map_or(true, |mut entries| entries.next().is_none())
    })
}

fn verdict(daemon: &Daemon, file: &Path) -> Value {
    let answer = daemon.client().multipart(
        "/v2/auth/validateContract",
        &[("contractType", None, b"0"), ("contractFile", Some("c.pdf"), &std::fs::read(file).unwrap())],
    );
    answer.body["data"].clone()
}

#[test]
fn after_a_disaster_a_backup_brings_signers_log_and_authorities_back_on_a_fresh_token() {
    let daemon = Site::set_up(&["--recovery"], wrapped).start();
    let client = daemon.client();
    let parties = register(&client);
    let docs = daemon.documents();
    let original = contract(&daemon, "c.pdf");
    let before = docs.join("before.pdf");
    sign(&client, parties.person, parties.person_seal, &original, &before, "2,150,340");

    let dir = daemon.site.dir().to_owned();
    let (key, backup) = (dir.join("backup.key"), dir.join("1.hufu"));
    let public = works(&daemon.site, &["backup", "key", text(&key)]);
    // Signing goes on while the backup is made.
    let (busy, from, to) = (client.clone(), original.clone(), docs.clone());
    let signing = std::thread::spawn(move || {
        (0..20)
            .map(|n| {
                sign(
                    &busy,
                    parties.person,
                    parties.person_seal,
                    &from,
                    &to.join(format!("{n}.pdf")),
                    "2,150,340",
                )
            })
            .collect::<Vec<u64>>()
    });
    works(&daemon.site, &["backup", "write", text(&backup), "--recipient", public.trim()]);
    let ids = signing.join().unwrap();
    let sound = works(&daemon.site, &["backup", "check", text(&backup), "--identity", text(&key)]);
    assert!(sound.contains("sound"), "{sound}");
    fails(
        &daemon.site,
        &["backup", "write", text(&backup), "--recipient", public.trim()],
        "is there already",
    );

    // What is not what was written does not open.
    let mut bytes = std::fs::read(&backup).unwrap();
    assert!(!bytes.windows(6).any(|w| w == "张三".as_bytes()), "not encrypted");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = dir.join("changed.hufu");
    std::fs::write(&changed, bytes).unwrap();
    fails(&daemon.site, &["backup", "check", text(&changed), "--identity", text(&key)], "backup");
    let other = dir.join("other.key");
    works(&daemon.site, &["backup", "key", text(&other)]);
    fails(&daemon.site, &["backup", "check", text(&backup), "--identity", text(&other)], "backup");

    let late = docs.join("late.pdf");
    let late_id = sign(&client, parties.company, parties.company_seal, &original, &late, "2,150,340");
    let (site, ended) = daemon.stop();
    assert!(ended);
    let components: Vec<PathBuf> = (1..=2).map(|n| dir.join(format!("secrets/recovery-{n}"))).collect();
    let so_pin = dir.join("secrets/so-pin");
    let again = ["restore", text(&backup), "--identity", text(&key), "--so-pin-file", text(&so_pin), "--yes"];
    fails(&site, &again, "is not empty");
    disaster(&site);
    // Without the components there are no keys, and nothing is half restored.
    let one = [&again[..], &["--recovery", text(&components[0])]].concat();
    fails(&site, &one, "all of one set are needed");
    assert!(nothing_restored(&site));
    let both =
        [&again[..], &["--recovery", text(&components[1]), "--recovery", text(&components[0])]].concat();
    let told = works(&site, &both);
    assert!(told.contains("signers' keys tried") && !told.contains("LOST"), "{told}");
    let log = works(&site, &["audit", "verify"]);
    assert!(log.contains("sound"), "{log}");

    let daemon = site.start();
    let client = daemon.client();
    // Signers sign with the keys that they had.
    let after = docs.join("after.pdf");
    let id = sign(&client, parties.person, parties.person_seal, &before, &after, "2,300,340");
    assert!(id > late_id && id > ids.into_iter().max().unwrap(), "an id was given out twice");
    let roots = (
        PathBuf::from(&daemon.site.env["HUFU_SIGNER_ROOT"]),
        PathBuf::from(&daemon.site.env["HUFU_TSA_ROOT"]),
    );
    judges::pyhanko_is_content(&after, &roots.0, &roots.1, 2);
    // Files of before the disaster are as good as they were, those that the backup does not know too.
    for file in [&before, &late] {
        judges::pyhanko_is_content(file, &roots.0, &roots.1, 1);
        assert_eq!(verdict(&daemon, file)["success"], true);
    }
    let new = client.post(
        "/user/person",
        &json!({"userName": "李四", "identityRegion": "0", "certifyType": "a", "certifyNum": "110101199003077576"}),
    );
    assert!(new.data("signerId").as_u64().unwrap() > parties.company + 1_000_000);
    let restored = works(&daemon.site, &["audit", "search", "restored", "--act", "backup", "--json"]);
    assert!(restored.contains("lost_keys"), "{restored}");
    assert!(works(&daemon.site, &["audit", "verify"]).contains("sound"));
}

#[test]
fn a_stopped_appliance_is_backed_up_too_and_without_recovery_the_command_says_what_is_missing() {
    let site = Site::new();
    let (phrase, backup) = (site.dir().join("phrase"), site.dir().join("1.hufu"));
    std::fs::write(&phrase, "correct horse battery staple\n").unwrap();
    let told = works(&site, &["backup", "write", text(&backup), "--passphrase-file", text(&phrase)]);
    assert!(told.contains("token's own keys are not in it"), "{told}");
    let check = ["backup", "check", text(&backup), "--passphrase-file", text(&phrase)];
    assert!(works(&site, &check).contains("sound"));
    // The token is still there: it needs no components.
    std::fs::remove_dir_all(site.dir().join("data")).unwrap();
    works(&site, &["restore", text(&backup), "--passphrase-file", text(&phrase), "--yes"]);
    assert!(works(&site, &["audit", "verify"]).contains("sound"));
    // With the token gone too, there is nothing to sign with, and the command says so.
    disaster(&site);
    let (ok, _, err) = site.hufu(&["restore", text(&backup), "--passphrase-file", text(&phrase), "--yes"]);
    assert!(!ok && nothing_restored(&site), "{err}");
    std::fs::write(&phrase, "short\n").unwrap();
    fails(&site, &check, "at least 16");
}
