//! CAST between text and scalar types, by [`CastFlavor`].
//!
//! | text → | Flink and legacy | Blink |
//! |---|---|---|
//! | integers | trimmed, sign, fraction cut off; else a problem | the same |
//! | FLOAT, DOUBLE | what `Double.parseDouble` reads | the same |
//! | DECIMAL(p,s) | rounded half up; too many digits: NULL | the same |
//! | BOOLEAN | t true y yes 1, f false n no 0, any case | the same |
//! | TIMESTAMP | `yyyy-[M]M-[d]d[ H:m:s[.f]]` | by length: 10 a date, 21–23 with fraction, else to seconds; lenient |
//! | DATE | what stands before a blank; real dates only | the same |
//!
//! Printing differs in BOOLEAN: Flink `TRUE`, legacy and Blink `true`.
//!
//! The functions per type say what is wrong with a text as a small [`CastProblem`] without
//! allocating; [`CastProblem::reason`] makes the sentence. Whether a problem is NULL or an error is
//! the caller's [`OnCastError`]; [`cast_text`] applies it.

use std::borrow::Cow;

use tidegate_core::scan::{CastFlavor, CastRule, OnCastError};
use tidegate_core::types::MAX_LENGTH;
use tidegate_core::{Scalar, SqlType};

use super::buffer::TextBuffer;
use super::decimal::{self, write_decimal};
use super::number::{self, NumberProblem, write_double, write_float, write_integer};
use super::pattern::{Letters, Pattern};
use super::timestamp::{self, write_date, write_time, write_timestamp};
use super::zone::Zone;

/// Why a text cannot be cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastProblem {
    /// Not an integer of the type.
    Integer(NumberProblem),
    /// Not a FLOAT, DOUBLE or DECIMAL.
    Number,
    /// Not a BOOLEAN.
    Boolean,
    /// Not a TIMESTAMP; the byte where reading stopped.
    Timestamp(usize),
    /// Not a DATE.
    Date,
    /// Not a TIME.
    Time,
    /// Text is never cast to this type.
    Unsupported,
}

impl CastProblem {
    /// The sentence for people, with the text it is about.
    pub fn reason(self, text: &str) -> String {
        let text = shorten(text);
        match self {
            CastProblem::Integer(NumberProblem::Empty) => format!("For input string: '{text}'. Input is empty."),
            CastProblem::Integer(NumberProblem::OnlySign) => {
                format!("For input string: '{text}'. Input has only positive or negative symbol.")
            }
            CastProblem::Integer(NumberProblem::Invalid) => {
                format!("For input string: '{text}'. Invalid character found.")
            }
            CastProblem::Integer(NumberProblem::Overflow) => format!("For input string: '{text}'. Overflow."),
            CastProblem::Number if text.trim().is_empty() => "an empty text is not a number".to_string(),
            CastProblem::Number => format!("'{text}' is not a number"),
            CastProblem::Boolean => format!("Cannot parse '{text}' as BOOLEAN."),
            CastProblem::Timestamp(at) => format!("Text '{text}' could not be parsed at index {at}"),
            CastProblem::Date => format!("'{text}' is not a date of the form yyyy-MM-dd"),
            CastProblem::Time => format!("'{text}' is not a time of the form HH:mm:ss"),
            CastProblem::Unsupported => format!("'{text}' cannot be cast to this type"),
        }
    }

    /// A short stable class for counting: the exception's name that Flink shows.
    pub fn class(self) -> &'static str {
        match self {
            CastProblem::Integer(_) | CastProblem::Number => "NumberFormatException",
            CastProblem::Boolean => "TableException",
            CastProblem::Timestamp(_) | CastProblem::Date | CastProblem::Time => "DateTimeException",
            CastProblem::Unsupported => "UnsupportedCast",
        }
    }
}

/// At most 60 characters of a text, for messages.
fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
    }
}

/// The range of an integer type.
pub fn integer_range(ty: &SqlType) -> Option<(i64, i64)> {
    match ty {
        SqlType::TinyInt => Some((i64::from(i8::MIN), i64::from(i8::MAX))),
        SqlType::SmallInt => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
        SqlType::Int => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        SqlType::BigInt => Some((i64::MIN, i64::MAX)),
        _ => None,
    }
}

/// Text to an integer between `min` and `max`. All flavours agree.
///
/// # Errors
/// [`CastProblem::Integer`].
pub fn integer(text: &[u8], _flavor: CastFlavor, min: i64, max: i64) -> Result<i64, CastProblem> {
    number::parse_integer(text, min, max).map_err(CastProblem::Integer)
}

/// Text to DOUBLE.
///
/// # Errors
/// [`CastProblem::Number`].
pub fn double(text: &str) -> Result<f64, CastProblem> {
    number::parse_double(text).ok_or(CastProblem::Number)
}

/// Text to FLOAT.
///
/// # Errors
/// [`CastProblem::Number`].
pub fn float(text: &str) -> Result<f32, CastProblem> {
    number::parse_float(text).ok_or(CastProblem::Number)
}

/// Text to DECIMAL(precision, scale), unscaled; `Ok(None)` is NULL: too many digits.
///
/// # Errors
/// [`CastProblem::Number`].
pub fn decimal(text: &[u8], precision: u8, scale: u8) -> Result<Option<i128>, CastProblem> {
    decimal::parse_decimal(text, precision, scale).map_err(|_| CastProblem::Number)
}

/// Text to BOOLEAN.
///
/// # Errors
/// [`CastProblem::Boolean`].
pub fn boolean(text: &str) -> Result<bool, CastProblem> {
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    if is(&["true", "t", "yes", "y", "1"]) {
        Ok(true)
    } else if is(&["false", "f", "no", "n", "0"]) {
        Ok(false)
    } else {
        Err(CastProblem::Boolean)
    }
}

/// Text to a wall clock in µs, cut to `precision` decimals.
///
/// # Errors
/// [`CastProblem::Timestamp`].
pub fn timestamp(text: &str, flavor: CastFlavor, precision: u8) -> Result<i64, CastProblem> {
    let wall = match flavor {
        CastFlavor::Blink => blink_timestamp(text).ok_or(CastProblem::Timestamp(0))?,
        CastFlavor::Flink | CastFlavor::FlinkLegacy => {
            timestamp::parse_timestamp(text).map_err(CastProblem::Timestamp)?
        }
    };
    Ok(timestamp::truncate(wall, precision))
}

/// Blink's default reading, chosen by the length of the text; lenient like `SimpleDateFormat`.
pub fn blink_timestamp(text: &str) -> Option<i64> {
    if let Ok(wall) = timestamp::parse_timestamp(text)
        && matches!(text.len(), 10 | 19 | 21..=23)
    {
        // The regular texts, without a pattern. A day such as 02-30 must carry over, not clamp.
        let day: Option<u8> = text.get(8..10).and_then(|d| d.parse().ok());
        if day.is_some_and(|d| d <= 28) {
            return Some(wall);
        }
    }
    let pattern = match text.len() {
        10 => "yyyy-MM-dd",
        21..=23 => "yyyy-MM-dd HH:mm:ss.SSS",
        _ => "yyyy-MM-dd HH:mm:ss",
    };
    Pattern::compile(pattern, Letters::Simple).ok()?.parse(text).map(|p| p.wall)
}

/// Text to an instant in µs: a wall clock read in `zone`.
///
/// # Errors
/// [`CastProblem::Timestamp`].
pub fn instant(text: &str, flavor: CastFlavor, precision: u8, zone: &Zone) -> Result<i64, CastProblem> {
    timestamp(text, flavor, precision).map(|wall| zone.to_instant(wall))
}

/// Text to DATE in days.
///
/// # Errors
/// [`CastProblem::Date`].
pub fn date(text: &str) -> Result<i64, CastProblem> {
    timestamp::parse_date(text).ok_or(CastProblem::Date)
}

/// Text to TIME in milliseconds.
///
/// # Errors
/// [`CastProblem::Time`].
pub fn time(text: &str) -> Result<i64, CastProblem> {
    timestamp::parse_time(text).ok_or(CastProblem::Time)
}

/// Text as CHAR(n) or VARCHAR(n): cut to `n` characters; CHAR is padded with blanks.
pub fn fit_text<'a>(text: &'a str, to: &SqlType) -> Cow<'a, str> {
    let (SqlType::Char(length) | SqlType::VarChar(length)) = to else { return Cow::Borrowed(text) };
    let length = *length as usize;
    if length < MAX_LENGTH as usize
        && text.len() > length
        && let Some((at, _)) = text.char_indices().nth(length)
    {
        return Cow::Borrowed(&text[..at]);
    }
    let missing = match to {
        SqlType::Char(_) => length - text.chars().count().min(length),
        _ => 0,
    };
    if missing == 0 { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}{}", " ".repeat(missing))) }
}

/// Text to a scalar of any type but ARRAY, MAP and ROW. `Scalar::Null` where the type says NULL
/// without a problem (decimal overflow).
///
/// # Errors
/// What is wrong with the text.
pub fn text_to_scalar(text: &str, to: &SqlType, flavor: CastFlavor, zone: &Zone) -> Result<Scalar, CastProblem> {
    if let Some((min, max)) = integer_range(to) {
        return integer(text.as_bytes(), flavor, min, max).map(Scalar::Int);
    }
    match to {
        SqlType::Char(_) | SqlType::VarChar(_) => Ok(Scalar::Text(fit_text(text, to).into_owned())),
        SqlType::Binary(n) | SqlType::VarBinary(n) => Ok(Scalar::Bytes(fit_bytes(text.as_bytes(), to, *n))),
        SqlType::Boolean => boolean(text).map(Scalar::Bool),
        SqlType::Double => double(text).map(Scalar::Double),
        SqlType::Float => float(text).map(|f| Scalar::Double(f64::from(f))),
        SqlType::Decimal(p, s) => Ok(decimal(text.as_bytes(), *p, *s)?.map_or(Scalar::Null, Scalar::Decimal)),
        SqlType::Timestamp(p) => timestamp(text, flavor, *p).map(Scalar::Micros),
        SqlType::TimestampLtz(p) => instant(text, flavor, *p, zone).map(Scalar::Micros),
        SqlType::Date => date(text).map(Scalar::Int),
        SqlType::Time(_) => time(text).map(Scalar::Int),
        _ => Err(CastProblem::Unsupported),
    }
}

/// Bytes as BINARY(n) or VARBINARY(n): cut to `n`; BINARY is padded with zeros.
pub fn fit_bytes(bytes: &[u8], to: &SqlType, length: u32) -> Vec<u8> {
    let length = length as usize;
    let mut out = bytes[..bytes.len().min(length)].to_vec();
    if matches!(to, SqlType::Binary(_)) {
        out.resize(length, 0);
    }
    out
}

/// CAST of a text by a rule: `Ok(None)` is NULL.
///
/// # Errors
/// The sentence for people, where the rule says that a failure is an error.
pub fn cast_text(text: &str, to: &SqlType, rule: CastRule, zone: &Zone) -> Result<Option<Scalar>, String> {
    match text_to_scalar(text, to, rule.flavor, zone) {
        Ok(Scalar::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(_) if rule.on_error == OnCastError::Null => Ok(None),
        Err(problem) => Err(problem.reason(text)),
    }
}

/// Appends BOOLEAN text.
pub fn write_boolean<B: TextBuffer>(out: &mut B, value: bool, flavor: CastFlavor) {
    out.text(match (flavor, value) {
        (CastFlavor::Flink, true) => "TRUE",
        (CastFlavor::Flink, false) => "FALSE",
        (_, true) => "true",
        (_, false) => "false",
    });
}

/// Appends the text of a scalar of type `from`; nothing for NULL. Bytes are read as UTF-8, with
/// U+FFFD for what is not.
pub fn write_scalar(out: &mut String, value: &Scalar, from: &SqlType, flavor: CastFlavor, zone: &Zone) {
    match (value, from) {
        (Scalar::Null, _) => {}
        (Scalar::Bool(b), _) => write_boolean(out, *b, flavor),
        (Scalar::Int(days), SqlType::Date) => write_date(out, *days),
        (Scalar::Int(ms), SqlType::Time(p)) => write_time(out, ms * 1000, *p),
        (Scalar::Int(n), _) => write_integer(out, *n),
        (Scalar::Double(d), SqlType::Float) => write_float(out, *d as f32),
        (Scalar::Double(d), _) => write_double(out, *d),
        (Scalar::Decimal(d), SqlType::Decimal(_, s)) => write_decimal(out, *d, *s),
        (Scalar::Decimal(d), _) => write_decimal(out, *d, 0),
        (Scalar::Text(t), _) => out.push_str(t),
        (Scalar::Bytes(b), _) => out.push_str(&String::from_utf8_lossy(b)),
        (Scalar::Micros(us), SqlType::TimestampLtz(p)) => write_timestamp(out, zone.to_wall(*us), *p),
        (Scalar::Micros(us), SqlType::Timestamp(p)) => write_timestamp(out, *us, *p),
        (Scalar::Micros(us), _) => write_timestamp(out, *us, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: CastRule = CastRule { on_error: OnCastError::Fail, flavor: CastFlavor::Flink };
    const TRY: CastRule = CastRule { on_error: OnCastError::Null, flavor: CastFlavor::Flink };

    fn cast(text: &str, to: &SqlType, rule: CastRule) -> Result<Option<Scalar>, String> {
        cast_text(text, to, rule, &Zone::utc())
    }

    #[test]
    fn probes_of_casts_from_text() {
        let big = SqlType::BigInt;
        assert_eq!(cast(" 5 ", &big, STRICT), Ok(Some(Scalar::Int(5))));
        assert_eq!(cast("5e2", &big, STRICT), Err("For input string: '5e2'. Invalid character found.".to_string()));
        assert_eq!(cast("", &big, STRICT), Err("For input string: ''. Input is empty.".to_string()));
        assert_eq!(
            cast("9223372036854775808", &big, STRICT),
            Err("For input string: '9223372036854775808'. Overflow.".to_string())
        );
        assert_eq!(cast("", &big, TRY), Ok(None));
        assert_eq!(cast("5.7", &big, TRY), Ok(Some(Scalar::Int(5))));
        assert!(cast("300", &SqlType::TinyInt, STRICT).unwrap_err().contains("Overflow"));
        assert_eq!(cast("1", &SqlType::Boolean, STRICT), Ok(Some(Scalar::Bool(true))));
        assert_eq!(cast("Yes", &SqlType::Boolean, STRICT), Ok(Some(Scalar::Bool(true))));
        assert!(cast("maybe", &SqlType::Boolean, STRICT).is_err());
        assert_eq!(cast("1.005", &SqlType::Decimal(10, 2), STRICT), Ok(Some(Scalar::Decimal(101))));
        assert_eq!(cast("123456789.12", &SqlType::Decimal(10, 2), STRICT), Ok(None));
        assert_eq!(
            cast("garbage", &SqlType::Timestamp(3), STRICT),
            Err("Text 'garbage' could not be parsed at index 0".to_string())
        );
        assert_eq!(cast("abc", &SqlType::VarChar(2), STRICT), Ok(Some(Scalar::Text("ab".into()))));
        assert_eq!(cast("中文字", &SqlType::VarChar(2), STRICT), Ok(Some(Scalar::Text("中文".into()))));
        assert_eq!(cast("ab", &SqlType::Char(4), STRICT), Ok(Some(Scalar::Text("ab  ".into()))));
        assert_eq!(cast("abc", &SqlType::BYTES, STRICT), Ok(Some(Scalar::Bytes(b"abc".to_vec()))));
    }

    #[test]
    fn blink_reads_timestamps_by_length() {
        let read = |t| timestamp(t, CastFlavor::Blink, 3).ok();
        let base = timestamp::parse_timestamp("2020-08-27 11:45:16").ok();
        assert_eq!(read("2020-08-27 11:45:16"), base);
        assert_eq!(read("2020-08-27 11:45:16.500"), base.map(|b| b + 500_000));
        assert_eq!(read("2020-08-27"), timestamp::parse_timestamp("2020-08-27").ok());
        assert_eq!(read("2020-02-30 00:00:00"), timestamp::parse_timestamp("2020-03-01").ok());
        assert_eq!(read("garbage"), None);
    }

    #[test]
    fn printing_by_flavor_and_zone() {
        let show = |v: Scalar, t: SqlType, f| {
            let mut out = String::new();
            write_scalar(&mut out, &v, &t, f, &Zone::named("Asia/Shanghai").unwrap());
            out
        };
        assert_eq!(show(Scalar::Bool(true), SqlType::Boolean, CastFlavor::Flink), "TRUE");
        assert_eq!(show(Scalar::Bool(true), SqlType::Boolean, CastFlavor::Blink), "true");
        assert_eq!(show(Scalar::Decimal(150), SqlType::Decimal(3, 2), CastFlavor::Flink), "1.50");
        let instant = Scalar::Micros(1_598_528_716_123_000);
        assert_eq!(show(instant.clone(), SqlType::TimestampLtz(3), CastFlavor::Flink), "2020-08-27 19:45:16.123");
        assert_eq!(show(instant, SqlType::Timestamp(3), CastFlavor::Flink), "2020-08-27 11:45:16.123");
        assert_eq!(show(Scalar::Int(0), SqlType::Date, CastFlavor::Flink), "1970-01-01");
    }
}
