//! What a token offers, found out by asking it.

use crate::keys::KeyAlgorithm;
use cryptoki::mechanism::MechanismType;
use serde::{Deserialize, Serialize};

/// How the token signs with RSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RsaSigning {
    /// CKM_RSA_PKCS over a DigestInfo that we build.
    Pkcs,
    /// CKM_SHA256_RSA_PKCS: the token hashes.
    Sha256Pkcs,
}

/// How the token signs with ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EcSigning {
    /// CKM_ECDSA over a digest.
    Plain,
    /// CKM_ECDSA_SHA256 and _SHA384: the token hashes.
    Hashing,
}

/// How private keys are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wrapping {
    /// CKM_AES_KEY_WRAP_PAD.
    KeyWrapPad,
    /// CKM_AES_CBC_PAD with a random IV.
    CbcPad,
}

/// How small secrets are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sealing {
    /// CKM_AES_GCM.
    Gcm,
    /// CKM_AES_CBC_PAD, then a MAC.
    CbcThenMac,
    /// AES-256-GCM in this process under a key used once, which the token's MAC key derives.
    DerivedKey,
}

/// How octets are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Macing {
    /// CKM_SHA256_HMAC with a generic secret.
    HmacSha256,
    /// CKM_AES_CMAC with an AES key.
    AesCmac,
}

/// A token's abilities; `None` where it has none that we can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    pub(super) rsa: Option<RsaSigning>,
    pub(super) rsa_generation: bool,
    pub(super) ec: Option<EcSigning>,
    pub(super) ec_generation: bool,
    pub(super) wrapping: Option<Wrapping>,
    pub(super) sealing: Option<Sealing>,
    pub(super) macing: Option<Macing>,
    pub(super) aes_cbc_pad: bool,
}

impl Abilities {
    pub(super) fn of(offered: &[MechanismType]) -> Self {
        let has = |mechanism| offered.contains(&mechanism);
        let macing = if has(MechanismType::SHA256_HMAC) && has(MechanismType::GENERIC_SECRET_KEY_GEN) {
            Some(Macing::HmacSha256)
        } else {
            has(MechanismType::AES_CMAC).then_some(Macing::AesCmac)
        };
        let sealing = if has(MechanismType::AES_GCM) {
            Some(Sealing::Gcm)
        } else if has(MechanismType::AES_CBC_PAD) && macing.is_some() {
            Some(Sealing::CbcThenMac)
        } else {
            macing.map(|_| Sealing::DerivedKey)
        };
        let wrapping = if has(MechanismType::AES_KEY_WRAP_PAD) {
            Some(Wrapping::KeyWrapPad)
        } else {
            has(MechanismType::AES_CBC_PAD).then_some(Wrapping::CbcPad)
        };
        let rsa = if has(MechanismType::RSA_PKCS) {
            Some(RsaSigning::Pkcs)
        } else {
            has(MechanismType::SHA256_RSA_PKCS).then_some(RsaSigning::Sha256Pkcs)
        };
        let ec = if has(MechanismType::ECDSA) {
            Some(EcSigning::Plain)
        } else {
            (has(MechanismType::ECDSA_SHA256) && has(MechanismType::ECDSA_SHA384))
                .then_some(EcSigning::Hashing)
        };
        Self {
            rsa,
            rsa_generation: has(MechanismType::RSA_PKCS_KEY_PAIR_GEN),
            ec,
            ec_generation: has(MechanismType::ECC_KEY_PAIR_GEN),
            wrapping,
            sealing,
            macing,
            aes_cbc_pad: has(MechanismType::AES_CBC_PAD),
        }
    }

    /// Whether the token can make and use keys of this type.
    pub fn offers(&self, algorithm: KeyAlgorithm) -> bool {
        match algorithm {
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => self.ec.is_some() && self.ec_generation,
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => self.rsa.is_some() && self.rsa_generation,
        }
    }

    /// Whether keys can be kept wrapped outside.
    pub fn offers_wrapping(&self) -> bool {
        self.wrapping.is_some() && self.macing.is_some()
    }

    /// What small secrets can be protected with on a token whose CKM_AES_GCM turned out not to work.
    pub(super) fn sealing_without_gcm(&self) -> Option<Sealing> {
        match self.sealing {
            Some(Sealing::Gcm) if self.aes_cbc_pad && self.macing.is_some() => Some(Sealing::CbcThenMac),
            Some(Sealing::Gcm) => self.macing.map(|_| Sealing::DerivedKey),
            other => other,
        }
    }

    /// Whether small secrets are encrypted in the token, under a key of their own.
    pub(super) fn needs_state_key(&self) -> bool {
        matches!(self.sealing, Some(Sealing::Gcm | Sealing::CbcThenMac))
    }

    /// Whether small secrets can be protected.
    pub fn offers_sealing(&self) -> bool {
        self.sealing.is_some()
    }
}

impl std::fmt::Display for Abilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |some: bool, name| if some { name } else { "" };
        write!(
            f,
            "{}{}{}{}",
            part(self.offers(KeyAlgorithm::P256), "EC "),
            part(self.offers(KeyAlgorithm::Rsa2048), "RSA "),
            part(self.offers_wrapping(), "wrap "),
            part(self.offers_sealing(), "seal"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_mechanisms_are_preferred_and_hashing_ones_are_the_fallback() {
        let both = [MechanismType::RSA_PKCS, MechanismType::SHA256_RSA_PKCS, MechanismType::ECDSA];
        let abilities = Abilities::of(&both);
        assert_eq!((abilities.rsa, abilities.ec), (Some(RsaSigning::Pkcs), Some(EcSigning::Plain)));
        let hashing =
            [MechanismType::SHA256_RSA_PKCS, MechanismType::ECDSA_SHA256, MechanismType::ECDSA_SHA384];
        let abilities = Abilities::of(&hashing);
        assert_eq!((abilities.rsa, abilities.ec), (Some(RsaSigning::Sha256Pkcs), Some(EcSigning::Hashing)));
    }

    #[test]
    fn a_token_without_aes_wraps_and_seals_nothing() {
        let abilities = Abilities::of(&[MechanismType::RSA_PKCS, MechanismType::RSA_PKCS_KEY_PAIR_GEN]);
        assert!(!abilities.offers_wrapping() && !abilities.offers_sealing());
        assert!(abilities.offers(KeyAlgorithm::Rsa2048) && !abilities.offers(KeyAlgorithm::P256));
    }

    #[test]
    fn a_mac_is_enough_to_protect_secrets() {
        let hmac = [MechanismType::SHA256_HMAC, MechanismType::GENERIC_SECRET_KEY_GEN];
        let abilities = Abilities::of(&hmac);
        assert_eq!(abilities.sealing, Some(Sealing::DerivedKey));
        assert!(!abilities.needs_state_key() && !abilities.offers_wrapping());
        let gcm = Abilities::of(&[hmac.as_slice(), &[MechanismType::AES_GCM]].concat());
        assert_eq!(gcm.sealing_without_gcm(), Some(Sealing::DerivedKey));
        let all = [hmac.as_slice(), &[MechanismType::AES_GCM, MechanismType::AES_CBC_PAD]].concat();
        assert_eq!(Abilities::of(&all).sealing_without_gcm(), Some(Sealing::CbcThenMac));
        assert_eq!(Abilities::of(&[MechanismType::AES_GCM]).sealing_without_gcm(), None);
    }

    #[test]
    fn cbc_seals_only_with_a_mac() {
        assert_eq!(Abilities::of(&[MechanismType::AES_CBC_PAD]).sealing, None);
        let abilities = Abilities::of(&[MechanismType::AES_CBC_PAD, MechanismType::AES_CMAC]);
        assert_eq!(abilities.sealing, Some(Sealing::CbcThenMac));
    }
}
