//! The whole appliance on every PKCS#11 token that can be had: key ceremony, CA, signers, signatures, scene keys, wrapped keys,
//! time stamps, the log's checkpoints, and all of it again after a restart. The table in `docs/TOKENS.md` is made here.

use crate::daemon::{Client, Daemon, Site, top};
use crate::judges;
use crate::signed_contract::{contract, register, sign};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// What a token is known to offer; the rest is found out.
struct Offer {
    /// The script in `tests/tokens`, also its row's name.
    name: &'static str,
    /// Its row's first column.
    title: &'static str,
    /// Signers' keys on P-256; every token here has RSA.
    ec: bool,
    /// Keys kept outside, wrapped by the token; or why the table has none.
    wrap: Result<(), &'static str>,
}

/// Where the tokens' table begins in `docs/TOKENS.md`.
const HEAD: &str =
    "| token | key ceremony, CA | EC | RSA | scene key | wrapped key | time stamp | checkpoint | restart |";

fn scene_signature(client: &Client, signer: u64, seal: u64, from: &Path, to: &Path) {
    let answer = client.post(
        "/sign/filePath",
        &json!({"signerId": signer.to_string(), "moulageId": seal.to_string(), "contractPath": from,
                "contractSavePath": to, "signPositionType": "1", "positionContent": "1,300,100", "certType": "scene"}),
    );
    assert_eq!(answer.code(), 200, "scene: {:?}", answer.body);
}

/// Custody of each signer's key as the audit log has it, by another way than the API.
fn judged(daemon: &Daemon, file: &Path, signatures: usize) {
    let root = |name: &str| PathBuf::from(&daemon.site.env[name]);
    judges::qpdf_is_content(file);
    judges::pyhanko_is_content(file, &root("HUFU_SIGNER_ROOT"), &root("HUFU_TSA_ROOT"), signatures);
}

/// The public key algorithms of the certificates in a signed file, as pyHanko's library reads them.
fn key_types(file: &Path) -> String {
    let script = "import sys\nfrom pyhanko.pdf_utils.reader import PdfFileReader\n\
        for s in PdfFileReader(open(sys.argv[1],'rb')).embedded_regular_signatures:\n    print(s.signer_cert.public_key.algorithm)";
    let done = std::process::Command::new(judges::venv().join("bin/python"))
        .args(["-c", script])
        .arg(file)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn serves_end_to_end(offer: &Offer) {
    let custody = |dir: &Path| {
        let file = dir.join("token.toml");
        if offer.wrap.is_err() {
            let text = fs::read_to_string(&file).unwrap().replace("custody = \"wrapped\"\n", "");
            fs::write(file, text).unwrap();
        }
    };
    let Some(site) = Site::on_token(offer.name, custody) else { return };
    // A second ceremony finds everything.
    let (ok, again, err) = site.hufu(&["init", "--yes"]);
    assert!(ok, "{again}{err}");
    assert!(!again.contains("generated now") && again.contains("already there"), "{again}");

    let daemon = site.start();
    let client = daemon.client();
    let parties = register(&client);
    let docs = daemon.documents();
    let original = contract(&daemon, "合同.pdf");
    let files: Vec<PathBuf> = (0..6).map(|n| docs.join(format!("signed-{n}.pdf"))).collect();
    sign(&client, parties.person, parties.person_seal, &original, &files[0], "2,150,340");
    sign(&client, parties.company, parties.company_seal, &files[0], &files[1], "2,380,290");
    scene_signature(&client, parties.person, parties.person_seal, &files[1], &files[2]);
    // B-T: each of them holds a time stamp already; this is one over the document.
    let stamp = client.post("/tsa/pathSign", &json!({"filePath": files[2], "fileSavePath": files[3]}));
    assert_eq!(stamp.code(), 200, "{:?}", stamp.body);
    judged(&daemon, &files[3], 4);
    let usual = if offer.ec { "ec" } else { "rsa" };
    assert_eq!(key_types(&files[3]), format!("{usual} rsa {usual}"));
    let (ok, checkpoint, err) = daemon.site.hufu(&["audit", "checkpoint"]);
    assert!(ok, "{checkpoint}{err}");

    let (site, ended) = daemon.stop();
    assert!(ended);
    let daemon = site.start();
    let client = daemon.client();
    sign(&client, parties.person, parties.person_seal, &original, &files[4], "2,150,340");
    sign(&client, parties.company, parties.company_seal, &files[4], &files[5], "2,380,290");
    judged(&daemon, &files[5], 2);
    let (ok, out, err) = daemon.site.hufu(&["audit", "verify"]);
    assert!(ok, "{out}{err}");

    let mark = |has: bool| if has { "pass" } else { "not offered" };
    let cells = [
        mark(true),
        mark(offer.ec),
        mark(true),
        mark(true),
        offer.wrap.map_or_else(|why| why, |()| "pass"),
        mark(true),
        mark(true),
        mark(true),
    ];
    tabled(&format!("| {} | {} |", offer.title, cells.join(" | ")));
}

/// The row stands in the documentation; with `HUFU_BLESS=1` it is put there.
fn tabled(row: &str) {
    println!("{row}");
    let path = top().join("docs/TOKENS.md");
    let text = fs::read_to_string(&path).unwrap();
    if text.lines().any(|line| line == row) {
        return;
    }
    assert!(
        std::env::var("HUFU_BLESS").is_ok_and(|v| v == "1"),
        "not in docs/TOKENS.md (HUFU_BLESS=1 writes it): {row}"
    );
    let title = row.split('|').nth(1).unwrap();
    let others =
        text.lines().filter(|line| line.split('|').nth(1) != Some(title) || !line.contains("| pass |"));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    let head = lines.iter().position(|line| line == HEAD).expect("the table's head");
    let end = (head + 2..lines.len()).find(|at| !lines[*at].starts_with('|')).unwrap_or(lines.len());
    lines.insert(end, row.to_owned());
    fs::write(&path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn softhsm_serves_end_to_end() {
    serves_end_to_end(&Offer { name: "softhsm", title: "SoftHSM", ec: true, wrap: Ok(()) });
}

#[test]
fn nss_softokn_serves_end_to_end() {
    serves_end_to_end(&Offer { name: "nss", title: "NSS softokn", ec: true, wrap: Err("not tried") });
}

#[test]
fn softhsm_behind_the_server_of_p11_kit_serves_end_to_end() {
    serves_end_to_end(&Offer {
        name: "p11-kit",
        title: "p11-kit's server before SoftHSM",
        ec: true,
        wrap: Err("not offered"),
    });
}

/// Makes the machine's soft token anew, so only with `HUFU_WIPE_OPENCRYPTOKI=1`.
#[test]
fn the_soft_token_of_opencryptoki_serves_end_to_end() {
    serves_end_to_end(&Offer {
        name: "opencryptoki",
        title: "opencryptoki's soft token",
        ec: false,
        wrap: Ok(()),
    });
}
