//! What a worker makes of a module that fails.

use super::acts::document;
use super::site::{SoftToken, TestWorker, spec};
use crate::ipc::control::FromChild;
use crate::keys::{Custody, KeyAlgorithm, KeyError, Purpose};
use crate::token::wire::TokenDone;

/// CKR_ values by remedy.
const RECOVERABLE: [(&str, &str); 7] = [
    ("session handle invalid", "B3"),
    ("session closed", "B0"),
    ("operation active", "90"),
    ("user not logged in", "101"),
    ("key handle invalid", "60"),
    ("object handle invalid", "82"),
    ("key changed", "65"),
];

#[test]
fn what_can_be_recovered_from_does_not_show() {
    let mut token = SoftToken::faulty();
    token.sessions = 1;
    let worker = TestWorker::start(&token, Purpose::Signer);
    for custody in [Custody::Token, Custody::Wrapped] {
        let key = worker.generate(&spec(KeyAlgorithm::P256, custody)).key;
        assert!(worker.sign(&key, &document(1)).is_ok());
        let really = [("logged out", "logout"), ("all sessions closed", "close")];
        for (what, how) in RECOVERABLE.into_iter().chain(really) {
            for function in ["C_SignInit", "C_Sign"] {
                token.break_function(function, &format!("{how} once"));
                let signed = worker.sign(&key, &document(2));
                assert!(
                    matches!(signed, Ok(TokenDone::Octets(_))),
                    "{what} in {function}, {custody:?}: {signed:?}"
                );
                assert!(!token.mend_function(function), "{what} in {function} was met");
            }
        }
    }
    assert!(worker.stop());
}

#[test]
fn what_the_token_cannot_do_is_an_answer_and_not_a_fault() {
    let token = SoftToken::faulty();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    // Mechanism invalid, key size range, key function not permitted; then data length range.
    for code in ["70", "62", "68", "21"] {
        token.break_function("C_SignInit", &format!("{code} once"));
        match worker.sign(&key, &document(1)) {
            Err(KeyError::Unsupported(_)) => assert_ne!(code, "21"),
            Err(KeyError::Failed(_)) => assert_eq!(code, "21"),
            other => panic!("{code}: {other:?}"),
        }
        assert!(worker.sign(&key, &document(1)).is_ok());
    }
}

#[test]
fn a_device_that_is_gone_ends_the_worker_with_its_reason() {
    // Device error, removed, token not present, general error, a vendor's own.
    for code in ["30", "32", "E0", "5", "80000001"] {
        let token = SoftToken::faulty();
        let mut worker = TestWorker::start(&token, Purpose::Signer);
        let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
        token.break_function("C_SignInit", code);
        let signed = worker.sign(&key, &document(1));
        assert!(matches!(signed, Err(KeyError::Unavailable(_))), "{code}: {signed:?}");
        let last = worker.last_words();
        assert!(matches!(last, Some(FromChild::Failed(_))), "{code}: {last:?}");
    }
}

#[test]
fn a_token_that_lost_its_login_for_good_denies_no_key() {
    let token = SoftToken::faulty();
    let mut worker = TestWorker::start(&token, Purpose::Signer);
    let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    token.break_function("C_Login", "A0");
    token.break_function("C_SignInit", "logout once");
    let before = token.logins();
    // Not "not found": nobody may believe the key gone.
    assert!(matches!(worker.sign(&key, &document(1)), Err(KeyError::Unavailable(_))));
    assert!(matches!(worker.last_words(), Some(FromChild::PinRefused(_))));
    assert_eq!(token.logins() - before, 1);
}

#[test]
fn as_many_sessions_as_the_token_gives_serve() {
    let mut token = SoftToken::faulty();
    token.sessions = 8;
    std::fs::write(token.path().join("faults/sessions"), "3").unwrap();
    let worker = TestWorker::start(&token, Purpose::Signer);
    let key = worker.generate(&spec(KeyAlgorithm::P256, Custody::Token)).key;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(worker.sign(&key, &document(1)).is_ok()));
        }
    });
}
