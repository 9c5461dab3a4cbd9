//! Numbers as format actions show them: grouped, with decimals, a currency, a minus or parentheses, in percent (ISO 32000-2 12.6.4.17;
//! Acrobat's `AFNumber_Format` and `AFPercent_Format`). What could be read as another number is none.

/// Codes and signs of currencies that may stand before or behind a number.
const CURRENCIES: [&str; 32] = [
    "EUR", "USD", "CNY", "RMB", "GBP", "JPY", "HKD", "TWD", "KRW", "CHF", "MOP", "SGD", "AUD", "CAD", "US$",
    "HK$", "NT$", "$", "€", "£", "¥", "￥", "₩", "₹", "元", "円", "圆", "圓", "원", "Fr.", "kr", "zł",
];

/// How far a number that is shown may be from the value: it is rounded to so many decimals.
const ROUNDED: f64 = 0.005;

/// Whether a number is shown, and is the value. Neither has white space.
pub(super) fn shows_number(shown: &str, value: &str) -> bool {
    let (Some(value), Some((number, hundredths))) = (value_of(value), number_of(shown)) else { return false };
    if hundredths { (value * 100.0 - number).abs() < ROUNDED } else { (value - number).abs() < ROUNDED }
}

/// A field's value: digits, perhaps grouped as it was typed.
fn value_of(text: &str) -> Option<f64> {
    number_of(text).filter(|(_, hundredths)| !hundredths).map(|(number, _)| number)
}

/// The number that a text shows, and whether it is one of percents.
fn number_of(text: &str) -> Option<(f64, bool)> {
    let bare = |text| CURRENCIES.iter().find_map(|currency| without(text, currency)).unwrap_or(text);
    if let Some(inside) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return Some((-digits(bare(inside))?, false));
    }
    if let Some(percents) = text.strip_suffix('%') {
        return Some((signed(percents)?, true));
    }
    // The minus stands before the currency or before the digits.
    match text.strip_prefix('-') {
        Some(rest) => Some((-digits(bare(rest))?, false)),
        None => Some((signed(bare(text))?, false)),
    }
}

/// A text without a currency at one of its ends.
fn without<'t>(text: &'t str, currency: &str) -> Option<&'t str> {
    text.strip_prefix(currency).or_else(|| text.strip_suffix(currency))
}

fn signed(text: &str) -> Option<f64> {
    text.strip_prefix('-').map_or_else(|| digits(text), |rest| Some(-digits(rest)?))
}

/// Digits with one sign between groups of three and another before the decimals, each as far as there is one.
fn digits(text: &str) -> Option<f64> {
    if text.len() > 32 || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let (whole, decimals) = match (text.rfind(','), text.rfind('.')) {
        (Some(comma), Some(point)) => text.split_at(comma.max(point)),
        // A comma alone parts groups where it can.
        (Some(comma), None) if groups(text, ',').is_none() => text.split_at(comma),
        // Three digits behind a point alone may be a group as well as decimals.
        (None, Some(point)) if text.matches('.').count() == 1 && !is_of_thousands(text, point) => {
            text.split_at(point)
        }
        (None, Some(_)) if text.matches('.').count() == 1 => return None,
        _ => (text, ""),
    };
    let other =
        if decimals.starts_with('.') || (decimals.is_empty() && text.contains(',')) { ',' } else { '.' };
    let whole = if whole.is_empty() { "0".to_owned() } else { groups(whole, other)? };
    let decimals = decimals.get(1..).unwrap_or_default();
    if !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}.{decimals}0").parse().ok()
}

/// Whether what stands around a point could be a number of thousands.
fn is_of_thousands(text: &str, point: usize) -> bool {
    text.len() - point == 4 && (1..=3).contains(&point) && !text.starts_with('0')
}

/// The digits of a whole number, whose groups of three may be parted by this sign or an apostrophe.
fn groups(text: &str, sign: char) -> Option<String> {
    let sign = if text.contains('\'') { '\'' } else { sign };
    let parts: Vec<&str> = text.split(sign).collect();
    let first = parts.first().map_or(0, |part| part.len());
    let even =
        parts.len() == 1 || ((1..=3).contains(&first) && parts.iter().skip(1).all(|part| part.len() == 3));
    let plain = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    (even && plain).then(|| parts.concat())
}

#[cfg(test)]
mod tests {
    use super::shows_number;

    #[test]
    fn a_number_is_shown_in_the_ways_of_format_actions() {
        for (value, shown) in [
            ("1000", "1000"),
            ("1000", "1,000"),
            ("1000", "1,000.00"),
            ("1000", "1.000,00"),
            ("1000", "1000,00"),
            ("1000", "1'000.00"),
            ("1234567.891", "1,234,567.89"),
            ("1234567", "1.234.567"),
            ("1,000", "1000.00"),
            ("0.5", ".50"),
            (".5", "0.50"),
            ("0.5", "0.500"),
            ("1234", "1234.000"),
            ("1000", "EUR1,000.00"),
            ("1000", "1,000.00EUR"),
            ("1000", "US$1,000"),
            ("1000", "¥1,000"),
            ("1000", "1000元"),
            ("-1000", "-1,000"),
            ("-1000", "(1,000.00)"),
            ("-1000", "($1,000.00)"),
            ("-1000", "-$1,000.00"),
            ("-1000", "$-1,000.00"),
            ("0.19", "19%"),
            ("0.1925", "19.25%"),
            ("-.5", "-50%"),
        ] {
            assert!(shows_number(shown, value), "{value} as {shown}");
        }
    }

    #[test]
    fn a_number_that_could_be_another_is_not_shown() {
        for (value, shown) in [
            ("100", "９100"),
            ("100", "①100"),
            ("100", "100½"),
            ("100", "100%"),
            ("100", "1,00"),
            ("100", "≤100"),
            ("100", "(100)"),
            ("100", "-100"),
            ("100", "100.100"),
            ("100", "1000"),
            ("1000", "10,00"),
            ("1000", "1,0,0,0"),
            ("1000", "1.000"),
            ("1", "1.000"),
            ("999", "999.000"),
            ("1", "1,000"),
            ("10000", "10,00,0"),
            ("100", "100-"),
            ("100", "100EURUSD"),
            ("100", "EUR100EUR"),
            ("100", "100MILLION"),
            ("100", "100EURO"),
            ("100", "--100"),
            ("100", "+100"),
            ("100", "100/0"),
            ("100", "1e2"),
            ("100", "10O"),
            ("100", ""),
            ("100", "."),
            ("", "."),
            ("Alice", "0"),
            ("100", "100..0"),
            ("1000", "1,000,"),
        ] {
            assert!(!shows_number(shown, value), "{value} as {shown}");
        }
    }
}
