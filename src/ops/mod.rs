//! What the appliance does, synchronously and without knowing HTTP: log in, enroll, make a seal, sign, stamp, deposit.
//!
//! Every operation is a method of [`Appliance`] in the file of its subject. It takes a [`Call`] (request id, deadline,
//! origin) and a [`Caller`] (who), domain types that have been parsed, and returns an id or an [`Error`] with a documented
//! code. Operations use the ports of L0 and the kernels of L1 and nothing else.

mod anchor;
mod appliance;
mod apps;
mod archive;
mod auth;
mod byte_log;
mod byte_sign;
mod cache;
mod consent;
mod deposit;
mod disable;
mod enroll;
mod error;
mod evidence;
mod evidence_report;
mod evidence_trail;
mod handwriting;
mod idempotency;
mod identify;
mod ids;
mod import;
mod keymaker;
mod locate;
mod locks;
mod notary;
mod operate;
mod orphans;
mod paper;
mod places;
mod projection;
mod quota;
mod recovered;
mod refusals;
mod release;
mod renewal;
pub mod rows;
pub mod rules;
mod seals;
pub mod settings;
mod sign;
mod signers;
mod stamp;
mod status;
mod table;
mod validate;

pub use appliance::{Appliance, Call, Caller, Origin, Ports};
pub use apps::{AppChange, AppView, IssuedKey, NewApp};
pub use archive::{RenewOrder, RenewOutcome};
pub use auth::{Authenticated, Credentials};
pub use byte_log::{JudgedLog, LogSigner};
pub use byte_sign::{ByteSignature, Record, Signatory};
pub use deposit::{Deposit, Sid};
pub use enroll::NewSigner;
pub use error::{Error, Result};
pub use handwriting::{HandwritingInvitation, HandwritingLink};
pub use idempotency::IdempotencyKey;
pub use identify::{Identified, Person};
pub use import::{ImportLine, MOST_OLD_ID};
pub use operate::{
    Approval, Ceremony, ChannelFiles, Command, Done, NewOperator, Operator, OwnCertificate, Request, Risk,
    Role, Rows, Step, Who, approvals_in_force, channels_in_force,
};
pub use projection::replay;
pub use recovered::{Needs, needs};
pub use release::Unfinished;
pub use renewal::{RENEWAL_SECONDS, RenewalReport, Renewals};
pub use rows::AppKind;
pub use seals::Design;
pub use settings::{Anchor, Certificates, Level, PreparedContent, Settings, TimestampPolicy};
pub use sign::{
    LaterField, SealClass, SignRequest, Signature, Signing, Source, Terms, Warning, field_lock, later_fields,
    line, positions,
};
pub use signers::{Paging, SignerChange, SignerPage};
pub use stamp::{Stamp, StampRequest};
pub use status::judge_with;
pub use validate::RequestSignature;
