//! Independent judges of what the appliance makes: pyHanko (strict), pdfsig, qpdf, openssl.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::daemon::{Site, top};

/// The Python environment of the judges.
pub fn venv() -> &'static Path {
    static VENV: OnceLock<PathBuf> = OnceLock::new();
    VENV.get_or_init(|| {
        let made = Command::new(top().join("tests/venv")).output().unwrap();
        assert!(made.status.success(), "tests/venv: {}", String::from_utf8_lossy(&made.stderr));
        PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
    })
}

fn run(program: impl AsRef<std::ffi::OsStr>, args: &[&std::ffi::OsStr]) -> (i32, String) {
    let done = Command::new(program.as_ref()).args(args).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.code().unwrap_or(-1), text)
}

/// What pyHanko says of every signature, in strict mode, trusting `roots` and `tsa_roots` only.
pub fn pyhanko(file: &Path, roots: &Path, tsa_roots: &Path) -> Vec<Value> {
    pyhanko_with(file, roots, tsa_roots, &[])
}

/// The same with further arguments of the judge.
pub fn pyhanko_with(file: &Path, roots: &Path, tsa_roots: &Path, arguments: &[&str]) -> Vec<Value> {
    let done = Command::new(venv().join("bin/python"))
        .arg(top().join("tests/judges/pyhanko_judge.py"))
        .arg(file)
        .arg("--trust")
        .arg(roots)
        .arg("--tsa-trust")
        .arg(tsa_roots)
        .args(arguments)
        .output()
        .unwrap();
    let verdict: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("pyHanko: {e}: {}", String::from_utf8_lossy(&done.stderr)));
    assert!(verdict.get("error").is_none(), "pyHanko refuses {}: {verdict}", file.display());
    verdict["signatures"].as_array().unwrap().clone()
}

/// pyHanko finds `signatures` signatures (document time stamps included), each intact, valid, trusted, with nothing but
/// permitted changes after it, and the last one covering the whole file.
pub fn pyhanko_is_content(file: &Path, roots: &Path, tsa_roots: &Path, signatures: usize) {
    let verdicts = pyhanko(file, roots, tsa_roots);
    assert_eq!(verdicts.len(), signatures, "{verdicts:#?}");
    for verdict in &verdicts {
        for key in ["intact", "valid", "trusted", "bottom_line"] {
            assert_eq!(verdict[key], true, "pyHanko, {key}: {verdict:#}");
        }
        let modification = verdict["modification"].as_str().unwrap_or("NONE");
        assert!(["NONE", "LTA_UPDATES", "FORM_FILLING"].contains(&modification), "{verdict:#}");
    }
    assert_eq!(verdicts.last().unwrap()["coverage"], "ENTIRE_FILE", "{verdicts:#?}");
}

/// Whether each signature is provable by what the file carries alone (pyHanko, AdES rules for long-term validation), as of
/// another day where `clock` says so in libfaketime's form.
pub fn pyhanko_lasting(file: &Path, roots: &Path, tsa_roots: &Path, clock: Option<&str>) -> Vec<bool> {
    let mut command = Command::new(venv().join("bin/python"));
    command.arg(top().join("tests/judges/pyhanko_lasting.py")).arg(file).arg("--trust").arg(roots);
    command.arg("--tsa-trust").arg(tsa_roots);
    if let Some(clock) = clock {
        let folders = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
        let library = folders.map(|f| PathBuf::from(format!("/usr/lib/{f}/faketime/libfaketime.so.1")));
        let library = library.iter().find(|l| l.exists()).expect("libfaketime: softhsm/packages test");
        command.env("LD_PRELOAD", library).env("FAKETIME", clock);
    }
    let done = command.output().unwrap();
    let verdict: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("pyHanko: {e}: {}", String::from_utf8_lossy(&done.stderr)));
    let signatures = verdict["signatures"].as_array().unwrap_or_else(|| panic!("{verdict}"));
    signatures.iter().map(|s| s["indication"] == "PASSED").collect()
}

/// An NSS database that trusts the given roots, for pdfsig.
fn nss_database(dir: &Path, roots: &[&Path]) -> PathBuf {
    let db = dir.join("nssdb");
    if db.exists() {
        return db;
    }
    std::fs::create_dir_all(&db).unwrap();
    let spec = format!("sql:{}", db.display());
    let (code, text) =
        run("certutil", &["-N".as_ref(), "-d".as_ref(), spec.as_ref(), "--empty-password".as_ref()]);
    assert_eq!(code, 0, "certutil: {text}");
    for (i, root) in roots.iter().enumerate() {
        let name = format!("root{i}");
        let (code, text) = run(
            "certutil",
            &[
                "-A".as_ref(),
                "-d".as_ref(),
                spec.as_ref(),
                "-n".as_ref(),
                name.as_ref(),
                "-t".as_ref(),
                "CT,C,C".as_ref(),
                "-a".as_ref(),
                "-i".as_ref(),
                root.as_os_str(),
            ],
        );
        assert_eq!(code, 0, "certutil: {text}");
    }
    db
}

/// pdfsig finds `signatures` ordinary signatures, each valid and with a trusted certificate, and counts `total` with
/// document time stamps.
pub fn pdfsig_is_content(file: &Path, scratch: &Path, roots: &[&Path], signatures: usize) {
    let db = nss_database(scratch, roots);
    let (_, text) = run("pdfsig", &["-nssdir".as_ref(), db.as_os_str(), file.as_os_str()]);
    let count = |what: &str| text.matches(what).count();
    assert!(count("Signature is Valid.") >= signatures, "{text}");
    assert!(count("Certificate is Trusted.") >= signatures, "{text}");
    for bad in [
        "Signature is Invalid",
        "Digest Mismatch",
        "isn't Trusted",
        "expired",
        "not yet verified",
        "Unknown issue",
    ] {
        assert!(!text.contains(bad), "pdfsig says {bad}:\n{text}");
    }
}

/// qpdf has nothing to say against the file.
pub fn qpdf_is_content(file: &Path) {
    let (code, text) = run("qpdf", &["--check".as_ref(), file.as_os_str()]);
    assert_eq!(code, 0, "qpdf --check {}:\n{text}", file.display());
}

/// Renders one page (from 1) as an RGB image: width, height, pixels.
pub fn page(file: &Path, number: usize, dpi: usize) -> (usize, usize, Vec<u8>) {
    let done = Command::new("pdftoppm")
        .args(["-cropbox", "-r", &dpi.to_string(), "-f", &number.to_string(), "-l", &number.to_string()])
        .arg(file)
        .output()
        .unwrap();
    assert!(done.status.success(), "pdftoppm: {}", String::from_utf8_lossy(&done.stderr));
    parse_ppm(&done.stdout)
}

fn parse_ppm(bytes: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut fields = Vec::new();
    let mut at = 0;
    while fields.len() < 4 {
        let end = at + bytes[at..].iter().position(u8::is_ascii_whitespace).unwrap();
        fields.push(std::str::from_utf8(&bytes[at..end]).unwrap().to_owned());
        at = end + 1;
    }
    assert_eq!(fields[0], "P6");
    (fields[1].parse().unwrap(), fields[2].parse().unwrap(), bytes[at..].to_vec())
}

/// The rectangle (left, bottom, right, top in points, origin lower left) outside which two renderings are equal.
pub fn changed_area(before: &Path, after: &Path, number: usize) -> Option<(f64, f64, f64, f64)> {
    const DPI: usize = 144;
    let (width, height, old) = page(before, number, DPI);
    let (w, h, new) = page(after, number, DPI);
    assert_eq!((width, height), (w, h), "page size changed");
    let (mut left, mut top, mut right, mut bottom) = (usize::MAX, usize::MAX, 0, 0);
    for y in 0..height {
        for x in 0..width {
            let at = 3 * (y * width + x);
            if old[at..at + 3] != new[at..at + 3] {
                left = left.min(x);
                right = right.max(x + 1);
                top = top.min(y);
                bottom = bottom.max(y + 1);
            }
        }
    }
    let pt = |pixels: usize| pixels as f64 * 72.0 / DPI as f64;
    (left != usize::MAX).then(|| (pt(left), pt(height - bottom), pt(right), pt(height - top)))
}

/// openssl in a folder; all that it says. Its refusal is the test's end.
pub fn openssl(folder: &Path, args: &[&str]) -> String {
    let done = Command::new("openssl").args(args).current_dir(folder).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "openssl {}: {text}", args.join(" "));
    text
}

/// What the responder of a site says of a certificate, as openssl asks and verifies it; files by their names in `folder`.
pub fn ocsp(folder: &Path, site: &Site, [certificate, issuer, root]: [&str; 3], more: &[&str]) -> String {
    let url = format!("{}/ocsp", site.env["HUFU_PKI_URL"]);
    let ask = ["ocsp", "-issuer", issuer, "-cert", certificate, "-url", &url];
    let verify = ["-CAfile", root, "-verify_other", issuer];
    openssl(folder, &[&ask[..], &verify, more].concat())
}

/// Identifiers of the private keys in a site's token of signers, as OpenSC reads them, in order.
pub fn signers_keys(site: &Path) -> Vec<String> {
    let pin = std::fs::read_to_string(site.join("secrets/user-pin")).unwrap();
    let done = Command::new("pkcs11-tool")
        .env("SOFTHSM2_CONF", site.join("token/softhsm2.conf"))
        .args(["--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "hufu-signer", "--login"])
        .args(["--pin", pin.trim(), "--list-objects", "--type", "privkey"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let mut keys: Vec<String> =
        text.lines().filter_map(|l| l.trim().strip_prefix("ID:")).map(|id| id.trim().to_owned()).collect();
    keys.sort();
    keys
}
