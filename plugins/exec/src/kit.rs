//! The conformance kit behind `hufu plugin test`: goes through a channel's verbs and says what holds.

use hufu_api::{
    CaChannel, Chain, ChannelError, Csr, Cx, Der, Enrollment, Profile, Revocation, RevocationReason, Subject,
    Ticket, UnixTime,
};

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What must hold.
    pub what: &'static str,
    /// Whether it does; else what was found.
    pub result: Result<(), String>,
}

/// Tries a channel with a request made by somebody who holds the key, and one whose signature is broken. `judge` is the
/// appliance's own check of an issued chain against the authorities that the channel names.
pub fn conformance(
    channel: &dyn CaChannel,
    cx: &dyn Fn() -> Cx,
    subject: &Subject,
    request: &[u8],
    profile: &Profile,
    now: UnixTime,
    judge: &dyn Fn(&Chain, &[Der]) -> Result<(), String>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut note = |what, result| checks.push(Check { what, result });
    let authorities = channel.authorities(cx());
    note(
        "authorities names at least one CA certificate",
        match &authorities {
            Ok(all) if all.is_empty() => Err("none".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
    );
    let authorities = authorities.unwrap_or_default();
    let csr = Csr { der: request, subject, scene: None };
    let enrolled = channel.enroll(cx(), csr, profile);
    let mut leaf = None;
    note(
        "enroll issues what was asked for, or gives a ticket",
        match &enrolled {
            Ok(Enrollment::Issued(chain)) => {
                leaf = chain.0.first().cloned();
                judge(chain, &authorities)
            }
            Ok(Enrollment::Pending(ticket)) if ticket.opaque.len() > 4096 => {
                Err("a ticket above 4096 octets".into())
            }
            Ok(Enrollment::Pending(ticket)) => resumes(channel, cx(), ticket, &authorities, judge),
            Err(error) => Err(error.to_string()),
        },
    );
    let mut broken = request.to_vec();
    if let Some(last) = broken.last_mut() {
        *last ^= 1;
    }
    let forged = Csr { der: &broken, subject, scene: None };
    note(
        "a request without proof of possession is refused",
        match channel.enroll(cx(), forged, profile) {
            Err(ChannelError::Refused(_)) => Ok(()),
            Err(other) => Err(format!("refused was expected, but: {other}")),
            Ok(_) => Err("it was accepted".into()),
        },
    );
    if let Some(certificate) = leaf {
        let what = Revocation { certificate, reason: RevocationReason::Superseded, at: now };
        note(
            "revoke works twice, or is not offered",
            match (channel.revoke(cx(), &what), channel.revoke(cx(), &what)) {
                (Ok(()), Ok(())) | (Err(ChannelError::Unsupported), _) => Ok(()),
                (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
            },
        );
    }
    let expired = Cx { request: cx().request, deadline: std::time::Instant::now() };
    note(
        "nothing is asked after the deadline",
        match channel.authorities(expired) {
            Err(ChannelError::Timeout) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    checks
}

/// A ticket must lead to a decision of the same shape.
fn resumes(
    channel: &dyn CaChannel,
    cx: Cx,
    ticket: &Ticket,
    authorities: &[Der],
    judge: &dyn Fn(&Chain, &[Der]) -> Result<(), String>,
) -> Result<(), String> {
    match channel.resume(cx, ticket) {
        Ok(Enrollment::Issued(chain)) => judge(&chain, authorities),
        Ok(Enrollment::Pending(_)) => Ok(()),
        Err(error) => Err(format!("resume: {error}")),
    }
}
