//! SQL text of TIMESTAMP, DATE and TIME: `2020-08-27 11:45:16.120`.

use super::buffer::TextBuffer;
use super::calendar::{self, DAY, Date, Fields, SECOND, days_in_month, days_of};
use super::number::write_padded;

/// Appends `yyyy-MM-dd`.
pub fn write_date<B: TextBuffer>(out: &mut B, days: i64) {
    let date = calendar::date_of(days);
    if let 0..=9999 = date.year {
        let (century, year) = ((date.year / 100) as u8, (date.year % 100) as u8);
        let mut text = *b"0000-00-00";
        for (at, value) in [(0, century), (2, year), (5, date.month), (8, date.day)] {
            two_digits(&mut text, at, value);
        }
        out.ascii(&text);
    } else {
        write_padded(out, date.year, 4);
        let mut text = *b"-00-00";
        two_digits(&mut text, 1, date.month);
        two_digits(&mut text, 4, date.day);
        out.ascii(&text);
    }
}

fn two_digits(text: &mut [u8], at: usize, value: u8) {
    text[at] = b'0' + value / 10;
    text[at + 1] = b'0' + value % 10;
}

/// Appends `HH:mm:ss` and at least `precision` digits of the second's fraction, more where they are
/// not zero. `micros` counts from midnight.
pub fn write_time<B: TextBuffer>(out: &mut B, micros: i64, precision: u8) {
    let seconds = micros / SECOND;
    let mut text = *b"00:00:00.000000";
    two_digits(&mut text, 0, (seconds / 3600) as u8);
    two_digits(&mut text, 3, (seconds / 60 % 60) as u8);
    two_digits(&mut text, 6, (seconds % 60) as u8);
    let fraction = micros % SECOND;
    let digits = if fraction == 0 { 0 } else { write_fraction(&mut text, fraction) };
    let wanted = digits.max(usize::from(precision.min(6)));
    out.ascii(&text[..if wanted == 0 { 8 } else { 9 + wanted }]);
    if precision > 6 {
        out.ascii(&b"000"[..usize::from(precision.min(9) - 6)]);
    }
}

/// Writes microseconds behind the point; says how many of the six digits there are before the last zeros.
fn write_fraction(text: &mut [u8; 15], mut fraction: i64) -> usize {
    let mut digits = 6;
    for at in (9..15).rev() {
        let digit = (fraction % 10) as u8;
        if digit == 0 && digits == at - 8 {
            digits -= 1;
        }
        text[at] = b'0' + digit;
        fraction /= 10;
    }
    digits
}

/// Appends a wall-clock timestamp (µs since 1970) as Flink's CAST to STRING does.
pub fn write_timestamp<B: TextBuffer>(out: &mut B, wall: i64, precision: u8) {
    write_date(out, wall.div_euclid(DAY));
    out.byte(b' ');
    write_time(out, wall.rem_euclid(DAY), precision);
}

/// Appends `yyyy-MM-ddTHH:mm:ss`, with milliseconds or microseconds where they are not zero, as
/// `LocalDateTime.toString` does but always with seconds.
pub fn write_iso<B: TextBuffer>(out: &mut B, wall: i64) {
    write_date(out, wall.div_euclid(DAY));
    out.byte(b'T');
    write_time(out, wall.rem_euclid(DAY), 0);
}

/// Prints timestamps, remembering the text of the last day and the last two timestamps: rows of one batch
/// are of one day, and the boundaries of a window stand in many rows.
#[derive(Debug, Clone)]
pub struct TimestampPrinter {
    precision: u8,
    day: i64,
    date: Vec<u8>,
    last: [(i64, Vec<u8>); 2],
}

impl TimestampPrinter {
    /// A printer with a number of decimals.
    pub fn new(precision: u8) -> Self {
        let none = || (i64::MIN, Vec::with_capacity(32));
        TimestampPrinter { precision, day: i64::MIN, date: Vec::with_capacity(16), last: [none(), none()] }
    }
    /// The same as [`write_timestamp`].
    pub fn write<B: TextBuffer>(&mut self, out: &mut B, wall: i64) {
        if let Some((_, text)) = self.last.iter().find(|(known, text)| *known == wall && !text.is_empty()) {
            return out.ascii(text);
        }
        let day = wall.div_euclid(DAY);
        if day != self.day {
            self.date.clear();
            write_date(&mut self.date, day);
            self.date.push(b' ');
            self.day = day;
        }
        self.last.swap(0, 1);
        let (known, text) = &mut self.last[0];
        *known = wall;
        text.clear();
        text.extend_from_slice(&self.date);
        write_time(text, wall.rem_euclid(DAY), self.precision);
        out.ascii(text);
    }
}

/// A value cut (not rounded) to a precision of at most six decimals.
pub fn truncate(micros: i64, precision: u8) -> i64 {
    let unit = 10_i64.pow(u32::from(6 - precision.min(6)));
    micros.saturating_sub(micros.rem_euclid(unit))
}

/// A cursor over ASCII bytes.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
    /// Between `min` and `max` digits.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let start = self.at;
        let mut value = 0;
        while self.at - start < max {
            match self.peek() {
                Some(b @ b'0'..=b'9') => value = value * 10 + i64::from(b - b'0'),
                _ => break,
            }
            self.at += 1;
        }
        (self.at - start >= min).then_some(value)
    }
    /// Digits of a fraction, at most nine, as microseconds.
    fn fraction(&mut self) -> i64 {
        let (mut value, mut unit) = (0, SECOND / 10);
        let start = self.at;
        while let Some(b @ b'0'..=b'9') = self.peek() {
            if self.at - start == 9 {
                break;
            }
            value += i64::from(b - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        value
    }
    fn done(&self) -> bool {
        self.at == self.text.len()
    }
}

/// Reads a wall-clock timestamp as Flink's CAST and TO_TIMESTAMP(text) do, in µs:
/// `yyyy-[M]M-[d]d[ [H]H:[m]m:[s]s[.f…]]`. A day past the end of a month but not past 31 is the
/// month's last day, `24:00:00` is the next midnight. `Err` is the byte where reading stopped.
///
/// # Errors
/// The index of the first byte that does not fit.
pub fn parse_timestamp(text: &str) -> Result<i64, usize> {
    let mut s = Scanner { text: text.as_bytes(), at: 0 };
    let days = scan_date(&mut s).ok_or(s.at)?;
    if s.done() {
        return Ok(days * DAY);
    }
    if !s.accept(b' ') {
        return Err(s.at);
    }
    let in_day = scan_time(&mut s).ok_or(s.at)?;
    if s.done() { Ok(days * DAY + in_day) } else { Err(s.at) }
}

fn scan_date(s: &mut Scanner<'_>) -> Option<i64> {
    let year = s.number(4, 4)?;
    let month = s.accept(b'-').then(|| s.number(1, 2))??;
    let day = s.accept(b'-').then(|| s.number(1, 2))??;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year == 0 {
        s.at = 0;
        return None;
    }
    Some(days_of(year, month, day.min(days_in_month(year, month))))
}

fn scan_time(s: &mut Scanner<'_>) -> Option<i64> {
    let hour = s.number(1, 2)?;
    let minute = s.accept(b':').then(|| s.number(1, 2))??;
    let second = s.accept(b':').then(|| s.number(1, 2))??;
    let micros = if s.accept(b'.') { s.fraction() } else { 0 };
    let midnight = hour == 24 && minute == 0 && second == 0 && micros == 0;
    if !(hour < 24 || midnight) || minute > 59 || second > 59 {
        s.at = 0;
        return None;
    }
    Some((hour * 3600 + minute * 60 + second) * SECOND + micros)
}

/// Reads SQL or ISO text of a timestamp strictly, with `separator` between date and time, as the
/// json and csv formats do: every field at full width, at least hours and minutes… seconds, up to
/// nine decimals. With `zulu` a trailing `Z` is required.
pub fn parse_strict(text: &str, separator: u8, zulu: bool) -> Option<i64> {
    let mut s = Scanner { text: text.as_bytes(), at: 0 };
    let year = s.number(4, 4)?;
    let month = s.accept(b'-').then(|| s.number(2, 2))??;
    let day = s.accept(b'-').then(|| s.number(2, 2))??;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) || !s.accept(separator) {
        return None;
    }
    let hour = s.number(2, 2)?;
    let minute = s.accept(b':').then(|| s.number(2, 2))??;
    let second = if s.accept(b':') { s.number(2, 2)? } else { 0 };
    let micros = if s.accept(b'.') { s.fraction() } else { 0 };
    if hour > 23 || minute > 59 || second > 59 || (zulu && !s.accept(b'Z')) || !s.done() {
        return None;
    }
    Some(days_of(year, month, day) * DAY + (hour * 3600 + minute * 60 + second) * SECOND + micros)
}

/// Reads a date strictly: `yyyy-MM-dd` and nothing else.
pub fn parse_date_strict(text: &str) -> Option<i64> {
    let mut s = Scanner { text: text.as_bytes(), at: 0 };
    let year = s.number(4, 4)?;
    let month = s.accept(b'-').then(|| s.number(2, 2))??;
    let day = s.accept(b'-').then(|| s.number(2, 2))??;
    let valid = s.done() && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    valid.then(|| days_of(year, month, day))
}

/// Reads a date as Flink's CAST does: what stands before the first blank, as `y-M-d`, `y-M` or `y`;
/// days that no month has are refused.
pub fn parse_date(text: &str) -> Option<i64> {
    let text = match text.find(' ') {
        Some(at) if at > 0 => &text[..at],
        _ => text,
    };
    let mut parts = text.splitn(3, '-').map(|p| p.trim().parse::<i64>().ok());
    let year = parts.next()??;
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    let valid =
        (0..=999_999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    valid.then(|| days_of(year, month, day))
}

/// Reads a time of day, `H[:m[:s[.f]]]`, in milliseconds.
pub fn parse_time(text: &str) -> Option<i64> {
    let mut s = Scanner { text: text.trim_matches(' ').as_bytes(), at: 0 };
    let hour = s.number(1, 2)?;
    let minute = if s.accept(b':') { s.number(1, 2)? } else { 0 };
    let second = if s.accept(b':') { s.number(1, 2)? } else { 0 };
    let micros = if s.accept(b'.') { s.fraction() } else { 0 };
    let valid = s.done() && hour < 24 && minute < 60 && second < 60;
    valid.then_some((hour * 3600 + minute * 60 + second) * 1000 + micros / 1000)
}

/// Year, month and day of a wall-clock value.
pub fn date_of(wall: i64) -> Date {
    Fields::of(wall).date
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(result: Result<i64, usize>) -> Option<String> {
        let mut out = String::new();
        write_timestamp(&mut out, result.ok()?, 0);
        Some(out)
    }

    #[test]
    fn to_timestamp_of_the_probes() {
        let cases = [
            ("2020-08-27 11:45:16.5", Some("2020-08-27 11:45:16.5")),
            ("2020-08-27T11:45:16", None),
            ("2020-8-7 1:5:6", Some("2020-08-07 01:05:06")),
            ("2020-02-30 00:00:00", Some("2020-02-29 00:00:00")),
            ("", None),
            ("2020-08-27 24:00:00", Some("2020-08-28 00:00:00")),
            ("2020-08-27 24:00:01", None),
            ("2020-08-27", Some("2020-08-27 00:00:00")),
            ("2020-08-27 11:45", None),
            ("2020-08-32 00:00:00", None),
            ("2020-13-01 00:00:00", None),
            ("2020-08-27 11:45:16 ", None),
            ("2020-08-27 11:45:16.123456789", Some("2020-08-27 11:45:16.123456")),
            ("garbage", None),
        ];
        for (text, expected) in cases {
            assert_eq!(show(parse_timestamp(text)).as_deref(), expected, "{text}");
        }
        assert_eq!(parse_timestamp("garbage"), Err(0));
    }

    #[test]
    fn what_the_printer_remembers_is_what_it_would_print() {
        let mut printer = TimestampPrinter::new(3);
        let base = parse_timestamp("2020-08-27 23:59:59").unwrap();
        for (i, step) in [0, 1, 0, 2, 1, 0, 0, 3, 86_400, 3, i64::MIN / 1_000_000, 0].into_iter().enumerate() {
            let wall = if step < 0 { i64::MIN } else { base + step * 1_000_000 };
            let (mut want, mut got) = (String::new(), String::new());
            write_timestamp(&mut want, wall, 3);
            printer.write(&mut got, wall);
            assert_eq!(got, want, "{i}");
        }
    }

    #[test]
    fn decimals_follow_the_precision() {
        let print = |wall, precision| {
            let mut out = String::new();
            write_timestamp(&mut out, wall, precision);
            let mut again = String::new();
            TimestampPrinter::new(precision).write(&mut again, wall);
            assert_eq!(out, again);
            out
        };
        let base = parse_timestamp("2020-08-27 11:45:16").unwrap();
        assert_eq!(print(base, 0), "2020-08-27 11:45:16");
        assert_eq!(print(base, 3), "2020-08-27 11:45:16.000");
        assert_eq!(print(base + 120_000, 3), "2020-08-27 11:45:16.120");
        assert_eq!(print(base + 120_000, 0), "2020-08-27 11:45:16.12");
        assert_eq!(print(base + 7, 3), "2020-08-27 11:45:16.000007");
        assert_eq!(print(base, 9), "2020-08-27 11:45:16.000000000");
        assert_eq!(print(-1_000_000, 0), "1969-12-31 23:59:59");
        assert_eq!(truncate(base + 123_456, 3), base + 123_000);
        assert_eq!(truncate(-1, 3), -1000);
    }

    #[test]
    fn strict_texts_of_the_formats() {
        let base = parse_timestamp("2020-08-27 11:45:16").unwrap();
        assert_eq!(parse_strict("2020-08-27 11:45:16", b' ', false), Some(base));
        assert_eq!(parse_strict("2020-08-27T11:45:16.5Z", b'T', true), Some(base + 500_000));
        for bad in ["2020-08-27T11:45:16", "2020-8-27 11:45:16", "2020-02-30 00:00:00", "", "2020-08-27 24:00:00"] {
            assert_eq!(parse_strict(bad, b' ', false), None, "{bad}");
        }
        assert_eq!(parse_strict("2020-08-27 11:45:16+08:00", b' ', true), None);
        assert_eq!(parse_date_strict("2020-8-7"), None);
        assert_eq!(parse_date_strict("2020-08-07"), Some(base / DAY - 20));
    }

    #[test]
    fn dates_and_times() {
        assert_eq!(parse_date("2020-08-27 11:45:16"), Some(days_of(2020, 8, 27)));
        assert_eq!(parse_date("2020-8"), Some(days_of(2020, 8, 1)));
        assert_eq!(parse_date("2020-02-30"), None);
        assert_eq!(parse_date("x"), None);
        assert_eq!(parse_time("11:45:16.5"), Some(42_316_500));
        assert_eq!(parse_time("25:00:00"), None);
    }

    #[test]
    fn printed_timestamps_read_back_as_themselves() {
        let (low, high) = (days_of(1, 1, 1) * DAY, days_of(10_000, 1, 1) * DAY);
        let mut state = 3_i64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let wall = low + state.rem_euclid(high - low);
            let mut out = String::new();
            write_timestamp(&mut out, wall, (state.rem_euclid(7)) as u8);
            assert_eq!(parse_timestamp(&out), Ok(wall), "{out}");
            assert_eq!(parse_strict(&out, b' ', false), Some(wall));
        }
        for extreme in [i64::MIN, i64::MAX] {
            write_timestamp(&mut String::new(), truncate(extreme, 0), 3);
        }
    }
}
