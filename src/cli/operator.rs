//! `hufu operator` and `hufu approval`: people, and the acts that several of them must agree to.

use super::Failure;
use super::app::pins;
use super::appliance::with_appliance;
use crate::ops::{NewOperator, Operator, Request, Role};
use crate::registry::admin::{Command as Ask, Target, ask};
use clap::{Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Operators are client certificates with a role.
#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Add an operator. The first admins are added at the machine itself; after that, admins must agree.
    Add {
        /// In the audit log, for example anna or anna@example.cn.
        name: String,
        /// What they may.
        #[arg(long)]
        role: RoleName,
        /// Their client certificate (PEM); its public key is pinned. Its CA must be in server.tls.client_ca.
        #[arg(long, value_name = "FILE")]
        cert: PathBuf,
    },
    /// List the operators.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove an operator.
    Remove {
        /// Their name.
        name: String,
    },
}

/// Roles.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleName {
    /// Sees everything, changes nothing.
    Auditor,
    /// Does ordinary acts, and asks for dangerous ones.
    Operator,
    /// Approves dangerous acts.
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Auditor => Self::Auditor,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// Requests for acts that several must agree to.
#[derive(Debug, Subcommand)]
pub(super) enum ApprovalCommand {
    /// List open requests.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Agree to a request, with your own certificate (HUFU_REMOTE, HUFU_OPERATOR_CERT, HUFU_OPERATOR_KEY).
    Approve {
        /// The request.
        id: String,
    },
    /// Say no to a request, or take your own back.
    Withdraw {
        /// The request.
        id: String,
    },
    /// Carry out your own request once enough have agreed; prints the act's answer as JSON.
    Run {
        /// The request.
        id: String,
    },
}

pub(super) fn operator(command: &OperatorCommand, file: &Path) -> Result<(), Failure> {
    match command {
        OperatorCommand::Add { name, role, cert } => {
            let client = pins(std::slice::from_ref(cert))?.pop().unwrap_or_default();
            let new = NewOperator { name: name.clone(), role: (*role).into(), client };
            let added: Operator =
                with_appliance(file, |target: &Target| ask(target, &Ask::AddOperator(new)))?;
            super::say(&line(&added)?);
        }
        OperatorCommand::List { json } => {
            let all: Vec<Operator> = with_appliance(file, |target| ask(target, &Ask::ListOperators))?;
            if *json {
                super::say(&serde_json::to_string_pretty(&all)?);
            } else {
                all.iter().try_for_each(|one| {
                    super::say(&line(one)?);
                    Ok::<(), Failure>(())
                })?;
            }
        }
        OperatorCommand::Remove { name } => {
            with_appliance(file, |target| ask::<()>(target, &Ask::RemoveOperator(name.clone())))?;
            super::say(&format!("{name} is no operator any more"));
        }
    }
    Ok(())
}

fn line(operator: &Operator) -> Result<String, Failure> {
    let role = serde_json::to_value(operator.role)?;
    Ok(format!(
        "{}  {}  since {}  {}",
        operator.name,
        role.as_str().unwrap_or_default(),
        OffsetDateTime::from_unix_timestamp(operator.added.seconds())?.format(&Rfc3339)?,
        operator.client
    ))
}

pub(super) fn approval(command: &ApprovalCommand, file: &Path) -> Result<(), Failure> {
    match command {
        ApprovalCommand::List { json } => {
            let open: Vec<Request> = with_appliance(file, |target| ask(target, &Ask::ListRequests))?;
            if *json {
                super::say(&serde_json::to_string_pretty(&open)?);
            } else {
                open.iter().try_for_each(|request| {
                    super::say(&told(request)?);
                    Ok::<(), Failure>(())
                })?;
            }
        }
        ApprovalCommand::Approve { id } => {
            let request: Request = with_appliance(file, |target| ask(target, &Ask::Approve(id.clone())))?;
            super::say(&told(&request)?);
        }
        ApprovalCommand::Withdraw { id } => {
            with_appliance(file, |target| ask::<()>(target, &Ask::Withdraw(id.clone())))?;
            super::say(&format!("request {id} is withdrawn"));
        }
        ApprovalCommand::Run { id } => {
            let answer: serde_json::Value =
                with_appliance(file, |target| ask(target, &Ask::CarryOut(id.clone())))?;
            super::say(&serde_json::to_string_pretty(&answer)?);
        }
    }
    Ok(())
}

fn told(request: &Request) -> Result<String, Failure> {
    let agreed: Vec<&str> = request.approvals.iter().map(|a| a.operator.as_str()).collect();
    Ok(format!(
        "{}  {}  asked by {}  {} of {} approvals{}{}  until {}",
        request.id,
        serde_json::to_string(&request.command)?,
        request.by,
        agreed.len(),
        request.needed,
        if agreed.is_empty() { "" } else { ": " },
        agreed.join(", "),
        OffsetDateTime::from_unix_timestamp(request.expires.seconds())?.format(&Rfc3339)?
    ))
}
