//! The validator cannot be fooled, and does not cry wolf: forged files of every known class are refused, honest later
//! revisions are accepted. Both are made from what the appliance signed (`tests/forgery`).

use crate::daemon::{Answer, Client, Daemon, HUFU, Site, top};
use crate::judges::venv;
use crate::signed_contract::{Parties, register};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn python(script: &str, args: &[&Path], more: &[&str]) {
    let done = Command::new(venv().join("bin/python"))
        .arg(top().join("tests/forgery").join(script))
        .args(args)
        .args(more)
        .output()
        .unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// So many in the short form, so many with `HUFU_LONG`.
fn how_many(short: usize, long: usize) -> String {
    if std::env::var_os("HUFU_LONG").is_some() { long } else { short }.to_string()
}

fn pdfs(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

/// Signs every base once and twice, stamps it, and archives it with pyHanko: `BASE.STATE.pdf` in the returned folder. What lies ready
/// for one thing (`ready.py`) is signed once.
fn signed_files(daemon: &Daemon, client: &Client) -> PathBuf {
    let (bases, signed) = (daemon.documents().join("bases"), daemon.documents().join("signed"));
    std::fs::create_dir_all(&bases).unwrap();
    std::fs::create_dir_all(&signed).unwrap();
    python("bases.py", &[&bases], &[]);
    python("ready.py", &[&bases], &[]);
    let parties = register(client);
    let stamp = |from: &Path, to: &Path| {
        let answer = client.post("/tsa/pathSign", &serde_json::json!({"filePath": from, "fileSavePath": to}));
        assert_eq!(answer.code(), 200, "{}", answer.body);
    };
    for base in pdfs(&bases) {
        let name = base.file_stem().unwrap().to_str().unwrap();
        let state = |state: &str| signed.join(format!("{name}.{state}.pdf"));
        if name.ends_with("certified1") {
            // Nothing but a time stamp may join it.
            stamp(&base, &state("stamped"));
            continue;
        }
        // A certified file takes no new visible field: its own empty ones are used, without an appearance.
        let shown = !name.starts_with("certified");
        let seal = |seal: u64| if shown { i64::try_from(seal).unwrap() } else { -1 };
        let put = |signer: u64, seal: i64, from: &Path, to: &Path, place: &str| {
            let answer = client.post(
                "/sign/filePath",
                &serde_json::json!({"signerId": signer.to_string(), "moulageId": seal.to_string(), "contractPath": from,
                        "contractSavePath": to, "signPositionType": "1", "positionContent": place}),
            );
            assert_eq!(answer.code(), 200, "{name}: {}", answer.body);
        };
        put(parties.person, seal(parties.person_seal), &base, &state("once"), "1,100,100");
        if name.starts_with("ready") {
            continue;
        }
        put(parties.company, seal(parties.company_seal), &state("once"), &state("twice"), "1,300,100");
        stamp(&state("twice"), &state("stamped"));
        python("archive.py", &[&state("twice"), &state("archived")], &[]);
    }
    signed
}

/// Judges every file of the folder: true where each signature is unmodified. What cannot be read is false.
fn verdicts(daemon: &Daemon, folder: &Path) -> BTreeMap<String, (bool, String)> {
    let root = |key: &str| daemon.site.env[key].clone();
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
    let mut all: BTreeMap<String, (bool, String)> =
        pdfs(folder).iter().map(|p| (name(p), (false, "cannot be read".to_owned()))).collect();
    for some in pdfs(folder).chunks(200) {
        let done = Command::new(HUFU)
            .args([
                "verify",
                "--json",
                "--trust",
                &root("HUFU_SIGNER_ROOT"),
                "--trust",
                &root("HUFU_TSA_ROOT"),
            ])
            .args(some)
            .output()
            .unwrap();
        for line in String::from_utf8(done.stdout).unwrap().lines() {
            let said: Value = serde_json::from_str(line).unwrap();
            let signatures = said["report"]["signatures"].as_array().unwrap();
            let unmodified = !signatures.is_empty() && signatures.iter().all(|s| s["valid_modify"] == true);
            let why: Vec<String> = signatures
                .iter()
                .flat_map(|s| s["changes"].as_array().unwrap())
                .filter(|c| c["permission"] == "forbidden")
                .map(|c| format!("{} {}", c["path"], c["reason"]))
                .collect();
            all.insert(name(Path::new(said["file"].as_str().unwrap())), (unmodified, why.join("; ")));
        }
    }
    all
}

#[test]
fn no_forged_file_is_accepted_and_no_honest_one_refused() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let signed = signed_files(&daemon, &client);
    for (name, (unmodified, why)) in verdicts(&daemon, &signed) {
        assert!(unmodified, "{name} is as the appliance made it: {why}");
    }

    let forged = daemon.documents().join("forged");
    std::fs::create_dir_all(&forged).unwrap();
    python("forge.py", &[&signed, &forged], &[&how_many(3, 50)]);
    let all = verdicts(&daemon, &forged);
    let accepted: Vec<_> = all.iter().filter(|(_, (ok, _))| *ok).collect();
    assert!(
        accepted.is_empty(),
        "{} of {} forged files are accepted: {accepted:#?}",
        accepted.len(),
        all.len()
    );
    assert!(all.len() >= 230, "{} forged files", all.len());
    println!("{} forged files, none accepted", all.len());
    let before = verdicts(&daemon, &daemon.documents().join("forged-before"));
    let refused: Vec<_> = before.iter().filter(|(_, (ok, _))| !ok).collect();
    assert!(refused.is_empty() && !before.is_empty(), "refused before they were forged: {refused:#?}");

    let honest = daemon.documents().join("honest");
    std::fs::create_dir_all(&honest).unwrap();
    python("honest.py", &[&signed, &honest], &[&how_many(30, 330)]);
    let all = verdicts(&daemon, &honest);
    let refused: Vec<_> = all.iter().filter(|(_, (ok, _))| !ok).collect();
    assert!(refused.is_empty(), "{} of {} honest files are refused: {refused:#?}", refused.len(), all.len());
    println!("{} honest files, none refused", all.len());
}

#[test]
fn what_is_accepted_of_changes_at_random_cannot_be_seen() {
    let daemon = Daemon::new();
    let signed = signed_files(&daemon, &daemon.client());
    let changed = daemon.documents().join("changed");
    std::fs::create_dir_all(&changed).unwrap();
    let script = top().join("tests/forgery/at_random.py");
    let run = |args: &[&std::ffi::OsStr]| {
        let done = Command::new(venv().join("bin/python")).arg(&script).args(args).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    run(&["make".as_ref(), signed.as_os_str(), changed.as_os_str(), how_many(200, 2000).as_ref()]);
    let all = verdicts(&daemon, &changed);
    let accepted: Vec<PathBuf> =
        all.iter().filter(|(_, (ok, _))| *ok).map(|(name, _)| changed.join(name)).collect();
    assert!(accepted.len() * 10 > all.len(), "{} of {} are accepted", accepted.len(), all.len());
    let mut args = vec!["look".as_ref(), signed.as_os_str()];
    args.extend(accepted.iter().map(|path| path.as_os_str()));
    assert_eq!(run(&args), "", "accepted, and seen");
    println!("{} files changed at random, {} accepted, none looks different", all.len(), accepted.len());
}

/// Signs `base` and returns the whole answer.
fn ask(client: &Client, daemon: &Daemon, parties: &Parties, base: &str) -> Answer {
    client.post(
        "/sign/filePath",
        &serde_json::json!({"signerId": parties.person.to_string(), "moulageId": parties.person_seal.to_string(),
                "contractPath": daemon.documents().join(base), "contractSavePath": daemon.documents().join("out.pdf"), "signPositionType": "1",
                "positionContent": "1,100,100"}),
    )
}

#[test]
fn prepared_content_is_reported_to_whoever_signs() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    python("bases.py", &[&daemon.documents()], &[]);
    let plain = ask(&client, &daemon, &parties, "plain.pdf");
    assert_eq!(plain.code(), 200, "{}", plain.body);
    assert!(plain.body["data"].get("warnings").is_none(), "an honest file: {}", plain.body);
    let layers = ask(&client, &daemon, &parties, "layers.pdf");
    assert_eq!(layers.code(), 200, "{}", layers.body);
    assert_eq!(layers.body["data"]["warnings"][0]["code"], "hidden-layer", "{}", layers.body);
    assert!(daemon.documents().join("out.pdf").exists());
}

#[test]
fn prepared_content_is_refused_where_the_site_says_so() {
    let site = Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n[signing]\nprepared_content = \"refuse\"\n")).unwrap();
    });
    let daemon = site.start();
    let client = daemon.client();
    let parties = register(&client);
    python("bases.py", &[&daemon.documents()], &[]);
    let layers = ask(&client, &daemon, &parties, "layers.pdf");
    assert_eq!(layers.code(), 20110, "{}", layers.body);
    assert!(layers.msg().contains("预置内容"), "{}", layers.msg());
    assert!(!daemon.documents().join("out.pdf").exists(), "nothing is written");
    assert_eq!(ask(&client, &daemon, &parties, "plain.pdf").code(), 200);
}
