//! Date patterns such as `yyyy-MM-dd HH:mm:ss`, compiled once.
//!
//! Java has two readings and Flink uses both:
//! - [`Letters::Formatter`] is `java.time.DateTimeFormatter`: DATE_FORMAT of a timestamp (`u` is the
//!   year, `e` the weekday from Sunday) and TO_TIMESTAMP(text, pattern), which is strict;
//! - [`Letters::Simple`] is `java.text.SimpleDateFormat`: DATE_FORMAT of a text, FROM_UNIXTIME,
//!   UNIX_TIMESTAMP; it parses leniently and ignores what follows.
//!
//! Names of months and days are English.

mod format;
mod lenient;
mod strict;

/// Which of Java's two classes gives the letters their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Letters {
    /// `java.time.DateTimeFormatter`
    Formatter,
    /// `java.text.SimpleDateFormat`
    Simple,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    letters: Letters,
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(String),
    /// A pattern letter and how often it stands there.
    Field(u8, usize),
}

/// What a text said, when read by a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// The wall clock in µs since 1970.
    pub wall: i64,
    /// Seconds east of UTC, where the text named a zone.
    pub offset: Option<i64>,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A reason for people: an unknown letter or an open quote.
    pub fn compile(text: &str, letters: Letters) -> Result<Pattern, String> {
        let known: &[u8] = match letters {
            Letters::Formatter => b"GuyYDMLdQqwWEecaHkKhmsSAnNVzOXxZ",
            Letters::Simple => b"GyYMLwWDdFEuaHkKhmsSzZX",
        };
        let mut items: Vec<Item> = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                quoted(&mut chars, &mut literal)
                    .ok_or_else(|| format!("the quote in pattern '{text}' is not closed"))?;
            } else if c.is_ascii_alphabetic() {
                let letter = c as u8;
                if !known.contains(&letter) {
                    return Err(format!(
                        "pattern '{text}' has an unknown letter '{c}'; put plain text in single quotes"
                    ));
                }
                if !literal.is_empty() {
                    items.push(Item::Literal(std::mem::take(&mut literal)));
                }
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                items.push(Item::Field(letter, count));
            } else {
                literal.push(c);
            }
        }
        if !literal.is_empty() {
            items.push(Item::Literal(literal));
        }
        Ok(Pattern { letters, items })
    }

    /// Whether it is `yyyy-MM-dd`, the usual one.
    pub fn is_date(&self) -> bool {
        use Item::{Field, Literal};
        matches!(&self.items[..], [Field(b'y', 4), Literal(a), Field(b'M', 2), Literal(b), Field(b'd', 2)] if a == "-" && b == "-")
    }

    /// Appends a wall-clock time (µs since 1970) whose zone is `offset` seconds east of UTC.
    pub fn write(&self, out: &mut String, wall: i64, offset: i64) {
        format::write(self, out, wall, offset);
    }

    /// Reads a text: leniently with [`Letters::Simple`] (fields carry over, what follows is
    /// ignored), to the letter with [`Letters::Formatter`]. `None` where it does not fit.
    pub fn parse(&self, text: &str) -> Option<Parsed> {
        match self.letters {
            Letters::Simple => lenient::parse(self, text),
            Letters::Formatter => strict::parse(self, text),
        }
    }

    /// Whether the item after `at` is a number too, so that widths are fixed.
    fn number_follows(&self, at: usize) -> bool {
        match self.items.get(at + 1) {
            Some(Item::Field(letter, count)) => is_numeric(*letter, *count),
            _ => false,
        }
    }
}

/// Reads up to the closing quote; `''` is a quote, inside and outside.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, literal: &mut String) -> Option<()> {
    if chars.next_if_eq(&'\'').is_some() {
        literal.push('\'');
        return Some(());
    }
    loop {
        match chars.next()? {
            '\'' if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
            '\'' => return Some(()),
            c => literal.push(c),
        }
    }
}

fn is_numeric(letter: u8, count: usize) -> bool {
    match letter {
        b'M' | b'L' | b'e' | b'c' | b'Q' | b'q' => count < 3,
        b'G' | b'E' | b'a' | b'z' | b'Z' | b'X' | b'x' | b'V' | b'O' => false,
        _ => true,
    }
}

/// The fields a parser has met.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    /// 0 to 23
    hour: Option<i64>,
    /// 0 to 11
    hour_of_half: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    micros: Option<i64>,
    offset: Option<i64>,
}

/// The index of the name that `text` starts with, and its length; names are tried in full and
/// by their first three letters.
fn match_name(text: &str, names: &[&str], ignore_case: bool) -> Option<(usize, usize)> {
    let fits = |name: &str| {
        text.get(..name.len()).is_some_and(|t| if ignore_case { t.eq_ignore_ascii_case(name) } else { t == name })
    };
    let full = names.iter().position(|n| fits(n)).map(|i| (i, names[i].len()));
    full.or_else(|| names.iter().position(|n| fits(&n[..3])).map(|i| (i, 3)))
}

/// Reads `Z`, `UTC`, `GMT`, `+08:00`, `+0800`, `GMT+8`: seconds and length.
fn match_offset(text: &str) -> Option<(i64, usize)> {
    if text.starts_with('Z') {
        return Some((0, 1));
    }
    let named = ["UTC", "GMT"].iter().find(|n| text.starts_with(**n)).map_or(0, |n| n.len());
    let rest = &text[named..];
    let length = rest.bytes().take_while(|b| matches!(b, b'+' | b'-' | b':' | b'0'..=b'9')).take(6).count();
    match super::zone::parse_offset(&rest[..length]) {
        Some(seconds) => Some((seconds, named + length)),
        None => (named > 0).then_some((0, named)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::timestamp::{parse_timestamp, write_timestamp};

    fn print(pattern: &str, letters: Letters, at: &str) -> String {
        let mut out = String::new();
        let wall = parse_timestamp(at).unwrap();
        Pattern::compile(pattern, letters).unwrap().write(&mut out, wall, 0);
        out
    }

    fn read(pattern: &str, letters: Letters, text: &str) -> Option<String> {
        let parsed = Pattern::compile(pattern, letters).unwrap().parse(text)?;
        let mut out = String::new();
        write_timestamp(&mut out, parsed.wall, 0);
        Some(out)
    }

    #[test]
    fn prints_as_the_probes_say() {
        let at = "2020-08-27 01:45:16.123";
        assert_eq!(print("YYYY u e h a", Letters::Formatter, at), "2020 2020 5 1 AM");
        assert_eq!(print("yyyyMMddHH", Letters::Formatter, "2020-08-27 11:45:16"), "2020082711");
        assert_eq!(
            print("MMM d, yyyy h:mm:ss a", Letters::Formatter, "2019-09-11 13:44:01"),
            "Sep 11, 2019 1:44:01 PM"
        );
        assert_eq!(print("EEEE 'o''clock' HH:mm:ss.SSS", Letters::Formatter, at), "Thursday o'clock 01:45:16.123");
        assert_eq!(print("u", Letters::Simple, at), "4");
        assert_eq!(print("yy-M D S", Letters::Simple, at), "20-8 240 123");
        assert_eq!(print("SSSSSS", Letters::Formatter, at), "123000");
    }

    #[test]
    fn simple_date_format_is_lenient() {
        let read = |text| read("yyyy-MM-dd HH:mm:ss", Letters::Simple, text);
        assert_eq!(read("2020-08-27 11:45:16.999").as_deref(), Some("2020-08-27 11:45:16"));
        assert_eq!(read("2020-02-30 00:00:00").as_deref(), Some("2020-03-01 00:00:00"));
        assert_eq!(read("2020-13-40 99:99:99").as_deref(), Some("2021-02-13 04:40:39"));
        assert_eq!(read("2020-8-7 1:5:6 and more").as_deref(), Some("2020-08-07 01:05:06"));
        for bad in ["2020-08-27", "garbage", "", "2020-08-27T11:45:16Z"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(super::tests::read("yyyyMMdd", Letters::Simple, "20200827").as_deref(), Some("2020-08-27 00:00:00"));
        assert_eq!(super::tests::read("yy/MM/dd", Letters::Simple, "20/08/27").as_deref(), Some("2020-08-27 00:00:00"));
        assert_eq!(super::tests::read("yy/MM/dd", Letters::Simple, "99/08/27").as_deref(), Some("1999-08-27 00:00:00"));
    }

    #[test]
    fn formatter_is_strict() {
        let sep = "MMM d, yyyy h:mm:ss a";
        assert_eq!(read(sep, Letters::Formatter, "Sep 11, 2019 1:44:01 PM").as_deref(), Some("2019-09-11 13:44:01"));
        assert_eq!(read(sep, Letters::Formatter, "Sep 11, 2019 12:44:01 AM").as_deref(), Some("2019-09-11 00:44:01"));
        assert_eq!(read(sep, Letters::Formatter, "sep 11, 2019 1:44:01 PM"), None);
        assert_eq!(read("yyyy-MM-dd", Letters::Formatter, "2020-8-7"), None);
        assert_eq!(read("yyyy-MM-dd", Letters::Formatter, "2020-08-07x"), None);
        assert_eq!(
            read("yyyyMMddHHmmss", Letters::Formatter, "20200827114516").as_deref(),
            Some("2020-08-27 11:45:16")
        );
        assert_eq!(read("yyyy-MM-dd", Letters::Formatter, "2020-02-30").as_deref(), Some("2020-02-29 00:00:00"));
    }

    #[test]
    fn zones_in_text() {
        let p = Pattern::compile("yyyy-MM-dd'T'HH:mm:ssXXX", Letters::Simple).unwrap();
        assert_eq!(p.parse("2020-08-27T11:45:16+08:00").unwrap().offset, Some(28_800));
        assert_eq!(p.parse("2020-08-27T11:45:16Z").unwrap().offset, Some(0));
        let mut out = String::new();
        p.write(&mut out, 0, 28_800);
        assert_eq!(out, "1970-01-01T00:00:00+08:00");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(Pattern::compile("yyyy-bb", Letters::Formatter).unwrap_err().contains("'b'"));
        assert!(Pattern::compile("yyyy 'open", Letters::Simple).unwrap_err().contains("quote"));
    }
}
