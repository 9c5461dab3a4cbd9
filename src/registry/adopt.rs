//! A rollover taken up while serving: the ceremony adds a CA to the file of identities, and from then on it issues.

use super::channels::{Parts, Texts, renew_local};
use crate::audit::{Act, Actor, AuditLog, Ending, Event};
use crate::channels::{Authorities, Identity, OcspResponder};
use crate::conf::{Site, channels_folder};
use crate::keys::Keys;
use hufu_api::{Cx, RequestId};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a first revocation list may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What changes with the identities.
pub(super) struct Adopting {
    pub(super) site: Site,
    pub(super) file: PathBuf,
    /// The channel files in force.
    pub(super) texts: Texts,
    pub(super) parts: Parts,
    pub(super) authorities: Arc<Authorities>,
    pub(super) ocsp: Arc<OcspResponder>,
    pub(super) keys: Arc<dyn Keys>,
    pub(super) log: Arc<dyn AuditLog>,
}

impl Adopting {
    /// Watches the file of identities until the process ends.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn watch(mut self) -> std::io::Result<()> {
        let mut seen = self.changed();
        std::thread::Builder::new().name("identities".into()).spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                let now = self.changed();
                if now == seen {
                    continue;
                }
                match self.adopt() {
                    Ok(()) => seen = now,
                    Err(why) => tracing::error!(%why, "changed identities not taken up; trying again"),
                }
            }
        })?;
        Ok(())
    }

    fn changed(&self) -> Option<SystemTime> {
        std::fs::metadata(self.site.identities_file()).and_then(|m| m.modified()).ok()
    }

    fn adopt(&mut self) -> Result<(), String> {
        let identities = identities(&self.site)?;
        if identities == self.parts.identities {
            return Ok(());
        }
        let mut id = [0; 16];
        self.parts.entropy.fill(&mut id).map_err(|e| e.to_string())?;
        let deadline = Instant::now().checked_add(PATIENCE).ok_or("the monotonic clock is at its end")?;
        let cx = Cx { request: RequestId(u128::from_be_bytes(id)), deadline };
        let before = std::mem::replace(&mut self.parts.identities, identities);
        let folder = channels_folder(&self.file);
        if let Err(why) = renew_local(&folder, &self.texts, &self.parts, &self.authorities, cx) {
            self.parts.identities = before;
            return Err(why);
        }
        self.ocsp.renew(&self.authorities, &self.parts.identities, &self.keys, &self.log);
        let labels: Vec<&str> =
            self.parts.identities.iter().map(|identity| identity.label.as_str()).collect();
        let facts =
            [("change_kind".to_owned(), "taken_up".into()), ("authorities".to_owned(), labels.into())];
        let (act, facts) = (Act::Ceremony, facts.into_iter().collect());
        let event = Event { act, actor: Actor::default(), facts, ending: Ending::Done };
        self.log.record(cx, event).map_err(|e| e.to_string())?;
        tracing::info!(answering = ?self.ocsp.labels(), "the issuing CAs have changed");
        Ok(())
    }
}

/// The ceremony's identities.
pub(super) fn identities(site: &Site) -> Result<Vec<Identity>, String> {
    let file = site.identities_file();
    let text = std::fs::read(&file).map_err(|e| format!("{}: {e}; `hufu init` makes it", file.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", file.display()))
}
