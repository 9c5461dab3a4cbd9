#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::audit::Intent;
use crate::documents::Target;
use hufu_api::{RequestId, UnixTime};
use std::time::{Duration, Instant};

/// What was asked of the file system, in order.
#[derive(Default)]
struct Asked(Mutex<Vec<(String, Vec<String>)>>);

impl Documents for Asked {
    fn read(&self, _: Cx, _: &[String], _: &str, _: u64) -> std::result::Result<Vec<u8>, DocumentError> {
        panic!("nothing is read")
    }

    fn target(&self, _: Cx, _: &[String], _: &str) -> std::result::Result<Box<dyn Target>, DocumentError> {
        panic!("nothing is written")
    }

    fn settle(
        &self,
        _: Cx,
        roots: &[String],
        path: &str,
        digests: &[String],
    ) -> std::result::Result<Settled, DocumentError> {
        assert_eq!(roots, ["docs"]);
        self.0.lock().push((path.to_owned(), digests.to_vec()));
        Ok(Settled::Nothing)
    }
}

fn entry(number: u64, body: Body) -> Entry {
    Entry { number, at: UnixTime::from_millis(0), request: RequestId(1), body }
}

fn destination(path: &str) -> (String, Value) {
    let there = Destination { path: path.into(), roots: vec!["docs".into()] };
    (Destination::FACT.to_owned(), there.fact())
}

fn intent(number: u64, path: &str) -> Entry {
    let facts = Facts::from([destination(path)]);
    entry(number, Body::Intent(Intent { act: Act::Sign, actor: Actor::default(), facts, uses: Vec::new() }))
}

fn outcome(number: u64, of: u64, ending: Ending, sha256: &str) -> Entry {
    let facts = Facts::from([("output_sha256".to_owned(), sha256.into())]);
    entry(number, Body::Outcome { of, act: Act::Sign, outcome: Outcome { ending, facts } })
}

fn event(number: u64, path: &str, ending: Ending, sha256: &str) -> Entry {
    let facts = Facts::from([destination(path), ("output_sha256".to_owned(), sha256.into())]);
    entry(number, Body::Event(Event { act: Act::StampDocument, actor: Actor::default(), facts, ending }))
}

fn settled(entries: &[Entry]) -> Vec<(String, Vec<String>)> {
    let mut unfinished = Unfinished::default();
    entries.iter().for_each(|entry| unfinished.note(entry));
    let asked = Asked::default();
    let cx = Cx { request: RequestId(1), deadline: Instant::now() + Duration::from_secs(5) };
    unfinished.settle(cx, &asked);
    asked.0.into_inner()
}

#[test]
fn what_is_on_record_as_done_appears_and_nothing_else_does() {
    let entries = [
        intent(0, "done.pdf"),
        intent(1, "cut-off.pdf"),
        intent(2, "still-open.pdf"),
        outcome(3, 0, Ending::Done, "aa"),
        outcome(4, 1, Ending::Interrupted, "bb"),
        event(5, "stamped.pdf", Ending::Done, "cc"),
        // Its intent is older than what is read.
        outcome(6, 999, Ending::Done, "dd"),
    ];
    let expected = [
        ("cut-off.pdf", vec![]),
        ("done.pdf", vec!["aa".to_owned()]),
        ("stamped.pdf", vec!["cc".to_owned()]),
    ];
    let expected: Vec<(String, Vec<String>)> =
        expected.into_iter().map(|(path, digests)| (path.to_owned(), digests)).collect();
    assert_eq!(settled(&entries), expected);
}

#[test]
fn what_was_withdrawn_does_not_appear() {
    let entries = [
        intent(0, "a.pdf"),
        outcome(1, 0, Ending::Done, "aa"),
        event(2, "a.pdf", Ending::Voided, "aa"),
        event(3, "b.pdf", Ending::Done, "bb"),
        event(4, "b.pdf", Ending::Voided, "bb"),
        // Signed again afterwards, in the same place.
        intent(5, "a.pdf"),
        outcome(6, 5, Ending::Done, "cc"),
    ];
    let expected = [("a.pdf".to_owned(), vec!["cc".to_owned()]), ("b.pdf".to_owned(), Vec::new())];
    assert_eq!(settled(&entries), expected);
}

#[test]
fn the_path_of_a_record_reads_back() {
    let there = Destination { path: "/d/合同.pdf".into(), roots: vec!["docs".into(), "more".into()] };
    let facts = Facts::from([(Destination::FACT.to_owned(), there.fact())]);
    assert_eq!(Destination::of(&facts), Some(there));
    assert_eq!(Destination::of(&Facts::new()), None);
}
