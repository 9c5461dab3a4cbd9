//! `hufu identify`: who stands behind a keyed hash of the audit log.

use super::Failure;
use super::appliance::with_appliance;
use crate::ops::Identified;
use crate::registry::admin::{Command as Ask, ask};
use clap::Args;
use std::path::Path;

/// Say who stands behind a keyed hash of the audit log, or under which hash a certifyNum or mobile number is to be looked for with
/// `hufu audit search`, as JSON. That you asked is recorded.
#[derive(Debug, Args)]
pub(super) struct Identify {
    /// The 64 hexadecimal digits of a record's `certify_hash` or `mobile_hash`; or the number itself.
    #[arg(value_name = "HASH|NUMBER")]
    asked: String,
}

pub(super) fn run(args: &Identify, config: &Path) -> Result<(), Failure> {
    let told: Identified = with_appliance(config, |socket| ask(socket, &Ask::Identify(args.asked.clone())))?;
    super::say(&serde_json::to_string_pretty(&told)?);
    Ok(())
}
