//! Dates, times, timestamps and decimals as the text that tables keep, and back. The calendar is that
//! of `tidegate_formats::text`.

use tidegate_formats::text::calendar::{self, Date};

const DAY: i64 = 86_400_000_000;

fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let n = calendar::days_of(year, month, day);
    // 31 April would carry over into May.
    (i64::from(calendar::date_of(n).day) == day).then_some(n)
}

/// `2020-08-27`
pub(crate) fn date(days: i64) -> String {
    let Date { year, month, day } = calendar::date_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `08:00:00`, with `.123` or `.123456` where there is a fraction.
pub(crate) fn time(micros: i64) -> String {
    let (s, f) = (micros / 1_000_000, micros % 1_000_000);
    let mut out = format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    if f != 0 {
        out += &if f % 1000 == 0 { format!(".{:03}", f / 1000) } else { format!(".{f:06}") };
    }
    out
}

/// `2020-08-27 08:00:00[.123[456]]`
pub(crate) fn timestamp(micros: i64) -> String {
    format!("{} {}", date(micros.div_euclid(DAY)), time(micros.rem_euclid(DAY)))
}

/// Days of `2020-08-27`.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let mut int = || parts.next()?.parse::<u32>().ok().map(i64::from);
    days(int()?, int()?, int()?)
}

/// Microseconds of `08:00:00[.f…]`.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.splitn(3, ':');
    let mut int = |max: i64| parts.next().unwrap_or("0").parse::<u32>().ok().map(i64::from).filter(|n| *n < max);
    let seconds = int(24)? * 3600 + int(60)? * 60 + int(60)?;
    let digits = &fraction.as_bytes()[..fraction.len().min(6)];
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros = digits.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    Some(seconds * 1_000_000 + micros * 10_i64.pow(6 - digits.len() as u32))
}

/// Microseconds of `2020-08-27[ 08:00:00[.f…]][Z]`; a `T` between the halves will do.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (day, clock) = text.split_once([' ', 'T']).unwrap_or((text, "0:0:0"));
    Some(parse_date(day)? * DAY + parse_time(clock)?)
}

/// The unscaled value of a decimal text at a scale; further digits must be zeros.
pub(crate) fn parse_decimal(text: &str, scale: u32) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |t| (-1, t));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let kept = part.get(..part.len().min(scale as usize))?;
    let dropped = &part[kept.len()..];
    if !dropped.bytes().all(|b| b == b'0') || whole.is_empty() || whole.starts_with(['+', '-']) {
        return None;
    }
    let number: i128 = format!("{whole}{kept}").parse().ok()?;
    number.checked_mul(10_i128.checked_pow(scale - kept.len() as u32)?).map(|n| n * sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_formats::text::decimal::decimal_to_string;

    #[test]
    fn timestamps_round_trip() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00"),
            (1_598_486_400_123_000, "2020-08-27 00:00:00.123"),
            (1_582_934_400_000_001, "2020-02-29 00:00:00.000001"),
            (-1, "1969-12-31 23:59:59.999999"),
            (-62_135_596_800_000_000, "0001-01-01 00:00:00"),
            (253_402_300_799_000_000, "9999-12-31 23:59:59"),
        ] {
            assert_eq!(timestamp(micros), text);
            assert_eq!(parse_timestamp(text), Some(micros));
        }
        for wrong in ["2021-02-29 00:00:00", "2020-13-01", "x", "2020-08-27 25:00:00", "2020-08-27 00:00:00.x"] {
            assert_eq!(parse_timestamp(wrong), None, "{wrong}");
        }
        assert_eq!(parse_timestamp("2020-08-27T00:00:00Z"), Some(1_598_486_400_000_000));
    }

    #[test]
    fn decimals_round_trip() {
        for (n, scale, text) in
            [(-5, 2, "-0.05"), (12345, 2, "123.45"), (7, 0, "7"), (i128::from(i64::MAX), 4, "922337203685477.5807")]
        {
            assert_eq!(decimal_to_string(n, scale as u8), text);
            assert_eq!(parse_decimal(text, scale), Some(n));
        }
        assert_eq!(parse_decimal("1.50", 1), Some(15));
        assert_eq!(parse_decimal("1.55", 1), None);
        assert_eq!(parse_decimal("3", 2), Some(300));
        assert_eq!(parse_decimal("é.1", 2), None);
    }
}
