//! The commands of operators, from the admin socket, its remote form and the console, and what each takes.

use super::super::appliance::facts;
use super::super::{AppChange, Appliance, Call, Error, ImportLine, NewApp, RenewOrder, Result};
use super::{NewOperator, OwnCertificate, Request, Role, Who};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use hufu_api::RevocationReason;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Add an app, then change it as wanted. Answered by [`crate::ops::IssuedKey`].
    AddApp(NewApp, Box<AppChange>),
    /// All apps. Answered by a list of [`crate::ops::AppView`].
    ListApps,
    /// Change an app. Answered by [`crate::ops::AppView`].
    SetApp(String, Box<AppChange>),
    /// A new appKey; at once or with overlap. Answered by [`crate::ops::IssuedKey`].
    RotateKey(String, bool),
    /// 应用清库. Answered by the number of rows removed.
    PurgeApp(String),
    /// Take one record of an older installation into an app. Answered by null.
    Import(String, Box<ImportLine>),
    /// Revoke a certificate of an app by its number. Answered by null.
    RevokeCertificate(String, u64, RevocationReason),
    /// A new archival time stamp for a file, if that is due. Answered by [`crate::ops::RenewOutcome`].
    Renew(RenewOrder),
    /// Who stands behind a number or its hash in the log. Answered by [`crate::ops::Identified`].
    Identify(String),
    /// Add an operator. Answered by [`super::Operator`].
    AddOperator(NewOperator),
    /// Remove an operator by name. Answered by null.
    RemoveOperator(String),
    /// Put the channel files with this SHA-256 in force at the next reload. Answered by null.
    AcceptChannels(String),
    /// Revoke a certificate of a time-stamping authority or OCSP responder here. Answered by null.
    RevokeAuthority(OwnCertificate),
    /// A ceremony at the machine is about to begin. Answered by null; whoever asked goes through with it.
    Ceremony(Ceremony),
    /// All operators. Answered by a list of [`super::Operator`].
    ListOperators,
    /// Open requests. Answered by a list of [`Request`].
    ListRequests,
    /// Agree to a request. Answered by the [`Request`].
    Approve(String),
    /// Say no to a request, or take one's own back. Answered by null.
    Withdraw(String),
    /// Carry out an approved request of one's own. Answered as its command.
    CarryOut(String),
}

/// What is done at the machine itself, with the root's PIN, and not by the serving appliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceremony {
    /// A new issuing CA under the root.
    CaRollover,
    /// An issuing CA, by label, onto the root's revocation list.
    RevokeIssuing(String, RevocationReason),
}

/// What a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// It changes nothing: every operator.
    Reads,
    /// An ordinary act: operators and admins.
    Ordinary,
    /// An act that several must agree to where `access.approvals` says so.
    Dangerous,
    /// A step of such an act; the step itself says who may.
    Step,
}

/// What became of a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Done {
    /// It was carried out; this is its answer.
    #[serde(rename = "Ok")]
    Answer(Value),
    /// It waits for approvals.
    Waits(Box<Request>),
    /// It was refused, for this reason.
    #[serde(rename = "Err")]
    Refused(String),
}

impl Command {
    /// Its name, as it is serialised.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AddApp(..) => "add_app",
            Self::ListApps => "list_apps",
            Self::SetApp(..) => "set_app",
            Self::RotateKey(..) => "rotate_key",
            Self::PurgeApp(_) => "purge_app",
            Self::Import(..) => "import",
            Self::RevokeCertificate(..) => "revoke_certificate",
            Self::Renew(_) => "renew",
            Self::Identify(_) => "identify",
            Self::AddOperator(_) => "add_operator",
            Self::RemoveOperator(_) => "remove_operator",
            Self::AcceptChannels(_) => "accept_channels",
            Self::RevokeAuthority(_) => "revoke_authority",
            Self::Ceremony(_) => "ceremony",
            Self::ListOperators => "list_operators",
            Self::ListRequests => "list_requests",
            Self::Approve(_) => "approve",
            Self::Withdraw(_) => "withdraw",
            Self::CarryOut(_) => "carry_out",
        }
    }

    /// What it takes.
    pub fn risk(&self) -> Risk {
        match self {
            Self::ListApps | Self::ListOperators | Self::ListRequests => Risk::Reads,
            Self::Import(..) | Self::Renew(_) | Self::Identify(_) => Risk::Ordinary,
            Self::SetApp(_, change) if !opens(change) => Risk::Ordinary,
            Self::AddApp(..)
            | Self::SetApp(..)
            | Self::RotateKey(..)
            | Self::PurgeApp(_)
            | Self::RevokeCertificate(..)
            | Self::AddOperator(_)
            | Self::RemoveOperator(_)
            | Self::AcceptChannels(_)
            | Self::RevokeAuthority(_)
            | Self::Ceremony(_) => Risk::Dangerous,
            Self::Approve(_) | Self::Withdraw(_) | Self::CarryOut(_) => Risk::Step,
        }
    }
}

/// Whether a change of an app lets somebody do more than before, as adding an app would. Stopping one never does.
fn opens(change: &AppChange) -> bool {
    change.clients.is_some()
        || change.roots.is_some()
        || change.channels.is_some()
        || change.grants.is_some()
        || change.quotas.is_some()
        || change.kind.is_some()
        || change.disabled == Some(false)
        || change.online == Some(true)
}

impl Appliance {
    /// Carries out a command, or keeps it until enough have agreed.
    ///
    /// # Errors
    /// 403 where the role does not suffice, and whatever the act itself may fail with.
    pub fn command(&self, call: &Call, who: &Who, command: Command) -> Result<Done> {
        let least = match command.risk() {
            Risk::Reads => Role::Auditor,
            Risk::Ordinary | Risk::Dangerous | Risk::Step => Role::Operator,
        };
        if who.role() < least {
            return Err(Error::with(Code::Forbidden, "the role does not suffice"));
        }
        match command {
            Command::Approve(id) => Ok(Done::Answer(json(&self.approve(call, who, &id)?)?)),
            Command::Withdraw(id) => Ok(Done::Answer(json(&self.withdraw_request(call, who, &id)?)?)),
            Command::CarryOut(id) => {
                let (command, agreed) = self.take(call, who, &id)?;
                let mut actor = who.actor(call);
                actor.operator = Some(format!("{} (approved by {agreed})", who.name()));
                self.carry_out(call, &actor, command).map(Done::Answer)
            }
            command if command.risk() == Risk::Dangerous && !self.may_alone(who, &command)? => {
                Ok(Done::Waits(Box::new(self.ask(call, who, command)?)))
            }
            command => self.carry_out(call, &who.actor(call), command).map(Done::Answer),
        }
    }

    /// Whether a dangerous act needs nobody else: where one approval is enough and whoever asks may give it, and the first
    /// admins, whom only the machine's owner can enrol.
    fn may_alone(&self, who: &Who, command: &Command) -> Result<bool> {
        let needed = self.settings.approvals;
        if needed <= 1 {
            return Ok(who.role() == Role::Admin);
        }
        let first = matches!(command, Command::AddOperator(new) if new.role == Role::Admin)
            && matches!(who, Who::Local(_));
        Ok(first && self.admins()? < usize::from(needed))
    }

    fn announce(&self, call: &Call, actor: &Actor, ceremony: Ceremony) -> Result<()> {
        let said = facts([
            ("ceremony", serde_json::to_value(ceremony).map_err(Error::internal)?),
            ("change_kind", "announced".into()),
        ]);
        self.note(call, actor.clone(), Act::Ceremony, said, Ending::Done)?;
        Ok(())
    }

    fn carry_out(&self, call: &Call, actor: &Actor, command: Command) -> Result<Value> {
        match command {
            Command::AddApp(new, change) => {
                let issued = self.add_app(call, actor, new)?;
                self.set_app(call, actor, &issued.app, *change)?;
                json(&issued)
            }
            Command::ListApps => json(&self.app_views()?),
            Command::SetApp(id, change) => json(&self.set_app(call, actor, &id, *change)?),
            Command::RotateKey(id, at_once) => json(&self.rotate_app_key(call, actor, &id, at_once)?),
            Command::PurgeApp(id) => json(&self.purge_app(call, actor, &id)?),
            Command::Import(app, line) => json(&self.import(call, actor, &app, *line)?),
            Command::Renew(order) => json(&self.renew_file(call, actor, &order)?),
            Command::Identify(asked) => json(&self.identify(call, actor, &asked)?),
            Command::RevokeCertificate(app, id, reason) => {
                json(&self.revoke_certificate(call, &app, id, reason)?)
            }
            Command::AddOperator(new) => json(&self.add_operator(call, actor, new)?),
            Command::RemoveOperator(name) => json(&self.remove_operator(call, actor, &name)?),
            Command::AcceptChannels(digest) => json(&self.accept_channels(call, actor, &digest)?),
            Command::RevokeAuthority(what) => json(&self.revoke_authority(call, actor, &what)?),
            Command::Ceremony(ceremony) => json(&self.announce(call, actor, ceremony)?),
            Command::ListOperators => json(&self.operators()?),
            Command::ListRequests => json(&self.requests()?),
            Command::Approve(_) | Command::Withdraw(_) | Command::CarryOut(_) => {
                Err(Error::internal("a step is no act"))
            }
        }
    }
}

fn json<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(Error::internal)
}
