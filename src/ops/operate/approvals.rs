//! Requests for dangerous acts: asked for by one, approved by others, carried out by whoever asked.

use super::super::appliance::facts;
use super::super::{Appliance, Call, Error, Result, table};
use super::{Command, Role, Who};
use crate::audit::{Act, Actor, AuditLog, Ending, Event};
use crate::codes::Code;
use hufu_api::{Cx, Order, Space, Store, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::Bound;

/// The row of how many must agree.
const POLICY: &str = "approvals";
/// Open requests, at most.
const MOST: usize = 100;
/// A request that nobody has carried out by then is gone.
const LIFE_MILLIS: i64 = 24 * 3_600_000;

/// One approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Whose.
    pub operator: String,
    /// With which certificate, as in [`super::Operator::client`].
    pub client: String,
    /// When.
    pub at: UnixTime,
}

/// A dangerous act that waits for approvals, or to be carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// 16 hexadecimal digits.
    pub id: String,
    /// What is to be done.
    pub command: Command,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: UnixTime,
    /// Until when it can be approved and carried out.
    pub expires: UnixTime,
    /// Who has agreed; an admin who asks agrees.
    pub approvals: Vec<Approval>,
    /// How many must.
    pub needed: u8,
}

/// A step of a request's life; the serialised name is part of the log's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Somebody asked.
    Requested,
    /// An admin agreed.
    Approved,
    /// An admin, or who asked, said no.
    Withdrawn,
    /// Who asked had it done.
    CarriedOut,
}

impl Request {
    /// Whether enough have agreed.
    pub fn ready(&self) -> bool {
        self.approvals.len() >= usize::from(self.needed)
    }
}

/// Records how many must agree, if that has changed since it was recorded last: nobody lowers it, not by the configuration
/// either, without the log saying so. A restore asks for as many as the log says.
///
/// # Errors
/// What store and log may fail with.
pub fn approvals_in_force(store: &dyn Store, audit: &dyn AuditLog, cx: Cx, approvals: u8) -> Result<()> {
    let before = table::read::<u8>(store, &table::named(Space::Meta, POLICY))?.map(|row| row.value);
    if before == Some(approvals) {
        return Ok(());
    }
    let said = facts([
        ("change_kind", "approvals".into()),
        ("approvals", approvals.into()),
        ("approvals_before", before.into()),
    ]);
    let actor = Actor { from: Some("configuration".into()), ..Actor::default() };
    audit.record(cx, Event { act: Act::Configure, actor, facts: said, ending: Ending::Done })?;
    Ok(store.commit(&[table::put(table::named(Space::Meta, POLICY), &approvals)?])?)
}

impl Appliance {
    /// Open requests, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let now = self.ports.clock.now_untrusted();
        let rows = self.store().scan(Space::Approval, Bound::Unbounded, Order::Ascending, MOST)?;
        let mut open = Vec::new();
        for (key, row) in rows {
            let request: Request = table::decode(Space::Approval, &row.value)?;
            if request.expires > now {
                open.push(request);
            } else {
                self.store()
                    .commit(&[table::remove(hufu_api::Key { space: Space::Approval, bytes: key })])?;
            }
        }
        open.sort_by_key(|request| request.at);
        Ok(open)
    }

    pub(super) fn ask(&self, call: &Call, who: &Who, command: Command) -> Result<Request> {
        let needed = self.settings.approvals;
        if self.admins()? < usize::from(needed) {
            return Err(Error::with(
                Code::Forbidden,
                format!(
                    "{needed} admins must agree to this and fewer are enrolled: hufu operator add NAME --role admin --cert FILE"
                ),
            ));
        }
        // A request lies in the store in clear.
        if matches!(&command, Command::AddApp(new, _) if new.key.is_some()) {
            return Err(Error::with(Code::Forbidden, "an appKey cannot be taken over by request"));
        }
        if self.requests()?.len() == MOST {
            return Err(Error::with(Code::Overloaded, format!("{MOST} requests are open already")));
        }
        let now = self.ports.clock.now_untrusted();
        let mut request = Request {
            id: self.random_hex(&self.ports.entropy, 8)?,
            command,
            by: who.name(),
            at: now,
            expires: now.plus_millis(LIFE_MILLIS),
            approvals: Vec::new(),
            needed,
        };
        request.approvals.extend(approval(who, now));
        self.step(call, who, &request, Step::Requested)?;
        self.store().commit(&[table::insert(key(&request.id), &request)?])?;
        Ok(request)
    }

    pub(super) fn approve(&self, call: &Call, who: &Who, id: &str) -> Result<Request> {
        let (mut request, version) = self.request(id)?;
        let now = self.ports.clock.now_untrusted();
        let Some(approval) = approval(who, now) else {
            return Err(Error::with(Code::Forbidden, "only an admin with a certificate can approve"));
        };
        if request.by == approval.operator
            || request
                .approvals
                .iter()
                .any(|a| a.operator == approval.operator || a.client == approval.client)
        {
            return Err(Error::with(
                Code::IdempotencyConflict,
                format!("{} has spoken already", approval.operator),
            ));
        }
        request.approvals.push(approval);
        self.step(call, who, &request, Step::Approved)?;
        self.store().commit(&[table::replace(key(id), version, &request)?])?;
        Ok(request)
    }

    pub(super) fn withdraw_request(&self, call: &Call, who: &Who, id: &str) -> Result<()> {
        let (request, _) = self.request(id)?;
        if who.role() < Role::Admin && request.by != who.name() {
            return Err(Code::Forbidden.into());
        }
        self.step(call, who, &request, Step::Withdrawn)?;
        Ok(self.store().commit(&[table::remove(key(id))])?)
    }

    /// Takes an approved request away, so that it is carried out once; its command and who agreed.
    pub(super) fn take(&self, call: &Call, who: &Who, id: &str) -> Result<(Command, String)> {
        let (request, version) = self.request(id)?;
        if request.by != who.name() {
            return Err(Error::with(
                Code::Forbidden,
                format!("only {}, who asked, can carry it out", request.by),
            ));
        }
        if !request.ready() {
            let (has, needed) = (request.approvals.len(), request.needed);
            return Err(Error::with(Code::Forbidden, format!("{has} of {needed} approvals")));
        }
        self.step(call, who, &request, Step::CarriedOut)?;
        let expect = hufu_api::Expect::Version(version);
        self.store().commit(&[hufu_api::Write { key: key(id), expect, value: None }])?;
        let agreed: Vec<String> = request.approvals.into_iter().map(|a| a.operator).collect();
        Ok((request.command, agreed.join(", ")))
    }

    fn request(&self, id: &str) -> Result<(Request, u64)> {
        let row = table::read::<Request>(self.store(), &key(id))?;
        let now = self.ports.clock.now_untrusted();
        let row = row.filter(|row| row.value.expires > now);
        let row = row.ok_or_else(|| Error::with(Code::NotFound, format!("no open request {id}")))?;
        Ok((row.value, row.version))
    }

    fn step(&self, call: &Call, who: &Who, request: &Request, step: Step) -> Result<()> {
        let command = serde_json::to_vec(&request.command).map_err(Error::internal)?;
        let agreed: Vec<&str> = request.approvals.iter().map(|a| a.operator.as_str()).collect();
        let said = facts([
            ("request", request.id.clone().into()),
            ("step", serde_json::to_value(step).map_err(Error::internal)?),
            ("command", request.command.name().into()),
            ("command_sha256", hex::encode(Sha256::digest(command)).into()),
            ("requested_by", request.by.clone().into()),
            ("approved_by", agreed.into()),
            ("needed", request.needed.into()),
        ]);
        self.note(call, who.actor(call), Act::Approve, said, Ending::Done)?;
        Ok(())
    }
}

/// The word of an admin with a certificate; of others there is none.
fn approval(who: &Who, at: UnixTime) -> Option<Approval> {
    match who {
        Who::Operator(operator) if operator.role == Role::Admin => {
            Some(Approval { operator: operator.name.clone(), client: operator.client.clone(), at })
        }
        _ => None,
    }
}

fn key(id: &str) -> hufu_api::Key {
    table::named(Space::Approval, id)
}
