//! `hufu bench`: documents a second over HTTPS, beside what the token alone and the disk alone can do, in one run.

mod calls;
mod disk;
mod document;
mod hostile;
mod load;
mod log;
mod processes;
mod pyhanko;
mod sign;
mod signers;
mod stamps;
mod verify;

use super::Failure;
use clap::Subcommand;
use std::path::Path;

/// Why a measurement was not made.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    /// `client.env` lacks an entry, or it is malformed.
    #[error("client.env: {0} is missing or malformed")]
    Missing(&'static str),
    /// A certificate or key file cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connection failed.
    #[error("connection: {0}")]
    Io(std::io::Error),
    /// The exchange failed.
    #[error("HTTP: {0}")]
    Http(String),
    /// A call that the measurement needs was refused.
    #[error("{0} answered {1}")]
    Refused(String, String),
}

/// File names that each connection writes in turn, so that the disk does not fill.
const NAMES: u64 = 4;

/// A JSON object's members.
type Fields = serde_json::Map<String, serde_json::Value>;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Sign a one-page PDF over HTTPS on a serving appliance, again and again. It registers a signer and writes files under the
    /// app's documents: not for a production site.
    Sign(sign::Sign),
    Log(log::BenchLog),
    Stamps(stamps::Stamps),
    Calls(calls::Calls),
    Signers(signers::Signers),
    /// Judge signed files again and again on one core, with the release check beside one public-key verification.
    Verify(verify::Verify),
    Hostile(hostile::Hostile),
}

pub(super) fn run(command: &Bench, file: &Path) -> Result<(), Failure> {
    match command {
        Bench::Sign(args) => sign::run(args, file),
        Bench::Log(args) => log::run(args),
        Bench::Stamps(args) => stamps::run(args, file),
        Bench::Calls(args) => calls::run(args),
        Bench::Signers(args) => signers::run(args, file),
        Bench::Verify(args) => verify::run(args),
        Bench::Hostile(args) => hostile::run(args),
    }
}
