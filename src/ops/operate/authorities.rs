//! The appliance's own authorities, revoked at operators' word.

use super::super::appliance::facts;
use super::super::error::ca_error;
use super::super::{Appliance, Call, Error, Result};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use crate::x509::Certificate;
use crate::x509::signature::verify_signed;
use const_oid::db::rfc5280::{ID_KP_OCSP_SIGNING, ID_KP_TIME_STAMPING};
use hufu_api::{Der, Revocation, RevocationReason};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A certificate of the appliance itself that is to be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCertificate {
    /// As the ceremony named it.
    pub label: String,
    /// The certificate, DER, lower hex.
    pub certificate: String,
    /// Why.
    pub reason: RevocationReason,
}

impl Appliance {
    /// Revokes the certificate of a time-stamping authority or an OCSP responder at whichever channel has issued it. Twice is
    /// a success.
    pub(super) fn revoke_authority(&self, call: &Call, actor: &Actor, what: &OwnCertificate) -> Result<()> {
        let bytes = hex::decode(&what.certificate).map_err(|_| Error::malformed("certificate"))?;
        let malformed = |_| Error::malformed("certificate");
        let certificate = Certificate::from_der(&bytes).map_err(malformed)?;
        let usages = certificate.extended_key_usage().map_err(malformed)?;
        let usages = usages.map(|(_, usages)| usages).unwrap_or_default();
        if !usages.iter().any(|usage| [ID_KP_TIME_STAMPING, ID_KP_OCSP_SIGNING].contains(usage)) {
            return Err(Error::with(
                Code::Forbidden,
                "no authority's certificate; signers' are revoked by their number: hufu cert revoke",
            ));
        }
        let said = facts([
            ("authority", what.label.clone().into()),
            ("certificate_sha256", hex::encode(Sha256::digest(&bytes)).into()),
            ("reason", serde_json::to_value(what.reason).map_err(Error::internal)?),
        ]);
        self.note(call, actor.clone(), Act::RevokeCertificate, said, Ending::Done)?;
        let revocation = Revocation { certificate: Der(bytes), reason: what.reason, at: self.now()? };
        for name in self.ports.authorities.names() {
            // A channel that cannot tell its CAs now is none of ours, which always can.
            let known = self.ports.authorities.authorities(call.cx, &name).unwrap_or_default();
            if known.iter().any(|ca| issued(&ca.0, &certificate)) {
                let done = self.ports.authorities.revoke(call.cx, &name, &revocation);
                return done.map_err(|error| ca_error(&error));
            }
        }
        Err(Error::with(Code::NotFound, "no channel here has issued it"))
    }
}

/// Whether the CA of that certificate, DER, has issued the other one.
fn issued(ca: &[u8], certificate: &Certificate) -> bool {
    let Ok(ca) = Certificate::from_der(ca) else { return false };
    ca.subject.der() == certificate.issuer.der()
        && verify_signed(
            &ca.spki,
            &certificate.signature_algorithm,
            certificate.tbs(),
            &certificate.signature,
        )
        .is_ok()
}
