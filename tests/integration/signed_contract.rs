//! The main job, end to end: a person and a company sign a contract, it is time-stamped, and strangers' tools call it good.

use crate::daemon::{Client, Daemon, top};
use crate::judges;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A person and a company with a seal each.
pub struct Parties {
    pub person: u64,
    pub person_seal: u64,
    pub company: u64,
    pub company_seal: u64,
}

pub fn register(client: &Client) -> Parties {
    let person = client.post(
        "/user/person",
        &json!({"userName": "张三", "identityRegion": "0", "certifyType": "a", "certifyNum": "11010119900307889X",
                "phoneRegion": "0", "phoneNo": "13000000000"}),
    );
    let company = client.post(
        "/user/company",
        &json!({"userName": "虎符示例科技有限公司", "certifyType": "1", "certifyNum": "91330100MA27XW0X0H"}),
    );
    let person = person.data("signerId").as_u64().unwrap();
    let company = company.data("signerId").as_u64().unwrap();
    let person_seal = client.post("/moulage/person", &json!({"signerId": person.to_string()}));
    let company_seal = client.post(
        "/moulage/company",
        &json!({"signerId": company.to_string(), "textContent": "合同专用章", "keyContent": "3301000000001"}),
    );
    Parties {
        person,
        person_seal: person_seal.data("moulageId").as_u64().unwrap(),
        company,
        company_seal: company_seal.data("moulageId").as_u64().unwrap(),
    }
}

/// A copy of the sample contract among the daemon's documents.
pub fn contract(daemon: &Daemon, name: &str) -> PathBuf {
    let path = daemon.documents().join(name);
    std::fs::copy(top().join("softhsm/sample-contract.pdf"), &path).unwrap();
    path
}

pub fn sign(client: &Client, signer: u64, seal: u64, from: &Path, to: &Path, place: &str) -> u64 {
    let answer = client.post(
        "/sign/filePath",
        &json!({"signerId": signer.to_string(), "moulageId": seal.to_string(), "contractPath": from, "contractSavePath": to,
                "signPositionType": "1", "positionContent": place}),
    );
    answer.data("summaryId").as_u64().unwrap()
}

fn roots(daemon: &Daemon) -> (PathBuf, PathBuf) {
    (daemon.site.env["HUFU_SIGNER_ROOT"].clone().into(), daemon.site.env["HUFU_TSA_ROOT"].clone().into())
}

fn validate(client: &Client, file: &Path) -> Value {
    let bytes = std::fs::read(file).unwrap();
    let answer = client.multipart(
        "/v2/auth/validateContract",
        &[("contractType", None, b"0"), ("contractFile", Some("c.pdf"), &bytes)],
    );
    assert_eq!(answer.body["success"], true, "{:#}", answer.body);
    answer.body["data"].clone()
}

#[test]
fn a_contract_signed_by_two_and_time_stamped_is_good_to_every_judge() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let docs = daemon.documents();
    let original = contract(&daemon, "合同.pdf");
    let (once, twice, stamped) = (docs.join("once.pdf"), docs.join("twice.pdf"), docs.join("stamped.pdf"));

    let first = sign(&client, parties.person, parties.person_seal, &original, &once, "2,150,340");
    let second = sign(&client, parties.company, parties.company_seal, &once, &twice, "2,380,290");
    assert_ne!(first, second);
    let stamp = client.post("/tsa/pathSign", &json!({"filePath": twice, "fileSavePath": stamped}));
    assert!(stamp.data("timeStampSignId").as_u64().unwrap() > 0);

    // Original bytes stay, step by step.
    let bytes = |p: &Path| std::fs::read(p).unwrap();
    assert!(bytes(&once).starts_with(&bytes(&original)));
    assert!(bytes(&twice).starts_with(&bytes(&once)));
    assert!(bytes(&stamped).starts_with(&bytes(&twice)));

    let (signer_root, tsa_root) = roots(&daemon);
    for (file, signatures, all) in [(&once, 1, 1), (&twice, 2, 2), (&stamped, 2, 3)] {
        judges::qpdf_is_content(file);
        judges::pyhanko_is_content(file, &signer_root, &tsa_root, all);
        judges::pdfsig_is_content(file, daemon.site.dir(), &[&signer_root, &tsa_root], signatures);
    }

    // The seals stand where they were asked for and nothing else changed.
    assert_eq!(judges::changed_area(&original, &stamped, 1), None);
    let (left, bottom, right, top) = judges::changed_area(&original, &once, 2).unwrap();
    assert!((left - 150.0).abs() < 2.0 && (bottom - 340.0).abs() < 2.0, "person's seal at {left},{bottom}");
    assert!(right - left > 20.0 && top - bottom > 10.0);
    let (left, bottom, right, top) = judges::changed_area(&once, &twice, 2).unwrap();
    assert!((left - 380.0).abs() < 2.0 && (bottom - 290.0).abs() < 2.0, "company's seal at {left},{bottom}");
    assert!(right - left > 100.0 && top - bottom > 100.0);

    // And our own validator agrees.
    let verdict = validate(&client, &stamped);
    let signatures = verdict["contractSignatures"].as_array().unwrap();
    let names: Vec<&str> = signatures.iter().map(|s| s["signName"].as_str().unwrap()).collect();
    assert!(names.contains(&"张三") && names.contains(&"虎符示例科技有限公司"), "{names:?}");
    for signature in signatures {
        assert_eq!(signature["validModify"], true, "{signature:#}");
    }

    let (ok, out, err) = daemon.site.hufu(&["audit", "verify"]);
    assert!(ok, "{out}{err}");
}

#[test]
fn one_changed_byte_is_noticed() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let signed = daemon.documents().join("signed.pdf");
    sign(&client, parties.person, parties.person_seal, &original, &signed, "1,100,100");
    assert_eq!(validate(&client, &signed)["contractSignatures"][0]["validModify"], true);
    let mut bytes = std::fs::read(&signed).unwrap();
    let at = bytes.windows(7).position(|w| w == b"/Title ").unwrap_or(1000);
    bytes[at + 9] ^= 1;
    std::fs::write(&signed, &bytes).unwrap();
    assert_eq!(validate(&client, &signed)["contractSignatures"][0]["validModify"], false);
}

#[test]
fn a_stream_is_signed_like_a_path_and_the_second_app_signs_without_a_time_stamp() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let saved = daemon.documents().join("stream.pdf");
    let bytes = std::fs::read(top().join("softhsm/sample-contract.pdf")).unwrap();
    let answer = client.multipart(
        "/sign/fileStream",
        &[
            ("signerId", None, parties.company.to_string().as_bytes()),
            ("moulageId", None, parties.company_seal.to_string().as_bytes()),
            ("contractPath", Some("合同.pdf"), &bytes),
            ("contractSavePath", None, saved.to_str().unwrap().as_bytes()),
            ("contractTitle", None, "技术服务合同".as_bytes()),
            ("signPositionType", None, b"1"),
            ("positionContent", None, b"1,100,100;2,200,200"),
        ],
    );
    assert!(answer.data("summaryId").as_u64().unwrap() > 0);
    let (signer_root, tsa_root) = roots(&daemon);
    judges::qpdf_is_content(&saved);
    let verdicts = judges::pyhanko(&saved, &signer_root, &tsa_root);
    // Two places share one signature object.
    for verdict in &verdicts {
        assert_eq!(verdict["bottom_line"], true, "{verdict:#}");
        assert!(verdict["timestamp"].is_null(), "B-B has no time stamp: {verdict:#}");
    }
    assert_eq!(validate(&client, &saved)["contractSignatures"].as_array().unwrap().len(), 1);
}
