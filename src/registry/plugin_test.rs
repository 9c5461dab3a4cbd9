//! `hufu plugin test PATH`: the conformance kit of `ca-exec` over a program as it stands there.

use crate::x509::{IssuedCheck, SignatureAlgorithm, asn1, assemble, request_info};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1};
use hufu_api::{
    CertificateKind, Chain, Clock, Cx, Der, PluginError, Profile, RequestId, SignerKind, Subject,
};
use hufu_exec::{Check, ExecCa, conformance};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one call may take.
const CALL: Duration = Duration::from_secs(20);

/// Goes through the verbs of the program at `path` with a key made for the purpose, and says what holds.
///
/// # Errors
/// When the program cannot be read or no request can be made.
pub fn plugin_test(path: &Path, clock: Arc<dyn Clock>) -> Result<Vec<Check>, PluginError> {
    let channel = ExecCa::unconfigured(path, Arc::clone(&clock))?;
    let subject = Subject {
        kind: SignerKind::Person,
        common_name: "插件测试".into(),
        serial_number: "HUFU-TEST".into(),
        organization: None,
        country: "CN".into(),
    };
    let profile = Profile {
        name: "person-long".into(),
        signer: SignerKind::Person,
        kind: CertificateKind::Long,
        validity_seconds: 365 * 86_400,
        extended_key_usage: vec!["1.3.6.1.5.5.7.3.4".into()],
        policies: vec![],
    };
    let (spki, request) = request(&subject)?;
    let now = clock.now_untrusted();
    let cx = || Cx { request: RequestId(0), deadline: Instant::now() + CALL };
    let judge = |chain: &Chain, authorities: &[Der]| {
        let now = clock.now_untrusted();
        let check =
            IssuedCheck { spki: &spki, subject: &subject, profile: &profile, now, exact_subject: false };
        let certificates = check.check(chain).map_err(|e| e.to_string())?;
        crate::channels::anchored(&certificates, authorities)
    };
    Ok(conformance(&channel, &cx, &subject, &request, &profile, now, &judge))
}

/// A fresh P-256 key's SubjectPublicKeyInfo and CertificationRequest. The key is of no use but for this.
fn request(subject: &Subject) -> Result<(Vec<u8>, Vec<u8>), PluginError> {
    let problem = |e: &dyn std::fmt::Display| PluginError(format!("test request: {e}"));
    let random = SystemRandom::new();
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(|e| problem(&e))?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref())
        .map_err(|e| problem(&e))?;
    let algorithm = asn1::sequence(&[&asn1::oid(&ID_EC_PUBLIC_KEY), &asn1::oid(&SECP_256_R_1)]);
    let spki = asn1::sequence(&[&algorithm, &asn1::bit_string(key.public_key().as_ref())]);
    let info = request_info(subject, &spki).map_err(|e| problem(&e))?;
    let signature = key.sign(&random, &info).map_err(|e| problem(&e))?;
    let request = assemble(&info, &SignatureAlgorithm::EcdsaSha256.identifier(), signature.as_ref());
    Ok((spki, request))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hufu_testkit::HandClock;

    #[test]
    fn the_sample_channel_conforms() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/exec/sample/ca.py");
        // The channel's clock goes on while ours stands still.
        let clock = Arc::new(HandClock::new());
        clock.advance(Duration::from_secs(30));
        for check in plugin_test(&sample, clock).unwrap() {
            assert_eq!(check.result, Ok(()), "{}", check.what);
        }
    }

    #[test]
    fn a_program_that_is_no_channel_does_not() {
        let checks = plugin_test(Path::new("/bin/cat"), Arc::new(HandClock::new())).unwrap();
        assert!(checks.iter().any(|check| check.result.is_err()));
    }
}
