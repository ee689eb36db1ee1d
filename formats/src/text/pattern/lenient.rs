//! Reading as `SimpleDateFormat` does by default: numbers may be of any size and carry over,
//! blanks before numbers are skipped, what follows the pattern is ignored.

use super::super::calendar::{DAY, SECOND, days_of};
use super::{DAYS, Found, Item, MONTHS, Parsed, Pattern, is_numeric, match_name, match_offset};

/// A two-digit year lies at most twenty years after this one. Java slides the window with the
/// clock; a fixed one keeps results the same on every run.
const PIVOT: i64 = 2046;

pub(super) fn parse(pattern: &Pattern, text: &str) -> Option<Parsed> {
    let mut found = Found::default();
    let mut rest = text;
    for (i, item) in pattern.items.iter().enumerate() {
        match item {
            Item::Literal(literal) => rest = skip_literal(rest, literal)?,
            Item::Field(letter, count) if is_numeric(*letter, *count) => {
                rest = rest.trim_start_matches([' ', '\t']);
                let width = if pattern.number_follows(i) { *count } else { usize::MAX };
                let (value, length) = number(rest, width)?;
                store(&mut found, *letter, *count, value, length);
                rest = &rest[length..];
            }
            Item::Field(letter, _) => rest = &rest[word(&mut found, *letter, rest)?..],
        }
    }
    Some(Parsed { wall: resolve(&found)?, offset: found.offset })
}

fn skip_literal<'a>(text: &'a str, literal: &str) -> Option<&'a str> {
    text.strip_prefix(literal)
}

/// Digits with an optional minus: value and length.
fn number(text: &str, width: usize) -> Option<(i64, usize)> {
    let sign = usize::from(width == usize::MAX && text.starts_with('-'));
    let digits = text[sign..].bytes().take(width.min(18)).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let length = sign + digits;
    text[..length].parse().ok().map(|value| (value, length))
}

fn store(found: &mut Found, letter: u8, count: usize, value: i64, length: usize) {
    let slot = match letter {
        b'y' | b'Y' => {
            let short = count <= 2 && length == 2 && value >= 0;
            found.year = Some(if short { two_digit_year(value) } else { value });
            return;
        }
        b'M' | b'L' => &mut found.month,
        b'd' => &mut found.day,
        b'D' => &mut found.day_of_year,
        b'H' => &mut found.hour,
        b'k' => {
            found.hour = Some(if value == 24 { 0 } else { value });
            return;
        }
        b'K' => &mut found.hour_of_half,
        b'h' => {
            found.hour_of_half = Some(if value == 12 { 0 } else { value });
            return;
        }
        b'm' => &mut found.minute,
        b's' => &mut found.second,
        b'S' => {
            found.micros = Some(value.saturating_mul(1000));
            return;
        }
        _ => return, // weeks and weekdays do not decide a date here
    };
    *slot = Some(value);
}

fn two_digit_year(value: i64) -> i64 {
    let year = PIVOT - PIVOT % 100 + value;
    if year > PIVOT { year - 100 } else { year }
}

/// A field that is a word: its length.
fn word(found: &mut Found, letter: u8, text: &str) -> Option<usize> {
    match letter {
        b'M' | b'L' => {
            let (month, length) = match_name(text, &MONTHS, true)?;
            found.month = Some(month as i64 + 1);
            Some(length)
        }
        b'E' => match_name(text, &DAYS, true).map(|(_, length)| length),
        b'a' => {
            let half = text.get(..2)?;
            found.afternoon = Some(half.eq_ignore_ascii_case("PM"));
            (half.eq_ignore_ascii_case("AM") || half.eq_ignore_ascii_case("PM")).then_some(2)
        }
        b'G' => text.starts_with("AD").then_some(2),
        _ => {
            let (seconds, length) = match_offset(text)?;
            found.offset = Some(seconds);
            Some(length)
        }
    }
}

/// Adds everything up; any field may be far out of its range.
fn resolve(f: &Found) -> Option<i64> {
    const SANE: std::ops::Range<i64> = -1_000_000..1_000_000;
    let year = f.year.unwrap_or(1970);
    let (month, day) = (f.month.unwrap_or(1), f.day.unwrap_or(1));
    if !SANE.contains(&year) || !SANE.contains(&month) || !SANE.contains(&day) {
        return None;
    }
    let days = match f.day_of_year {
        Some(d) if f.day.is_none() && SANE.contains(&d) => days_of(year, 1, 1) + d - 1,
        _ => days_of(year, month, day),
    };
    let half = if f.afternoon == Some(true) { 12 } else { 0 };
    let hour = f.hour.or(f.hour_of_half.map(|h| h + half)).unwrap_or(0);
    let seconds = hour
        .checked_mul(3600)?
        .checked_add(f.minute.unwrap_or(0).checked_mul(60)?)?
        .checked_add(f.second.unwrap_or(0))?;
    days.checked_mul(DAY)?.checked_add(seconds.checked_mul(SECOND)?)?.checked_add(f.micros.unwrap_or(0))
}
