//! Revocation lists: on schedule and at each revocation, numbers strictly rising.

use crate::issuer::LocalIssuer;
use crate::rows::ListMeta;
use crate::{CaLocal, key_error};
use hufu_api::{ChannelError, Cx, Der, UnixTime};
use hufu_x509::{CrlSpec, assemble, crl_tbs, signature};

const HOUR_MILLIS: i64 = 3_600_000;

/// Why a list is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A certificate was revoked just now.
    Revocation,
    /// The newest list is old.
    Schedule,
}

impl CaLocal {
    /// Makes a list if the newest is due for replacement; says when to look again.
    pub(crate) fn keep_list_fresh(
        &self,
        cx: Cx,
        issuer: &LocalIssuer,
        now: UnixTime,
    ) -> Result<UnixTime, ChannelError> {
        let every = HOUR_MILLIS.saturating_mul(i64::from(self.settings.crl_every_hours));
        let newest = self.rows.list_meta(&issuer.label)?.map(|(meta, _)| meta);
        let due = newest.map(|meta| meta.made.plus_millis(every));
        let unlisted = newest.is_some_and(|meta| self.has_unlisted(issuer, meta));
        match due {
            Some(due) if due > now && !unlisted => Ok(due),
            _ => {
                self.make_list(cx, issuer, Why::Schedule)?;
                Ok(now.plus_millis(every))
            }
        }
    }

    /// Whether a revocation is on disk that the newest list does not show: its list could not be made at the time.
    fn has_unlisted(&self, issuer: &LocalIssuer, newest: ListMeta) -> bool {
        self.rows.marked(&issuer.label).is_ok_and(|marked| marked > newest.marked)
    }

    /// Makes and publishes a list. Revocations that come together share one: whoever waited while another thread made
    /// a list that began after its own revocation was on disk has nothing left to do.
    pub(crate) fn make_list(&self, cx: Cx, issuer: &LocalIssuer, why: Why) -> Result<(), ChannelError> {
        let _making = issuer.lists.lock();
        let marked = self.rows.marked(&issuer.label)?;
        let before = self.rows.list_meta(&issuer.label)?;
        if why == Why::Revocation && before.is_some_and(|(meta, _)| meta.marked >= marked) {
            return Ok(());
        }
        let now = self.now()?;
        let valid = HOUR_MILLIS.saturating_mul(i64::from(self.settings.crl_valid_hours));
        // An entry stays until it has stood on a list made after its certificate's end (RFC 5280 3.3).
        let revoked = self.rows.revoked(&issuer.label, now.plus_millis(-valid))?;
        let meta = ListMeta {
            // Seconds rise by themselves: after a restore from a backup the next number is still above every lost one.
            number: before
                .map_or(0, |(meta, _)| meta.number.saturating_add(1))
                .max(u64::try_from(now.seconds()).unwrap_or(0)),
            made: now,
            marked,
        };
        let algorithm = &issuer.key.signature_algorithm().0;
        let tbs = crl_tbs(&CrlSpec {
            algorithm,
            issuer: issuer.name(),
            number: meta.number,
            this_update: now,
            next_update: now.plus_millis(valid),
            revoked: &revoked,
        })
        .map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        let signed = issuer.key.sign_crl(cx, &tbs).map_err(key_error)?;
        // Nobody else looks at a list before relying parties do.
        signature::verify_signed(&issuer.certificate.spki, algorithm, &tbs, &signed)
            .map_err(|e| ChannelError::BadAnswer(format!("the CA key's signature: {e}")))?;
        let list = Der(assemble(&tbs, algorithm, &signed));
        self.rows.put_list(&issuer.label, before.map(|(_, version)| version), meta, &list)?;
        Ok(())
    }
}
