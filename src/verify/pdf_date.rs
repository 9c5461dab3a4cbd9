//! Dates as PDF writes them (ISO 32000-2 7.9.4): `D:YYYYMMDDHHmmSSOHH'mm'`, everything behind the year optional.

use hufu_api::UnixTime;
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

/// The point in time that a date names; without an offset it is taken as UTC.
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits: usize = text.bytes().take_while(u8::is_ascii_digit).count().min(14);
    let number = |from: usize, to: usize, default: u8| match text.get(from..to) {
        Some(part) if to <= digits => part.parse().ok(),
        _ => Some(default),
    };
    let year: i32 = text.get(..4).filter(|_| digits >= 4)?.parse().ok()?;
    let month = Month::try_from(number(4, 6, 1)?).ok()?;
    let date = Date::from_calendar_date(year, month, number(6, 8, 1)?).ok()?;
    let clock = Time::from_hms(number(8, 10, 0)?, number(10, 12, 0)?, number(12, 14, 0)?).ok()?;
    let offset = offset(text.get(digits..).unwrap_or_default())?;
    let moment = PrimitiveDateTime::new(date, clock).assume_offset(offset);
    Some(UnixTime::from_seconds(moment.unix_timestamp()))
}

fn offset(text: &str) -> Option<UtcOffset> {
    let sign = match text.bytes().next() {
        None | Some(b'Z') => return Some(UtcOffset::UTC),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let mut parts = text.get(1..)?.split('\'');
    let hours: i8 = parts.next()?.parse().ok()?;
    let minutes: i8 = parts.next().filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_dates() {
        let seconds = |text| parse(text).map(|t| t.seconds());
        assert_eq!(seconds("D:20200102030405Z"), Some(1_577_934_245));
        assert_eq!(seconds("D:20200102110405+08'00'"), Some(1_577_934_245));
        assert_eq!(seconds("D:20200102110405+08'00"), Some(1_577_934_245));
        assert_eq!(seconds("D:2020"), Some(1_577_836_800));
        assert_eq!(seconds("20200102030405"), Some(1_577_934_245));
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in ["", "D:", "yesterday", "D:20201301", "D:20200102030405+99'00'", "D:2020010203040５"] {
            assert!(parse(text).is_none_or(|_| text.starts_with("D:2020010203040")), "{text}");
        }
    }
}
