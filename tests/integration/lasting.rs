//! Signatures that last: what each PAdES level must have (ETSI EN 319 142-1 table 1), judged as of a day on which the signer's
//! certificate has long expired, and archival time stamps renewed.

use crate::daemon::{Client, Daemon, Site};
use crate::judges;
use crate::signed_contract::{contract, register, sign};
use hufu::cms::{SignedData, oid};
use hufu::pdf::sign::embedded_signatures;
use hufu::pdf::syntax::{Dict, Document, Object};
use hufu::tsp::Token;
use hufu::x509::ocsp::{OcspRead, OcspStatus};
use hufu::x509::{Certificate, CrlRead};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A signer's certificate is valid for a year.
const YEARS_LATER: &str = "+1200d";

fn roots(daemon: &Daemon) -> (PathBuf, PathBuf) {
    (daemon.site.env["HUFU_SIGNER_ROOT"].clone().into(), daemon.site.env["HUFU_TSA_ROOT"].clone().into())
}

fn set_level(daemon: &Daemon, level: &str) {
    let app = &daemon.site.env["HUFU_APP_ID"];
    let (ok, out, err) = daemon.site.hufu(&["app", "set", app, "--level", level]);
    assert!(ok, "{out}{err}");
}

/// The signature dictionaries of the newest revision in the order of signing, then the security store.
fn dictionaries(bytes: &[u8]) -> (Vec<Dict>, Option<Dict>) {
    let document = Document::open(bytes).unwrap();
    let view = document.latest();
    let catalog = view.catalog().unwrap();
    let form = view.get_dict(&catalog, "AcroForm").unwrap().unwrap();
    let mut found: Vec<(i64, Dict)> = view
        .get_array(&form, "Fields")
        .unwrap()
        .iter()
        .filter_map(|field| view.get_dict(view.resolve(field).unwrap().as_dict().unwrap(), "V").unwrap())
        .map(|value| {
            let range = view.get_array(&value, "ByteRange").unwrap();
            (range[2].as_integer().unwrap() + range[3].as_integer().unwrap(), value)
        })
        .collect();
    found.sort_by_key(|(covers, _)| *covers);
    (found.into_iter().map(|(_, d)| d).collect(), view.get_dict(&catalog, "DSS").unwrap())
}

/// Decoded streams of one list of a dictionary.
fn streams(bytes: &[u8], dict: &Dict, key: &str) -> Vec<Vec<u8>> {
    let document = Document::open(bytes).unwrap();
    let view = document.latest();
    let read = |item: &Object| match view.resolve(item).unwrap() {
        Object::Stream(stream) => document.decode(&stream, 1 << 20).unwrap().into_owned(),
        other => panic!("{key} holds {other:?}"),
    };
    view.get_array(dict, key).unwrap().iter().map(read).collect()
}

/// B-B, clause by clause; gives the CMS.
fn has_b_b(dict: &Dict) -> SignedData {
    assert!(dict.is_name("Type", "Sig") && dict.is_name("SubFilter", "ETSI.CAdES.detached"), "{dict:?}");
    assert!(dict.contains("M"), "the time of signing stands in /M");
    assert!(!dict.contains("Cert"), "/Cert must not be there");
    let Some(Object::String(contents)) = dict.get("Contents") else { panic!("no /Contents") };
    let (cms, _) = SignedData::from_prefix(contents.as_bytes()).unwrap();
    assert!(cms.content.is_none(), "detached");
    let [signer] = cms.signers.as_slice() else { panic!("one signer") };
    let value = |oid| signer.signed_value(oid).unwrap();
    for needed in [&oid::CONTENT_TYPE, &oid::MESSAGE_DIGEST, &oid::SIGNING_CERTIFICATE_V2] {
        assert!(value(needed).is_some(), "signed attribute {needed}");
    }
    assert!(value(&oid::SIGNING_TIME).is_none(), "signing-time must not be used in PAdES");
    assert!(
        cms.certificates.iter().any(|der| signer.signer.fits(&Certificate::from_der(der).unwrap())),
        "the signing certificate is in the CMS"
    );
    cms
}

fn stamp_of(cms: &SignedData) -> Option<Token> {
    let stamps: Vec<_> = cms.signers[0].unsigned_values(&oid::TIME_STAMP_TOKEN).collect();
    stamps.first().map(|token| Token::from_bytes(token).unwrap())
}

/// The store proves every certificate of the signature and its time stamp, the signer's as of the time stamp or later.
fn has_b_lt(bytes: &[u8], store: &Dict, cms: &SignedData, contents: &[u8]) {
    use sha1::Digest;
    let document = Document::open(bytes).unwrap();
    let view = document.latest();
    let vri = view.get_dict(store, "VRI").unwrap().expect("/VRI");
    let key: String = sha1::Sha1::digest(contents).iter().map(|b| format!("{b:02X}")).collect();
    let own = view.get_dict(&vri, &key).unwrap().expect("an entry of its own in /VRI");
    for (list, related) in [("Certs", "Cert"), ("OCSPs", "OCSP"), ("CRLs", "CRL")] {
        let all = streams(bytes, store, list);
        assert!(streams(bytes, &own, related).iter().all(|one| all.contains(one)), "{related} in {list}");
    }
    let certificates: Vec<Certificate> =
        streams(bytes, store, "Certs").iter().map(|der| Certificate::from_der(der).unwrap()).collect();
    let responses: Vec<OcspRead> =
        streams(bytes, store, "OCSPs").iter().map(|der| OcspRead::from_der(der).unwrap()).collect();
    let lists: Vec<CrlRead> =
        streams(bytes, store, "CRLs").iter().map(|der| CrlRead::from_der(der).unwrap()).collect();
    let stamp = stamp_of(cms).expect("B-LT has a time stamp");
    let leaf = |data: &SignedData| {
        let read = data.certificates.iter().map(|der| Certificate::from_der(der).unwrap());
        read.into_iter().find(|c| data.signers[0].signer.fits(c)).unwrap()
    };
    for mut certificate in [leaf(cms), leaf(&stamp.signed_data)] {
        // Up the chain: each certificate is there and proven, but the root.
        while certificate.issuer.der() != certificate.subject.der() {
            assert!(certificates.iter().any(|c| c.der() == certificate.der()), "{}", certificate.subject);
            let issuer = certificates.iter().find(|c| c.subject.der() == certificate.issuer.der()).unwrap();
            let answer = responses.iter().find_map(|r| {
                let good = r.about(&certificate, issuer).filter(|a| a.status == OcspStatus::Good)?;
                r.verify(issuer).is_ok().then_some(good.clone())
            });
            if certificate.ca().unwrap().is_none() {
                let answer = answer.unwrap_or_else(|| panic!("no OCSP answer about {}", certificate.subject));
                assert!(answer.this_update >= stamp.info.time, "the answer is older than the time stamp");
            } else {
                let listed = lists.iter().any(|l| l.verify(issuer).is_ok());
                assert!(answer.is_some() || listed, "nothing about {}", certificate.subject);
            }
            certificate = issuer.clone();
        }
    }
}

fn contents(dict: &Dict) -> &[u8] {
    match dict.get("Contents") {
        Some(Object::String(contents)) => contents.as_bytes(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_level_has_what_the_standard_lists() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let original = contract(&daemon, "合同.pdf");
    for (level, has_stamp, has_store, has_archive) in [
        ("b-b", false, false, false),
        ("b-t", true, false, false),
        ("b-lt", true, true, false),
        ("b-lta", true, true, true),
    ] {
        set_level(&daemon, level);
        let signed = daemon.documents().join(format!("{level}.pdf"));
        let id = sign(&client, parties.person, parties.person_seal, &original, &signed, "1,100,100");
        let row = client.send("GET", &format!("/x/signatures/{id}"), "", b"");
        assert_eq!(row.data("level"), level);
        let bytes = std::fs::read(&signed).unwrap();
        let (signatures, store) = dictionaries(&bytes);
        let cms = has_b_b(&signatures[0]);
        assert_eq!(stamp_of(&cms).is_some(), has_stamp, "{level}: signature time stamp");
        assert_eq!(store.is_some(), has_store, "{level}: document security store");
        assert_eq!(signatures.len(), if has_archive { 2 } else { 1 }, "{level}: document time stamp");
        if let Some(store) = &store {
            has_b_lt(&bytes, store, &cms, contents(&signatures[0]));
        }
        if has_archive {
            let stamp = &signatures[1];
            assert!(stamp.is_name("Type", "DocTimeStamp") && stamp.is_name("SubFilter", "ETSI.RFC3161"));
            Token::from_prefix(contents(stamp)).unwrap();
        }
        let (signer_root, tsa_root) = roots(&daemon);
        judges::qpdf_is_content(&signed);
        if has_store && !has_archive {
            // The last signature covers everything but the store.
            let verdicts = judges::pyhanko(&signed, &signer_root, &tsa_root);
            assert_eq!(verdicts[0]["bottom_line"], true, "{verdicts:#?}");
            assert_eq!(verdicts[0]["modification"], "LTA_UPDATES", "{verdicts:#?}");
        } else {
            judges::pyhanko_is_content(&signed, &signer_root, &tsa_root, signatures.len());
        }
        judges::pdfsig_is_content(&signed, daemon.site.dir(), &[&signer_root, &tsa_root], 1);
        let passed = judges::pyhanko_lasting(&signed, &signer_root, &tsa_root, Some(YEARS_LATER));
        assert_eq!(passed, [has_archive], "{level}: provable after the signer's certificate has expired");
    }
}

#[test]
fn validation_data_come_after_the_last_signer() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    set_level(&daemon, "b-lta");
    let (docs, original) = (daemon.documents(), contract(&daemon, "合同.pdf"));
    let (first, second) = (docs.join("first.pdf"), docs.join("second.pdf"));
    let asked = json!({"signerId": parties.person.to_string(), "moulageId": parties.person_seal.to_string(),
        "contractPath": original, "contractSavePath": first, "signPositionType": "1", "positionContent": "1,100,100",
        "moreSigners": "1"});
    let id = client.post("/sign/filePath", &asked).data("summaryId").as_u64().unwrap();
    let row = client.send("GET", &format!("/x/signatures/{id}"), "", b"");
    assert_eq!((row.data("level"), row.data("awaits")), (&json!("b-t"), &json!("b-lta")), "said, not silent");
    assert!(dictionaries(&std::fs::read(&first).unwrap()).1.is_none());
    sign(&client, parties.company, parties.company_seal, &first, &second, "2,380,290");
    let bytes = std::fs::read(&second).unwrap();
    let document = Document::open(&bytes).unwrap();
    let kinds: Vec<bool> = embedded_signatures(&document).unwrap().iter().map(|s| s.is_timestamp).collect();
    assert_eq!(kinds, [false, false, true], "two signers, then the archive's time stamp");
    let (signatures, store) = dictionaries(&bytes);
    for signature in &signatures[..2] {
        has_b_lt(&bytes, store.as_ref().unwrap(), &has_b_b(signature), contents(signature));
    }
    let (signer_root, tsa_root) = roots(&daemon);
    let passed = judges::pyhanko_lasting(&second, &signer_root, &tsa_root, Some(YEARS_LATER));
    assert_eq!(passed, [true, true]);

    // A signer who comes after all is welcome; what was there keeps its verdict.
    let third = docs.join("third.pdf");
    sign(&client, parties.person, parties.person_seal, &second, &third, "1,300,600");
    judges::pyhanko_is_content(&third, &signer_root, &tsa_root, 5);
    judges::qpdf_is_content(&third);
    assert_eq!(judges::pyhanko_lasting(&third, &signer_root, &tsa_root, Some(YEARS_LATER)), [true; 3]);
}

#[test]
fn a_level_that_cannot_be_reached_signs_nothing() {
    // The issuing CA's status rests on the root's list; without it B-LT has a gap.
    let site = Site::with(|dir| std::fs::remove_file(dir.join("data/pki/root.crl")).unwrap());
    let daemon = site.start();
    let client = daemon.client();
    let parties = register(&client);
    set_level(&daemon, "b-lt");
    let (original, signed) = (contract(&daemon, "c.pdf"), daemon.documents().join("signed.pdf"));
    let asked = json!({"signerId": parties.person.to_string(), "moulageId": parties.person_seal.to_string(),
        "contractPath": original, "contractSavePath": signed, "signPositionType": "1", "positionContent": "1,100,100"});
    let answer = client.post("/sign/filePath", &asked);
    assert_eq!((answer.code(), signed.exists()), (20110, false), "{:?}", answer.body);
    assert!(answer.msg().contains("长期验证数据不可得"), "{}", answer.msg());
    set_level(&daemon, "b-t");
    assert_eq!(client.post("/sign/filePath", &asked).code(), 200);
}

fn renew(daemon: &Daemon, more: &[&str]) -> (bool, Vec<Value>) {
    let folder = daemon.documents();
    let mut args = vec!["renew", "--json", folder.to_str().unwrap()];
    args.extend(more);
    let (ok, out, err) = daemon.site.hufu(&args);
    let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(!lines.is_empty(), "{out}{err}");
    (ok, lines)
}

fn states(lines: &[Value]) -> Vec<(String, String)> {
    let name =
        |l: &Value| Path::new(l["file"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
    lines.iter().map(|l| (name(l), l["outcome"]["state"].as_str().unwrap_or("failed").to_owned())).collect()
}

#[test]
fn a_folder_is_renewed_once_and_a_broken_run_goes_on() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let original = contract(&daemon, "plain.pdf");
    let docs = daemon.documents();
    std::fs::create_dir(docs.join("年度")).unwrap();
    sign_as(&daemon, &client, &parties, &original, "b-t", &docs.join("old.pdf"));
    sign_as(&daemon, &client, &parties, &original, "b-lta", &docs.join("年度/archived.pdf"));
    std::fs::write(docs.join("broken.pdf"), b"%PDF-1.7 and nothing").unwrap();
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let before = std::fs::read(docs.join("old.pdf")).unwrap();

    let (ok, lines) = renew(&daemon, &["--dry-run"]);
    let dry =
        [("broken.pdf", "failed"), ("old.pdf", "due"), ("plain.pdf", "unsigned"), ("archived.pdf", "fresh")];
    assert_eq!((ok, states(&lines)), (false, owned(&dry)));
    assert_eq!(std::fs::read(docs.join("old.pdf")).unwrap(), before, "a dry run writes nothing");

    let (_, lines) = renew(&daemon, &[]);
    assert_eq!(states(&lines)[1], ("old.pdf".to_owned(), "renewed".to_owned()));
    let renewed = std::fs::read(docs.join("old.pdf")).unwrap();
    assert!(renewed.starts_with(&before));
    let (signer_root, tsa_root) = roots(&daemon);
    judges::qpdf_is_content(&docs.join("old.pdf"));
    judges::pyhanko_is_content(&docs.join("old.pdf"), &signer_root, &tsa_root, 2);
    let passed = judges::pyhanko_lasting(&docs.join("old.pdf"), &signer_root, &tsa_root, Some(YEARS_LATER));
    assert_eq!(passed, [true], "B-T has become B-LTA");

    // Started again, as after a break, it finds nothing to do.
    let (_, lines) = renew(&daemon, &[]);
    assert_eq!(states(&lines)[1], ("old.pdf".to_owned(), "fresh".to_owned()));
    assert_eq!(std::fs::read(docs.join("old.pdf")).unwrap(), renewed);

    // Ten years are soon enough for somebody: the archive grows by one time stamp, and by the last one's validation data.
    let archived = docs.join("年度/archived.pdf");
    let (_, lines) = renew(&daemon, &["--within", "4000"]);
    assert_eq!(states(&lines)[3], ("archived.pdf".to_owned(), "renewed".to_owned()));
    judges::pyhanko_is_content(&archived, &signer_root, &tsa_root, 3);
    let bytes = std::fs::read(&archived).unwrap();
    let document = Document::open(&bytes).unwrap();
    let known: Vec<bool> = embedded_signatures(&document).unwrap().iter().map(|s| s.has_material).collect();
    assert_eq!(known, [true, true, false], "the newest time stamp alone needs nothing yet");
    assert_eq!(judges::pyhanko_lasting(&archived, &signer_root, &tsa_root, Some(YEARS_LATER)), [true]);
    let (ok, out, err) = daemon.site.hufu(&["audit", "verify"]);
    assert!(ok, "{out}{err}");
}

fn sign_as(
    daemon: &Daemon,
    client: &Client,
    parties: &crate::signed_contract::Parties,
    from: &Path,
    level: &str,
    to: &Path,
) {
    set_level(daemon, level);
    sign(client, parties.person, parties.person_seal, from, to, "1,100,100");
}

/// The command is killed in the middle of a folder, then the appliance beneath it: started again, each goes on, and no file gets two.
#[test]
fn a_renewal_that_is_killed_goes_on_where_it_was() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let original = contract(&daemon, "plain.pdf");
    let docs = daemon.documents();
    let files: Vec<PathBuf> = (0..9).map(|n| docs.join(format!("{n}.pdf"))).collect();
    files.iter().for_each(|file| sign_as(&daemon, &client, &parties, &original, "b-t", file));
    let begin = || {
        let mut command = std::process::Command::new(crate::daemon::HUFU);
        command.arg("--config").arg(daemon.site.config()).args(["renew", "--json"]).arg(&docs);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        // Two of them are through; the next is under way.
        let mut through = 0;
        while through < 2 {
            let line = lines.next().unwrap().unwrap();
            through += usize::from(line.contains("\"renewed\""));
        }
        (child, lines)
    };
    let (mut command, lines) = begin();
    command.kill().unwrap();
    command.wait().unwrap();
    drop(lines);
    let (mut command, lines) = begin();
    let network = daemon.pid("network");
    let pid = rustix::process::Pid::from_raw(i32::try_from(network).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    lines.map_while(Result::ok).for_each(drop);
    assert!(!command.wait().unwrap().success(), "it says that it could not finish");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !daemon.site.hufu(&["renew", docs.to_str().unwrap()]).0 {
        assert!(std::time::Instant::now() < deadline, "the appliance does not come back");
    }
    let (ok, lines) = renew(&daemon, &[]);
    let fresh = states(&lines).into_iter().filter(|(_, state)| state == "fresh").count();
    assert_eq!((ok, fresh), (true, files.len()));
    let (signer_root, tsa_root) = roots(&daemon);
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let document = Document::open(&bytes).unwrap();
        let kinds: Vec<bool> =
            embedded_signatures(&document).unwrap().iter().map(|s| s.is_timestamp).collect();
        assert_eq!(kinds, [false, true], "{}: one signature, one time stamp over it", file.display());
    }
    judges::pyhanko_is_content(&files[4], &signer_root, &tsa_root, 2);
}
