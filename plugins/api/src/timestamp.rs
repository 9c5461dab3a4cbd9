//! RFC 3161 as bytes: the time-stamp kernel, lent to channels that speak the protocol.

use crate::{ChannelError, Der, Imprint, UnixTime};

/// What a time-stamp answer must fit.
#[derive(Clone, Copy, Debug)]
pub struct StampExpectation<'a> {
    /// What was sent to be stamped.
    pub imprint: Imprint<'a>,
    /// The nonce that was sent.
    pub nonce: u64,
    /// The certificates that the authority's chain must end at.
    pub anchors: &'a [Der],
    /// The time now: the chain must be valid then and genTime near it.
    pub now: UnixTime,
    /// How far genTime may stand from `now`, in milliseconds.
    pub tolerance_millis: i64,
}

/// What the appliance's own time-stamping authority shall put into its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySpec {
    /// Label of the key, as the ceremony named it.
    pub label: String,
    /// The policy, dotted OID.
    pub policy: String,
    /// Accuracy in milliseconds; 0 leaves the field out.
    pub accuracy_millis: u32,
    /// Whether tokens can be ordered by their time alone.
    pub ordering: bool,
}

/// Makes requests and judges answers. Pure: no IO.
pub trait TimestampProtocol: Send + Sync {
    /// A TimeStampReq (RFC 3161 2.4.1) with certReq, DER.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] when the imprint's length does not fit its algorithm.
    fn request(&self, imprint: Imprint<'_>, nonce: u64) -> Result<Der, ChannelError>;

    /// The TimeStampToken of a TimeStampResp after every check: status, imprint, nonce, ESS certificate id, signature,
    /// critical timeStamping key usage, chain, genTime.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with the authority's own words when it rejected the request,
    /// [`ChannelError::BadAnswer`] for everything that does not fit.
    fn accept(&self, response: &[u8], expected: &StampExpectation<'_>) -> Result<Der, ChannelError>;
}
