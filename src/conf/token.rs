//! `[token]`: which PKCS#11 token serves which purpose.

use super::load::relative_to;
use crate::keys::Purpose;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `[token]`: what holds for every purpose that does not say otherwise, and one table per purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// The PKCS#11 module of your HSM, an absolute path.
    pub module: Option<PathBuf>,
    /// A file with the user PIN, readable by its owner alone (mode 0400).
    pub pin_file: Option<PathBuf>,
    /// Instead of a file: the name of a systemd credential.
    pub pin_credential: Option<String>,
    /// Environment variables that the module needs, for example `SOFTHSM2_CONF`. Only token workers see them.
    pub environment: BTreeMap<String, String>,
    /// Sessions of each worker process: calls that it serves at once. 1 to 256.
    pub sessions: Option<u16>,
    /// Worker processes of each purpose.
    pub workers: Option<u16>,
    /// Seconds until a PIN that was refused is tried again; tokens lock themselves after few tries.
    pub pin_retry_seconds: Option<u64>,
    /// Signers' keys.
    pub signer: TokenChoice,
    /// The issuing CA's keys.
    pub ca: TokenChoice,
    /// Time-stamping and OCSP responder keys.
    pub tsa: TokenChoice,
    /// The audit log's checkpoint key.
    pub audit: TokenChoice,
    /// The root CA's key. Only `hufu init` opens this token; `hufu serve` never does.
    pub root: TokenChoice,
}

/// `[token.PURPOSE]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenChoice {
    /// The token's label; `hufu-PURPOSE` where neither label nor serial is given.
    pub label: Option<String>,
    /// Instead of a label: the token's serial number.
    pub serial: Option<String>,
    /// As in `[token]`.
    pub module: Option<PathBuf>,
    /// As in `[token]`.
    pub pin_file: Option<PathBuf>,
    /// As in `[token]`.
    pub pin_credential: Option<String>,
    /// As in `[token]`; added to it.
    pub environment: BTreeMap<String, String>,
    /// As in `[token]`.
    pub sessions: Option<u16>,
    /// As in `[token]`.
    pub workers: Option<u16>,
}

/// The root CA or one of the purposes that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Served by workers.
    Served(Purpose),
    /// The root CA: opened by `hufu init` alone.
    Root,
}

impl Seat {
    /// All seats.
    pub const ALL: [Self; 5] = [
        Self::Served(Purpose::Signer),
        Self::Served(Purpose::Ca),
        Self::Served(Purpose::Tsa),
        Self::Served(Purpose::Audit),
        Self::Root,
    ];

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Served(Purpose::Signer) => "signer",
            Self::Served(Purpose::Ca) => "ca",
            Self::Served(Purpose::Tsa) => "tsa",
            Self::Served(Purpose::Audit) => "audit",
            Self::Root => "root",
        }
    }
}

/// Where the PIN of a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// In a file.
    File(PathBuf),
    /// In a systemd credential.
    Credential(String),
}

/// How a token is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By label.
    Label(String),
    /// By serial number.
    Serial(String),
}

/// One token with everything settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The PKCS#11 module.
    pub module: PathBuf,
    /// Which token of it.
    pub name: Name,
    /// Its PIN.
    pub pin: Pin,
    /// Environment of its workers.
    pub environment: BTreeMap<String, String>,
    /// Sessions per worker.
    pub sessions: u16,
    /// Worker processes.
    pub workers: u16,
}

impl Tokens {
    fn choice(&self, seat: Seat) -> &TokenChoice {
        match seat {
            Seat::Served(Purpose::Signer) => &self.signer,
            Seat::Served(Purpose::Ca) => &self.ca,
            Seat::Served(Purpose::Tsa) => &self.tsa,
            Seat::Served(Purpose::Audit) => &self.audit,
            Seat::Root => &self.root,
        }
    }

    /// The token of one seat; paths count from the configuration file's folder.
    ///
    /// # Errors
    /// Key and reason when something is missing or contradicts itself.
    pub fn of(&self, seat: Seat, file: &Path) -> Result<Token, (String, String)> {
        let own = self.choice(seat);
        let at = |key: &str| format!("token.{}.{key}", seat.name());
        let module = own.module.as_ref().or(self.module.as_ref()).ok_or_else(|| {
            ("token.module".to_owned(), "name the PKCS#11 module of your HSM, an absolute path".to_owned())
        })?;
        let name = match (&own.label, &own.serial) {
            (Some(_), Some(_)) => return Err((at("serial"), "give label or serial, not both".into())),
            (None, Some(serial)) => Name::Serial(serial.clone()),
            (Some(label), None) => Name::Label(label.clone()),
            (None, None) => Name::Label(format!("hufu-{}", seat.name())),
        };
        let pin = match (&own.pin_file, &own.pin_credential) {
            (Some(_), Some(_)) => {
                return Err((at("pin_file"), "give pin_file or pin_credential, not both".into()));
            }
            (Some(pin), None) => Pin::File(relative_to(file, pin)),
            (None, Some(name)) => Pin::Credential(name.clone()),
            (None, None) => match (&self.pin_file, &self.pin_credential) {
                (Some(_), Some(_)) => {
                    return Err((
                        "token.pin_file".into(),
                        "give pin_file or pin_credential, not both".into(),
                    ));
                }
                (Some(pin), None) => Pin::File(relative_to(file, pin)),
                (None, Some(name)) => Pin::Credential(name.clone()),
                (None, None) => {
                    return Err((
                        "token.pin_file".into(),
                        "say where the user PIN is: pin_file or pin_credential".into(),
                    ));
                }
            },
        };
        let mut environment = self.environment.clone();
        environment.extend(own.environment.clone());
        // One: a SoftHSM process does not see the token keys that another one has made since it started. A site whose
        // module shares objects between processes, or that keeps signers' keys wrapped, sets more.
        let workers = own.workers.or(self.workers).unwrap_or(1);
        let sessions = own.sessions.or(self.sessions).unwrap_or(4);
        if !(1..=64).contains(&workers) {
            return Err((at("workers"), "from 1 to 64".into()));
        }
        if !(1..=256).contains(&sessions) {
            return Err((at("sessions"), "from 1 to 256".into()));
        }
        Ok(Token { module: relative_to(file, module), name, pin, environment, sessions, workers })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Tokens {
        toml::from_str(text).unwrap()
    }

    const FILE: &str = "/etc/hufu/hufu.toml";

    #[test]
    fn every_purpose_has_its_own_token_by_default() {
        let all = tokens("module = \"/lib/p11.so\"\npin_file = \"pin\"");
        let token = all.of(Seat::Served(Purpose::Ca), Path::new(FILE)).unwrap();
        assert_eq!(token.name, Name::Label("hufu-ca".into()));
        assert_eq!(token.pin, Pin::File("/etc/hufu/pin".into()));
        assert_eq!(token.module, PathBuf::from("/lib/p11.so"));
    }

    #[test]
    fn a_purpose_may_live_on_another_hsm() {
        let text = "module = \"/a.so\"\npin_file = \"pin\"\n[environment]\nA = \"1\"\n[ca]\nmodule = \"/b.so\"\nserial = \"77\"\npin_credential = \"ca-pin\"\n[ca.environment]\nB = \"2\"";
        let token = tokens(text).of(Seat::Served(Purpose::Ca), Path::new(FILE)).unwrap();
        assert_eq!(token.module, PathBuf::from("/b.so"));
        assert_eq!(token.name, Name::Serial("77".into()));
        assert_eq!(token.pin, Pin::Credential("ca-pin".into()));
        assert_eq!(token.environment.len(), 2);
    }

    #[test]
    fn what_is_missing_is_named() {
        let seat = Seat::Served(Purpose::Signer);
        assert_eq!(tokens("").of(seat, Path::new(FILE)).unwrap_err().0, "token.module");
        assert_eq!(tokens("module = \"/a.so\"").of(seat, Path::new(FILE)).unwrap_err().0, "token.pin_file");
        let both = tokens("module = \"/a.so\"\npin_file = \"p\"\n[signer]\nlabel = \"x\"\nserial = \"y\"");
        assert_eq!(both.of(seat, Path::new(FILE)).unwrap_err().0, "token.signer.serial");
        let none = tokens("module = \"/a.so\"\npin_file = \"p\"\n[signer]\nworkers = 0");
        assert_eq!(none.of(seat, Path::new(FILE)).unwrap_err().0, "token.signer.workers");
    }
}
