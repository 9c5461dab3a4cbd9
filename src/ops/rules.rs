//! The document's rules for what clients write: names, identity numbers, telephone numbers. Text comes in, domain types
//! go out; a value of these types has been checked.

use super::{Error, Result};
use hufu_api::{Mobile, PhoneRegion, SignerKind};
use serde::{Deserialize, Serialize};

/// A signer's name: 1 to 15 characters for persons, 1 to 60 for companies, counted in Unicode scalar values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks a `userName`.
    ///
    /// # Errors
    /// 201 naming the parameter.
    pub fn parse(text: &str, kind: SignerKind) -> Result<Self> {
        let most = match kind {
            SignerKind::Person => 15,
            SignerKind::Company => 60,
        };
        if text.trim().is_empty() {
            return Err(Error::missing("userName"));
        }
        if text.chars().count() > most || text.chars().any(unprintable) {
            return Err(Error::malformed("userName"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and the bidi and invisible ones that can make a name look like another.
pub(super) fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

/// identityRegion
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRegion {
    /// 0 大陆
    Mainland,
    /// 1 香港
    HongKong,
    /// 2 台湾
    Taiwan,
    /// 3 澳门
    Macao,
    /// 4 外籍
    Foreign,
}

impl IdentityRegion {
    /// Reads the parameter's value.
    ///
    /// # Errors
    /// 201 naming the parameter.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "0" => Ok(Self::Mainland),
            "1" => Ok(Self::HongKong),
            "2" => Ok(Self::Taiwan),
            "3" => Ok(Self::Macao),
            "4" => Ok(Self::Foreign),
            _ => Err(Error::malformed("identityRegion")),
        }
    }

    /// ISO 3166-1 code for a certificate's countryName. Foreigners' nationality is not asked for; their certificates
    /// name the country of the platform that vouches for them.
    pub const fn country(self) -> &'static str {
        match self {
            Self::Mainland | Self::Foreign => "CN",
            Self::HongKong => "HK",
            Self::Taiwan => "TW",
            Self::Macao => "MO",
        }
    }
}

/// certifyType
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertifyType {
    /// a 身份证
    IdentityCard,
    /// b 护照
    Passport,
    /// 1 统一社会信用代码 (GB 32100)
    SocialCredit,
    /// 2 营业执照注册号
    BusinessLicence,
    /// 3 组织机构代码 (GB 11714)
    OrganisationCode,
}

/// An identity number that fits its type's rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Certify {
    /// Which document.
    pub kind: CertifyType,
    /// Its number; a mainland card's check letter is upper case.
    pub number: String,
}

impl Certify {
    /// A person's number. `strict` also checks the mainland card's date and check digit (GB 11643).
    ///
    /// # Errors
    /// 201 naming `certifyType` or `certifyNum`.
    pub fn person(kind: Option<&str>, number: &str, region: IdentityRegion, strict: bool) -> Result<Self> {
        let kind = match kind {
            None | Some("a") => CertifyType::IdentityCard,
            Some("b") => CertifyType::Passport,
            Some(_) => return Err(Error::malformed("certifyType")),
        };
        let mainland = kind == CertifyType::IdentityCard && region == IdentityRegion::Mainland;
        let number = if mainland { number.to_ascii_uppercase() } else { number.to_owned() };
        let fits = if mainland { mainland_card(&number, strict) } else { foreign_number(&number) };
        if fits { Ok(Self { kind, number }) } else { Err(Error::malformed("certifyNum")) }
    }

    /// A company's number. `strict` also checks the check character of social credit and organisation codes.
    ///
    /// # Errors
    /// 201 naming `certifyType` or `certifyNum`.
    pub fn company(kind: &str, number: &str, strict: bool) -> Result<Self> {
        let (kind, length) = match kind {
            "1" => (CertifyType::SocialCredit, 18),
            "2" => (CertifyType::BusinessLicence, 18),
            "3" => (CertifyType::OrganisationCode, 9),
            _ => return Err(Error::malformed("certifyType")),
        };
        let letters = number.chars().all(|c| c.is_ascii_alphanumeric());
        let dash = kind == CertifyType::OrganisationCode
            && number.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let checked = !strict || kind != CertifyType::SocialCredit || social_credit_check(number);
        if number.chars().count() == length && (letters || dash) && checked {
            Ok(Self { kind, number: number.to_owned() })
        } else {
            Err(Error::malformed("certifyNum"))
        }
    }
}

fn mainland_card(number: &str, strict: bool) -> bool {
    let bytes = number.as_bytes();
    match bytes {
        digits if digits.len() == 15 => digits.iter().all(u8::is_ascii_digit),
        [digits @ .., last] if digits.len() == 17 => {
            digits.iter().all(u8::is_ascii_digit)
                && (last.is_ascii_digit() || *last == b'X')
                && (!strict || card_check(digits) == Some(*last))
        }
        _ => false,
    }
}

/// GB 11643: ISO 7064 MOD 11-2 over the first 17 digits.
fn card_check(digits: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    b"10X98765432".get(usize::try_from(sum % 11).ok()?).copied()
}

/// GB 32100: MOD 31 over 17 characters of a 31-letter alphabet.
fn social_credit_check(code: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let values: Option<Vec<usize>> = code.chars().map(|c| ALPHABET.find(c)).collect();
    let Some(values) = values else { return false };
    let mut weight = 1;
    let mut sum = 0;
    for value in values.iter().take(17) {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    values.last() == Some(&((31 - sum % 31) % 31))
}

fn foreign_number(number: &str) -> bool {
    let length = number.chars().count();
    (5..=20).contains(&length)
        && number.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '(' | ')' | '-'))
}

/// Reads phoneRegion and phoneNo: a number alone is a mainland one, a region alone is an error.
///
/// # Errors
/// 201 naming the parameter.
pub fn mobile(region: Option<&str>, number: Option<&str>) -> Result<Option<Mobile>> {
    let region_given = match region {
        None => None,
        Some("0") => Some(PhoneRegion::Mainland),
        Some("1") => Some(PhoneRegion::HongKongMacao),
        Some("2") => Some(PhoneRegion::Taiwan),
        Some(_) => return Err(Error::malformed("phoneRegion")),
    };
    let Some(number) = number else {
        return if region_given.is_some() { Err(Error::missing("phoneNo")) } else { Ok(None) };
    };
    let region = region_given.unwrap_or(PhoneRegion::Mainland);
    if fits_region(number, region) {
        Ok(Some(Mobile { region, number: number.to_owned() }))
    } else {
        Err(Error::malformed("phoneNo"))
    }
}

/// The mobile number whose region follows from its own form, as /send/verifyCode gives it.
pub fn mobile_of_any_region(number: &str) -> Option<Mobile> {
    [PhoneRegion::Mainland, PhoneRegion::HongKongMacao, PhoneRegion::Taiwan]
        .into_iter()
        .find(|region| fits_region(number, *region))
        .map(|region| Mobile { region, number: number.to_owned() })
}

fn fits_region(number: &str, region: PhoneRegion) -> bool {
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits
        && match region {
            PhoneRegion::Mainland => number.len() == 11 && number.starts_with('1'),
            PhoneRegion::HongKongMacao => number.len() == 8,
            PhoneRegion::Taiwan => number.len() == 10,
        }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_counted_in_characters() {
        assert!(Name::parse(&"张".repeat(15), SignerKind::Person).is_ok());
        assert_eq!(
            Name::parse(&"张".repeat(16), SignerKind::Person).unwrap_err().message,
            "userName 格式不正确"
        );
        assert!(Name::parse(&"𠮷".repeat(60), SignerKind::Company).is_ok());
        assert!(Name::parse(&"司".repeat(61), SignerKind::Company).is_err());
        assert_eq!(Name::parse("  ", SignerKind::Person).unwrap_err().message, "userName 为空");
        assert!(Name::parse("张\u{202e}三", SignerKind::Person).is_err());
    }

    #[test]
    fn identity_numbers_follow_region_and_type() {
        use IdentityRegion as R;
        fn ok(kind: Option<&str>, number: &str, region: R) -> bool {
            Certify::person(kind, number, region, false).is_ok()
        }
        assert!(ok(None, "123456789123456789", R::Mainland));
        assert!(ok(Some("a"), "12345678912345678X", R::Mainland));
        assert!(ok(Some("a"), "123456789012345", R::Mainland));
        for bad in ["1234567891234567", "12345678912345678A", "1234567891234567XX", "", "1234567891234567890"]
        {
            assert!(!ok(Some("a"), bad, R::Mainland), "{bad}");
        }
        assert!(ok(Some("a"), "A123456(7)", R::HongKong));
        assert!(ok(Some("b"), "E12345678", R::Mainland));
        assert!(!ok(Some("b"), "1234", R::Foreign));
        assert!(!ok(Some("b"), &"1".repeat(21), R::Foreign));
        assert!(!ok(Some("b"), "E1234 5678", R::Foreign));
        assert!(!ok(Some("c"), "E12345678", R::Foreign));
    }

    #[test]
    fn strict_check_digits() {
        assert!(Certify::person(None, "11010519491231002X", IdentityRegion::Mainland, true).is_ok());
        assert!(Certify::person(None, "110105194912310021", IdentityRegion::Mainland, true).is_err());
        assert!(Certify::company("1", "91350100M000100Y43", true).is_ok());
        assert!(Certify::company("1", "91350100M000100Y44", true).is_err());
    }

    #[test]
    fn company_numbers_have_their_lengths() {
        assert!(Certify::company("1", "123456789123456789", false).is_ok());
        assert!(Certify::company("2", "123456789123456789", false).is_ok());
        assert!(Certify::company("3", "123456789", false).is_ok());
        assert!(Certify::company("3", "1234567890", false).is_err());
        assert!(Certify::company("1", "12345678912345678", false).is_err());
        assert_eq!(Certify::company("4", "123456789", false).unwrap_err().message, "certifyType 格式不正确");
    }

    #[test]
    fn phones_by_region() {
        assert_eq!(mobile(None, None).unwrap(), None);
        assert_eq!(mobile(None, Some("13000000000")).unwrap().unwrap().region, PhoneRegion::Mainland);
        assert_eq!(mobile(Some("1"), Some("61234567")).unwrap().unwrap().region, PhoneRegion::HongKongMacao);
        assert_eq!(mobile(Some("2"), Some("0912345678")).unwrap().unwrap().region, PhoneRegion::Taiwan);
        assert_eq!(mobile(Some("0"), None).unwrap_err().message, "phoneNo 为空");
        assert_eq!(mobile(Some("3"), Some("13000000000")).unwrap_err().message, "phoneRegion 格式不正确");
        for (region, bad) in [
            ("0", "23000000000"),
            ("0", "1300000000"),
            ("1", "6123456"),
            ("2", "091234567"),
            ("1", "6123456a"),
        ] {
            assert_eq!(mobile(Some(region), Some(bad)).unwrap_err().message, "phoneNo 格式不正确");
        }
        assert_eq!(mobile_of_any_region("61234567").unwrap().region, PhoneRegion::HongKongMacao);
        assert!(mobile_of_any_region("123").is_none());
    }
}
