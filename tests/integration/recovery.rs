//! Backup while serving, and the disaster that it is for: machine and tokens gone, everything back on fresh tokens.

use crate::daemon::{Daemon, Site};
use crate::judges;
use crate::operators;
use crate::signed_contract::{contract, register, sign};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// An admin's signature over the statement, made as `hufu restore --prepare` says, under a name of its own.
fn signed(site: &Site, statement: &Path, operator: &str, name: &str) -> String {
    let file = |end: &str| site.dir().join(format!("tls/{operator}.{end}"));
    let out = site.dir().join(format!("{name}.p7s"));
    let done = Command::new("openssl")
        .args(["cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER"])
        .args([Path::new("-in"), statement, Path::new("-signer"), &file("pem")])
        .args([Path::new("-inkey"), &file("key"), Path::new("-out"), &out])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    text(&out).to_owned()
}

/// An appliance where two must agree with the admins anna and bao, and chen who was one; nothing of it runs any more.
fn run_by_two() -> Site {
    let daemon = operators::site().start();
    for name in ["anna", "bao"] {
        let (done, _, why) = daemon.enrol(name, "admin");
        assert!(done, "{why}");
    }
    let agreed = |(done, _, why): (bool, String, String)| {
        assert!(!done && why.contains("of 2 approvals"), "{why}");
        let id = why.split("request ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        for name in ["anna", "bao"] {
            let (done, _, why) = daemon.remote(name, &["approval", "approve", &id]);
            assert!(done, "{why}");
        }
        works(&daemon.site, &["approval", "run", &id]);
    };
    agreed(daemon.enrol("chen", "admin"));
    agreed(daemon.site.hufu(&["operator", "remove", "chen"]));
    works(&daemon.site, &["audit", "checkpoint"]);
    let (site, ended) = daemon.stop();
    assert!(ended);
    site
}

#[test]
fn where_two_must_agree_two_admins_sign_what_is_restored_and_the_log_says_so() {
    let site = run_by_two();
    let dir = site.dir().to_owned();
    let key = dir.join("backup.key");
    let public = works(&site, &["backup", "key", text(&key)]);
    let backups = ["1.hufu", "2.hufu"].map(|name| dir.join(name));
    for backup in &backups {
        works(&site, &["backup", "write", text(backup), "--recipient", public.trim()]);
    }
    let told = works(&site, &["backup", "check", text(&backups[0]), "--identity", text(&key)]);
    assert!(told.contains("needs 2 of its admins: anna, bao\n"), "{told}");
    std::fs::remove_dir_all(dir.join("data")).unwrap();
    // A configuration that asks for fewer is not what the backup's log says.
    let conf = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), conf.replace("approvals = 2", "approvals = 1")).unwrap();

    let restore = |backup: &Path, approvals: &[&str]| -> Vec<String> {
        let mut args = vec!["restore", text(backup), "--identity", text(&key), "--yes"];
        approvals.iter().for_each(|file| args.extend(["--approval", file]));
        args.into_iter().map(str::to_owned).collect()
    };
    let refused = |backup: &Path, approvals: &[&str], why: &str| {
        let args = restore(backup, approvals);
        fails(&site, &args.iter().map(String::as_str).collect::<Vec<_>>(), why);
        assert!(nothing_restored(&site) && !dir.join("data/restoring").exists(), "{why}");
    };
    let first = &backups[0];
    refused(first, &[], "2 of this backup's admins (anna, bao) must agree");
    refused(first, &[text(&key)], "--prepare first");
    let prepare = ["restore", text(first), "--identity", text(&key), "--prepare"];
    let told = works(&site, &prepare);
    assert!(
        told.contains("2 of these admins must sign it: anna, bao.") && told.contains("openssl cms"),
        "{told}"
    );
    let statement = dir.join("data/restore.statement");
    let said = std::fs::read_to_string(&statement).unwrap();
    let sum = Command::new("sha256sum").arg(first).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(said.contains(sum.split(' ').next().unwrap()), "whoever signs can compare: {said}");

    let sign = |operator: &str, name: &str| signed(&site, &statement, operator, name);
    let (anna, again, bao, chen) =
        (sign("anna", "anna"), sign("anna", "again"), sign("bao", "bao"), sign("chen", "chen"));
    refused(first, &[&anna], "1 of 2 approvals");
    refused(first, &[&anna, &again], "anna has spoken already");
    refused(first, &[&anna, &chen], "signed by no admin of this backup");
    refused(first, &[&anna, &sign("client", "client")], "signed by no admin of this backup");
    refused(first, &[&anna, text(&key)], "no signature over the statement");
    refused(&backups[1], &[&anna, &bao], "another backup or another machine");
    // Both sign each of these, and each is refused for what it says.
    let field = |name: &str| serde_json::from_str::<Value>(&said).unwrap()[name].as_str().unwrap().to_owned();
    for (name, other, why) in [
        ("host", "elsewhere", "another backup or another machine"),
        ("data", "/elsewhere", "another backup or another machine"),
        ("expires", "2001-01-01T00:00:00Z", "the statement was good from"),
        ("asked", "2999-01-01T00:00:00Z", "the statement was good from"),
        ("request\": \"", "more\": \"x\", \"request\": \"", "unknown field"),
    ] {
        let changed = match why {
            "unknown field" => said.replacen(name, other, 1),
            _ => {
                let line = |value: &str| format!("\"{name}\": \"{value}\"");
                said.replace(&line(&field(name)), &line(other))
            }
        };
        assert_ne!(changed, said);
        std::fs::write(&statement, changed).unwrap();
        refused(first, &[&sign("anna", "anna-2"), &sign("bao", "bao-2")], why);
        if why.contains("good from") {
            refused(first, &[&anna, &bao], why);
        }
    }
    std::fs::write(&statement, said.replacen("request", "request ", 1)).unwrap();
    refused(first, &[&anna, &bao], "restore.statement");
    std::fs::write(&statement, said.replacen('\n', "\n\n", 1)).unwrap();
    refused(first, &[&anna, &bao], "no signature over the statement");
    std::fs::write(&statement, &said).unwrap();

    let args = restore(first, &[&bao, &anna]);
    let told = works(&site, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(told.contains("agreed: bao, anna"), "{told}");
    let id = field("request");
    let out = works(&site, &["audit", "search", &id, "--act", "approve", "--json"]);
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<&str> = records.iter().map(|r| r["facts"]["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["requested", "approved", "approved", "carried_out"], "{out}");
    assert!(out.contains("\"operator\":\"bao\"") && out.contains("\"operator\":\"anna\""), "{out}");
    let out = works(&site, &["audit", "search", "restored", "--act", "backup", "--json"]);
    assert!(out.contains("(approved by bao, anna)") && out.contains(&id), "{out}");
    assert!(works(&site, &["audit", "verify"]).contains("sound"));
    // What they signed is kept, and openssl can tell.
    let kept = |name: &str| dir.join(format!("data/ceremony/restore-{id}{name}"));
    for name in ["anna", "bao"] {
        let verified = Command::new("openssl")
            .args(["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-CAfile"])
            .args([&dir.join("tls/ca.pem"), Path::new("-in"), &kept(&format!("-{name}.p7s"))])
            .args([Path::new("-content"), &kept(".statement")])
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }

    // The same signatures again: there is nothing that they are over.
    std::fs::remove_dir_all(dir.join("data")).unwrap();
    refused(first, &[&anna, &bao], "--prepare first");
    works(&site, &prepare);
    refused(first, &[&anna, &bao], "no signature over the statement");
}
