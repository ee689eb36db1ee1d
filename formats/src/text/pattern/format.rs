//! Printing by a pattern.

use super::super::calendar::{Fields, SECOND, day_of_year, us_week, weekday};
use super::super::number::{write_integer, write_padded};
use super::{DAYS, Item, Letters, MONTHS, Pattern};

/// Appends the pattern filled with a wall-clock time.
pub(super) fn write(pattern: &Pattern, out: &mut String, wall: i64, offset: i64) {
    let f = Fields::of(wall);
    for item in &pattern.items {
        match item {
            Item::Literal(text) => out.push_str(text),
            Item::Field(letter, count) => field(pattern.letters, *letter, *count, &f, offset, out),
        }
    }
}

fn field(letters: Letters, letter: u8, count: usize, f: &Fields, offset: i64, out: &mut String) {
    let simple = letters == Letters::Simple;
    let hour = i64::from(f.hour);
    let in_day = (hour * 3600 + i64::from(f.minute) * 60 + i64::from(f.second)) * SECOND + i64::from(f.micros);
    match letter {
        b'y' => year(f.date.year, count, simple, out),
        b'u' if !simple => year(f.date.year, count, simple, out),
        b'Y' => year(us_week(f.days).0, count, simple, out),
        b'M' | b'L' => name_or_number(i64::from(f.date.month), &MONTHS, 1, count, out),
        b'Q' | b'q' => quarter(i64::from(f.date.month - 1) / 3 + 1, count, out),
        b'd' => write_padded(out, i64::from(f.date.day), count),
        b'D' => write_padded(out, day_of_year(f.days), count),
        b'w' => write_padded(out, us_week(f.days).1, count),
        b'W' => {
            write_padded(out, (i64::from(f.date.day) - 1 + weekday(f.days - i64::from(f.date.day) + 1)) / 7 + 1, count);
        }
        b'F' => write_padded(out, (i64::from(f.date.day) - 1) / 7 + 1, count),
        b'u' => write_padded(out, (weekday(f.days) + 6) % 7 + 1, count),
        b'e' | b'c' => name_or_number(weekday(f.days) + 1, &DAYS, 1, count, out),
        b'E' => name_or_number(weekday(f.days), &DAYS, 0, count.max(3), out),
        b'a' => out.push_str(if f.hour < 12 { "AM" } else { "PM" }),
        b'G' => out.push_str(if f.date.year > 0 { "AD" } else { "BC" }),
        b'H' => write_padded(out, hour, count),
        b'k' => write_padded(out, if hour == 0 { 24 } else { hour }, count),
        b'K' => write_padded(out, hour % 12, count),
        b'h' => write_padded(out, (hour + 11) % 12 + 1, count),
        b'm' => write_padded(out, i64::from(f.minute), count),
        b's' => write_padded(out, i64::from(f.second), count),
        b'S' if simple => write_padded(out, i64::from(f.micros) / 1000, count),
        b'S' => fraction(i64::from(f.micros), count, out),
        b'A' => write_padded(out, in_day / 1000, count),
        b'n' => write_padded(out, i64::from(f.micros) * 1000, count),
        b'N' => write_padded(out, in_day * 1000, count),
        _ => zone(letter, count, offset, out),
    }
}

fn year(year: i64, count: usize, simple: bool, out: &mut String) {
    if count == 2 || (simple && count == 0) {
        write_padded(out, year.rem_euclid(100), 2);
    } else {
        write_padded(out, year, count);
    }
}

/// Numbers for one or two letters, the short name for three, the full one for four.
fn name_or_number(value: i64, names: &[&str], first: i64, count: usize, out: &mut String) {
    let name = usize::try_from(value - first).ok().and_then(|i| names.get(i)).copied().unwrap_or("");
    match count {
        0..=2 => write_padded(out, value, count),
        3 => out.push_str(name.get(..3).unwrap_or(name)),
        4 => out.push_str(name),
        _ => out.push_str(name.get(..1).unwrap_or(name)),
    }
}

fn quarter(value: i64, count: usize, out: &mut String) {
    match count {
        0..=2 => write_padded(out, value, count),
        3 => {
            out.push('Q');
            write_integer(out, value);
        }
        _ => out.push_str(["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"][(value as usize - 1) % 4]),
    }
}

/// The leading `count` digits of the fraction.
fn fraction(micros: i64, count: usize, out: &mut String) {
    let mut unit = SECOND / 10;
    for _ in 0..count.min(9) {
        let digit = if unit == 0 { 0 } else { micros / unit % 10 };
        out.push(char::from(b'0' + digit as u8));
        unit /= 10;
    }
}

fn zone(letter: u8, count: usize, offset: i64, out: &mut String) {
    let prefix = match letter {
        b'z' | b'V' if offset == 0 => return out.push_str("UTC"),
        b'X' if offset == 0 => return out.push('Z'),
        b'z' | b'V' | b'O' => "GMT",
        _ => "",
    };
    out.push_str(prefix);
    out.push(if offset < 0 { '-' } else { '+' });
    let minutes = offset.abs() / 60;
    write_padded(out, minutes / 60, 2);
    let colon = !prefix.is_empty() || (matches!(letter, b'X' | b'x') && count >= 3) || (letter == b'Z' && count == 5);
    if colon {
        out.push(':');
    }
    if !(matches!(letter, b'X' | b'x') && count == 1 && minutes % 60 == 0) {
        write_padded(out, minutes % 60, 2);
    }
}
