//! What a CA that lives in the appliance publishes: its certificates, revocation lists and certificate status.

use crate::{ChannelError, Der, RevocationReason, UnixTime};

/// A certificate's status as RFC 6960 knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Issued and not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: UnixTime,
        /// Why.
        reason: RevocationReason,
    },
    /// This CA has not issued such a serial number.
    Unknown,
}

/// One CA key with what it publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The label that addresses use, for example `issuing-1` in `/issuing-1.crl`.
    pub label: String,
    /// The CA certificate.
    pub certificate: Der,
    /// The certificates above it, nearest first, trust anchor last.
    pub issuers: Vec<Der>,
}

/// What the PKI listener reads. All calls answer from local state, without the token.
pub trait Repository: Send + Sync {
    /// Every CA of the channel: the one that issues now first, then those that only keep revocation going.
    fn published(&self) -> Vec<Published>;

    /// The newest revocation list of the CA of that label.
    ///
    /// # Errors
    /// [`ChannelError::Unavailable`] when the state cannot be read; `Ok(None)` when there is no such CA or no list yet.
    fn crl(&self, label: &str) -> Result<Option<Der>, ChannelError>;

    /// The status of a serial number (the INTEGER's content octets) of the CA of that label.
    ///
    /// # Errors
    /// [`ChannelError::Unavailable`] when the state cannot be read.
    fn status(&self, label: &str, serial: &[u8]) -> Result<Status, ChannelError>;
}
