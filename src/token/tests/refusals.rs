//! What a worker refuses, at its own socket.

use super::acts::{attributes, document};
use super::site::{SoftToken, TestWorker, now, spec};
use crate::audit::{Receipt, ReceiptKey, Use};
use crate::keys::{
    Custody, Generation, KeyAlgorithm, KeyError, KeyId, KeyLocation, Purpose, StoredKey, ToBeSigned,
};
use crate::token::wire::{TokenAnswer, TokenDone, TokenRequest};
use const_oid::db::rfc5911;
use std::io::{Read, Write};

fn refused(answer: &TokenAnswer) -> bool {
    matches!(answer, Err(KeyError::Refused(_)))
}

#[test]
fn without_a_fresh_receipt_for_exactly_this_nothing_is_signed() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    let other_key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    let what = document(1);
    let sign = |receipt: Receipt| worker.ask(TokenRequest::Sign(receipt, key.clone(), what.clone()));
    let good = || worker.receipt(key.id, key.purpose, what.digest());

    // Missing, and as forged as it gets.
    let nothing =
        Receipt { number: 0, index: 0, generation: worker.generation, expires: i64::MAX, mac: [0; 32] };
    assert!(refused(&sign(nothing)));
    // Forged in each field.
    assert!(refused(&sign(Receipt { number: 999, ..good() })));
    assert!(refused(&sign(Receipt { index: 1, ..good() })));
    assert!(refused(&sign(Receipt { expires: now() + 50_000, ..good() })));
    assert!(refused(&sign(Receipt { generation: Generation(1), ..good() })));
    let mut mac = good().mac;
    mac[31] ^= 1;
    assert!(refused(&sign(Receipt { mac, ..good() })));
    // Of another key, another purpose, another document, another process, another log, an older time.
    assert!(refused(&sign(worker.receipt(other_key.id, key.purpose, what.digest()))));
    assert!(refused(&sign(worker.receipt(key.id, Purpose::Ca, what.digest()))));
    assert!(refused(&sign(worker.receipt(key.id, key.purpose, document(2).digest()))));
    let issue = |secret: [u8; 32], generation, expires| {
        let what = Use { digest: what.digest(), generation, key: key.id, purpose: key.purpose };
        Receipt::issue(&ReceiptKey::new(secret), 5000, 0, &what, expires)
    };
    assert!(refused(&sign(issue([0x5a; 32], Generation(1), now() + 1000))));
    assert!(refused(&sign(issue([0; 32], worker.generation, now() + 1000))));
    assert!(refused(&sign(issue([0x5a; 32], worker.generation, now() - 1))));
    assert!(refused(&sign(issue([0x5a; 32], worker.generation, i64::MAX))));
    // Replayed, for this and for anything else.
    let once = good();
    assert!(sign(once.clone()).is_ok());
    assert!(refused(&sign(once.clone())));
    assert!(refused(&worker.ask(TokenRequest::Destroy(once, key.clone()))));
    // And generation and destruction want theirs too.
    let wanted = spec(KeyAlgorithm::P256, Custody::Token);
    let mut changed = wanted.clone();
    changed.custody = Custody::Wrapped;
    let receipt = worker.receipt(wanted.id, wanted.purpose, wanted.digest());
    assert!(refused(&worker.ask(TokenRequest::Generate(receipt, changed))));
    let receipt = worker.receipt(key.id, key.purpose, other_key.destroy_digest());
    assert!(refused(&worker.ask(TokenRequest::Destroy(receipt, key.clone()))));
    assert!(worker.sign(&key, &what).is_ok());
}

#[test]
fn a_worker_serves_its_purpose_alone() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let ca = token.key(Purpose::Ca);
    // The key is in the same token; the worker is not for it, whatever the receipt says.
    assert!(refused(&worker.sign(&ca, &document(1))));
    let disguised = StoredKey { purpose: Purpose::Signer, ..ca.clone() };
    let stamp = attributes(const_oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4"), 1);
    assert!(refused(&worker.sign(&disguised, &stamp)));
    assert!(refused(&worker.sign(&disguised, &ToBeSigned::TbsCertificate(vec![0x30, 0]))));
    let ca_worker = TestWorker::start(&token, Purpose::Ca);
    assert!(refused(&ca_worker.sign(&ca, &document(1))));
    assert!(refused(&ca_worker.sign(&ca, &attributes(rfc5911::ID_SIGNED_DATA, 1))));
}

#[test]
fn wrapped_keys_are_bound_to_owner_public_key_and_blob() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let mine = worker.generate(&spec(KeyAlgorithm::P256, Custody::Wrapped)).key;
    let theirs = worker.generate(&spec(KeyAlgorithm::P256, Custody::Wrapped)).key;
    // Once used, it lies unwrapped in the worker: that must not help either.
    assert!(worker.sign(&mine, &document(1)).is_ok());
    let swapped = [
        StoredKey { owner: "signer/app/2".into(), ..mine.clone() },
        StoredKey { id: KeyId([9; 16]), ..mine.clone() },
        StoredKey { spki: theirs.spki.clone(), ..mine.clone() },
        StoredKey { location: theirs.location, ..mine.clone() },
        StoredKey { algorithm: KeyAlgorithm::P384, ..mine.clone() },
    ];
    for key in &swapped {
        assert!(refused(&worker.sign(key, &document(1))), "{key:?}");
    }
    let KeyLocation::Wrapped { blob, mac } = &mine.location else { panic!() };
    for at in 0..blob.len() {
        let mut blob = blob.clone();
        blob[at] ^= 0x10;
        let location = KeyLocation::Wrapped { blob, mac: mac.clone() };
        assert!(refused(&worker.sign(&StoredKey { location, ..mine.clone() }, &document(1))));
    }
    assert!(worker.sign(&mine, &document(1)).is_ok());
}

#[test]
fn garbage_on_the_socket_ends_the_connection_and_nothing_else() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let mut raw = worker.connect();
    raw.write_all(&[0xff; 64]).unwrap();
    assert_eq!(raw.read(&mut [0; 16]).unwrap_or(0), 0, "closed without an answer");
    let mut raw = worker.connect();
    raw.write_all(&[0, 0, 0, 3, 1, 0xff, 0xff]).unwrap();
    assert_eq!(raw.read(&mut [0; 16]).unwrap_or(0), 0);
    assert_eq!(worker.ask(TokenRequest::Health), Ok(TokenDone::Well { confined: false }));
}
