//! A CA key signs nothing that the site's profiles and the log do not permit: what is tried here comes with receipts as good
//! as the log's own, at the worker's own socket.

use super::site::{SoftToken, TestWorker, ca_name, now};
use crate::audit::Receipt;
use crate::keys::{KeyAlgorithm, KeyError, Purpose, StoredKey, ToBeSigned};
use crate::token::wire::{TokenAnswer, TokenDone, TokenRequest};
use crate::x509::{self, Addresses, CrlSpec, Issuer, Role, SignatureAlgorithm, TbsSpec};
use const_oid::ObjectIdentifier;
use der::asn1::OctetString;
use der::{Decode, Encode};
use hufu_api::{RevocationReason, SceneBinding, UnixTime};
use x509_cert::TbsCertificate;
use x509_cert::crl::TbsCertList;
use x509_cert::ext::Extension;

const DAY: i64 = 86_400_000;
const EMAIL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
const DOCUMENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.2");

/// The CA, its worker, and what it would be right to sign.
struct Desk {
    /// Gone with its folder when dropped, so it stays.
    _token: SoftToken,
    worker: TestWorker,
    key: StoredKey,
    algorithm: Vec<u8>,
    name: Vec<u8>,
    identifier: Vec<u8>,
    subject: Vec<u8>,
    subject_key: Vec<u8>,
    start: UnixTime,
}

impl Desk {
    fn new() -> Self {
        let token = SoftToken::new();
        let worker = TestWorker::start(&token, Purpose::Ca);
        let key = token.key(Purpose::Ca);
        Self {
            algorithm: SignatureAlgorithm::for_key(&key.spki.0).unwrap().identifier(),
            identifier: x509::key_identifier(&key.spki.0).unwrap(),
            name: ca_name("Issuing CA"),
            subject: ca_name("张三"),
            subject_key: token.key(Purpose::Tsa).spki.0,
            start: UnixTime::from_millis(now()),
            worker,
            key,
            _token: token,
        }
    }

    fn good(&self) -> TbsSpec<'_> {
        TbsSpec {
            serial: &[7; 16],
            algorithm: &self.algorithm,
            issuer: Issuer::new(&self.name, &self.identifier),
            subject: &self.subject,
            spki: &self.subject_key,
            not_before: self.start.plus_millis(-60_000),
            not_after: self.start.plus_millis(365 * DAY),
            role: Role::Signer { extended_key_usage: &[], policies: &[], scene: None },
            addresses: Addresses::default(),
        }
    }

    fn list(&self, number: u64) -> CrlSpec<'_> {
        CrlSpec {
            algorithm: &self.algorithm,
            issuer: Issuer::new(&self.name, &self.identifier),
            number,
            this_update: self.start,
            next_update: self.start.plus_millis(2 * DAY),
            revoked: &[],
        }
    }

    fn sign(&self, tbs: Vec<u8>) -> TokenAnswer {
        self.worker.sign(&self.key, &ToBeSigned::TbsCertificate(tbs))
    }

    fn issue(&self, spec: &TbsSpec<'_>) -> TokenAnswer {
        self.sign(x509::certificate_tbs(spec).unwrap())
    }

    fn publish(&self, spec: &CrlSpec<'_>) -> TokenAnswer {
        self.worker.sign(&self.key, &ToBeSigned::TbsCertList(x509::crl_tbs(spec).unwrap()))
    }

    /// A good certificate after a change that our own builder would not make.
    fn edited(&self, change: impl FnOnce(&mut TbsCertificate)) -> TokenAnswer {
        let mut tbs = TbsCertificate::from_der(&x509::certificate_tbs(&self.good()).unwrap()).unwrap();
        change(&mut tbs);
        self.sign(tbs.to_der().unwrap())
    }
}

#[track_caller]
fn refused(answer: TokenAnswer, why: &str) {
    match answer {
        Err(KeyError::Refused(said)) => assert!(said.contains(why), "{said:?}, not {why:?}"),
        other => panic!("{why}: {other:?}"),
    }
}

#[track_caller]
fn signed(answer: TokenAnswer) {
    assert!(matches!(answer, Ok(TokenDone::Octets(_))), "{answer:?}");
}

fn extension(oid: &str, value: &[u8]) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new_unwrap(oid),
        critical: false,
        extn_value: OctetString::new(value).unwrap(),
    }
}

#[test]
fn certificates_are_the_profiles_own_or_not_signed() {
    let desk = Desk::new();
    let good = desk.good();
    let scene = SceneBinding { document_sha256: [3; 32], consent: Some(4) };
    signed(desk.issue(&good));
    let role = Role::Signer { extended_key_usage: &[DOCUMENTS], policies: &[POLICY], scene: Some(&scene) };
    signed(desk.issue(&TbsSpec { role, ..good }));

    let role = |extended_key_usage, policies| Role::Signer { extended_key_usage, policies, scene: None };
    refused(desk.issue(&TbsSpec { role: role(&[EMAIL], &[]), ..good }), "extended key usage");
    refused(desk.issue(&TbsSpec { role: role(&[], &[EMAIL]), ..good }), "policy");
    // Neither a CA nor a time-stamping authority nor an OCSP responder: the ceremony alone makes those.
    refused(
        desk.issue(&TbsSpec { role: Role::Authority { path_length: Some(0) }, ..good }),
        "CA certificate",
    );
    refused(desk.issue(&TbsSpec { role: Role::TimeStamping, ..good }), "extended key usage");
    refused(desk.issue(&TbsSpec { role: Role::OcspResponder, ..good }), "extended key usage");
    refused(desk.issue(&TbsSpec { not_after: desk.start.plus_millis(368 * DAY), ..good }), "allowed are 366");
    refused(desk.issue(&TbsSpec { not_before: desk.start.plus_millis(-3 * DAY), ..good }), "too long ago");
    refused(desk.issue(&TbsSpec { not_before: desk.start.plus_millis(DAY), ..good }), "too far ahead");
    refused(desk.issue(&TbsSpec { serial: &[7; 4], ..good }), "serial");
    // Another's name, another's identifier, itself.
    let other = ca_name("Root CA");
    refused(desk.issue(&TbsSpec { issuer: Issuer::new(&other, &desk.identifier), ..good }), "issuer");
    refused(
        desk.issue(&TbsSpec { issuer: Issuer::new(&desk.name, &[9; 20]), ..good }),
        "authorityKeyIdentifier",
    );
    refused(desk.issue(&TbsSpec { subject: &desk.name, ..good }), "CA itself");
    refused(desk.issue(&TbsSpec { spki: &desk.key.spki.0, ..good }), "CA's own");
    let rsa = SignatureAlgorithm::RsaSha256.identifier();
    refused(desk.issue(&TbsSpec { algorithm: &rsa, ..good }), "signature algorithm");
}

#[test]
fn certificates_that_no_builder_of_ours_makes_are_not_signed_either() {
    let desk = Desk::new();
    signed(desk.edited(|_| {}));
    let add = |added: Extension| desk.edited(|tbs| tbs.extensions.get_or_insert_default().push(added));
    // basicConstraints: CA TRUE; nameConstraints; subjectAltName; anything new.
    refused(add(extension("2.5.29.19", &[0x30, 3, 1, 1, 0xff])), "CA certificate");
    refused(add(extension("2.5.29.30", &[0x30, 0])), "which no profile has");
    refused(add(extension("2.5.29.17", &[0x30, 0])), "which no profile has");
    refused(add(extension("1.2.3.4", &[5, 0])), "which no profile has");
    // keyUsage twice; with keyCertSign; none.
    refused(add(extension("2.5.29.15", &[3, 2, 6, 0xc0])), "twice");
    let usage = |value: &[u8]| {
        let value = value.to_vec();
        desk.edited(move |tbs| {
            let all = tbs.extensions.as_mut().unwrap();
            let at = all.iter().position(|e| e.extn_id.to_string() == "2.5.29.15").unwrap();
            if value.is_empty() {
                all.remove(at);
            } else {
                all[at].extn_value = OctetString::new(value).unwrap();
            }
        })
    };
    refused(usage(&[3, 2, 2, 0b1100_0100]), "key usage");
    refused(usage(&[3, 2, 1, 0b1100_0010]), "key usage");
    refused(usage(&[]), "without keyUsage");
    refused(desk.edited(|tbs| tbs.version = x509_cert::Version::V2), "version");
    refused(desk.edited(|tbs| tbs.extensions = None), "without keyUsage");
    let mut longer = x509::certificate_tbs(&desk.good()).unwrap();
    longer.push(0);
    refused(desk.sign(longer), "TBSCertificate");
}

#[test]
fn lists_are_complete_of_now_and_never_go_back() {
    let desk = Desk::new();
    let seconds = u64::try_from(desk.start.seconds()).unwrap();
    let revoked =
        [x509::Revoked { serial: vec![5; 16], at: desk.start, reason: RevocationReason::KeyCompromise }];
    signed(desk.publish(&CrlSpec { revoked: &revoked, ..desk.list(seconds) }));
    signed(desk.publish(&desk.list(seconds + 1)));
    refused(desk.publish(&desk.list(seconds + 1)), "goes back");
    refused(desk.publish(&desk.list(seconds)), "goes back");
    let next = desk.list(seconds + 9);
    let days = |n: i64| desk.start.plus_millis(n * DAY);
    refused(desk.publish(&CrlSpec { this_update: days(-1), ..next }), "thisUpdate");
    refused(desk.publish(&CrlSpec { this_update: days(1), ..next }), "thisUpdate");
    refused(desk.publish(&CrlSpec { next_update: days(400), ..next }), "nextUpdate");
    let other = ca_name("Root CA");
    refused(desk.publish(&CrlSpec { issuer: Issuer::new(&other, &desk.identifier), ..next }), "issuer");
    refused(
        desk.publish(&CrlSpec { issuer: Issuer::new(&desk.name, &[9; 20]), ..next }),
        "authorityKeyIdentifier",
    );
    let edited = |change: &dyn Fn(&mut TbsCertList)| {
        let mut tbs = TbsCertList::from_der(&x509::crl_tbs(&next).unwrap()).unwrap();
        change(&mut tbs);
        desk.worker.sign(&desk.key, &ToBeSigned::TbsCertList(tbs.to_der().unwrap()))
    };
    // A delta, one for some distribution point, one without a number, one without an end.
    let add = |added: Extension| edited(&|tbs| tbs.crl_extensions.as_mut().unwrap().push(added.clone()));
    refused(add(extension("2.5.29.27", &[2, 1, 1])), "which no list of ours has");
    refused(add(extension("2.5.29.28", &[0x30, 0])), "which no list of ours has");
    let numberless = |tbs: &mut TbsCertList| {
        tbs.crl_extensions.as_mut().unwrap().retain(|e| e.extn_id.to_string() != "2.5.29.20");
    };
    refused(edited(&numberless), "without cRLNumber");
    refused(edited(&|tbs| tbs.next_update = None), "nextUpdate");
    // Whatever was refused did not use the number up.
    signed(desk.publish(&next));
    let tbs = x509::crl_tbs(&desk.list(seconds + 20)).unwrap();
    refused(desk.sign(tbs), "TBSCertificate");
}

#[test]
fn a_worker_started_anew_lets_no_list_go_back_by_more_than_a_day() {
    let desk = Desk::new();
    let seconds = u64::try_from(desk.start.seconds()).unwrap();
    refused(desk.publish(&desk.list(1)), "goes back");
    refused(desk.publish(&desk.list(seconds - 90_000)), "goes back");
    signed(desk.publish(&desk.list(seconds)));
}

#[test]
fn without_the_logs_receipt_for_exactly_this_certificate_nothing_is_signed() {
    let desk = Desk::new();
    let what = ToBeSigned::TbsCertificate(x509::certificate_tbs(&desk.good()).unwrap());
    let other = ToBeSigned::TbsCertificate(
        x509::certificate_tbs(&TbsSpec { serial: &[8; 16], ..desk.good() }).unwrap(),
    );
    let with =
        |receipt: Receipt| desk.worker.ask(TokenRequest::Sign(receipt, desk.key.clone(), what.clone()));
    let receipt = |purpose, digest| desk.worker.receipt(desk.key.id, purpose, digest);
    let generation = desk.worker.generation;
    refused(with(Receipt { number: 0, index: 0, generation, expires: i64::MAX, mac: [0; 32] }), "");
    refused(with(receipt(Purpose::Ca, other.digest())), "");
    refused(with(receipt(Purpose::Signer, what.digest())), "");
    refused(with(Receipt { expires: now() + 59_000, ..receipt(Purpose::Ca, what.digest()) }), "");
    let once = receipt(Purpose::Ca, what.digest());
    signed(with(once.clone()));
    refused(with(once), "already used");
    // A key of another description, with a receipt for its id.
    let disguised = StoredKey { algorithm: KeyAlgorithm::P384, ..desk.key.clone() };
    refused(desk.worker.sign(&disguised, &what), "not the CA key");
    let elsewhere = StoredKey { id: crate::keys::KeyId([3; 16]), ..desk.key.clone() };
    refused(desk.worker.sign(&elsewhere, &what), "not a CA key of this site");
}
