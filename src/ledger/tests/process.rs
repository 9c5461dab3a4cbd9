//! The writer's process, through its socket.

use super::*;
use crate::audit::{AuditError, AuditReader, Body, Entry, Receipt};
use crate::ipc::audit::{AuditAnswer, AuditFailure, AuditRequest};
use crate::ipc::json::Json;
use crate::ipc::link::Link;
use crate::keys::{GenerateSpec, Generated, KeyError, ToBeSigned};
use crate::tlog::{Checkpoint, NoteKey, merkle};

fn entries(client: &Client) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let more = client.read(cx(), all.len() as u64, 1000).unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

#[test]
fn a_permit_has_one_receipt_for_each_use_and_ends_in_an_outcome() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    let uses = vec![a_use(1), a_use(2)];
    let mut permit = client.begin(cx(), intent(uses.clone())).unwrap();
    assert_eq!(permit.number(), 0);
    for (index, u) in uses.iter().enumerate() {
        let receipt = permit.next_receipt().unwrap();
        assert_eq!((receipt.number, usize::from(receipt.index)), (0, index));
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        assert_eq!(receipt.check(&receipt_key(), u.generation, u.key, u.purpose, &u.digest, now), Ok(()));
        assert!(
            receipt.check(&receipt_key(), u.generation, u.key, u.purpose, &u.digest, now + 31_000).is_err()
        );
    }
    assert_eq!(permit.next_receipt(), None);
    assert_eq!(permit.spend().close(done()), Ok(1));
    assert_eq!(client.record(cx(), event(1)), Ok(2));
    let all = entries(&client);
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].body, Body::Intent(intent(uses)));
    assert_eq!(all[1].body, Body::Outcome { of: 0, act: Act::Sign, outcome: done() });
    assert_eq!(all[1].request, RequestId(7), "the outcome belongs to the intent's request");
}

#[test]
fn dropped_permits_and_broken_connections_are_recorded() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    drop(client.begin(cx(), intent(vec![a_use(1)])).unwrap());
    drop(client.begin(cx(), intent(vec![a_use(1)])).unwrap().spend());
    let kept = client.begin(cx(), intent(vec![a_use(1)])).unwrap();
    let other = connect(&process, Role::Network);
    let others = other.begin(cx(), intent(vec![a_use(1)])).unwrap();
    // Its process dies: the permit can do nothing more.
    let number = kept.number();
    let (ours, _) = UnixStream::pair().unwrap();
    client.connect(ours).unwrap();
    let ending_of = |number| {
        entries(&other).iter().find_map(|e| match &e.body {
            Body::Outcome { of, outcome, .. } if *of == number => Some(outcome.ending),
            _ => None,
        })
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while ending_of(number).is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ending_of(number), Some(Ending::Interrupted));
    assert_eq!(ending_of(0), Some(Ending::Abandoned));
    assert_eq!(ending_of(2), Some(Ending::Abandoned));
    assert_eq!(ending_of(others.number()), None, "another connection's intents are its own");
    assert!(others.spend().close(done()).is_ok());
}

#[test]
fn what_was_open_when_the_writer_died_is_closed_at_its_next_start() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    let permit = client.begin(cx(), intent(vec![a_use(1)])).unwrap();
    // As after kill -9: the log is opened again from what is on disk, and nothing said goodbye.
    let copy = TempDir::new().unwrap();
    let status = std::process::Command::new("cp").arg("-r").arg(site.folder.path()).arg(copy.path()).status();
    assert!(status.unwrap().success());
    let log = open(&Folder::new(copy.path().join("audit"))).unwrap();
    assert_eq!(log.open_intents().keys().copied().collect::<Vec<_>>(), [permit.number()]);
    let process = site.start_over(log);
    let again = connect(&process, Role::Network);
    let all = entries(&again);
    assert!(
        matches!(&all[1].body, Body::Outcome { of: 0, outcome, .. } if outcome.ending == Ending::Interrupted)
    );
    // The old permit cannot be closed in the new life.
    let (ours, theirs) = UnixStream::pair().unwrap();
    process.serve(theirs, Role::Network).unwrap();
    client.connect(ours).unwrap();
    assert_eq!(permit.spend().close(done()), Err(AuditError::Interrupted));
}

#[test]
fn nobody_closes_what_is_not_open_or_not_his() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    client.record(cx(), event(0)).unwrap();
    let permit = client.begin(cx(), intent(vec![a_use(1)])).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    process.serve(theirs, Role::Network).unwrap();
    let stranger = Link::<AuditRequest, AuditAnswer>::new();
    stranger.connect(ours).unwrap();
    for number in [0, permit.number(), 99] {
        let answer = stranger.call(cx(), AuditRequest::Close { number, outcome: Json(done()) }).unwrap();
        assert_eq!(answer, AuditAnswer::Failed(AuditFailure::NotFound), "{number}");
    }
    assert_eq!(permit.spend().close(done()), Ok(2));
}

#[test]
fn an_intent_announces_one_to_64_uses() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    for n in [0, 65] {
        assert!(matches!(client.begin(cx(), intent(vec![a_use(1); n])).err(), Some(AuditError::Invalid(_))));
    }
    client.begin(cx(), intent(vec![a_use(1); 64])).unwrap().spend().close(done()).unwrap();
    let mut large = event(1);
    large.facts.insert("x".into(), json!("a".repeat(70_000)));
    assert_eq!(client.record(cx(), large), Err(AuditError::TooLarge));
    assert_eq!(client.record(cx(), event(1)), Ok(2), "a refused record leaves no gap");
}

#[test]
fn without_the_receipt_key_nobody_gets_a_permit() {
    let site = Site::new();
    let log = open(&site.folder).unwrap();
    let settings = Settings {
        cache_bytes: 1 << 20,
        receipt_life: Duration::from_secs(30),
        sinks: Vec::new(),
        keep: None,
        archive: None,
    };
    let clock = Arc::new(SystemClock::new(1_000, None));
    let process = AuditProcess::start(&site.folder, log, clock, settings, None).unwrap();
    let client = connect(&process, Role::Network);
    assert!(matches!(client.begin(cx(), intent(vec![a_use(1)])).err(), Some(AuditError::Unavailable(_))));
    assert_eq!(client.record(cx(), event(1)), Ok(0));
}

#[test]
fn the_admin_socket_reads_and_cannot_write() {
    let site = Site::new();
    let process = site.start();
    connect(&process, Role::Network).record(cx(), event(0)).unwrap();
    let admin = connect(&process, Role::Admin);
    assert_eq!(admin.head(cx()).unwrap().size, 1);
    assert_eq!(admin.read(cx(), 0, 10).unwrap().len(), 1);
    assert!(matches!(admin.record(cx(), event(1)), Err(AuditError::Invalid(_))));
    assert!(matches!(admin.begin(cx(), intent(vec![a_use(1)])).err(), Some(AuditError::Invalid(_))));
}

#[test]
fn many_writers_share_batches_and_keep_order() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    std::thread::scope(|scope| {
        for t in 0..16_u64 {
            let client = &client;
            scope.spawn(move || {
                let mut last = None;
                for n in 0..40 {
                    let number = client.record(cx(), event(t * 1000 + n)).unwrap();
                    assert!(last < Some(number), "numbers grow");
                    last = Some(number);
                }
            });
        }
    });
    assert_eq!(process.status().size(), 640);
    assert!(process.status().batches() < 640, "no batch was shared");
    let numbers: Vec<u64> = entries(&client).iter().map(|e| e.number).collect();
    assert_eq!(numbers, (0..640).collect::<Vec<_>>());
}

#[test]
fn a_record_is_proved_to_a_signed_checkpoint() {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    for n in 0..300 {
        client.record(cx(), event(n)).unwrap();
    }
    let key = NoteKey::new(ORIGIN, &site.token.key.spki.0).unwrap();
    for number in [0, 5, 255, 256, 299] {
        let proof = client.prove(cx(), number).unwrap();
        let checkpoint = Checkpoint::open(&proof.checkpoint, &key).unwrap();
        assert_eq!(checkpoint.size, proof.size);
        let leaf = crate::tlog::leaf_hash(&proof.record);
        let held = merkle::verify_inclusion(&leaf, number, proof.size, &proof.hashes, &checkpoint.root);
        assert_eq!(held, Ok(()), "{number}");
        assert_eq!(Entry::parse(&proof.record).unwrap().number, number);
    }
    assert_eq!(process.status().size(), 301, "one checkpoint served them all");
    assert_eq!(client.prove(cx(), 301), Err(AuditError::NotFound));
    let proof = client.prove(cx(), 300).unwrap();
    assert_eq!(proof.size, 301, "the checkpoint's own record is covered by the next");
    client.anchor(cx(), 301, vec![1, 2, 3]).unwrap();
    assert_eq!(client.prove(cx(), 300).unwrap().anchor, Some(vec![1, 2, 3]));
    assert_eq!(client.anchor(cx(), 17, vec![1]), Err(AuditError::NotFound));
}

#[test]
fn a_stop_leaves_a_checkpoint_over_everything_and_the_tiles() {
    let site = filled(600);
    let checkpoint = super::super::checkpoints::newest(&site.folder).unwrap().unwrap();
    assert_eq!(checkpoint.size, 600);
    for path in ["tile/entries/000", "tile/entries/001", "tile/0/000", "tile/0/001"] {
        assert!(site.folder.tile(path).exists(), "{path}");
    }
    assert!(!site.folder.tile("tile/entries/002").exists());
    let log = open(&site.folder).unwrap();
    assert_eq!(log.range().size(), 601);
    assert_eq!(merkle::root(&log.records(), 601).unwrap(), log.range().root());
}

#[test]
fn the_clock_begins_at_the_last_record() {
    let site = filled(1);
    let log = open(&site.folder).unwrap();
    let last = log.last_at().unwrap().millis();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    assert!(last > 0 && last <= now);
}

/// A token that does not sign until it is told to; then always.
struct Hesitant {
    keys: Arc<SoftKeys>,
    asked: flume::Sender<()>,
    told: flume::Receiver<()>,
}

impl Keys for Hesitant {
    fn choose(&self, purpose: Purpose) -> Result<Generation, KeyError> {
        self.keys.choose(purpose)
    }

    fn sign(
        &self,
        cx: Cx,
        receipt: Receipt,
        key: &StoredKey,
        what: &ToBeSigned,
    ) -> Result<Vec<u8>, KeyError> {
        let _ = self.asked.send(());
        let _ = self.told.recv();
        self.keys.sign(cx, receipt, key, what)
    }

    fn generate(&self, cx: Cx, receipt: Receipt, spec: &GenerateSpec) -> Result<Generated, KeyError> {
        self.keys.generate(cx, receipt, spec)
    }

    fn destroy(&self, cx: Cx, receipt: Receipt, key: &StoredKey) -> Result<(), KeyError> {
        self.keys.destroy(cx, receipt, key)
    }

    fn protect(&self, cx: Cx, context: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.keys.protect(cx, context, secret)
    }

    fn reveal(
        &self,
        cx: Cx,
        context: &str,
        protected: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyError> {
        self.keys.reveal(cx, context, protected)
    }

    fn random(&self, cx: Cx, n: usize) -> Result<Vec<u8>, KeyError> {
        self.keys.random(cx, n)
    }
}

#[test]
fn nobody_waits_behind_a_checkpoint_that_the_token_does_not_sign() {
    let site = Site::new();
    let ((asks, asked), (tell, told)) = (flume::unbounded(), flume::unbounded());
    let keys = Arc::new(Hesitant { keys: Arc::clone(&site.token.keys), asked: asks, told });
    let process = site.start_with_keys(open(&site.folder).unwrap(), keys);
    let client = connect(&process, Role::Network);
    client.record(cx(), event(0)).unwrap();
    std::thread::scope(|scope| {
        let checkpoint = scope.spawn(|| client.checkpoint(cx()));
        asked.recv_timeout(Duration::from_secs(30)).unwrap();
        // Two are on record: the event and the checkpoint's own record.
        assert_eq!(client.head(cx()).unwrap().size, 2);
        assert_eq!(client.read(cx(), 0, 10).unwrap().len(), 2);
        assert_eq!(client.record(cx(), event(1)), Ok(2));
        assert!(!checkpoint.is_finished());
        tell.send(()).unwrap();
        let head = checkpoint.join().unwrap().unwrap();
        assert_eq!(Checkpoint::unverified(&head.checkpoint).unwrap().size, 1);
    });
    drop(tell);
}
