//! Values of the json format: what Flink's `JsonRowDataDeserializationSchema` makes of a JSON value
//! and a column type.
//!
//! | type | JSON | rule |
//! |---|---|---|
//! | STRING | any | a string's text, a number as written, an object or array as compact text |
//! | BOOLEAN | true, false; other scalars | a text is true if it reads `true`, anything else is false |
//! | TINYINT, SMALLINT | integer or text | trimmed text of digits; out of range or with a fraction: bad |
//! | INT, BIGINT | number or text | a fraction of a number is cut off, of a text it is bad |
//! | FLOAT, DOUBLE | number or text | as Java reads them, `"NaN"` and `"Infinity"` too |
//! | DECIMAL | number or text | rounded half up; too many digits give NULL |
//! | DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ | text | in the one form of `timestamp-format.standard` |
//! | BYTES | text | base64 |
//! | ARRAY, MAP, ROW | array, object, object | element by element; a missing ROW field is NULL |
//!
//! An object or array where a scalar is wanted is a bad field like any other. (Flink's streaming
//! parser loses its place there, and the rest of the record with it.)

use base64::Engine as _;
use tidegate_core::Scalar;
use tidegate_core::table::{JsonFormat, TimestampText};
use tidegate_core::types::{Column, DataType, SqlType};

use super::value::Datum;
use crate::json::scan::Kind;
use crate::json::tree::Json;
use crate::text::{decimal, number, timestamp};

/// How the json format reads values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypedOptions {
    pub(crate) timestamps: TimestampText,
    /// A bad field inside an ARRAY, MAP or ROW is NULL instead of spoiling all of it.
    pub(crate) lenient: bool,
    pub(crate) fail_on_missing: bool,
}

impl TypedOptions {
    pub(crate) fn of(format: &JsonFormat) -> Self {
        TypedOptions {
            timestamps: format.timestamps,
            lenient: format.ignore_parse_errors,
            fail_on_missing: format.fail_on_missing_field,
        }
    }
}

/// A scalar of a column from a value that is neither `null` nor a container; `text` is the string
/// without escapes, or the token.
pub(crate) fn scalar(kind: Kind, text: &str, ty: &SqlType, options: &TypedOptions) -> Result<Scalar, String> {
    let bad = || format!("{} is no {ty}", shown(kind, text));
    Ok(match ty {
        SqlType::Char(_) | SqlType::VarChar(_) => Scalar::Text(text.to_owned()),
        SqlType::Boolean => Scalar::Bool(match kind {
            Kind::True => true,
            Kind::Text | Kind::Escaped => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }),
        SqlType::TinyInt => {
            Scalar::Int(integer(kind, text, i64::from(i8::MIN), i64::from(i8::MAX), false).ok_or_else(bad)?)
        }
        SqlType::SmallInt => {
            Scalar::Int(integer(kind, text, i64::from(i16::MIN), i64::from(i16::MAX), false).ok_or_else(bad)?)
        }
        SqlType::Int | SqlType::IntervalYearMonth => {
            Scalar::Int(integer(kind, text, i64::from(i32::MIN), i64::from(i32::MAX), true).ok_or_else(bad)?)
        }
        SqlType::BigInt | SqlType::IntervalDayTime => {
            Scalar::Int(integer(kind, text, i64::MIN, i64::MAX, true).ok_or_else(bad)?)
        }
        SqlType::Float => Scalar::Double(f64::from(number::parse_float(text).ok_or_else(bad)?)),
        SqlType::Double => Scalar::Double(number::parse_double(text).ok_or_else(bad)?),
        SqlType::Decimal(p, s) => decimal::parse_decimal(text.trim().as_bytes(), *p, *s)
            .map_err(|_| bad())?
            .map_or(Scalar::Null, Scalar::Decimal),
        SqlType::Date => Scalar::Int(timestamp::parse_date_strict(text).ok_or_else(bad)?),
        SqlType::Time(_) => {
            let wall = timestamp::parse_strict(&format!("1970-01-01 {text}"), b' ', false).ok_or_else(bad)?;
            Scalar::Int(wall / 1000)
        }
        SqlType::Timestamp(p) | SqlType::TimestampLtz(p) => {
            let separator = if options.timestamps == TimestampText::Iso8601 { b'T' } else { b' ' };
            let zulu = matches!(ty, SqlType::TimestampLtz(_));
            let micros = timestamp::parse_strict(text, separator, zulu).ok_or_else(bad)?;
            Scalar::Micros(timestamp::truncate(micros, *p))
        }
        SqlType::Binary(_) | SqlType::VarBinary(_) => {
            Scalar::Bytes(base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| bad())?)
        }
        SqlType::Null => Scalar::Null,
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => return Err(bad()),
    })
}

/// A value for a message: a text in quotes, cut to a line.
fn shown(kind: Kind, text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    if matches!(kind, Kind::Text | Kind::Escaped) { format!("'{short}'") } else { short }
}

/// An integer from a number token (a fraction is cut off where `cut` says so) or from a text.
pub(crate) fn integer(kind: Kind, text: &str, min: i64, max: i64, cut: bool) -> Option<i64> {
    let n = match kind {
        Kind::Float if cut => {
            let value = text.parse::<f64>().ok()?.trunc();
            // Above 2^53 doubles lose digits: take those of the decimal text.
            if value.abs() < 9e15 { value as i64 } else { i64::try_from(decimal_floor(text)?).ok()? }
        }
        // Rust's parser takes what Java's does: a sign and digits.
        Kind::Text | Kind::Escaped => text.trim_matches(|c| c <= ' ').parse().ok()?,
        _ => text.parse().ok()?,
    };
    (min..=max).contains(&n).then_some(n)
}

fn decimal_floor(text: &str) -> Option<i128> {
    let tenths = decimal::parse_decimal(text.as_bytes(), 38, 1).ok()??;
    Some(tenths / 10)
}

/// A value of any type from a tree.
pub(crate) fn datum(json: &Json, ty: &DataType, options: &TypedOptions) -> Result<Datum, String> {
    let text = |kind, text: &str| scalar(kind, text, &ty.ty, options).map(Datum::Scalar);
    match (&ty.ty, json) {
        (_, Json::Null) => Ok(Datum::Scalar(Scalar::Null)),
        (SqlType::Array(element), Json::Array(items)) => {
            items.iter().map(|i| inside(i, element, options)).collect::<Result<_, _>>().map(Datum::List)
        }
        (SqlType::Map(_, value), Json::Object(members)) => members
            .iter()
            .map(|(name, v)| Ok((name.clone(), inside(v, value, options)?)))
            .collect::<Result<_, _>>()
            .map(Datum::Map),
        (SqlType::Row(columns), Json::Object(_)) => {
            columns.iter().map(|c| row_field(json, c, options)).collect::<Result<_, _>>().map(Datum::Row)
        }
        (SqlType::Char(_) | SqlType::VarChar(_), Json::Array(_) | Json::Object(_)) => {
            Ok(Datum::Scalar(Scalar::Text(json.to_text())))
        }
        (_, Json::Array(_) | Json::Object(_)) => {
            Err(format!("{} is no {}", shown(Kind::Object, &json.to_text()), ty.ty))
        }
        (_, Json::Bool(true)) => text(Kind::True, "true"),
        (_, Json::Bool(false)) => text(Kind::False, "false"),
        (_, Json::Text(t)) => text(Kind::Text, t),
        (_, Json::Number(n)) => {
            let float = n.contains(['.', 'e', 'E']);
            text(if float { Kind::Float } else { Kind::Int }, n)
        }
    }
}

fn row_field(json: &Json, column: &Column, options: &TypedOptions) -> Result<Datum, String> {
    match json.get(&column.name) {
        Some(value) => inside(value, &column.data_type, options).map_err(|e| format!("field '{}': {e}", column.name)),
        None if options.fail_on_missing => Err(format!("field '{}' is missing", column.name)),
        None => Ok(Datum::Scalar(Scalar::Null)),
    }
}

/// A value inside a container: bad ones are NULL under `ignore-parse-errors`.
fn inside(json: &Json, ty: &DataType, options: &TypedOptions) -> Result<Datum, String> {
    match datum(json, ty, options) {
        Err(_) if options.lenient => Ok(Datum::Scalar(Scalar::Null)),
        other => other,
    }
}
