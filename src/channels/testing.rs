//! A log in memory, and an installation's keys and certificates, for the tests of this folder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, unreachable_pub)]

use super::{AuditedIssuer, Authorities, CaEntry, Identity, OsEntropy, Standing, TsaParts};
use crate::audit::{AuditError, AuditLog, Closer, Event, Intent, Outcome, Permit, Receipt, RecordNumber};
use crate::keys::soft::SoftKeys;
use crate::keys::{Keys, Purpose};
use crate::x509::{
    Addresses, Issuer, Role, SignatureAlgorithm, TbsSpec, assemble, authority_name, certificate_tbs,
    key_identifier,
};
use hufu_api::{AuthoritySpec, Cx, Der, MemoryStore, UnixTime};
use hufu_testkit::{HandClock, SoftCa};
use parking_lot::Mutex;
use std::sync::Arc;

/// What the log has taken.
#[derive(Clone, Debug)]
pub(crate) enum Taken {
    Intent(Intent),
    Outcome(RecordNumber, Outcome),
    Abandoned,
}

/// A log in memory that can be made to fail.
#[derive(Default)]
pub(crate) struct FakeLog {
    pub(crate) taken: Arc<Mutex<Vec<Taken>>>,
    pub(crate) full: Mutex<bool>,
}

struct Back(Arc<Mutex<Vec<Taken>>>);

impl Closer for Back {
    fn close(&self, number: RecordNumber, outcome: Outcome) -> Result<RecordNumber, AuditError> {
        let mut taken = self.0.lock();
        taken.push(Taken::Outcome(number, outcome));
        Ok(taken.len() as u64 - 1)
    }

    fn abandon(&self, _number: RecordNumber) {
        self.0.lock().push(Taken::Abandoned);
    }
}

impl AuditLog for FakeLog {
    fn begin(&self, _cx: Cx, intent: Intent) -> Result<Permit, AuditError> {
        if *self.full.lock() {
            return Err(AuditError::Unavailable("disk full".into()));
        }
        let mut taken = self.taken.lock();
        let number = taken.len() as u64;
        let receipt = |(index, r#use): (usize, &crate::audit::Use)| Receipt {
            number,
            index: u16::try_from(index).unwrap(),
            generation: r#use.generation,
            expires: i64::MAX,
            mac: [0; 32],
        };
        let receipts = intent.uses.iter().enumerate().map(receipt).collect();
        taken.push(Taken::Intent(intent));
        Ok(Permit::new(number, receipts, Arc::new(Back(Arc::clone(&self.taken)))))
    }

    fn record(&self, _cx: Cx, _event: Event) -> Result<RecordNumber, AuditError> {
        Err(AuditError::Unavailable("not used here".into()))
    }
}

/// Keys, log, clock and store, with a root above everything.
pub(crate) struct World {
    pub(crate) keys: Arc<SoftKeys>,
    pub(crate) log: Arc<FakeLog>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) root: SoftCa,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(HandClock::new());
        let root = SoftCa::root("Root", hufu_api::Clock::now_untrusted(clock.as_ref()));
        Self {
            keys: Arc::new(SoftKeys::new()),
            log: Arc::default(),
            clock,
            store: Arc::new(MemoryStore::new()),
            root,
        }
    }

    pub(crate) fn now(&self) -> UnixTime {
        hufu_api::Clock::now_untrusted(self.clock.as_ref())
    }

    pub(crate) fn parts(&self) -> TsaParts {
        TsaParts {
            keys: Arc::clone(&self.keys) as _,
            log: Arc::clone(&self.log) as _,
            clock: Arc::clone(&self.clock) as _,
            store: Arc::clone(&self.store) as _,
            entropy: Arc::new(OsEntropy::default()),
        }
    }

    /// A key in the token with a certificate for `role` from the root.
    pub(crate) fn identity(&self, label: &str, purpose: Purpose, role: Role<'_>, days: i64) -> Identity {
        let key = self.keys.install(purpose);
        let name = authority_name("CN", "Hufu Test", label).unwrap();
        let now = self.now();
        let until = now.plus_millis(days * 86_400_000);
        let certificate = self.root.issue(&name, &key.spki.0, role, now.plus_millis(-1000), until);
        let issuers = vec![hufu_api::IssuerKey::certificate(&self.root).clone()];
        Identity { label: label.into(), key, certificate, issuers }
    }

    /// A certificate for `role` from the CA of `issuer`, signed through the log.
    pub(crate) fn below(&self, issuer: &Identity, label: &str, role: Role<'_>) -> Identity {
        let lent =
            AuditedIssuer::new(Arc::clone(&self.keys) as Arc<dyn Keys>, Arc::clone(&self.log) as _, issuer)
                .unwrap();
        let key = self.keys.install(Purpose::Tsa);
        let identifier = key_identifier(&issuer.key.spki.0).unwrap();
        let authority = crate::x509::Certificate::from_der(&issuer.certificate.0).unwrap();
        let algorithm = SignatureAlgorithm::EcdsaSha256.identifier();
        let now = self.now();
        let tbs = certificate_tbs(&TbsSpec {
            serial: &[0x42, 1],
            algorithm: &algorithm,
            issuer: Issuer::new(authority.subject.der(), &identifier),
            subject: &authority_name("CN", "Hufu Test", label).unwrap(),
            spki: &key.spki.0,
            not_before: now.plus_millis(-1000),
            not_after: now.plus_millis(86_400_000),
            role,
            addresses: Addresses::default(),
        })
        .unwrap();
        let signature = hufu_api::IssuerKey::sign_certificate(&lent, hufu_testkit::cx(5), &tbs).unwrap();
        let certificate = Der(assemble(&tbs, &algorithm, &signature));
        let mut issuers = vec![issuer.certificate.clone()];
        issuers.extend(issuer.issuers.iter().cloned());
        Identity { label: label.into(), key, certificate, issuers }
    }
}

/// A PKI in software: root, issuing CA with a delegated responder, and the channel over them.
pub(crate) struct TestPki {
    pub(crate) world: World,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) issuing: Identity,
    pub(crate) ocsp: Identity,
    pub(crate) dir: tempfile::TempDir,
}

const CA_LOCAL: &str = r#"
    issuer = "issuing-1"
    crl_url = "http://pki.test/{label}.crl"
    issuer_url = "http://pki.test/{label}.cer"
    ocsp_url = "http://pki.test/ocsp"
"#;

impl TestPki {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let issuing =
            world.identity("issuing-1", Purpose::Ca, Role::Authority { path_length: Some(0) }, 3000);
        let ocsp = world.below(&issuing, "ocsp-1", Role::OcspResponder);
        let keys: Arc<dyn Keys> = Arc::clone(&world.keys) as _;
        let lent = AuditedIssuer::new(keys, Arc::clone(&world.log) as _, &issuing).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let lent: Arc<dyn hufu_api::IssuerKey> = Arc::new(lent);
        let ca = hufu_testkit::host(dir.path(), &world.clock, &world.store, &[("issuing-1", lent)], |host| {
            (hufu_ca_local::FACTORY.build)(host, CA_LOCAL.parse().unwrap()).unwrap()
        });
        let entry = CaEntry {
            name: "local".into(),
            aliases: vec![],
            channel: Ok(Arc::from(ca)),
            timeout: std::time::Duration::from_secs(5),
            anchors: vec![],
            standing: Standing::new(8),
        };
        let authorities = Arc::new(Authorities::new(vec![entry], Arc::clone(&world.clock) as _));
        Self { world, authorities, issuing, ocsp, dir }
    }
}

/// The local authority as the shipped configuration has it.
pub(crate) fn tsa_spec() -> AuthoritySpec {
    AuthoritySpec {
        label: "tsa-1".into(),
        policy: "1.3.6.1.4.1.32473.3.1".into(),
        accuracy_millis: 1500,
        ordering: false,
    }
}

/// PEM of one DER structure.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Runs `openssl` in `dir`; its output if it succeeds.
pub(crate) fn openssl(dir: &std::path::Path, arguments: &[&str]) -> Result<String, String> {
    let out =
        std::process::Command::new("openssl").args(arguments).current_dir(dir).output().expect("openssl");
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    if out.status.success() { Ok(text) } else { Err(text) }
}
