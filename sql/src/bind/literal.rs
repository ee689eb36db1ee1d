//! Literals: numbers, texts, bytes, dates, times, timestamps, intervals.

use sqlparser::ast as sp;
use tidegate_core::{Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{DateUnit, Expr};

/// A literal as sqlparser gives it.
pub(crate) fn value(v: &sp::Value, span: Span) -> Result<Expr> {
    let e = match v {
        sp::Value::Number(text, _) => number(text, false).map_err(|e| e.at(span))?,
        sp::Value::SingleQuotedString(s)
        | sp::Value::UnicodeStringLiteral(s)
        | sp::Value::NationalStringLiteral(s)
        | sp::Value::EscapedStringLiteral(s) => text(s),
        sp::Value::HexStringLiteral(h) => hex(h).map_err(|e| e.at(span))?,
        sp::Value::Boolean(b) => Expr::literal(Scalar::Bool(*b), SqlType::Boolean.not_null()),
        sp::Value::Null => null(),
        sp::Value::DoubleQuotedString(s) => {
            return Err(Error::user(format!("\"{s}\" is neither a text nor a name"))
                .at(span)
                .help(format!("write '{s}' for a text, `{s}` for a name")));
        }
        other => return Err(Error::user(format!("literal {other} is not supported")).at(span)),
    };
    Ok(e.at(span))
}

/// A bare NULL.
pub(crate) fn null() -> Expr {
    Expr::literal(Scalar::Null, SqlType::Null.nullable())
}

/// A text of its own length.
pub(crate) fn text(s: &str) -> Expr {
    let n = u32::try_from(s.chars().count()).unwrap_or(u32::MAX);
    Expr::literal(Scalar::Text(s.to_owned()), SqlType::Char(n).not_null())
}

/// An INT.
pub(crate) fn int(n: i64) -> Expr {
    Expr::literal(Scalar::Int(n), SqlType::Int.not_null())
}

fn hex(h: &str) -> Result<Expr> {
    let digits: Vec<u8> = h.bytes().filter_map(|b| (b as char).to_digit(16).map(|d| d as u8)).collect();
    if digits.len() != h.len() || !digits.len().is_multiple_of(2) {
        return Err(Error::user(format!("x'{h}' is not a whole number of hexadecimal bytes")));
    }
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|p| p[0] * 16 + p[1]).collect();
    let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Ok(Expr::literal(Scalar::Bytes(bytes), SqlType::Binary(n).not_null()))
}

/// A number: whole ones are INT or BIGINT, with a point DECIMAL, with an exponent DOUBLE.
pub(crate) fn number(text: &str, negative: bool) -> Result<Expr> {
    let sign = if negative { "-" } else { "" };
    let bad = || Error::user(format!("{text} is not a number"));
    if text.contains(['e', 'E']) {
        let d: f64 = format!("{sign}{text}").parse().map_err(|_| bad())?;
        return Ok(Expr::literal(Scalar::Double(d), SqlType::Double.not_null()));
    }
    if !text.contains('.')
        && let Ok(n) = format!("{sign}{text}").parse::<i64>()
    {
        let ty = if i32::try_from(n).is_ok() { SqlType::Int } else { SqlType::BigInt };
        return Ok(Expr::literal(Scalar::Int(n), ty.not_null()));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    // Every digit written counts, as in Flink: 0.1 is DECIMAL(2, 1).
    let precision = digits.len().max(1);
    if precision > 38 {
        return Err(Error::user(format!("{text} has more than 38 digits"))
            .help("write it with an exponent to make it a DOUBLE"));
    }
    let unscaled: i128 =
        format!("{sign}{}", if digits.is_empty() { "0" } else { &digits }).parse().map_err(|_| bad())?;
    let (p, s) = (u8::try_from(precision).map_err(|_| bad())?, u8::try_from(fraction.len()).map_err(|_| bad())?);
    Ok(Expr::literal(Scalar::Decimal(unscaled), SqlType::Decimal(p, s).not_null()))
}

/// Whether an unscaled value has at most `precision` digits.
pub(crate) fn fits_precision(unscaled: i128, precision: u8) -> bool {
    10i128.checked_pow(u32::from(precision)).is_none_or(|bound| unscaled > -bound && unscaled < bound)
}

/// A decimal as text.
pub(crate) fn decimal_text(unscaled: i128, scale: u8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`.
pub(crate) fn typed(keyword: &str, s: &str, span: Span) -> Result<Expr> {
    let bad = |form: &str| {
        Error::user(format!("'{s}' is not a {keyword}")).at(span).help(format!("write {keyword} '{form}'"))
    };
    let e = match keyword {
        "DATE" => {
            let days = parse_date(s).ok_or_else(|| bad("2020-08-27"))?;
            Expr::literal(Scalar::Int(days), SqlType::Date.not_null())
        }
        "TIME" => {
            let (micros, digits) = parse_time(s).ok_or_else(|| bad("11:45:16"))?;
            Expr::literal(Scalar::Int(micros / 1000), SqlType::Time(digits).not_null())
        }
        _ => {
            let (micros, digits) = parse_timestamp(s).ok_or_else(|| bad("2020-08-27 11:45:16.123"))?;
            Expr::literal(Scalar::Micros(micros), SqlType::Timestamp(digits).not_null())
        }
    };
    Ok(e.at(span))
}

/// Days since 1970 of `yyyy-MM-dd`.
pub(crate) fn parse_date(s: &str) -> Option<i64> {
    let mut parts = s.trim().splitn(3, '-');
    let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
    let date = jiff::civil::Date::new(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?).ok()?;
    let epoch = jiff::civil::Date::new(1970, 1, 1).ok()?;
    date.since((jiff::Unit::Day, epoch)).ok().map(|span| i64::from(span.get_days()))
}

/// Microseconds of the day and the digits of the fraction.
fn parse_time(s: &str) -> Option<(i64, u8)> {
    let (hms, fraction) = s.trim().split_once('.').unwrap_or((s.trim(), ""));
    let mut parts = hms.splitn(3, ':').map(|p| p.parse::<i64>().ok());
    let (h, m, sec) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if h > 23 || m > 59 || sec > 59 || h < 0 || m < 0 || sec < 0 || fraction.len() > 9 {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some((((h * 60 + m) * 60 + sec) * 1_000_000 + micros, u8::try_from(fraction.len()).ok()?))
}

/// Microseconds since 1970 of a wall clock and the digits of its fraction.
pub(crate) fn parse_timestamp(s: &str) -> Option<(i64, u8)> {
    let s = s.trim();
    let (date, time) = s.split_once(' ').unwrap_or((s, "00:00:00"));
    let days = parse_date(date)?;
    let (micros, digits) = parse_time(time)?;
    Some((days.checked_mul(86_400_000_000)?.checked_add(micros)?, digits))
}

/// `INTERVAL '…' UNIT [TO UNIT]`: months, or milliseconds.
pub(crate) fn interval(i: &sp::Interval, span: Span) -> Result<Expr> {
    let text = match i.value.as_ref() {
        sp::Expr::Value(v) => match &v.value {
            sp::Value::SingleQuotedString(s) => s.clone(),
            sp::Value::Number(n, _) => n.clone(),
            other => return Err(bad_interval(&other.to_string(), span)),
        },
        sp::Expr::UnaryOp { op: sp::UnaryOperator::Minus, expr } => format!("-{}", expr.to_string().trim_matches('\'')),
        other => return Err(bad_interval(&other.to_string(), span)),
    };
    let Some(unit) = i.leading_field.as_ref().and_then(unit) else {
        return Err(bad_interval(&text, span));
    };
    let last = i.last_field.as_ref().and_then(self::unit);
    let bad = || bad_interval(&text, span);
    let (negative, body) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest.trim()),
        None => (false, text.trim()),
    };
    let sign = if negative { -1 } else { 1 };
    if matches!(unit, DateUnit::Year | DateUnit::Month | DateUnit::Quarter) {
        let months = match (unit, last) {
            (DateUnit::Year, Some(DateUnit::Month)) => {
                let (y, m) = body.split_once('-').ok_or_else(bad)?;
                y.trim()
                    .parse::<i64>()
                    .ok()
                    .and_then(|y| y.checked_mul(12))
                    .zip(m.trim().parse::<i64>().ok())
                    .and_then(|(a, b)| a.checked_add(b))
            }
            (DateUnit::Year, _) => body.parse::<i64>().ok().and_then(|y| y.checked_mul(12)),
            (DateUnit::Quarter, _) => body.parse::<i64>().ok().and_then(|y| y.checked_mul(3)),
            _ => body.parse::<i64>().ok(),
        }
        .ok_or_else(bad)?;
        return Ok(Expr::literal(Scalar::Int(sign * months), SqlType::IntervalYearMonth.not_null()).at(span));
    }
    let ms = if last.is_some() { compound_ms(body) } else { single_ms(body, unit) }.ok_or_else(bad)?;
    Ok(Expr::literal(Scalar::Int(sign * ms), SqlType::IntervalDayTime.not_null()).at(span))
}

fn bad_interval(text: &str, span: Span) -> Error {
    Error::user(format!("'{text}' is not an interval"))
        .at(span)
        .help("write INTERVAL '5' SECOND, INTERVAL '1' HOUR, INTERVAL '1 02:03:04' DAY TO SECOND")
}

fn single_ms(body: &str, unit: DateUnit) -> Option<i64> {
    let size = unit_ms(unit)?;
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let whole: i64 = whole.parse().ok()?;
    let part = if fraction.is_empty() {
        0
    } else if unit == DateUnit::Second && fraction.bytes().all(|b| b.is_ascii_digit()) {
        format!("{fraction:0<3}").get(..3)?.parse().ok()?
    } else {
        return None;
    };
    whole.checked_mul(size)?.checked_add(part)
}

/// `[d ]h:m:s[.f]`, and shorter forms from the left.
fn compound_ms(body: &str) -> Option<i64> {
    let (days, clock) = match body.split_once(' ') {
        Some((d, rest)) => (d.parse::<i64>().ok()?, rest),
        None => (0, body),
    };
    let mut parts = clock.split(':');
    let h: i64 = parts.next()?.trim().parse().ok()?;
    let m: i64 = parts.next().map_or(Some(0), |p| p.parse().ok())?;
    let s = parts.next().map_or(Some(0), |p| single_ms(p, DateUnit::Second))?;
    days.checked_mul(86_400_000)?
        .checked_add(h.checked_mul(3_600_000)?)?
        .checked_add(m.checked_mul(60_000)?)?
        .checked_add(s)
}

/// Milliseconds of a unit of fixed length.
pub(crate) fn unit_ms(unit: DateUnit) -> Option<i64> {
    Some(match unit {
        DateUnit::Millisecond => 1,
        DateUnit::Second => 1000,
        DateUnit::Minute => 60_000,
        DateUnit::Hour => 3_600_000,
        DateUnit::Day => 86_400_000,
        DateUnit::Week => 7 * 86_400_000,
        _ => return None,
    })
}

/// A unit as sqlparser reads it after INTERVAL or in EXTRACT.
pub(crate) fn unit(field: &sp::DateTimeField) -> Option<DateUnit> {
    unit_named(&field.to_string())
}

/// A unit by its name, singular or plural.
pub(crate) fn unit_named(name: &str) -> Option<DateUnit> {
    Some(match name.to_ascii_uppercase().as_str() {
        "MILLISECOND" | "MILLISECONDS" => DateUnit::Millisecond,
        "SECOND" | "SECONDS" | "SQL_TSI_SECOND" => DateUnit::Second,
        "MINUTE" | "MINUTES" | "SQL_TSI_MINUTE" => DateUnit::Minute,
        "HOUR" | "HOURS" | "SQL_TSI_HOUR" => DateUnit::Hour,
        "DAY" | "DAYS" | "SQL_TSI_DAY" => DateUnit::Day,
        "WEEK" | "WEEKS" | "SQL_TSI_WEEK" => DateUnit::Week,
        "MONTH" | "MONTHS" | "SQL_TSI_MONTH" => DateUnit::Month,
        "QUARTER" | "QUARTERS" | "SQL_TSI_QUARTER" => DateUnit::Quarter,
        "YEAR" | "YEARS" | "SQL_TSI_YEAR" => DateUnit::Year,
        "DOW" | "DAYOFWEEK" => DateUnit::DayOfWeek,
        "DOY" | "DAYOFYEAR" => DateUnit::DayOfYear,
        "EPOCH" => DateUnit::Epoch,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_flinks_types() {
        let ty = |s: &str| number(s, false).unwrap().data_type.to_string();
        assert_eq!(ty("1"), "INT NOT NULL");
        assert_eq!(ty("2147483648"), "BIGINT NOT NULL");
        assert_eq!(ty("1.50"), "DECIMAL(3, 2) NOT NULL");
        assert_eq!(ty("0.1"), "DECIMAL(2, 1) NOT NULL");
        assert_eq!(ty("1E7"), "DOUBLE NOT NULL");
        assert_eq!(ty("12345678901234567890"), "DECIMAL(20, 0) NOT NULL");
        assert_eq!(decimal_text(-5, 2), "-0.05");
    }

    #[test]
    fn timestamps_keep_their_fraction() {
        assert_eq!(parse_timestamp("1970-01-02 00:00:01.5"), Some((86_401_500_000, 1)));
        assert_eq!(parse_timestamp("1970-13-02 00:00:01"), None);
        assert_eq!(compound_ms("1 02:03:04"), Some(93_784_000));
    }
}
