//! Scene certificates, judged by strangers: one signature each, bound to document and consent, revocable, and the key gone.

use crate::daemon::{Client, Daemon, Site};
use crate::judges::{self, ocsp, openssl, signers_keys};
use crate::signed_contract::contract;
use hufu::x509::{Certificate, SCENE_BINDING_OID, scene_binding};
use hufu_api::SceneBinding;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A person with a phone, and a company whose scene keys are objects in the token, so that others can see them come and go.
fn site() -> Daemon {
    Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + "\n[certificates.company_scene]\ncustody = \"token\"\n").unwrap();
    })
    .start()
}

fn records(daemon: &Daemon, act: &str, value: &str) -> Vec<Value> {
    let (ok, out, err) = daemon.site.hufu(&["audit", "search", value, "--act", act, "--json"]);
    assert!(ok, "{err}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The newest certificate of a signer: its row and PEM chain.
fn newest(client: &Client, signer: &str) -> (Value, String) {
    let rows = client.send("GET", &format!("/x/certificates?signerId={signer}"), "", b"");
    let rows = rows.data("certificates").as_array().unwrap().clone();
    let row = rows.into_iter().max_by_key(|row| row["certificateId"].as_u64()).unwrap();
    let (status, pem) = client.bytes(&format!("/x/certificates/{}", row["certificateId"]));
    assert_eq!(status, 200);
    (row, String::from_utf8(pem).unwrap())
}

/// The one certificate of a PEM chain that `openssl` puts into DER.
fn leaf(dir: &Path, pem: &str) -> Certificate {
    std::fs::write(dir.join("leaf.pem"), pem).unwrap();
    openssl(dir, &["x509", "-in", "leaf.pem", "-outform", "der", "-out", "leaf.der"]);
    Certificate::from_der(&std::fs::read(dir.join("leaf.der")).unwrap()).unwrap()
}

fn sign_scene(client: &Client, call: &str, signer: &str, from: &Path, to: &Path, code: Option<&str>) {
    let mut body = json!({"signerId": signer, "moulageId": "-1", "contractPath": from, "contractSavePath": to,
        "signPositionType": "1", "positionContent": "1,100,100", "certType": "scene"});
    if let Some(code) = code {
        body["code"] = code.into();
    }
    client.post(call, &body).data("summaryId");
}

fn finding(daemon: &Daemon, file: &Path, code: &str) -> Vec<String> {
    let (ok, out, err) = daemon.site.hufu(&["verify", "--json", file.to_str().unwrap()]);
    assert!(ok, "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let signatures = report["report"]["signatures"].as_array().unwrap().clone();
    let findings = signatures.iter().flat_map(|s| s["findings"].as_array().unwrap().clone());
    findings
        .filter(|found| found["code"] == code)
        .map(|found| found["detail"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_scene_certificate_signs_one_document_once_and_strangers_find_it_good() {
    let daemon = site();
    let client = daemon.client();
    let person = client.post(
        "/user/person",
        &json!({"userName": "张三", "identityRegion": "0", "certifyType": "a", "certifyNum": "11010119900307889X",
            "phoneRegion": "0", "phoneNo": "13000000000", "certType": "scene"}),
    );
    let company = client.post(
        "/user/company",
        &json!({"userName": "虎符示例科技有限公司", "certifyType": "1", "certifyNum": "91330100MA27XW0X0H", "certType": "scene"}),
    );
    let (person, company) = (person.data("signerId").to_string(), company.data("signerId").to_string());
    let rows = client.send("GET", &format!("/x/certificates?signerId={person}"), "", b"");
    assert_eq!(rows.data("certificates"), &json!([]), "none before it is needed");
    let before = signers_keys(daemon.site.dir());

    // The person consents by code, the company has none to give.
    let (ok, _, err) = daemon.site.hufu(&["app", "set", &daemon.site.env["HUFU_APP_ID"], "--level", "b-lt"]);
    assert!(ok, "{err}");
    let original = contract(&daemon, "c.pdf");
    let (once, twice) = (daemon.documents().join("once.pdf"), daemon.documents().join("twice.pdf"));
    assert_eq!(client.post("/send/verifyCode", &json!({"signerId": person})).code(), 200);
    let outbox = std::fs::read_to_string(&daemon.site.env["HUFU_SMS_OUTBOX"]).unwrap();
    let sent: Value = serde_json::from_str(outbox.lines().last().unwrap()).unwrap();
    sign_scene(&client, "/sign/verifyCodeFilePath", &person, &original, &once, sent["code"].as_str());
    sign_scene(&client, "/sign/filePath", &company, &once, &twice, None);

    // Strangers: hard-fail, with what the file itself carries, then with answers and lists fetched from our listener.
    let roots: [PathBuf; 2] =
        ["HUFU_SIGNER_ROOT", "HUFU_TSA_ROOT"].map(|name| daemon.site.env[name].clone().into());
    judges::qpdf_is_content(&twice);
    for proof in ["dss", "ocsp", "crl"] {
        for verdict in judges::pyhanko_with(&twice, &roots[0], &roots[1], &["--revocation", proof]) {
            assert_eq!(verdict["bottom_line"], true, "{proof}: {verdict:#}");
        }
    }

    let dir = tempfile::tempdir().unwrap();
    for name in ["root.pem", "issuing-1.pem"] {
        std::fs::copy(daemon.site.dir().join("data/pki").join(name), dir.path().join(name)).unwrap();
    }
    let mut bound = Vec::new();
    for (signer, document) in [(&person, &original), (&company, &once)] {
        let (row, pem) = newest(&client, signer);
        let certificate = leaf(dir.path(), &pem);
        let pki = &daemon.site.env["HUFU_PKI_URL"];
        for (list, url) in [("issuing", "issuing-1.crl"), ("root", "root.crl")] {
            let got = ureq::get(format!("{pki}/{url}")).call().unwrap().body_mut().read_to_vec().unwrap();
            std::fs::write(dir.path().join(format!("{list}.crl")), got).unwrap();
            let pem = format!("{list}-crl.pem");
            openssl(dir.path(), &["crl", "-inform", "der", "-in", &format!("{list}.crl"), "-out", &pem]);
        }
        openssl(
            dir.path(),
            &[
                "verify",
                "-x509_strict",
                "-crl_check_all",
                "-CRLfile",
                "issuing-crl.pem",
                "-CRLfile",
                "root-crl.pem",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "issuing-1.pem",
                "leaf.pem",
            ],
        );
        let files = ["leaf.pem", "issuing-1.pem", "root.pem"];
        let said = ocsp(dir.path(), &daemon.site, files, &["-no_nonce"]);
        assert!(said.contains("leaf.pem: good") && said.contains("Response verify OK"), "{said}");

        // Bound to the document, and to the consent where there is one; not critical; short-lived.
        let sha256: [u8; 32] = Sha256::digest(std::fs::read(document).unwrap()).into();
        let consent = records(&daemon, "check_code", signer).first().map(|r| r["number"].as_u64().unwrap());
        assert_eq!(consent.is_some(), *signer == person);
        let extension = certificate.extension(&SCENE_BINDING_OID).unwrap();
        assert!(!extension.critical);
        assert_eq!(extension.value, scene_binding(&SceneBinding { document_sha256: sha256, consent }));
        assert!(certificate.not_after.millis() - certificate.not_before.millis() < 26 * 3_600_000, "{row}");
        bound.push(consent);

        // One signature, then the key was destroyed, on record.
        let key =
            records(&daemon, "enroll_certificate", signer)[0]["facts"]["key"].as_str().unwrap().to_owned();
        let (ok, made, err) = daemon.site.hufu(&["report", "compromised", "--key", &key]);
        assert!(ok && made.lines().count() == 1, "{made}{err}");
        let destroyed = records(&daemon, "destroy_key", &key);
        assert_eq!(destroyed.len(), 1);
        assert_eq!(destroyed[0]["facts"]["reason"], "scene certificate", "{destroyed:?}");
        let (ok, outcome, _) = daemon.site.hufu(&["audit", "show", &destroyed[0]["number"].to_string()]);
        assert!(ok && outcome.contains("done"), "{outcome}");
    }
    assert_eq!(signers_keys(daemon.site.dir()), before, "no key of theirs is left in the token");

    // Our own validator says what each is bound to.
    let said = finding(&daemon, &twice, "scene-bound");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().any(|detail| detail.ends_with(&format!("audit record {}", bound[0].unwrap()))),
        "{said:?}"
    );
    assert!(said.iter().any(|detail| detail.ends_with("without a consent on record")), "{said:?}");
}
