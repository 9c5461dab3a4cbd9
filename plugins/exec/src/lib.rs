//! CA channel `ca-exec`: any CA as a child process that speaks length-prefixed JSON over stdio. See README.md for the protocol,
//! `protocol.schema.json` for its messages, and `sample/ca.py` for a whole channel in Python.

mod child;
mod kit;
mod message;
mod pinned;
mod pool;
mod settings;

pub use kit::{Check, conformance};
pub use pinned::sha256_of;

use hufu_api::{
    CaChannel, ChannelError, Csr, Cx, Der, Enrollment, Factory, Host, PluginError, Profile, Revocation,
    Ticket, UnixTime,
};
use message::{Certificates, Enroll, Nothing, Outcome, Resume, Revoke};
use pool::Pool;
use settings::Settings;
use std::path::Path;
use std::sync::Arc;

/// Reads a child's whole output as the channel does, once for each kind of answer, and counts the answers that keep to the
/// protocol. Nothing is started; the fuzz targets drive it.
pub fn read_output(output: &[u8]) -> usize {
    child::answers::<message::Greeting>(output)
        + child::answers::<Outcome>(output)
        + child::answers::<Certificates>(output)
        + child::answers::<Nothing>(output)
}

/// How the registry builds it.
pub const FACTORY: Factory<dyn CaChannel> =
    Factory { kind: "ca-exec", build: |host, table| Ok(Box::new(ExecCa::new(host, table)?)) };

/// A CA behind a child process.
pub struct ExecCa {
    pool: Pool,
    clock: Arc<dyn hufu_api::Clock>,
}

impl ExecCa {
    /// Makes the channel from its file. The program is looked at but not started yet.
    ///
    /// # Errors
    /// When a setting is wrong, or the program is not the pinned one.
    pub fn new(host: &Host<'_>, table: toml::Table) -> Result<Self, PluginError> {
        let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
        Self::with(settings, host.base, Arc::clone(&host.clock))
    }

    /// A channel over the program at `path` as it is now, without settings; for `hufu plugin test`.
    ///
    /// # Errors
    /// When the program cannot be read.
    pub fn unconfigured(path: &Path, clock: Arc<dyn hufu_api::Clock>) -> Result<Self, PluginError> {
        Self::with(Settings::for_test(path)?, Path::new("/"), clock)
    }

    fn with(settings: Settings, base: &Path, clock: Arc<dyn hufu_api::Clock>) -> Result<Self, PluginError> {
        Ok(Self { pool: Pool::new(settings.check(base)?), clock })
    }

    fn enrollment(&self, outcome: Outcome) -> Result<Enrollment, ChannelError> {
        match outcome {
            Outcome { chain: Some(chain), ticket: None, retry_after_seconds: None } => {
                Ok(Enrollment::Issued(hufu_api::Chain(chain.into_iter().map(|c| Der(c.0)).collect())))
            }
            Outcome { chain: None, ticket: Some(ticket), retry_after_seconds } => {
                let pause = i64::from(retry_after_seconds.unwrap_or(60).min(7 * 86_400));
                let not_before = self.clock.now_untrusted().plus_millis(pause * 1000);
                Ok(Enrollment::Pending(Ticket { opaque: ticket.0, not_before }))
            }
            _ => Err(ChannelError::BadAnswer("the answer must hold either a chain or a ticket".into())),
        }
    }
}

impl CaChannel for ExecCa {
    fn enroll(&self, cx: Cx, csr: Csr<'_>, profile: &Profile) -> Result<Enrollment, ChannelError> {
        self.enrollment(self.pool.call(cx, "enroll", &Enroll::new(csr, profile))?)
    }

    fn resume(&self, cx: Cx, ticket: &Ticket) -> Result<Enrollment, ChannelError> {
        self.enrollment(self.pool.call(cx, "resume", &Resume::new(ticket))?)
    }

    fn revoke(&self, cx: Cx, what: &Revocation) -> Result<(), ChannelError> {
        self.pool.call(cx, "revoke", &Revoke::new(what)).map(|Nothing {}| ())
    }

    fn authorities(&self, cx: Cx) -> Result<Vec<Der>, ChannelError> {
        let Certificates { certificates } = self.pool.call(cx, "authorities", &Nothing {})?;
        Ok(certificates.into_iter().map(|c| Der(c.0)).collect())
    }

    fn maintain(&self, cx: Cx) -> Result<Option<UnixTime>, ChannelError> {
        // A program that cannot be started shows in /health before the first signer needs it.
        self.pool.greet(cx)?;
        Ok(Some(self.clock.now_untrusted().plus_millis(300_000)))
    }
}

#[cfg(test)]
mod tests;
