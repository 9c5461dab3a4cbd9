//! The fuzz seeds that only the appliance's own types can write: frames of its processes. `HUFU_BLESS=1` writes them.

use crate::daemon::top;
use hufu::audit::{Act, Actor, Ending, Event, Facts, Intent, Outcome, Receipt, Use};
use hufu::ipc::audit::{AuditAnswer, AuditFailure, AuditRequest};
use hufu::ipc::control::{FromChild, KeyOctets, PeerRole, ToChild};
use hufu::ipc::frame::append;
use hufu::ipc::json::Json;
use hufu::keys::{Generation, KeyAlgorithm, KeyId, KeyLocation, Purpose, StoredKey, ToBeSigned};
use hufu::token::wire::{TokenAnswer, TokenDone, TokenRequest};
use hufu_api::{Der, RequestId};
use serde::Serialize;

fn question<Q: Serialize>(body: Q) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, &(7u64, RequestId(9), 1_000u64, body)).unwrap();
    out
}

fn reply<A: Serialize>(body: A) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, &(7u64, body)).unwrap();
    out
}

/// A control message stands without its length.
fn control<T: Serialize>(message: T) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, &message).unwrap();
    out.split_off(4)
}

/// SignedAttributes with content type and digest.
fn attributes() -> Vec<u8> {
    let mut der = hex::decode(
        "314b301806092a864886f70d010903310b06092a864886f70d010701302f06092a864886f70d01090431220420",
    )
    .unwrap();
    der.extend([7; 32]);
    der
}

/// Name and bytes; the first byte chooses the connection, as the target reads it.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let generation = Generation(3);
    let receipt = Receipt { number: 1, index: 0, generation, expires: 1_800_000_000_000, mac: [1; 32] };
    let key = StoredKey {
        id: KeyId([2; 16]),
        purpose: Purpose::Signer,
        algorithm: KeyAlgorithm::P256,
        owner: "signer/demo/17".into(),
        spki: Der(vec![0x30, 0]),
        location: KeyLocation::Wrapped { blob: vec![4; 8], mac: vec![5; 8] },
    };
    let uses = vec![Use { digest: [6; 32], generation, key: KeyId([2; 16]), purpose: Purpose::Signer }];
    let facts = Facts::from([("document_sha256".to_owned(), serde_json::json!("ab"))]);
    let intent = Intent { act: Act::Sign, actor: Actor::default(), facts: facts.clone(), uses };
    let event =
        Event { act: Act::Login, actor: Actor::default(), facts: facts.clone(), ending: Ending::Done };
    let outcome = Json(Outcome { ending: Ending::Done, facts });
    let sign = TokenRequest::Sign(receipt.clone(), key, ToBeSigned::SignedAttributes(attributes()));
    let done: TokenAnswer = Ok(TokenDone::Octets(vec![8; 16]));
    vec![
        ("sign", [vec![0], question(sign), question(TokenRequest::Random(16))].concat()),
        ("signed", [vec![1], reply(done), reply(TokenAnswer::Ok(TokenDone::Done))].concat()),
        (
            "record",
            [
                vec![2],
                question(AuditRequest::Begin(Json(intent))),
                question(AuditRequest::Record(Json(event))),
                question(AuditRequest::Close { number: 1, outcome }),
                question(AuditRequest::Read { from: 0, limit: 9 }),
            ]
            .concat(),
        ),
        (
            "recorded",
            [
                vec![3],
                reply(AuditAnswer::Begun { number: 1, receipts: vec![receipt] }),
                reply(AuditAnswer::Records(vec![b"{}".to_vec()])),
                reply(AuditAnswer::Proof(vec![[9; 32]])),
                reply(AuditAnswer::Failed(AuditFailure::NotFound)),
            ]
            .concat(),
        ),
        (
            "configure",
            [vec![4], control(ToChild::Configure { generation, settings: vec![1, 2, 3] })].concat(),
        ),
        ("key", [vec![4], control(ToChild::ReceiptKey(KeyOctets([1; 32])))].concat()),
        (
            "peer",
            [vec![4], control(ToChild::Peer(PeerRole::Worker { purpose: Purpose::Ca, generation }))].concat(),
        ),
        ("ready", [vec![5], control(FromChild::Ready("127.0.0.1:8443".into()))].concat()),
    ]
}

#[test]
fn the_seeds_of_frames_are_what_the_processes_say() {
    let folder = top().join("fuzz/seeds/worker_frame");
    let bless = std::env::var_os("HUFU_BLESS").is_some();
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in frames() {
        let file = folder.join(name);
        if bless {
            std::fs::write(&file, &bytes).unwrap();
        }
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "{name}: HUFU_BLESS=1 writes it anew");
    }
}
