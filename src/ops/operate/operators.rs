//! Operators: people with a client certificate and a role.

use super::super::appliance::facts;
use super::super::{Appliance, Call, Error, Result, table};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use hufu_api::{Order, Space, StoreError, UnixTime};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// Operators, at most.
const MOST: usize = 200;

/// What an operator may do. Each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 审计员: sees everything, changes nothing.
    Auditor,
    /// 操作员: the ordinary acts; may ask for dangerous ones.
    Operator,
    /// 管理员: approves dangerous acts.
    Admin,
}

/// A person who operates the appliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Their name in the audit log; theirs alone.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// SHA-256 of the SubjectPublicKeyInfo of their client certificate, lower hex; theirs alone.
    pub client: String,
    /// Since when.
    pub added: UnixTime,
}

/// An operator to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// 1 to 40 of letters, digits, `-`, `_`, `.` and `@`.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// As in [`Operator::client`].
    pub client: String,
}

/// Who gives a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody on the machine itself, who owns the appliance's files or is root; known by user id alone, so that their
    /// word counts as nobody's approval.
    Local(u32),
    /// An operator with their certificate.
    Operator(Operator),
}

impl Who {
    /// The name in the audit log and in requests.
    pub fn name(&self) -> String {
        match self {
            Self::Local(uid) => format!("uid {uid}"),
            Self::Operator(operator) => operator.name.clone(),
        }
    }

    /// What they may. Whoever owns the machine may ask for everything.
    pub const fn role(&self) -> Role {
        match self {
            Self::Local(_) => Role::Admin,
            Self::Operator(operator) => operator.role,
        }
    }

    /// For the audit log.
    pub fn actor(&self, call: &Call) -> Actor {
        match self {
            Self::Local(_) => {
                Actor { from: Some("socket".into()), operator: Some(self.name()), ..Actor::default() }
            }
            Self::Operator(operator) => Actor {
                from: Some(call.from.to_string()),
                client: Some(operator.client.clone()),
                operator: Some(operator.name.clone()),
                ..Actor::default()
            },
        }
    }
}

impl Appliance {
    /// The operator whose certificate the caller has shown.
    ///
    /// # Errors
    /// 403 without a certificate, or with one that is no operator's.
    pub fn operator(&self, call: &Call) -> Result<Who> {
        let client = call.client.map(hex::encode).ok_or(Code::Forbidden)?;
        let found = self.operators()?.into_iter().find(|operator| operator.client == client);
        found.map(Who::Operator).ok_or_else(|| Code::Forbidden.into())
    }

    /// All operators by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn operators(&self) -> Result<Vec<Operator>> {
        let rows = self.store().scan(Space::Operator, Bound::Unbounded, Order::Ascending, MOST)?;
        rows.iter().map(|(_, row)| table::decode(Space::Operator, &row.value)).collect()
    }

    /// Admins, who alone can approve.
    pub(super) fn admins(&self) -> Result<usize> {
        Ok(self.operators()?.iter().filter(|operator| operator.role == Role::Admin).count())
    }

    pub(super) fn add_operator(&self, call: &Call, actor: &Actor, new: NewOperator) -> Result<Operator> {
        let letters = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
        if !(1..=40).contains(&new.name.len()) || !new.name.bytes().all(letters) {
            return Err(Error::malformed("name"));
        }
        let pin = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if new.client.len() != 64 || !new.client.bytes().all(pin) {
            return Err(Error::malformed("client"));
        }
        let operators = self.operators()?;
        if operators.len() == MOST {
            return Err(Error::with(Code::Forbidden, format!("there are {MOST} operators already")));
        }
        if let Some(other) = operators.iter().find(|other| other.client == new.client) {
            return Err(Error::with(
                Code::IdempotencyConflict,
                format!("that certificate is {}'s", other.name),
            ));
        }
        let NewOperator { name, role, client } = new;
        let operator = Operator { name, role, client, added: self.ports.clock.now_untrusted() };
        let said = facts([
            ("name", operator.name.clone().into()),
            ("role", serde_json::to_value(role).map_err(Error::internal)?),
            ("client", operator.client.clone().into()),
            ("change_kind", "add".into()),
        ]);
        self.note(call, actor.clone(), Act::ChangeOperator, said, Ending::Done)?;
        match self.store().commit(&[table::insert(table::named(Space::Operator, &operator.name), &operator)?])
        {
            Ok(()) => Ok(operator),
            Err(StoreError::Conflict(_)) => {
                Err(Error::with(Code::IdempotencyConflict, format!("{} exists already", operator.name)))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn remove_operator(&self, call: &Call, actor: &Actor, name: &str) -> Result<()> {
        let operators = self.operators()?;
        let operator = operators.iter().find(|operator| operator.name == name);
        let operator = operator.ok_or_else(|| Error::with(Code::NotFound, format!("no operator {name}")))?;
        // Nobody could approve anything any more, and whoever owns the machine could begin anew alone.
        let needed = usize::from(self.settings.approvals);
        if operator.role == Role::Admin && needed > 1 && self.admins()? <= needed {
            return Err(Error::with(
                Code::Forbidden,
                format!("{needed} admins must remain; add another one first"),
            ));
        }
        let said = facts([
            ("name", name.into()),
            ("client", operator.client.clone().into()),
            ("change_kind", "remove".into()),
        ]);
        self.note(call, actor.clone(), Act::ChangeOperator, said, Ending::Done)?;
        Ok(self.store().commit(&[table::remove(table::named(Space::Operator, name))])?)
    }
}
