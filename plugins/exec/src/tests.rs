#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use hufu_api::CertificateKind;
use hufu_testkit::{HandClock, Requester, cx, profile};
use hufu_x509::{Certificate, signature::verify_signed};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PYTHON: &str = "/usr/bin/python3";

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sample/ca.py")
}

/// A script in `dir`, its channel file, and the channel.
fn script(dir: &Path, text: &str) -> Result<ExecCa, PluginError> {
    let path = dir.join("ca.py");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    channel(dir, &path, "")
}

fn channel(dir: &Path, path: &Path, more: &str) -> Result<ExecCa, PluginError> {
    let python = Path::new(PYTHON).canonicalize().unwrap();
    let file = format!(
        "program = {:?}\nsha256 = \"{}\"\nprocesses = 2\ninterpreter = {{ program = {:?}, sha256 = \"{}\" }}\n{more}",
        path.canonicalize().unwrap(),
        sha256_of(path).unwrap(),
        python,
        sha256_of(&python).unwrap(),
    );
    let settings: Settings = toml::from_str(&file).unwrap();
    ExecCa::with(settings, dir, Arc::new(HandClock::new()))
}

/// Greets, then does `then` with each question `q`.
fn child(then: &str) -> String {
    format!(
        "import sys, json, struct, time, os\n\
         def read(n):\n    d = sys.stdin.buffer.read(n)\n    if len(d) < n: sys.exit(0)\n    return d\n\
         def send(a):\n    b = json.dumps(a).encode()\n    sys.stdout.buffer.write(struct.pack('>I', len(b)) + b)\n    sys.stdout.buffer.flush()\n\
         while True:\n    (n,) = struct.unpack('>I', read(4))\n    q = json.loads(read(n))\n\
         \x20   if q['verb'] == 'hello':\n        send({{'v': 1, 'id': q['id'], 'ok': {{'name': 't', 'verbs': ['enroll', 'authorities']}}}})\n        continue\n\
         {}\n",
        then.lines().map(|l| format!("    {l}\n")).collect::<String>()
    )
}

fn ask(ca: &ExecCa, seconds: u64) -> Result<Enrollment, ChannelError> {
    let who = Requester::new("张三");
    ca.enroll(
        cx(seconds),
        Csr { der: &who.csr, subject: &who.subject, scene: None },
        &profile(CertificateKind::Long),
    )
}

#[test]
fn the_sample_passes_the_conformance_kit() {
    let dir = tempfile::tempdir().unwrap();
    let ca = channel(dir.path(), &sample(), &format!("[settings]\ndir = {:?}", dir.path())).unwrap();
    let who = Requester::new("张三");
    let now = UnixTime::from_seconds(0);
    let judge = |chain: &hufu_api::Chain, authorities: &[Der]| {
        let leaf = Certificate::from_der(&chain.0[0].0).map_err(|e| e.to_string())?;
        let issuer = Certificate::from_der(&authorities[0].0).map_err(|e| e.to_string())?;
        if leaf.spki != who.key.spki() || leaf.subject.common_name() != Some("张三") {
            return Err("another key or name".into());
        }
        verify_signed(&issuer.spki, &leaf.signature_algorithm, leaf.tbs(), &leaf.signature)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    let cx = || cx(20);
    for check in conformance(&ca, &cx, &who.subject, &who.csr, &profile(CertificateKind::Long), now, &judge) {
        assert_eq!(check.result, Ok(()), "{}", check.what);
    }
    assert!(dir.path().join("revoked").exists());
}

#[test]
fn the_child_has_an_empty_environment_and_only_its_own_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let ca = script(
        dir.path(),
        &child(
            "links = [os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd') if os.path.islink('/proc/self/fd/' + f)]\n\
             send({'v': 1, 'id': q['id'], 'error': {'kind': 'refused', 'message': json.dumps([sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd(), [l for l in links if not l.startswith('pipe:') and not l.startswith('/proc/')]])}})",
        ),
    )
    .unwrap();
    let Err(ChannelError::Refused(found)) = ask(&ca, 20) else { panic!() };
    let python = Path::new(PYTHON).canonicalize().unwrap();
    let script = dir.path().join("ca.py").canonicalize().unwrap();
    // A test runner may have left /dev/null open for its children.
    let mine = [python.display().to_string(), script.display().to_string(), "/dev/null".to_owned()];
    let (environment, folder, files): (Vec<String>, String, Vec<String>) =
        serde_json::from_str(&found).expect(&found);
    assert!(environment.is_empty(), "{environment:?}");
    assert_eq!(folder, "/");
    assert!(files.iter().all(|f| mine.contains(f)), "{files:?}");
}

#[test]
fn faults_are_told_apart_and_the_next_question_gets_a_new_child() {
    for (then, wanted) in [
        (
            "send({'v': 1, 'id': q['id'], 'error': {'kind': 'refused', 'message': 'on a list'}})",
            "refused: on a list",
        ),
        (
            "send({'v': 1, 'id': q['id'], 'error': {'kind': 'unavailable', 'message': 'db'}})",
            "unavailable: db",
        ),
        ("send({'v': 1, 'id': q['id'] + 1, 'ok': {}})", "bad answer: answer"),
        ("send({'v': 2, 'id': q['id'], 'ok': {}})", "bad answer: answer"),
        ("send({'v': 1, 'id': q['id'], 'ok': {}})", "bad answer: the answer must hold"),
        ("send({'v': 1, 'id': q['id'], 'ok': {'chain': ['!!']}})", "bad answer: enroll: base64"),
        ("send({'v': 1, 'id': q['id']})", "bad answer: an answer has either"),
        (
            "sys.stdout.buffer.write(b'<html>Error</html>')\nsys.stdout.buffer.flush()",
            "unavailable: the child sends a message of",
        ),
        (
            "sys.stdout.buffer.write(b'\\0\\0\\0\\7<html>!')\nsys.stdout.buffer.flush()",
            "bad answer: not an answer",
        ),
        ("sys.exit(3)", "unavailable: the child has ended"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let ca = script(dir.path(), &child(then)).unwrap();
        for _ in 0..2 {
            let error = ask(&ca, 20).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{then}: {error:?} is not {wanted:?}");
        }
    }
}

#[test]
fn a_hung_child_ends_at_the_deadline_and_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("once");
    let then = format!(
        "if not os.path.exists({mark:?}):\n    open({mark:?}, 'w').close()\n    time.sleep(60)\nsend({{'v': 1, 'id': q['id'], 'ok': {{'ticket': 'MTc=', 'retry_after_seconds': 5}}}})"
    );
    let ca = script(dir.path(), &child(&then)).unwrap();
    let begun = Instant::now();
    assert_eq!(ask(&ca, 3), Err(ChannelError::Timeout));
    assert!(begun.elapsed() < Duration::from_secs(20));
    let Ok(Enrollment::Pending(ticket)) = ask(&ca, 20) else { panic!("the new child answers") };
    assert_eq!(ticket.opaque, b"17");
}

#[test]
fn only_the_pinned_program_is_executed() {
    let dir = tempfile::tempdir().unwrap();
    let ca = script(dir.path(), &child("sys.exit(0)")).unwrap();
    std::fs::write(dir.path().join("ca.py"), child("print('replaced')")).unwrap();
    let error = ask(&ca, 20).unwrap_err().to_string();
    assert!(error.contains("its SHA-256 is"), "{error}");
    std::fs::set_permissions(dir.path().join("ca.py"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let error = channel(dir.path(), &dir.path().join("ca.py"), "").err().unwrap().0;
    assert!(error.contains("only its owner can write"), "{error}");
    let relative: Settings = toml::from_str("program = \"ca.py\"\nsha256 = \"00\"").unwrap();
    assert!(relative.check(dir.path()).err().unwrap().0.contains("absolute path"));
}

#[test]
fn a_native_program_runs_from_the_descriptor_that_was_hashed() {
    let cat = Path::new("/bin/cat").canonicalize().unwrap();
    let file = format!("program = {cat:?}\nsha256 = \"{}\"", sha256_of(&cat).unwrap());
    let ca =
        ExecCa::with(toml::from_str(&file).unwrap(), Path::new("/"), Arc::new(HandClock::new())).unwrap();
    // cat gives the question back, which is no answer: but it ran.
    let error = ask(&ca, 20).unwrap_err().to_string();
    assert!(error.starts_with("bad answer: not an answer"), "{error}");
}
