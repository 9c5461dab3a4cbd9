//! 存证: what a court gets, made by a real appliance and judged by openssl, a shell, pdfsig and pyHanko.

use crate::daemon::{Client, Daemon, Site};
use crate::judges;
use crate::signed_contract::contract;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A site whose checkpoints come and are time-stamped every second.
fn site() -> Site {
    Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let mut text = std::fs::read_to_string(&file).unwrap();
        std::fs::create_dir(dir.join("archive")).unwrap();
        let archive =
            format!("\n[[documents]]\nname = \"archive\"\npath = \"{}\"\n", dir.join("archive").display());
        text = text.replace(
            "\n[audit]\n",
            &format!("{archive}\n[audit]\ncheckpoint_seconds = 1\nanchor_seconds = 1\n"),
        );
        assert!(text.contains("anchor_seconds"), "{text}");
        std::fs::write(&file, text).unwrap();
    })
}

fn signed(daemon: &Daemon, client: &Client) -> PathBuf {
    let person = json!({"userName": "张三", "identityRegion": "0", "certifyNum": "11010119900307889X", "phoneNo": "13000000009"});
    let signer = client.post("/user/person", &person).data("signerId").to_string();
    let seal = client.post("/moulage/person", &json!({"signerId": signer})).data("moulageId").to_string();
    let company =
        json!({"userName": "虎符示例科技有限公司", "certifyType": "1", "certifyNum": "91330100MA27XW0X0H"});
    let company = client.post("/user/company", &company).data("signerId").to_string();
    let company_seal =
        client.post("/moulage/company", &json!({"signerId": company})).data("moulageId").to_string();
    let original = contract(daemon, "c.pdf");
    let (once, twice) = (daemon.documents().join("once.pdf"), daemon.documents().join("twice.pdf"));
    assert_eq!(client.post("/send/verifyCode", &json!({"signerId": signer})).code(), 200);
    let outbox = std::fs::read_to_string(&daemon.site.env["HUFU_SMS_OUTBOX"]).unwrap();
    let sent: Value = serde_json::from_str(outbox.lines().last().unwrap()).unwrap();
    let code = sent["code"].as_str().unwrap();
    let body = json!({"signerId": signer, "moulageId": seal, "contractPath": original, "contractSavePath": once,
        "signPositionType": "1", "positionContent": "1,100,100", "code": code});
    client.post("/sign/verifyCodeFilePath", &body).data("summaryId");
    let body = json!({"signerId": company, "moulageId": company_seal, "contractPath": once, "contractSavePath": twice,
        "signPositionType": "1", "positionContent": "1,300,100"});
    client.post("/sign/filePath", &body).data("summaryId");
    twice
}

fn deposit(client: &Client, sid: &str, file: &Path) -> u64 {
    client.post("/cz/in", &json!({"sid": sid, "filePath": file})).data("czId").as_u64().unwrap()
}

fn package(client: &Client, id: u64, to: &Path) -> PathBuf {
    let (status, zip) = client.bytes(&format!("/x/evidence/{id}"));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&zip));
    let file = to.with_extension("zip");
    std::fs::write(&file, zip).unwrap();
    std::fs::create_dir_all(to).unwrap();
    let unpacked = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(to).output().unwrap();
    assert!(unpacked.status.success());
    file
}

fn run(program: &str, args: &[&str], folder: &Path) -> (bool, String) {
    let done = Command::new(program).args(args).current_dir(folder).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[test]
fn a_package_convinces_those_who_do_not_trust_us() {
    let daemon = site().start();
    let client = daemon.client();
    let app = daemon.site.env["HUFU_APP_ID"].clone();
    let (ok, out, err) = daemon.site.hufu(&["app", "set", &app, "--archive", "documents"]);
    assert!(!ok && err.contains("archive"), "what clients may overwrite is no archive: {out}{err}");
    let (ok, out, err) = daemon.site.hufu(&["app", "set", &app, "--archive", "archive"]);
    assert!(ok, "{out}{err}");
    let file = signed(&daemon, &client);
    let id = deposit(&client, "court-0001", &file);
    let dir = daemon.site.dir().to_owned();
    let folder = dir.join("package");
    let zip = package(&client, id, &folder);
    let env = &daemon.site.env;
    let (signer_root, tsa_root) = (env["HUFU_SIGNER_ROOT"].clone(), env["HUFU_TSA_ROOT"].clone());

    // The archive holds the file under its digest, and the package holds the file.
    let bytes = std::fs::read(&file).unwrap();
    let kept: Vec<_> = std::fs::read_dir(dir.join("archive")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(&kept[0]).unwrap(), bytes);
    assert_eq!(std::fs::read(folder.join("document")).unwrap(), bytes);
    let digest = kept[0].file_name().unwrap().to_str().unwrap().to_owned();

    // openssl and a shell.
    let (held, said) = run("sh", &["verify.sh", "", &signer_root], &folder);
    println!("{said}");
    assert!(held && said.contains("report.pdf: signature holds, trusted"), "{said}");
    assert_eq!(
        said.matches("in the tree").count(),
        6,
        "deposit, two signatures begun and done, one consent: {said}"
    );
    // From the first file to the deposited one each record hands on to the next, and the last names what was deposited.
    let related = |name: &str| -> Vec<serde_json::Value> {
        let mut records: Vec<serde_json::Value> = std::fs::read_dir(folder.join("related"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
            .filter(|record: &serde_json::Value| !record["facts"][name].is_null() && record["act"] == "sign")
            .collect();
        records.sort_by_key(|record| record["number"].as_u64());
        records
    };
    let (begun, done) = (related("document_sha256"), related("output_sha256"));
    assert_eq!((begun.len(), done.len()), (2, 2));
    assert_eq!((&done[0]["of"], &done[1]["of"]), (&begun[0]["number"], &begun[1]["number"]));
    assert_eq!(done[0]["facts"]["output_sha256"], begun[1]["facts"]["document_sha256"]);
    assert_eq!(done[1]["facts"]["output_sha256"], digest.as_str());
    for (token, data) in [("document.tsr", ["-digest", &digest]), ("checkpoint.tsr", ["-data", "checkpoint"])]
    {
        let ts = ["ts", "-verify", "-in", token, "-token_in", data[0], data[1], "-CAfile", &tsa_root];
        let (held, said) = run("openssl", &ts, &folder);
        assert!(held && said.contains("Verification: OK"), "{token}: {said}");
    }
    // Judges of PDF, for the sheet and for the document.
    for (report, signatures) in [(folder.join("report.pdf"), 1), (folder.join("document.pdf"), 2)] {
        if !report.exists() {
            std::fs::copy(folder.join("document"), &report).unwrap();
        }
        judges::qpdf_is_content(&report);
        judges::pyhanko_is_content(&report, Path::new(&signer_root), Path::new(&tsa_root), signatures);
        judges::pdfsig_is_content(
            &report,
            &dir,
            &[Path::new(&signer_root), Path::new(&tsa_root)],
            signatures,
        );
    }
    let (_, text) = run("pdftotext", &["-layout", "report.pdf", "-"], &folder);
    for words in
        ["存证证书", "court-0001", &digest, "张三", "虎符示例科技有限公司", "短信验证码（登记手机号）"]
    {
        assert!(text.contains(words), "{words} is not in the report:\n{text}");
    }
    // For a person to look at.
    let _ = std::fs::copy(folder.join("report.pdf"), crate::daemon::top().join("target/evidence-report.pdf"));
    // Every certificate of the trail is there.
    let certificates = std::fs::read_dir(folder.join("certificates")).unwrap().count();
    assert!(certificates >= 4, "two signers, the appliance and an issuer: {certificates}");

    // Our own verifier, without the appliance's configuration.
    let key = dir.join("data/audit/key");
    let evidence = |package: &Path, more: &[&str]| {
        let done =
            Command::new(crate::daemon::HUFU).args(["evidence", "verify"]).arg(package).args(more).output();
        let done = done.unwrap();
        (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    let (held, said) = evidence(&zip, &["--key", key.to_str().unwrap(), "--trust", &signer_root]);
    assert!(held && said.contains("unchanged, trusted") && said.contains("log anchored"), "{said}");
    assert_eq!(said.matches("related record").count(), 5, "{said}");
    assert!(!evidence(&zip, &["--trust", &env["HUFU_CA"]]).0, "other roots do not vouch for the report");

    // What is changed in it is found by both.
    for name in ["document", "record.json", "report.pdf", "checkpoint"] {
        let path = folder.join(name);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        // The checkpoint's last lines name the key; its first three are what is signed.
        let at = if name == "checkpoint" { 1 } else { bad.len() / 2 };
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert!(!run("sh", &["verify.sh", "", &signer_root], &folder).0, "{name}");
        let changed = dir.join("changed.zip");
        let repack = "import sys,zipfile,os\nz=zipfile.ZipFile(sys.argv[1],'w')\nfor d,_,fs in os.walk('.'):\n for f in fs: z.write(os.path.join(d,f))\nz.close()";
        assert!(run("python3", &["-c", repack, changed.to_str().unwrap()], &folder).0);
        assert!(!evidence(&changed, &["--key", key.to_str().unwrap(), "--trust", &signer_root]).0, "{name}");
        std::fs::write(&path, good).unwrap();
    }
    assert!(run("sh", &["verify.sh", "", &signer_root], &folder).0);

    // A second package of the same deposit, and one of a file that nobody signed, without the archive.
    let (ok, ..) = daemon.site.hufu(&["app", "set", &app, "--archive", "none"]);
    assert!(ok);
    let plain = daemon.documents().join("plain.bin");
    std::fs::write(&plain, b"any file").unwrap();
    let id = deposit(&client, "court-0002", &plain);
    let folder = dir.join("second");
    package(&client, id, &folder);
    assert!(!folder.join("document").exists());
    let (held, said) = run("sh", &["verify.sh", plain.to_str().unwrap(), &signer_root], &folder);
    assert!(held && said.contains("document: SHA-256 is the deposited one"), "{said}");
    assert!(!run("sh", &["verify.sh", file.to_str().unwrap()], &folder).0, "another file");
    let (status, _) = client.bytes("/x/evidence/999999");
    assert_eq!(status, 200, "an answer in JSON, with the document's code");
    let (ok, out, err) = daemon.site.hufu(&["audit", "verify"]);
    assert!(ok, "{out}{err}");
}

#[test]
fn checkpoints_are_time_stamped_by_themselves_and_health_tells_their_age() {
    let daemon = site().start();
    let part = || -> Value {
        let parts = daemon.health();
        parts["parts"].as_array().unwrap().iter().find(|p| p["name"] == "audit-checkpoint").cloned().unwrap()
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(40);
    let told = loop {
        let told = part();
        if told["detail"].as_str().is_some_and(|d| d.contains("time-stamped") && d.contains("s ago over")) {
            break told;
        }
        assert!(std::time::Instant::now() < deadline, "never time-stamped: {told}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    println!("{told}");
    // The token lies beside the checkpoint, outside sled, and openssl accepts it.
    let folder = daemon.site.dir().join("data/audit");
    let size = std::fs::read_to_string(folder.join("anchored")).unwrap().trim().to_owned();
    let checkpoints = folder.join("checkpoints");
    let token = format!("{size}.tsr");
    let root = daemon.site.env["HUFU_TSA_ROOT"].clone();
    let ts = ["ts", "-verify", "-in", &token, "-token_in", "-data", &size, "-CAfile", &root];
    let (held, said) = run("openssl", &ts, &checkpoints);
    assert!(held && said.contains("Verification: OK"), "{said}");
}

#[test]
fn a_flood_of_strangers_is_one_record() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let before = records(&daemon.site);
    for n in 0..300 {
        let body = json!({"appId": format!("nobody-{n}"), "appKey": "wrong-key-wrong"});
        assert_ne!(client.post("/auth/login", &body).code(), 200);
    }
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    let (ok, list, err) = site.hufu(&["audit", "search", "--act", "refuse", "--json", "-n", "1000"]);
    assert!(ok, "{err}");
    let refused: Vec<Value> = list.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let counted: u64 = refused.iter().map(|r| r["facts"]["count"].as_u64().unwrap()).sum();
    println!("300 refusals in {} records; the log grew by {}", refused.len(), records(&site) - before);
    assert_eq!(counted, 300, "{list}");
    assert!(refused.iter().all(|r| r["actor"]["from"] == "127.0.0.1"), "{list}");
    assert!(refused.len() <= 4, "one for each code, address and minute: {list}");
}

fn records(site: &Site) -> u64 {
    let (ok, out, err) = site.hufu(&["audit", "verify", "--json"]);
    assert!(ok, "{out}{err}");
    serde_json::from_str::<Value>(&out).unwrap()["records"].as_u64().unwrap()
}

#[test]
fn personal_data_are_hashes_in_the_log_and_an_operator_who_asks_is_on_record() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let (number, phone) = ("11010119900307889X", "13000000009");
    let person = json!({"userName": "张三", "identityRegion": "0", "certifyNum": number, "phoneNo": phone});
    let signer = client.post("/user/person", &person).data("signerId").as_u64().unwrap();
    let hufu = |args: &[&str]| -> String {
        let (ok, out, err) = daemon.site.hufu(args);
        assert!(ok, "{err}");
        out
    };
    let record: Value =
        serde_json::from_str(&hufu(&["audit", "search", "--act", "create_signer", "--json"])).unwrap();
    let hash = |name: &str| record["facts"][name].as_str().unwrap().to_owned();
    let export = daemon.site.dir().join("export");
    hufu(&["audit", "checkpoint"]);
    hufu(&["audit", "export", export.to_str().unwrap()]);
    let log = std::fs::read_to_string(export.join("records.jsonl")).unwrap();
    assert!(!log.contains(number) && !log.contains(phone), "personal data in the log");
    // By hash, by identity number, by phone: the same person.
    for (asked, expected) in [
        (hash("certify_hash"), hash("certify_hash")),
        (number.to_owned(), hash("certify_hash")),
        (phone.to_owned(), hash("mobile_hash")),
    ] {
        let told: Value = serde_json::from_str(&hufu(&["identify", &asked])).unwrap();
        assert_eq!(told["hash"], expected);
        let known = &told["people"][0];
        assert_eq!(
            (&known["signer"], &known["certify_number"], &known["mobile"]),
            (&json!(signer), &json!(number), &json!(phone))
        );
    }
    let told: Value = serde_json::from_str(&hufu(&["identify", &"0".repeat(64)])).unwrap();
    assert_eq!(told["people"], json!([]));
    let asked = hufu(&["audit", "search", "--act", "identify", "--json"]);
    assert_eq!(asked.lines().count(), 4, "{asked}");
    assert!(asked.lines().all(|line| line.contains("\"operator\":\"uid ")), "{asked}");
}

/// A whole audit folder from an earlier day is sound in itself; state remembers what has come since.
#[test]
fn a_log_that_was_set_back_is_not_served() {
    let daemon = Daemon::new();
    let client = daemon.client();
    signed(&daemon, &client);
    let (site, ended) = daemon.stop();
    assert!(ended);
    let copy = |from: &Path, to: &Path| {
        let copied = Command::new("cp").args(["-a", "-T"]).arg(from).arg(to).status();
        assert!(copied.unwrap().success());
    };
    let (log, earlier) = (site.dir().join("data/audit"), site.dir().join("earlier"));
    copy(&log, &earlier);
    let daemon = site.start();
    let plain = daemon.documents().join("plain.bin");
    std::fs::write(&plain, b"any file").unwrap();
    deposit(&daemon.client(), "later-0001", &plain);
    let (site, ended) = daemon.stop();
    assert!(ended);
    std::fs::rename(&log, log.with_extension("later")).unwrap();
    copy(&earlier, &log);
    let (sound, out, err) = site.hufu(&["audit", "verify"]);
    assert!(sound, "the log alone does not show it: {out}{err}");
    let told = site.dir().join("refused.log");
    let mut served = Command::new(crate::daemon::HUFU)
        .arg("--config")
        .arg(site.config())
        .arg("serve")
        .stdout(std::process::Stdio::null())
        .stderr(std::fs::File::create(&told).unwrap())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let refused = loop {
        let said = std::fs::read_to_string(&told).unwrap();
        if said.contains("it was set back") {
            break true;
        }
        if std::time::Instant::now() > deadline {
            println!("{said}");
            break false;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let pid = rustix::process::Pid::from_child(&served);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    served.wait().unwrap();
    assert!(refused, "it was served");
    // Put right, it goes on.
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(log.with_extension("later"), &log).unwrap();
    deposit(&site.start().client(), "later-0002", &plain);
}
