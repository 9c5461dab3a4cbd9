//! `hufu.toml` as a whole.

use super::authority::Authority;
use super::load::{ConfError, load, relative_to};
use super::token::{Seat, Tokens};
use crate::ops;
use hufu_api::Network;
use hufu_https::Guard;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The configuration of one installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The folder of state, audit log and the PKI's public files. Relative paths anywhere count from this file's folder.
    data: PathBuf,
    /// The API, admin and PKI listeners.
    #[serde(default)]
    pub server: crate::http::Settings,
    /// PKCS#11.
    #[serde(default)]
    token: Tokens,
    /// The appliance's own CA.
    #[serde(default)]
    authority: Authority,
    /// Operators.
    #[serde(default)]
    pub access: Access,
    /// Folders below which apps may name files.
    #[serde(default)]
    documents: Vec<DocumentRoot>,
    /// Signing.
    #[serde(default)]
    pub signing: Signing,
    /// Sizes and times.
    #[serde(default)]
    pub limits: Limits,
    /// Seals.
    #[serde(default)]
    pub seals: Seals,
    /// SMS codes.
    #[serde(default)]
    pub sms: Sms,
    /// Certificate profiles.
    #[serde(default)]
    pub certificates: ops::Certificates,
    /// Verification.
    #[serde(default)]
    pub validation: Validation,
    /// The audit log.
    #[serde(default)]
    pub audit: Audit,
    /// Evidence packages.
    #[serde(default)]
    pub evidence: Evidence,
    /// Time.
    #[serde(default)]
    pub clock: Clock,
    /// The service log.
    #[serde(default)]
    pub log: Log,
    /// Also check dates and check digits of identity numbers.
    #[serde(default)]
    pub strict_id_numbers: bool,
}

/// `[[documents]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentRoot {
    /// What `hufu app add --root` calls it.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Permission bits of files saved there, octal, for example "0640".
    #[serde(default = "default_mode")]
    pub mode: String,
}

fn default_mode() -> String {
    "0640".into()
}

/// `[access]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Admins who must agree to a dangerous act (adding an app, revoking, changing channels or operators), from 1 to 5. 1:
    /// whoever may, acts alone.
    pub approvals: u8,
}

/// `[signing]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// PAdES level where the app does not say: b-b, b-t, b-lt, b-lta. Absent: b-t where a time source is configured.
    pub level: Option<ops::Level>,
    /// What happens when no time stamp is to be had: require or prefer.
    pub timestamp: ops::TimestampPolicy,
    /// What happens when a document has content that may be there to show something else after signing (objects that
    /// nothing uses, hidden layers, hidden or overlapping fields): ignore, report or refuse.
    pub prepared_content: ops::PreparedContent,
    /// Which point of a seal coordinates name: lower_left or centre.
    pub anchor: ops::Anchor,
    /// Most places of one signature.
    pub places: usize,
    /// Most pages that share one seam seal where the call does not say, 1 to 999.
    pub seam_pages: u32,
    /// Written into signatures as /Reason; empty: none.
    pub reason: String,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Octets of a PDF signed by path.
    pub pdf_bytes: u64,
    /// Octets of an upload and of a time-stamped file; 20 MiB is the documented limit.
    pub stream_bytes: u64,
    /// Seconds that an operation may take in all.
    pub deadline_seconds: u32,
    /// Operations waiting for one remote service at a time.
    pub remote_places: usize,
    /// Seconds that a login token lives.
    pub token_seconds: u32,
    /// Hours that the old appKey stays good after a rotation.
    pub rotation_overlap_hours: u32,
    /// Days that answers are kept under their Idempotency-Key.
    pub idempotency_days: u32,
}

/// `[seals]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seals {
    /// Refuse uploads whose pixel size is not one of the documented ones, instead of scaling them.
    pub strict_sizes: bool,
    /// Folders searched for fonts; absent: the system's.
    pub font_folders: Vec<PathBuf>,
    /// Chains of font files per family (F1, F2, F3, F4, company, figures) in place of the shipped ones.
    pub fonts: BTreeMap<String, Vec<String>>,
}

/// `[sms]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sms {
    /// Seconds until another code may be sent to a signer.
    pub resend_seconds: u32,
}

/// `[validation]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Validation {
    /// A folder of further trust anchors (PEM) for signers and time stamps.
    pub trust_folder: Option<PathBuf>,
    /// Hosts that may be asked for the status of certificates in files that are verified, `ocsp.example.cn` or `crl.example.cn:8080`,
    /// where a certificate names them; empty: nobody is asked.
    pub status_hosts: Vec<String>,
    /// Networks of loopback and private addresses at which such hosts may be asked nevertheless; empty: public addresses only.
    pub status_networks: Vec<Network>,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Names the log in its checkpoints (C2SP tlog-checkpoint origin); a name that is yours alone.
    pub origin: String,
    /// Seconds between signed checkpoints.
    pub checkpoint_seconds: u64,
    /// Seconds between RFC 3161 time stamps over the newest checkpoint, from the configured time sources; 0: none.
    pub anchor_seconds: u64,
    /// Memory for the log's database, MiB.
    pub cache_mib: u64,
    /// How many of the newest records stay in the database; all when left out. Older ones stay in the tile files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_records: Option<u64>,
    /// Where finished segments go whose records have left the database, with copies of what proves them: a folder on another disk,
    /// absolute path. They stay in the audit folder when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_folder: Option<PathBuf>,
    /// A second copy of every record: a file that only grows, JSON lines, absolute path. Put it on another disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_to: Option<PathBuf>,
    /// Copy every record to the system's log as well.
    pub syslog: bool,
    /// Whether a copy that cannot be written stops signing.
    pub copy_required: bool,
}

/// `[evidence]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// Whom the certificate names that the appliance signs its reports 存证证书 with, and their seal: 2 to 60 characters.
    pub name: String,
}

/// `[clock]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// Milliseconds that wall clock and monotonic clock may move apart before issuing stops; with the second that a whole
    /// second's time stamp lies back, less than the accuracy that tokens claim.
    pub tolerance_millis: i64,
    /// Time servers (SNTP) that the clock is compared with, address and port; the first that answers and is synchronised decides.
    /// While none answers, or the clock is further off than the tolerance, nothing is issued. Empty: not compared.
    pub ntp_servers: Vec<SocketAddr>,
    /// Seconds between two comparisons, 1 to 1024; without an answer for four of them synchronisation counts as lost.
    pub ntp_seconds: u64,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// error, warn, info, debug or trace; or directives such as "info,hufu::http=debug".
    pub level: String,
    /// json or text.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl LogFormat {
    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }

    /// By name; anything unknown is JSON.
    pub fn from_name(name: &str) -> Self {
        if name == Self::Text.name() { Self::Text } else { Self::Json }
    }
}

impl Default for Signing {
    fn default() -> Self {
        let ops = ops::Settings::default();
        Self {
            level: ops.level,
            timestamp: ops.timestamp,
            prepared_content: ops.prepared_content,
            anchor: ops.anchor,
            places: ops.places,
            seam_pages: ops.seam_pages,
            reason: ops.reason,
        }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self { approvals: ops::Settings::default().approvals }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let ops = ops::Settings::default();
        Self {
            pdf_bytes: ops.pdf_bytes,
            stream_bytes: ops.stream_bytes,
            deadline_seconds: ops.deadline_seconds,
            remote_places: ops.remote_places,
            token_seconds: ops.token_seconds,
            rotation_overlap_hours: ops.rotation_overlap_hours,
            idempotency_days: ops.idempotency_days,
        }
    }
}

impl Default for Sms {
    fn default() -> Self {
        Self { resend_seconds: ops::Settings::default().sms_resend_seconds }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            origin: "hufu.example/audit".into(),
            checkpoint_seconds: 300,
            anchor_seconds: 3_600,
            cache_mib: 64,
            keep_records: None,
            archive_folder: None,
            copy_to: None,
            syslog: false,
            copy_required: false,
        }
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self { name: ops::Settings::default().evidence_name }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { tolerance_millis: 400, ntp_servers: Vec::new(), ntp_seconds: 16 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Json }
    }
}

/// What a file may change key by key.
#[derive(Default, Serialize)]
struct Defaults {
    certificates: ops::Certificates,
}

impl Site {
    /// Reads the configuration, settles its paths, and checks what types alone do not say.
    ///
    /// # Errors
    /// See [`ConfError`].
    pub fn read(file: &Path) -> Result<Self, ConfError> {
        let file = &std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let mut site: Self = load(file, &Defaults::default())?;
        let settle = |path: &mut PathBuf| *path = relative_to(file, path);
        settle(&mut site.data);
        site.documents.iter_mut().for_each(|root| settle(&mut root.path));
        site.seals.font_folders.iter_mut().chain(&mut site.validation.trust_folder).for_each(settle);
        let tls = &mut site.server.tls;
        [&mut tls.certificate, &mut tls.key].into_iter().chain(&mut tls.client_ca).for_each(settle);
        site.check(file)?;
        Ok(site)
    }

    fn check(&self, file: &Path) -> Result<(), ConfError> {
        let wrong = |key: String, reason: String| ConfError::Value {
            origin: file.display().to_string(),
            key,
            reason,
        };
        for seat in Seat::ALL {
            self.token.all(seat, file).map_err(|(key, reason)| wrong(key, reason))?;
        }
        for (at, root) in self.documents.iter().enumerate() {
            let key = |name: &str| format!("documents[{at}].{name}");
            if root.name.is_empty() {
                return Err(wrong(key("name"), "give the folder a name".into()));
            }
            if self.documents.iter().skip(at + 1).any(|other| other.name == root.name) {
                return Err(wrong(key("name"), format!("{:?} is there twice", root.name)));
            }
            root.bits().map_err(|reason| wrong(key("mode"), reason))?;
        }
        if !(1..=1024).contains(&self.clock.ntp_seconds) {
            return Err(wrong("clock.ntp_seconds".into(), "1 to 1024".into()));
        }
        if !self.server.admin_listen.ip().is_loopback() {
            return Err(wrong(
                "server.admin_listen".into(),
                "health and metrics stay on a loopback address".into(),
            ));
        }
        Guard::new(&self.validation.status_hosts, &self.validation.status_networks)
            .map_err(|e| wrong("validation.status_hosts".into(), e.to_string()))?;
        if self.server.service.is_empty()
            || !self.server.service.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return Err(wrong("server.service".into(), "letters, digits, `-` and `_`".into()));
        }
        if !(60..=86_400).contains(&self.limits.token_seconds) {
            return Err(wrong(
                "limits.token_seconds".into(),
                "from 60 to 86400; the document says 900".into(),
            ));
        }
        if !(1..=999).contains(&self.signing.seam_pages) {
            return Err(wrong("signing.seam_pages".into(), "from 1 to 999".into()));
        }
        if !(1..=5).contains(&self.access.approvals) {
            return Err(wrong("access.approvals".into(), "from 1 to 5; 2 is the four-eyes principle".into()));
        }
        if !(2..=60).contains(&self.evidence.name.chars().count()) {
            return Err(wrong("evidence.name".into(), "from 2 to 60 characters".into()));
        }
        if self.audit.origin.is_empty() || self.audit.origin.contains(['\n', '+', ' ']) {
            return Err(wrong(
                "audit.origin".into(),
                "a name without blanks and `+`, for example log.example.com/hufu".into(),
            ));
        }
        Ok(())
    }

    /// What operations are told.
    pub fn operations(&self) -> ops::Settings {
        ops::Settings {
            token_seconds: self.limits.token_seconds,
            strict_id_numbers: self.strict_id_numbers,
            strict_seal_sizes: self.seals.strict_sizes,
            pdf_bytes: self.limits.pdf_bytes,
            stream_bytes: self.limits.stream_bytes,
            level: self.signing.level,
            timestamp: self.signing.timestamp,
            prepared_content: self.signing.prepared_content,
            anchor: self.signing.anchor,
            sms_resend_seconds: self.sms.resend_seconds,
            places: self.signing.places,
            seam_pages: self.signing.seam_pages,
            deadline_seconds: self.limits.deadline_seconds,
            remote_places: self.limits.remote_places,
            rotation_overlap_hours: self.limits.rotation_overlap_hours,
            idempotency_days: self.limits.idempotency_days,
            reason: self.signing.reason.clone(),
            evidence_name: self.evidence.name.clone(),
            approvals: self.access.approvals,
            certificates: self.certificates.clone(),
        }
    }

    /// PKCS#11 tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.token
    }

    /// The environment that a process needs which opens all tokens.
    ///
    /// # Errors
    /// When two tokens want the same variable to be different things.
    pub fn token_environment(&self, file: &Path) -> Result<BTreeMap<String, String>, ConfError> {
        let wrong = |key: String, reason: String| ConfError::Value {
            origin: file.display().to_string(),
            key,
            reason,
        };
        let mut all = BTreeMap::new();
        for seat in Seat::ALL {
            let token = self.token.of(seat, file).map_err(|(key, reason)| wrong(key, reason))?;
            for (name, value) in token.environment {
                if let Some(other) = all.insert(name.clone(), value.clone()).filter(|other| *other != value) {
                    let key = format!("token.{}.environment.{name}", seat.name());
                    return Err(wrong(key, format!("{other:?} elsewhere: one process cannot have both")));
                }
            }
        }
        Ok(all)
    }

    /// The appliance's own CA.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Document roots.
    pub fn documents(&self) -> &[DocumentRoot] {
        &self.documents
    }

    /// Without the tokens: what the network process is told.
    #[must_use]
    pub fn without_tokens(mut self) -> Self {
        self.token = Tokens::default();
        self
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// State.
    pub fn state_folder(&self) -> PathBuf {
        self.data.join("state")
    }

    /// The audit log.
    pub fn audit_folder(&self) -> PathBuf {
        self.data.join("audit")
    }

    /// Public files of the PKI: certificates, the root's revocation list.
    pub fn pki_folder(&self) -> PathBuf {
        self.data.join("pki")
    }

    /// Sockets and process ids of a serving appliance.
    pub fn run_folder(&self) -> PathBuf {
        self.data.join("run")
    }

    /// Where refused PINs are noted. Not in the run folder, which the network process may write to.
    pub fn pin_folder(&self) -> PathBuf {
        self.data.join("pin")
    }

    /// The socket that commands of this program use.
    pub fn admin_socket(&self) -> PathBuf {
        self.run_folder().join("admin.sock")
    }

    /// The socket through which the log of a serving appliance is read.
    pub fn audit_socket(&self) -> PathBuf {
        self.run_folder().join("audit.sock")
    }

    /// Where transcripts of ceremonies are.
    pub fn ceremony_folder(&self) -> PathBuf {
        self.data.join("ceremony")
    }

    /// Keys and certificates that the ceremony made; nothing in it is secret.
    pub fn identities_file(&self) -> PathBuf {
        self.pki_folder().join("identities.json")
    }

    /// The public half of the audit log's checkpoint key.
    pub fn audit_key_file(&self) -> PathBuf {
        self.pki_folder().join("audit-key.json")
    }
}

impl DocumentRoot {
    /// The permission bits.
    ///
    /// # Errors
    /// What would be right.
    pub fn bits(&self) -> Result<u32, String> {
        match u32::from_str_radix(&self.mode, 8) {
            Ok(bits) if bits & !0o777 == 0 && bits & 0o400 != 0 => Ok(bits),
            _ => Err("octal permission bits such as \"0640\"".into()),
        }
    }
}

/// The folder of channel files beside a configuration file.
pub fn channels_folder(file: &Path) -> PathBuf {
    relative_to(file, Path::new("channels.d"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::keys::KeyAlgorithm;

    #[test]
    fn one_key_of_a_certificate_profile_leaves_the_others_as_they_are() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/hufu.toml");
        assert_eq!(Site::read(&shipped).unwrap().certificates, ops::Certificates::default());

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hufu.toml");
        let text = std::fs::read_to_string(&shipped).unwrap();
        std::fs::write(&file, text + "\n[certificates.person_long]\nalgorithm = \"rsa2048\"\n").unwrap();
        let mut expected = ops::Certificates::default();
        expected.person_long.algorithm = KeyAlgorithm::Rsa2048;
        assert_eq!(Site::read(&file).unwrap().certificates, expected);
    }
}
