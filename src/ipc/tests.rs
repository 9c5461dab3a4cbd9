#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::call::{CallError, Caller};
use super::control::{self, Control, FromChild, KeyOctets, PeerRole, ToChild};
use super::frame::{self, FrameError, Frames, MAX_FRAME, VERSION};
use super::link::Link;
use super::serve;
use crate::keys::{Generation, Purpose};
use hufu_api::{Cx, RequestId};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn cx(millis: u64) -> Cx {
    Cx { request: RequestId(77), deadline: Instant::now() + Duration::from_millis(millis) }
}

fn frames(messages: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        frame::append(&mut out, message).unwrap();
    }
    out
}

/// Gives one octet per read, as a slow peer would.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = into.len().min(1);
        (&mut self.0).read(&mut into[..n])
    }
}

#[test]
fn frames_survive_any_cutting() {
    let bytes = frames(&["halves", "", "of a tally"]);
    let mut slow = Frames::new(Dripping(&bytes));
    for wanted in ["halves", "", "of a tally"] {
        assert_eq!(slow.receive::<String>().unwrap().as_deref(), Some(wanted));
    }
    assert!(slow.receive::<String>().unwrap().is_none());
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_an_error() {
    let bytes = frames(&["tally"]);
    for cut in 1..bytes.len() {
        assert!(
            matches!(Frames::new(&bytes[..cut]).receive::<String>(), Err(FrameError::Cut)),
            "cut at {cut}"
        );
    }
}

#[test]
fn bad_frames_are_refused() {
    let huge = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    assert!(matches!(Frames::new(&huge[..]).receive::<u8>(), Err(FrameError::Size(_))));
    assert!(matches!(Frames::new(&[0u8; 4][..]).receive::<u8>(), Err(FrameError::Size(0))));
    let other = [0, 0, 0, 2, VERSION + 1, 0];
    assert!(matches!(Frames::new(&other[..]).receive::<u8>(), Err(FrameError::Version(_))));
    let trailing = [0, 0, 0, 3, VERSION, 1, 1];
    assert!(matches!(Frames::new(&trailing[..]).receive::<u8>(), Err(FrameError::Trailing(1))));
    let mut out = vec![9];
    assert!(matches!(frame::append(&mut out, &vec![1u8; MAX_FRAME]), Err(FrameError::Size(_))));
    assert_eq!(out, [9]);
}

fn serve_doubles(stream: UnixStream) {
    let (mut requests, answers) = serve::connection::<u64, u64>(stream).unwrap();
    std::thread::spawn(move || {
        while let Ok(Some(incoming)) = requests.receive() {
            assert_eq!(incoming.cx.request, RequestId(77));
            let answers = answers.clone();
            // Answers overtake each other.
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(incoming.body % 7 * 300));
                answers.answer(incoming.id, incoming.body * 2);
            });
        }
    });
}

#[test]
fn many_threads_share_a_connection() {
    let (client, server) = UnixStream::pair().unwrap();
    serve_doubles(server);
    let caller = Arc::new(Caller::<u64, u64>::new(client, || ()).unwrap());
    let threads: Vec<_> = (0..8u64)
        .map(|t| {
            let caller = Arc::clone(&caller);
            std::thread::spawn(move || {
                for i in 0..50 {
                    assert_eq!(caller.call(cx(10_000), t * 1000 + i), Ok((t * 1000 + i) * 2));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(caller.in_flight(), 0);
}

#[test]
fn a_call_without_answer_ends_at_its_deadline_and_a_dead_peer_ends_it_at_once() {
    let (client, server) = UnixStream::pair().unwrap();
    let closed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    let caller =
        Caller::<u64, u64>::new(client, move || flag.store(true, std::sync::atomic::Ordering::SeqCst))
            .unwrap();
    assert_eq!(caller.call(cx(20), 1), Err(CallError::Timeout));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            drop(server);
        });
        assert_eq!(caller.call(cx(60_000), 2), Err(CallError::Closed));
    });
    assert_eq!(caller.call(cx(1_000), 3), Err(CallError::Closed));
    while !closed.load(std::sync::atomic::Ordering::SeqCst) {
        std::thread::yield_now();
    }
}

#[test]
fn a_link_waits_for_a_replacement() {
    let link = Arc::new(Link::<u64, u64>::new());
    assert_eq!(link.call(cx(10), 1), Err(CallError::NotSent));
    for _ in 0..2 {
        let waiter = Arc::clone(&link);
        let call = std::thread::spawn(move || waiter.call(cx(10_000), 4));
        let (client, server) = UnixStream::pair().unwrap();
        let (mut requests, answers) = serve::connection::<u64, u64>(server).unwrap();
        link.connect(client).unwrap();
        let incoming = requests.receive().unwrap().unwrap();
        answers.answer(incoming.id, 5);
        assert_eq!(call.join().unwrap(), Ok(5));
        drop((requests, answers));
        while link.is_up() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn last_words_are_heard_although_not_everything_was_read() {
    let (supervisor, child) = control::pair().unwrap();
    let child = Control::new(child);
    supervisor.send(&ToChild::ReceiptKey(KeyOctets([1; 32])), None).unwrap();
    child.send(&FromChild::Failed("why".into()), None).unwrap();
    drop(child);
    let heard = supervisor.receive::<FromChild>().unwrap().map(|(said, _)| said);
    assert!(matches!(heard, Some(FromChild::Failed(why)) if why == "why"));
    assert!(supervisor.receive::<FromChild>().unwrap().is_none());
}

#[test]
fn control_messages_bring_descriptors() {
    let (supervisor, child) = control::pair().unwrap();
    let child = Control::new(child);
    let (mut ours, theirs) = control::stream_pair().unwrap();
    let role = PeerRole::Worker { purpose: Purpose::Ca, generation: Generation(3) };
    supervisor.send(&ToChild::ReceiptKey(KeyOctets([1; 32])), None).unwrap();
    supervisor.send(&ToChild::Peer(role), Some(&theirs)).unwrap();
    drop(theirs);
    let (message, none) = child.receive::<ToChild>().unwrap().unwrap();
    assert!(matches!(message, ToChild::ReceiptKey(KeyOctets(key)) if key == [1; 32]));
    assert!(none.is_none());
    let (message, stream) = child.receive::<ToChild>().unwrap().unwrap();
    let stream = stream.map(std::os::unix::net::UnixStream::from);
    assert!(matches!(message, ToChild::Peer(got) if got == role));
    ours.write_all(b"x").unwrap();
    let mut got = [0; 1];
    stream.unwrap().read_exact(&mut got).unwrap();
    assert_eq!(&got, b"x");

    child.send(&FromChild::Ready("here".into()), None).unwrap();
    let (message, _) = supervisor.receive::<FromChild>().unwrap().unwrap();
    assert_eq!(message, FromChild::Ready("here".into()));
    drop(child);
    assert!(supervisor.receive::<FromChild>().unwrap().is_none());
}

#[test]
fn the_receipt_key_does_not_show() {
    assert!(!format!("{:?}", ToChild::ReceiptKey(KeyOctets([0xab; 32]))).contains("171"));
}
