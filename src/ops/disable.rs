//! 停用用户: a signer that may act no more, whose certificates are revoked and whose keys are destroyed; and back.

use super::appliance::facts;
use super::rows::{Certificate, Signer, Standing};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Ending};
use crate::codes::Code;
use hufu_api::{RevocationReason, Space};
use std::sync::Arc;

impl Appliance {
    /// The signer, if it has not been disabled.
    ///
    /// # Errors
    /// 20206 no such signer, 20001 disabled.
    pub(super) fn acting_signer(&self, app: &super::rows::App, id: u64) -> Result<Arc<Signer>> {
        let signer = self.signer(app, id)?;
        match signer.disabled {
            None => Ok(signer),
            Some(_) => Err(Error::with(Code::NoPermission, "用户已停用")),
        }
    }

    /// Disables a signer, or lets it act again. Disabling revokes every certificate of it that is still valid, at its channel
    /// too, and destroys the keys; what was signed stays. A signer that is let act again gets a new certificate at its next
    /// signature. Asking for what is so already is a success.
    ///
    /// # Errors
    /// 20206 no such signer, and what store and log may fail with.
    pub fn disable_signer(&self, call: &Call, caller: &Caller, id: u64, disabled: bool) -> Result<()> {
        caller.platform_only()?;
        let app = &caller.app;
        let key = table::in_app(Space::Signer, &app.id, id);
        let lock = [b"signer\0", key.bytes.as_slice()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        let row = self.signer_row(app, id)?.ok_or(Code::SignerNotFound)?;
        if row.value.disabled.is_some() == disabled {
            return Ok(());
        }
        let now = self.now()?;
        let mut signer = Signer { disabled: disabled.then_some(now), ..row.value };
        let mut revoked = Vec::new();
        if disabled {
            signer.certificate = None;
            table::each_in_app(self.store(), Space::Certificate, &app.id, |_, bytes| {
                let certificate: Certificate = table::decode(Space::Certificate, bytes)?;
                let pending = matches!(certificate.standing, Standing::Pending { .. });
                let valid = certificate.standing == Standing::Active && certificate.not_after > now;
                if certificate.signer == id && (pending || valid) {
                    let reason = RevocationReason::CessationOfOperation;
                    let standing =
                        Standing::Revoked { at: now, reason, confirmed: certificate.chain.is_empty() };
                    revoked.push(Certificate { standing, ..certificate });
                }
                Ok(())
            })?;
        }
        let mut writes = vec![table::replace(key, row.version, &signer)?];
        for certificate in &revoked {
            writes.push(table::put(table::in_app(Space::Certificate, &app.id, certificate.id), certificate)?);
        }
        let numbers: Vec<u64> = revoked.iter().map(|certificate| certificate.id).collect();
        let change =
            facts([("signer", id.into()), ("disabled", disabled.into()), ("certificates", numbers.into())]);
        let actor = Self::actor(call, caller);
        self.note(call, actor.clone(), Act::DisableSigner, change, Ending::Done)?;
        self.store().commit(&writes)?;
        self.signers.forget(&(app.id.clone(), id));
        for certificate in &revoked {
            self.credentials.forget(&(app.id.clone(), certificate.id));
            self.revoke_at_channel(call, &actor, &app.id, certificate);
            self.destroy(call, &actor, &certificate.key, "signer disabled");
        }
        Ok(())
    }
}
