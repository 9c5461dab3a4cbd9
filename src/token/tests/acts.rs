//! What a worker does when it is asked properly.

use super::site::{SoftToken, TestWorker, cx, spec, write_pin};
use crate::ipc::call::CallError;
use crate::ipc::control::FromChild;
use crate::keys::{Custody, KeyAlgorithm, KeyError, KeyLocation, Purpose, StoredKey, ToBeSigned};
use crate::token::wire::{Secret, TokenDone, TokenRequest};
use crate::x509::{self, SignatureAlgorithm, signature};
use const_oid::db::rfc5911;
use der::asn1::{Any, OctetString, SetOfVec};
use der::{Encode, asn1::ObjectIdentifier};
use x509_cert::attr::Attribute;

/// SignedAttributes of a document with that digest octet.
pub(super) fn attributes(content_type: ObjectIdentifier, digest: u8) -> ToBeSigned {
    let attribute = |oid, value: Any| Attribute { oid, values: SetOfVec::try_from(vec![value]).unwrap() };
    let digest = OctetString::new(vec![digest; 32]).unwrap();
    let list = vec![
        attribute(rfc5911::ID_CONTENT_TYPE, Any::encode_from(&content_type).unwrap()),
        attribute(rfc5911::ID_MESSAGE_DIGEST, Any::encode_from(&digest).unwrap()),
    ];
    ToBeSigned::SignedAttributes(SetOfVec::try_from(list).unwrap().to_der().unwrap())
}

pub(crate) fn document(digest: u8) -> ToBeSigned {
    attributes(rfc5911::ID_DATA, digest)
}

fn verifies(key: &StoredKey, what: &ToBeSigned, signature: &[u8]) -> bool {
    let algorithm = SignatureAlgorithm::for_key(&key.spki.0).unwrap().identifier();
    signature::verify_signed(&key.spki.0, &algorithm, what.bytes(), signature).is_ok()
}

#[test]
fn keys_of_every_type_and_custody_sign_what_strangers_verify() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let before = token.shown("privkey").matches("Private Key Object").count();
    let algorithms = [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072];
    for algorithm in algorithms {
        for custody in [Custody::Token, Custody::Wrapped, Custody::Ephemeral] {
            let spec = spec(algorithm, custody);
            let made = worker.generate(&spec);
            let request = x509::Request::verified(&made.csr.0).expect("proof of possession");
            assert_eq!(request.spki, made.key.spki.0);
            assert_eq!((made.key.id, made.key.owner.as_str()), (spec.id, spec.owner.as_str()));
            match worker.sign(&made.key, &document(1)) {
                Ok(TokenDone::Octets(signature)) => assert!(verifies(&made.key, &document(1), &signature)),
                other => panic!("{algorithm:?} {custody:?}: {other:?}"),
            }
        }
    }
    // Only the four of token custody are objects of the token.
    assert_eq!(token.shown("privkey").matches("Private Key Object").count(), before + 4);
    assert!(worker.stop());
}

#[test]
fn private_keys_read_back_as_sensitive_and_never_extractable() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048] {
        worker.generate(&spec(algorithm, Custody::Token));
    }
    let shown = token.shown("privkey");
    let keys = shown.matches("Private Key Object").count();
    assert_eq!(keys, 2 + 4);
    let wanted = "sensitive, always sensitive, never extractable, local";
    assert_eq!(shown.matches(wanted).count(), keys, "{shown}");
    let secret = token.shown("secrkey");
    assert_eq!(secret.matches("Secret Key Object").count(), 3);
    assert_eq!(
        secret.matches("sensitive, always sensitive, never extractable, local").count(),
        3,
        "{secret}"
    );
}

#[test]
fn a_key_made_by_one_worker_is_found_by_another_and_after_a_restart() {
    let token = SoftToken::new();
    let (one, two) = (TestWorker::start(&token, Purpose::Signer), TestWorker::start(&token, Purpose::Signer));
    let key = one.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    let wrapped = one.generate(&spec(KeyAlgorithm::P256, Custody::Wrapped)).key;
    drop(one);
    let three = TestWorker::start(&token, Purpose::Signer);
    for worker in [&two, &three] {
        for key in [&key, &wrapped] {
            assert!(worker.sign(key, &document(2)).is_ok());
        }
    }
    assert_eq!(three.destroy(&key), Ok(TokenDone::Done));
    // Destroyed twice is destroyed, and a handle that another worker still holds is no key.
    assert_eq!(three.destroy(&key), Ok(TokenDone::Done));
    for worker in [&two, &three] {
        assert_eq!(worker.sign(&key, &document(2)), Err(KeyError::NotFound));
    }
}

#[test]
fn many_wrapped_keys_leave_nothing_in_the_token() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let before = token.shown("privkey");
    let keys: Vec<_> =
        (0..20).map(|_| worker.generate(&spec(KeyAlgorithm::P256, Custody::Wrapped)).key).collect();
    // More keys than a session keeps, in turn and again.
    for _ in 0..2 {
        for key in &keys {
            let Ok(TokenDone::Octets(signature)) = worker.sign(key, &document(3)) else { panic!() };
            assert!(verifies(key, &document(3), &signature));
        }
    }
    assert_eq!(token.shown("privkey"), before);
}

#[test]
fn an_ephemeral_key_signs_once_and_is_gone() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Ephemeral)).key;
    assert_eq!(key.location, KeyLocation::Ephemeral { generation: worker.generation });
    assert!(worker.sign(&key, &document(4)).is_ok());
    assert_eq!(worker.sign(&key, &document(5)), Err(KeyError::NotFound));
    let unused = worker.generate(&spec(KeyAlgorithm::P256, Custody::Ephemeral)).key;
    assert_eq!(worker.destroy(&unused), Ok(TokenDone::Done));
    assert_eq!(worker.sign(&unused, &document(5)), Err(KeyError::NotFound));
}

#[test]
fn every_purpose_signs_its_own_structures() {
    let token = SoftToken::new();
    let root = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [9; 32]);
    let checkpoint = ToBeSigned::Checkpoint(format!("hufu.test/log\n5\n{root}\n").into_bytes());
    let stamp = attributes(ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4"), 6);
    for (purpose, what) in [(Purpose::Audit, checkpoint), (Purpose::Tsa, stamp)] {
        let worker = TestWorker::start(&token, purpose);
        let key = token.key(purpose);
        let Ok(TokenDone::Octets(signature)) = worker.sign(&key, &what) else { panic!("{purpose:?}") };
        assert!(verifies(&key, &what, &signature));
    }
}

#[test]
fn secrets_come_back_only_in_their_context_and_untouched() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let protect = |context: &str, secret: &[u8]| match worker
        .ask(TokenRequest::Protect(context.into(), Secret(secret.to_vec())))
    {
        Ok(TokenDone::Octets(protected)) => protected,
        other => panic!("{other:?}"),
    };
    let reveal = |context: &str, protected: &[u8]| {
        worker.ask(TokenRequest::Reveal(context.into(), protected.to_vec()))
    };
    let protected = protect("app/1", b"appKey");
    assert_ne!(protected, protect("app/1", b"appKey"));
    assert_eq!(reveal("app/1", &protected), Ok(TokenDone::Revealed(Secret(b"appKey".to_vec()))));
    assert!(matches!(reveal("app/2", &protected), Err(KeyError::Refused(_))));
    for at in 0..protected.len() {
        let mut touched = protected.clone();
        touched[at] ^= 1;
        assert!(matches!(reveal("app/1", &touched), Err(KeyError::Refused(_))), "octet {at}");
    }
    assert!(matches!(reveal("app/1", &[]), Err(KeyError::Refused(_))));
    // None of this was a fault of the token.
    assert_eq!(reveal("app/1", &protected), Ok(TokenDone::Revealed(Secret(b"appKey".to_vec()))));
    assert_eq!(worker.ask(TokenRequest::Health), Ok(TokenDone::Well { confined: false }));
}

#[test]
fn random_octets_differ() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let draw = || match worker.ask(TokenRequest::Random(32)) {
        Ok(TokenDone::Octets(octets)) => octets,
        other => panic!("{other:?}"),
    };
    let (a, b) = (draw(), draw());
    assert_eq!((a.len(), b.len()), (32, 32));
    assert_ne!(a, b);
    assert!(worker.ask(TokenRequest::Random(1025)).is_err());
}

#[test]
fn a_refused_pin_is_told_and_not_tried_again() {
    let token = SoftToken::new();
    write_pin(token.path(), "wrong");
    let Err(said) = TestWorker::try_start(&token, Purpose::Signer) else {
        panic!("started with a wrong PIN")
    };
    assert!(matches!(said, FromChild::PinRefused(_)), "{said:?}");
}

#[test]
fn a_call_that_nobody_waits_for_any_more_is_not_done() {
    let token = SoftToken::new();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    let receipt = worker.receipt(key.id, key.purpose, document(7).digest());
    let late = hufu_api::Cx { deadline: std::time::Instant::now(), ..cx() };
    let request = TokenRequest::Sign(receipt, key, document(7));
    // The worker's own answer to it may come before this end gives up.
    let answer = worker.caller.call(late, request.clone());
    assert!(matches!(answer, Err(CallError::Timeout) | Ok(Err(KeyError::Timeout))), "{answer:?}");
    // Its receipt was not spent.
    assert!(worker.ask(request).is_ok());
}
