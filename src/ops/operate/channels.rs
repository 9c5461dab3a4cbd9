//! Which channel files are in force. Where several must agree, a changed file is not used before they have: the accepted
//! texts are kept here, and serve on.

use super::super::appliance::facts;
use super::super::{Appliance, Call, Error, Result, table};
use crate::audit::{Act, Actor, AuditLog, Ending, Event};
use crate::codes::Code;
use hufu_api::{Cx, Space, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The row's name.
const ROW: &str = "channels";

/// Channel files as they were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFiles {
    /// SHA-256 over all of them, lower hex.
    pub digest: String,
    /// Their texts, in the form of whoever reads them.
    pub texts: Value,
}

/// What is to be used: the files found, or the ones accepted before while the found ones wait.
///
/// # Errors
/// What store and log may fail with.
pub fn channels_in_force(
    store: &dyn Store,
    audit: &dyn AuditLog,
    cx: Cx,
    approvals: u8,
    found: &ChannelFiles,
) -> Result<ChannelFiles> {
    let accepted = table::read::<ChannelFiles>(store, &table::named(Space::Meta, ROW))?.map(|row| row.value);
    match accepted {
        Some(accepted) if accepted.digest == found.digest => Ok(accepted),
        Some(accepted) if approvals > 1 => Ok(accepted),
        before => {
            let actor = Actor { from: Some("configuration".into()), ..Actor::default() };
            accept(store, audit, cx, actor, before.as_ref(), found)?;
            Ok(found.clone())
        }
    }
}

fn accept(
    store: &dyn Store,
    audit: &dyn AuditLog,
    cx: Cx,
    actor: Actor,
    before: Option<&ChannelFiles>,
    found: &ChannelFiles,
) -> Result<()> {
    let said = facts([
        ("channels_sha256", found.digest.clone().into()),
        ("before_sha256", before.map_or(Value::Null, |before| before.digest.clone().into())),
    ]);
    audit.record(cx, Event { act: Act::Configure, actor, facts: said, ending: Ending::Done })?;
    Ok(store.commit(&[table::put(table::named(Space::Meta, ROW), found)?])?)
}

impl Appliance {
    /// Notes the files as they were found, for admins to accept.
    pub fn channels_found(&self, found: ChannelFiles) {
        // The first ones stay: this process never reads others.
        self.channel_files.get_or_init(|| found);
    }

    pub(super) fn accept_channels(&self, call: &Call, actor: &Actor, digest: &str) -> Result<()> {
        let found = self.channel_files.get().filter(|found| found.digest == digest);
        let found = found.ok_or_else(|| {
            Error::with(
                Code::NotFound,
                "these are not the files that the appliance has read; `hufu reload` first",
            )
        })?;
        let key = table::named(Space::Meta, ROW);
        let before = table::read::<ChannelFiles>(self.store(), &key)?.map(|row| row.value);
        accept(self.store(), self.ports.audit.as_ref(), call.cx, actor.clone(), before.as_ref(), found)
    }
}
