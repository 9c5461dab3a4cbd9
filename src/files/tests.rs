#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]
use super::*;
use bytes::Bytes;
use hufu_api::RequestId;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Site {
    _tmp: TempDir,
    base: PathBuf,
    documents: LocalDocuments,
}

/// `base/in` and `base/out` are roots, `base/secret` is not.
fn site() -> Site {
    let tmp = TempDir::new().unwrap();
    let base = tmp.path().canonicalize().unwrap();
    for folder in ["in", "in/sub", "out"] {
        fs::create_dir(base.join(folder)).unwrap();
    }
    fs::write(base.join("secret"), b"secret").unwrap();
    fs::write(base.join("in/a.pdf"), b"%PDF").unwrap();
    let root = |name: &str| Root { name: name.into(), path: base.join(name), mode: 0o640 };
    let documents = LocalDocuments::open(&[root("in"), root("out")]).unwrap();
    Site { _tmp: tmp, base, documents }
}

fn cx(limit: Duration) -> Cx {
    Cx { request: RequestId(1), deadline: Instant::now() + limit }
}

const LONG: Duration = Duration::from_secs(20);

impl Site {
    fn read(&self, path: &str) -> Result<Vec<u8>, DocumentError> {
        let path = path.replace('@', self.base.to_str().unwrap());
        self.documents.read(cx(LONG), &["in".into(), "out".into()], &path, 10)
    }

    fn target(&self, path: &str) -> Result<Box<dyn Target>, DocumentError> {
        let path = path.replace('@', self.base.to_str().unwrap());
        self.documents.target(cx(LONG), &["in".into(), "out".into()], &path)
    }

    fn save(&self, path: &str, content: &'static [u8]) -> Result<(), DocumentError> {
        self.target(path)?.stage(cx(LONG), vec![Bytes::from_static(content)])?.publish(cx(LONG))
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.base.join(folder))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn reads_what_lies_below_a_root() {
    let s = site();
    assert_eq!(s.read("@/in/a.pdf").unwrap(), b"%PDF");
    assert_eq!(s.read("@//in/./sub/../a.pdf").unwrap(), b"%PDF");
    symlink("../a.pdf", s.base.join("in/sub/link.pdf")).unwrap();
    assert_eq!(s.read("@/in/sub/link.pdf").unwrap(), b"%PDF", "links inside the root are followed");
}

#[test]
fn nothing_leads_out_of_a_root() {
    let s = site();
    symlink(s.base.join("secret"), s.base.join("in/absolute")).unwrap();
    symlink("../secret", s.base.join("in/relative")).unwrap();
    symlink("..", s.base.join("in/up")).unwrap();
    for path in [
        "@/secret",
        "@/in/../secret",
        "@/in/sub/../../secret",
        "@/in/absolute",
        "@/in/relative",
        "@/in/up/secret",
        "@/inside",
        "/etc/passwd",
        "a.pdf",
    ] {
        assert_eq!(s.read(path), Err(DocumentError::Outside), "{path}");
        assert_eq!(
            s.target(path).err(),
            (!path.contains("ive") && !path.contains("abs")).then_some(DocumentError::Outside),
            "{path}"
        );
    }
}

#[test]
fn a_root_that_the_app_may_not_use_does_not_exist_for_it() {
    let s = site();
    let path = s.base.join("in/a.pdf");
    let read = |roots: &[String], path: &str| s.documents.read(cx(LONG), roots, path, 10);
    assert_eq!(read(&["out".into()], path.to_str().unwrap()), Err(DocumentError::Outside));
    assert_eq!(read(&[], path.to_str().unwrap()), Err(DocumentError::Outside));
    assert_eq!(read(&["in".into()], "sub/../a.pdf").unwrap(), b"%PDF", "relative to the only root");
}

#[test]
fn only_regular_files_of_a_bounded_size() {
    let s = site();
    rustix::fs::mkfifoat(rustix::fs::CWD, s.base.join("in/fifo"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = UnixListener::bind(s.base.join("in/socket")).unwrap();
    for path in ["@/in/fifo", "@/in/socket", "@/in/sub", "@/in"] {
        assert_eq!(s.read(path), Err(DocumentError::NotRegular), "{path}");
    }
    assert_eq!(s.read("@/in/none"), Err(DocumentError::Missing));
    assert_eq!(s.read("@/in/a.pdf/x"), Err(DocumentError::Missing));
    fs::write(s.base.join("in/ten"), [0; 10]).unwrap();
    fs::write(s.base.join("in/eleven"), [0; 11]).unwrap();
    assert_eq!(s.read("@/in/ten").unwrap().len(), 10);
    assert_eq!(s.read("@/in/eleven"), Err(DocumentError::TooLarge { limit: 10 }));
    assert!(matches!(s.read(""), Err(DocumentError::Malformed(_))));
    assert!(matches!(s.read("@/in/\0"), Err(DocumentError::Malformed(_))));
    assert!(matches!(s.read(&format!("@/in/{}", "x".repeat(300))), Err(DocumentError::Malformed(_))));
}

#[test]
fn saves_whole_and_in_place() {
    let s = site();
    s.save("@/out/b.pdf", b"one").unwrap();
    assert_eq!(fs::read(s.base.join("out/b.pdf")).unwrap(), b"one");
    let mode = fs::metadata(s.base.join("out/b.pdf")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    s.save("@/in/a.pdf", b"signed").unwrap();
    assert_eq!(s.read("@/in/a.pdf").unwrap(), b"signed");
    let parts = vec![Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cd")];
    s.target("@/out/c").unwrap().stage(cx(LONG), parts).unwrap().publish(cx(LONG)).unwrap();
    assert_eq!(s.read("@/out/c").unwrap(), b"abcd");
    assert_eq!(s.names("out"), ["b.pdf", "c"], "no temporary file stays");
}

#[test]
fn what_is_not_published_is_not_seen() {
    let s = site();
    let staged = s.target("@/in/a.pdf").unwrap().stage(cx(LONG), vec![Bytes::from_static(b"new")]).unwrap();
    assert_eq!(s.read("@/in/a.pdf").unwrap(), b"%PDF");
    drop(staged);
    assert_eq!(s.read("@/in/a.pdf").unwrap(), b"%PDF");
    assert_eq!(s.names("in"), ["a.pdf", "sub"]);
}

#[test]
fn what_a_crash_left_behind_is_replaced() {
    let s = site();
    let name = s.base.join("out").join(format!(".hufu-{}.part", {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(b"b.pdf"))[..24].to_owned()
    }));
    symlink(s.base.join("secret"), &name).unwrap();
    s.save("@/out/b.pdf", b"one").unwrap();
    assert_eq!(s.names("out"), ["b.pdf"]);
    assert_eq!(fs::read(s.base.join("secret")).unwrap(), b"secret");
}

/// A process that died between staging and publishing: nothing is dropped, and the next one opens the roots anew.
fn died_after_staging(content: &'static [u8]) -> Site {
    let s = site();
    std::mem::forget(s.target("@/out/b.pdf").unwrap().stage(cx(LONG), vec![content.into()]).unwrap());
    let Site { _tmp, base, .. } = s;
    let root = |name: &str| Root { name: name.into(), path: base.join(name), mode: 0o640 };
    let documents = LocalDocuments::open(&[root("in"), root("out")]).unwrap();
    Site { documents, base: base.clone(), _tmp }
}

#[test]
fn what_a_crash_left_unseen_appears_or_goes() {
    let digest = |content: &[u8]| {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(content))
    };
    let settle = |s: &Site, digests: &[String]| {
        s.documents.settle(cx(LONG), &["out".into()], s.base.join("out/b.pdf").to_str().unwrap(), digests)
    };
    let s = died_after_staging(b"signed");
    assert_eq!(s.names("out").len(), 1, "it lies there unseen");
    assert_eq!(settle(&s, &[digest(b"another"), digest(b"signed")]), Ok(Settled::Appeared));
    assert_eq!(s.names("out"), ["b.pdf"]);
    assert_eq!(s.read("@/out/b.pdf").unwrap(), b"signed");
    assert_eq!(settle(&s, &[digest(b"signed")]), Ok(Settled::Nothing));
    let s = died_after_staging(b"unknown");
    assert_eq!(settle(&s, &[digest(b"signed")]), Ok(Settled::Removed));
    assert_eq!(s.names("out"), Vec::<String>::new());
    // Somebody's link in its place is not followed.
    let s = died_after_staging(b"signed");
    let name = s.base.join("out").join(&s.names("out")[0]);
    fs::remove_file(&name).unwrap();
    symlink(s.base.join("in/a.pdf"), &name).unwrap();
    assert_eq!(settle(&s, &[digest(b"%PDF")]), Err(DocumentError::NotRegular));
}

#[test]
fn a_place_that_cannot_be_is_said_to_be() {
    let s = site();
    let target = |path: &str| s.target(path).err();
    assert_eq!(target("@/out/none/b.pdf"), Some(DocumentError::NoFolder));
    assert_eq!(target("@/in/a.pdf/b.pdf"), Some(DocumentError::NoFolder));
    assert_eq!(target("@/in/sub"), Some(DocumentError::NotRegular));
    assert!(matches!(target("@/in/sub/.."), Some(DocumentError::Malformed(_))));
    assert!(matches!(target("@/in"), Some(DocumentError::Malformed(_))));
}

#[test]
fn calls_on_one_path_wait_for_each_other() {
    let s = site();
    let alias = s.base.join("in/alias");
    symlink("sub", &alias).unwrap();
    let first = s.target("@/in/sub/x.pdf").unwrap();
    let path = s.base.join("in/alias/x.pdf");
    let second = s.documents.target(cx(Duration::from_millis(50)), &["in".into()], path.to_str().unwrap());
    assert_eq!(second.err(), Some(DocumentError::Timeout), "the same path by another name");
    assert!(s.target("@/in/sub/y.pdf").is_ok(), "other paths are free");
    drop(first);
    assert!(s.target("@/in/alias/x.pdf").is_ok());
}

#[test]
fn concurrent_appends_all_arrive() {
    let s = site();
    s.save("@/out/n", b"").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let target = s.target("@/out/n").unwrap();
                let mut content = s.documents.read(cx(LONG), &["out".into()], "n", 100).unwrap();
                content.push(b'x');
                target.stage(cx(LONG), vec![content.into()]).unwrap().publish(cx(LONG)).unwrap();
            });
        }
    });
    assert_eq!(fs::read(s.base.join("out/n")).unwrap(), [b'x'; 16]);
}

#[test]
fn files_that_become_ready_together_all_appear_and_one_failure_is_its_own() {
    let site = site();
    // A folder in the way of one of them.
    let ready: Vec<_> = (0..20)
        .map(|n| {
            let target = site.target(&format!("@/out/{n}.pdf")).unwrap();
            target.stage(cx(LONG), vec![Bytes::from(format!("file {n}"))]).unwrap()
        })
        .collect();
    fs::create_dir(site.base.join("out/7.pdf")).unwrap();
    let results: Vec<_> = std::thread::scope(|scope| {
        let publishing: Vec<_> =
            ready.into_iter().map(|file| scope.spawn(move || file.publish(cx(LONG)))).collect();
        publishing.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.is_ok(), n != 7, "{n}: {result:?}");
        if n != 7 {
            assert_eq!(
                fs::read(site.base.join(format!("out/{n}.pdf"))).unwrap(),
                format!("file {n}").into_bytes()
            );
        }
    }
    assert_eq!(site.names("out").len(), 20, "no temporary file stays: {:?}", site.names("out"));
}

#[test]
fn who_gets_no_turn_before_the_deadline_gives_up() {
    let turns = Turns::new(1);
    let (begun, has_begun) = flume::bounded::<()>(1);
    let (release, wait) = flume::bounded::<()>(0);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            turns.run(cx(Duration::from_millis(1)), || {
                begun.send(()).unwrap();
                let _ = wait.recv();
                Ok(5)
            })
        });
        has_begun.recv().unwrap();
        assert_eq!(turns.run(cx(Duration::from_millis(20)), || Ok(())), Err(DocumentError::Timeout));
        drop(release);
        assert_eq!(slow.join().unwrap(), Ok(5), "what has begun runs to its end");
        assert_eq!(turns.run(cx(LONG), || Ok(7)), Ok(7), "the turn is free again once the disk answers");
    });
}

#[test]
fn a_root_must_be_an_absolute_folder() {
    let root = |path: &str| LocalDocuments::open(&[Root { name: "r".into(), path: path.into(), mode: 0 }]);
    assert_eq!(root("relative").err().unwrap().root, "r");
    assert!(root("/no/such/folder").is_err());
}
