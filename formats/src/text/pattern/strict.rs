//! Reading as `DateTimeFormatter` does with its default (smart) resolver: two letters are two
//! digits, names match by case, the whole text must be used; a day past the end of a month but not
//! past 31 is the month's last.

use super::super::calendar::{DAY, SECOND, days_in_month, days_of};
use super::{DAYS, Found, Item, MONTHS, Parsed, Pattern, is_numeric, match_name, match_offset};

pub(super) fn parse(pattern: &Pattern, text: &str) -> Option<Parsed> {
    let mut found = Found::default();
    let mut rest = text;
    for (i, item) in pattern.items.iter().enumerate() {
        match item {
            Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Item::Field(letter, count) if is_numeric(*letter, *count) => {
                let (low, high) = widths(*letter, *count, pattern.number_follows(i));
                let length = rest.bytes().take(high).take_while(u8::is_ascii_digit).count();
                if length < low {
                    return None;
                }
                store(&mut found, *letter, *count, &rest[..length])?;
                rest = &rest[length..];
            }
            Item::Field(letter, _) => rest = &rest[word(&mut found, *letter, rest)?..],
        }
    }
    if !rest.is_empty() {
        return None;
    }
    Some(Parsed { wall: resolve(&found)?, offset: found.offset })
}

/// Least and greatest number of digits.
fn widths(letter: u8, count: usize, number_follows: bool) -> (usize, usize) {
    match (letter, count) {
        (b'S', n) => (n, n),
        (b'y' | b'u' | b'Y', 2) => (2, 2),
        // Longer years need a sign in Java.
        (b'y' | b'u' | b'Y', n) if n >= 4 => (n, n),
        (_, 1) if !number_follows => (1, 18),
        (_, n) => (n, n),
    }
}

fn store(found: &mut Found, letter: u8, count: usize, digits: &str) -> Option<()> {
    let value: i64 = digits.parse().ok()?;
    let within = |low: i64, high: i64| (low..=high).contains(&value).then_some(value);
    match letter {
        b'y' | b'u' | b'Y' => found.year = Some(if count == 2 { 2000 + value } else { value }),
        b'M' | b'L' => found.month = Some(within(1, 12)?),
        b'd' => found.day = Some(within(1, 31)?),
        b'D' => found.day_of_year = Some(within(1, 366)?),
        b'H' => found.hour = Some(within(0, 24)?),
        b'k' => found.hour = Some(within(1, 24)? % 24),
        b'K' => found.hour_of_half = Some(within(0, 11)?),
        b'h' => found.hour_of_half = Some(within(1, 12)? % 12),
        b'm' => found.minute = Some(within(0, 59)?),
        b's' => found.second = Some(within(0, 59)?),
        b'S' => {
            let micros: i64 = format!("{digits:0<6}").get(..6)?.parse().ok()?;
            found.micros = Some(micros);
        }
        b'n' => found.micros = Some(value / 1000),
        _ => {}
    }
    Some(())
}

/// A field that is a word: its length.
fn word(found: &mut Found, letter: u8, text: &str) -> Option<usize> {
    match letter {
        b'M' | b'L' => {
            let (month, length) = match_name(text, &MONTHS, false)?;
            found.month = Some(month as i64 + 1);
            Some(length)
        }
        b'E' | b'e' | b'c' => match_name(text, &DAYS, false).map(|(_, length)| length),
        b'a' => {
            let half = text.get(..2)?;
            found.afternoon = Some(half == "PM");
            (half == "AM" || half == "PM").then_some(2)
        }
        b'G' => text.starts_with("AD").then_some(2),
        _ => {
            let (seconds, length) = match_offset(text)?;
            found.offset = Some(seconds);
            Some(length)
        }
    }
}

/// Missing fields are those of 1970-01-01 00:00:00.
fn resolve(f: &Found) -> Option<i64> {
    let year = f.year.unwrap_or(1970);
    if year > 200_000 {
        return None;
    }
    let month = f.month.unwrap_or(1);
    let days = match (f.day_of_year, f.day) {
        (Some(d), None) => days_of(year, 1, d),
        _ => days_of(year, month, f.day.unwrap_or(1).min(days_in_month(year, month))),
    };
    let hour = match (f.hour, f.hour_of_half, f.afternoon) {
        (Some(h), ..) => h,
        (None, Some(h), Some(afternoon)) => h + if afternoon { 12 } else { 0 },
        _ => 0, // Flink takes midnight where AM or PM is missing
    };
    let (minute, second, micros) = (f.minute.unwrap_or(0), f.second.unwrap_or(0), f.micros.unwrap_or(0));
    if hour == 24 && (minute, second, micros) != (0, 0, 0) {
        return None;
    }
    Some(days * DAY + (hour * 3600 + minute * 60 + second) * SECOND + micros)
}
