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
    /// Sessions of each worker process, 1 to 256: the most calls that it serves at once. Under load it finds out how many help. 16
    /// for signers and 4 elsewhere by default; a token that gives fewer serves with those.
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

/// `[token.PURPOSE]`, and `[[token.PURPOSE.replicas]]`: what a replica does not say it has from its purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenChoice {
    /// The token's label; `hufu-PURPOSE` where neither label nor serial is given.
    pub label: Option<String>,
    /// Instead of a label: the token's serial number.
    pub serial: Option<String>,
    /// Instead of a label: the slot's number, for modules that tell label and serial number wrongly. Slots may be renumbered.
    pub slot: Option<u64>,
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
    /// Further tokens that hold the same keys, as an HSM cluster replicates them: they share the load, and any may fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<TokenChoice>,
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
    /// By slot.
    Slot(u64),
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

    /// The tokens of one seat, the first of which the key ceremony uses; paths count from the configuration file's folder.
    ///
    /// # Errors
    /// Key and reason when something is missing or contradicts itself.
    pub fn all(&self, seat: Seat, file: &Path) -> Result<Vec<Token>, (String, String)> {
        let first = self.of(seat, file)?;
        let replicas = &self.choice(seat).replicas;
        if seat == Seat::Root && !replicas.is_empty() {
            return Err(("token.root.replicas".into(), "the root's token is not served".into()));
        }
        let mut all = vec![first];
        for (at, replica) in replicas.iter().enumerate() {
            let key = format!("token.{}.replicas[{at}]", seat.name());
            if !replica.replicas.is_empty() {
                return Err((key, "a replica has no replicas".into()));
            }
            let token = self.settle(&[(&key, replica), (&Self::key(seat), self.choice(seat))], seat, file)?;
            if all.iter().any(|other| other.is_same_as(&token)) {
                return Err((key, "is one of the other tokens again".into()));
            }
            all.push(token);
        }
        Ok(all)
    }

    /// The first token of one seat, as [`Tokens::all`].
    ///
    /// # Errors
    /// Key and reason when something is missing or contradicts itself.
    pub fn of(&self, seat: Seat, file: &Path) -> Result<Token, (String, String)> {
        self.settle(&[(&Self::key(seat), self.choice(seat))], seat, file)
    }

    fn key(seat: Seat) -> String {
        format!("token.{}", seat.name())
    }

    /// One token from layers of configuration, the first of which wins; `[token]` is the last.
    fn settle(
        &self,
        layers: &[(&String, &TokenChoice)],
        seat: Seat,
        file: &Path,
    ) -> Result<Token, (String, String)> {
        let base = TokenChoice {
            module: self.module.clone(),
            pin_file: self.pin_file.clone(),
            pin_credential: self.pin_credential.clone(),
            environment: self.environment.clone(),
            sessions: self.sessions,
            workers: self.workers,
            ..TokenChoice::default()
        };
        let token = "token".to_owned();
        let layers: Vec<_> = layers.iter().copied().chain([(&token, &base)]).collect();
        let module = layers.iter().find_map(|(_, layer)| layer.module.as_ref()).ok_or_else(|| {
            ("token.module".to_owned(), "name the PKCS#11 module of your HSM, an absolute path".to_owned())
        })?;
        let mut name = None;
        let mut pin = None;
        for (key, layer) in &layers {
            if name.is_none() {
                name = layer.name(key)?;
            }
            if pin.is_none() {
                pin = layer.pin(key, file)?;
            }
        }
        let pin = pin.ok_or_else(|| {
            let reason = "say where the user PIN is: pin_file or pin_credential";
            ("token.pin_file".to_owned(), reason.to_owned())
        })?;
        let mut environment = BTreeMap::new();
        for (_, layer) in layers.iter().rev() {
            environment.extend(layer.environment.clone());
        }
        // One: a SoftHSM process does not see the token keys that another one has made since it started. A site whose
        // module shares objects between processes, or that keeps signers' keys wrapped, sets more.
        let workers = layers.iter().find_map(|(_, layer)| layer.workers).unwrap_or(1);
        let most = if seat == Seat::Served(Purpose::Signer) { 16 } else { 4 };
        let sessions = layers.iter().find_map(|(_, layer)| layer.sessions).unwrap_or(most);
        let at = |name: &str| {
            format!("{}.{name}", layers.first().map_or_else(String::new, |(key, _)| (*key).clone()))
        };
        if !(1..=64).contains(&workers) {
            return Err((at("workers"), "from 1 to 64".into()));
        }
        if !(1..=256).contains(&sessions) {
            return Err((at("sessions"), "from 1 to 256".into()));
        }
        let name = name.unwrap_or_else(|| Name::Label(format!("hufu-{}", seat.name())));
        Ok(Token { module: relative_to(file, module), name, pin, environment, sessions, workers })
    }
}

impl TokenChoice {
    fn name(&self, key: &str) -> Result<Option<Name>, (String, String)> {
        match (&self.label, &self.serial, self.slot) {
            (None, None, None) => Ok(None),
            (Some(label), None, None) => Ok(Some(Name::Label(label.clone()))),
            (None, Some(serial), None) => Ok(Some(Name::Serial(serial.clone()))),
            (None, None, Some(slot)) => Ok(Some(Name::Slot(slot))),
            _ => Err((format!("{key}.serial"), "give one of label, serial and slot".into())),
        }
    }

    fn pin(&self, key: &str, file: &Path) -> Result<Option<Pin>, (String, String)> {
        match (&self.pin_file, &self.pin_credential) {
            (None, None) => Ok(None),
            (Some(pin), None) => Ok(Some(Pin::File(relative_to(file, pin)))),
            (None, Some(name)) => Ok(Some(Pin::Credential(name.clone()))),
            _ => Err((format!("{key}.pin_file"), "give pin_file or pin_credential, not both".into())),
        }
    }
}

impl Token {
    /// Whether both are the same token seen through the same module.
    fn is_same_as(&self, other: &Self) -> bool {
        (&self.module, &self.name, &self.environment) == (&other.module, &other.name, &other.environment)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
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
    fn replicas_have_from_their_purpose_what_they_do_not_say() {
        let text = "module = \"/a.so\"\npin_file = \"pin\"\n[signer]\nlabel = \"s\"\nsessions = 16\n\
            [[signer.replicas]]\nmodule = \"/b.so\"\n[[signer.replicas]]\nserial = \"9\"\nsessions = 2\n\
            [signer.replicas.environment]\nNODE = \"3\"";
        let seat = Seat::Served(Purpose::Signer);
        let all = tokens(text).all(seat, Path::new(FILE)).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[1].module, PathBuf::from("/b.so"));
        assert_eq!((&all[1].name, all[1].sessions), (&Name::Label("s".into()), 16));
        assert_eq!((&all[2].name, all[2].sessions), (&Name::Serial("9".into()), 2));
        assert_eq!(all[2].environment["NODE"], "3");
        let twice = "module = \"/a.so\"\npin_file = \"pin\"\n[[signer.replicas]]\nsessions = 8";
        assert_eq!(tokens(twice).all(seat, Path::new(FILE)).unwrap_err().0, "token.signer.replicas[0]");
        let root = "module = \"/a.so\"\npin_file = \"pin\"\n[[root.replicas]]\nlabel = \"x\"";
        assert_eq!(tokens(root).all(Seat::Root, Path::new(FILE)).unwrap_err().0, "token.root.replicas");
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
