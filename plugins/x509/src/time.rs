//! Times of X.509 (RFC 5280 4.1.2.5) and of time stamps (RFC 3161 2.4.2).

use crate::X509Error;
use crate::asn1::{Asn1Error, Value, tag, tlv};
use hufu_api::UnixTime;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// UTCTime until 2049, GeneralizedTime from 2050 on, whole seconds.
///
/// # Errors
/// When the year is outside 1950–9999.
pub fn x509_time(t: UnixTime) -> Result<Vec<u8>, X509Error> {
    let at = calendar(t)?;
    if (1950..2050).contains(&at.year()) {
        let text = format!(
            "{:02}{:02}{:02}{:02}{:02}{:02}Z",
            at.year() % 100,
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        );
        Ok(tlv(tag::UTC_TIME, &[text.as_bytes()]))
    } else {
        generalized_time(t, false)
    }
}

/// GeneralizedTime in UTC; with `millis` a fraction of up to three digits without trailing zeros, as RFC 3161 2.4.2 wants
/// it, otherwise whole seconds.
///
/// # Errors
/// When the year is outside 0–9999.
pub fn generalized_time(t: UnixTime, millis: bool) -> Result<Vec<u8>, X509Error> {
    let at = calendar(t)?;
    let mut text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    if millis && at.millisecond() != 0 {
        text.push_str(format!(".{:03}", at.millisecond()).trim_end_matches('0'));
    }
    text.push('Z');
    Ok(tlv(tag::GENERALIZED_TIME, &[text.as_bytes()]))
}

fn calendar(t: UnixTime) -> Result<OffsetDateTime, X509Error> {
    let wrong = || X509Error::Unencodable { what: "time", reason: "year outside 0–9999".into() };
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(t.millis()) * 1_000_000).map_err(|_| wrong())?;
    if (0..=9999).contains(&at.year()) { Ok(at) } else { Err(wrong()) }
}

/// Reads UTCTime or GeneralizedTime in UTC (`Z`), seconds required; a fraction of a second is kept to the millisecond.
/// Local times and offsets are refused as RFC 5280 and RFC 3161 refuse them.
///
/// # Errors
/// When it is none.
pub fn parse_time(value: Value<'_>) -> Result<UnixTime, Asn1Error> {
    let bad = Asn1Error::Content("time");
    let text = std::str::from_utf8(value.content).map_err(|_| bad)?.strip_suffix('Z').ok_or(bad)?;
    let (year, rest, fraction) = match value.tag {
        tag::UTC_TIME => {
            let (yy, rest) = text.split_at_checked(2).ok_or(bad)?;
            let yy = number(yy).ok_or(bad)?;
            (if yy < 50 { 2000 + yy } else { 1900 + yy }, rest, "")
        }
        tag::GENERALIZED_TIME => {
            let (whole, fraction) = match text.split_once('.') {
                Some((_, "")) => return Err(bad),
                Some(parts) => parts,
                None => (text, ""),
            };
            let (year, rest) = whole.split_at_checked(4).ok_or(bad)?;
            (number(year).ok_or(bad)?, rest, fraction)
        }
        found => return Err(Asn1Error::Tag { expected: tag::UTC_TIME, found }),
    };
    if rest.len() != 10 || fraction.len() > 18 {
        return Err(bad);
    }
    let two = |at: usize| rest.get(at..at + 2).and_then(number).and_then(|n| u8::try_from(n).ok()).ok_or(bad);
    let month = Month::try_from(two(0)?).map_err(|_| bad)?;
    let date =
        Date::from_calendar_date(i32::try_from(year).map_err(|_| bad)?, month, two(2)?).map_err(|_| bad)?;
    let clock = Time::from_hms(two(4)?, two(6)?, two(8)?).map_err(|_| bad)?;
    let seconds = PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp();
    let millis = if fraction.is_empty() {
        0
    } else {
        number(fraction).ok_or(bad)?;
        number(&format!("{fraction:0<3}").chars().take(3).collect::<String>()).ok_or(bad)?
    };
    let millis = i64::try_from(millis).map_err(|_| bad)?;
    Ok(UnixTime::from_seconds(seconds).plus_millis(millis))
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::asn1::Rules;

    fn read(der: &[u8]) -> Result<UnixTime, Asn1Error> {
        parse_time(Value::parse(der, Rules::Der).unwrap())
    }

    #[test]
    fn the_century_turns_in_2050() {
        for (seconds, tag) in [(2_524_607_999, tag::UTC_TIME), (2_524_608_000, tag::GENERALIZED_TIME)] {
            let t = UnixTime::from_seconds(seconds);
            let der = x509_time(t).unwrap();
            assert_eq!(der.first(), Some(&tag));
            assert_eq!(read(&der), Ok(t));
        }
        assert_eq!(read(b"\x17\x0d500101120000Z"), Ok(UnixTime::from_seconds(-631_108_800)));
    }

    #[test]
    fn fractions_have_no_trailing_zeros() {
        let t = UnixTime::from_millis(1_700_000_000_120);
        let der = generalized_time(t, true).unwrap();
        assert!(der.ends_with(b".12Z"));
        assert_eq!(read(&der), Ok(t));
        assert!(generalized_time(UnixTime::from_seconds(5), true).unwrap().ends_with(b"05Z"));
    }

    proptest::proptest! {
        #[test]
        fn times_come_back(millis in -2_000_000_000_000i64..200_000_000_000_000) {
            let t = UnixTime::from_millis(millis);
            if let Ok(der) = x509_time(t) {
                proptest::prop_assert_eq!(read(&der), Ok(UnixTime::from_seconds(t.seconds())));
            }
            if let Ok(der) = generalized_time(t, true) {
                proptest::prop_assert_eq!(read(&der), Ok(t));
            }
        }
    }

    #[test]
    fn what_is_not_utc_with_seconds_is_refused() {
        for text in [
            "20260101000000",
            "20260101000000+0100",
            "202601010000Z",
            "20260230000000Z",
            "20260101000060Z",
            "20260101000000.Z",
            "2026010100000 Z",
            "+2260101000000Z",
        ] {
            assert!(read(&tlv(tag::GENERALIZED_TIME, &[text.as_bytes()])).is_err(), "{text}");
        }
    }
}
