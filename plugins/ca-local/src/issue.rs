//! Issuing one certificate.

use crate::rows::Issued;
use crate::settings::Settings;
use crate::{CaLocal, key_error};
use const_oid::ObjectIdentifier;
use hufu_api::{ChannelError, Csr, Cx, Der, Profile};
use hufu_x509::{
    Addresses, Request, Role, SignatureAlgorithm, TbsSpec, X509Error, assemble, certificate_tbs, subject_name,
};

/// Octets of randomness in a serial number.
const SERIAL_OCTETS: usize = 16;

/// The smallest RSA modulus that is certified, in octets.
const LEAST_RSA_OCTETS: usize = 256;

impl CaLocal {
    /// Issues a certificate with the issuing CA and returns it, DER.
    pub(crate) fn issue(&self, cx: Cx, csr: Csr<'_>, profile: &Profile) -> Result<Der, ChannelError> {
        let request = Request::verified(csr.der).map_err(|e| refused(&e))?;
        strong_enough(&request.spki).map_err(|e| refused(&e))?;
        let subject = subject_name(csr.subject).map_err(|e| refused(&e))?;
        let extended_key_usage = oids("extended_key_usage", &profile.extended_key_usage)?;
        let policies = oids("policies", &profile.policies)?;
        let issuer = &self.issuing;
        let now = self.now()?;
        let not_before = now.plus_millis(-1000 * i64::from(self.settings.backdate_seconds));
        let longest = u64::from(self.settings.longest_days) * 86_400;
        let seconds = i64::try_from(profile.validity_seconds.min(longest)).unwrap_or(i64::MAX / 1000);
        // No certificate outlives its issuer (RFC 5280 takes the shell model's place here: a path must be valid as a whole).
        let not_after = now.plus_millis(seconds.saturating_mul(1000)).min(issuer.certificate.not_after);
        if now < issuer.certificate.not_before || now >= issuer.certificate.not_after {
            return Err(ChannelError::Unavailable(format!(
                "the CA certificate {} is not valid now",
                issuer.label
            )));
        }
        let address = |template| Settings::address(template, &issuer.label);
        let crl = address(self.settings.crl_url.as_ref());
        let issuer_url = address(self.settings.issuer_url.as_ref());
        let ocsp = address(self.settings.ocsp_url.as_ref());
        let row = Issued { not_after, revoked: None };
        let serial = self.fresh_serial(&row)?;
        let tbs = certificate_tbs(&TbsSpec {
            serial: &serial,
            algorithm: &issuer.key.signature_algorithm().0,
            issuer: issuer.name(),
            subject: &subject,
            spki: &request.spki,
            not_before: not_before.max(issuer.certificate.not_before),
            not_after,
            role: Role::Signer {
                extended_key_usage: &extended_key_usage,
                policies: &policies,
                scene: csr.scene,
            },
            addresses: Addresses {
                crl: crl.as_deref(),
                issuer: issuer_url.as_deref(),
                ocsp: ocsp.as_deref(),
            },
        })
        .map_err(|e| refused(&e))?;
        let signature = issuer.key.sign_certificate(cx, &tbs).map_err(key_error)?;
        Ok(Der(assemble(&tbs, &issuer.key.signature_algorithm().0, &signature)))
    }

    /// A serial number that this CA has never used, written down before anything is signed with it.
    fn fresh_serial(&self, row: &Issued) -> Result<[u8; SERIAL_OCTETS], ChannelError> {
        let mut serial = [0; SERIAL_OCTETS];
        self.entropy.fill(&mut serial).map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        // Of 128 random bits two alike, or all zero, mean a broken generator and not bad luck.
        if serial == [0; SERIAL_OCTETS] || !self.rows.issue(&self.issuing.label, &serial, row)? {
            return Err(ChannelError::Unavailable("the random generator repeats itself".into()));
        }
        Ok(serial)
    }
}

/// The request or the profile is at fault: the same request will fail again.
fn refused(error: &X509Error) -> ChannelError {
    ChannelError::Refused(error.to_string())
}

fn strong_enough(spki: &[u8]) -> Result<(), X509Error> {
    let algorithm = SignatureAlgorithm::for_key(spki)?;
    if algorithm == SignatureAlgorithm::RsaSha256 && algorithm.longest_signature(spki)? < LEAST_RSA_OCTETS {
        return Err(X509Error::NotAllowed {
            what: "key",
            reason: "RSA keys must have at least 2048 bits".into(),
        });
    }
    Ok(())
}

fn oids(what: &str, dotted: &[String]) -> Result<Vec<ObjectIdentifier>, ChannelError> {
    let parse = |text: &String| {
        ObjectIdentifier::new(text)
            .map_err(|e| ChannelError::Refused(format!("profile: {what}: {text:?}: {e}")))
    };
    dotted.iter().map(parse).collect()
}
