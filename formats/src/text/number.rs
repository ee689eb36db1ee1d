//! Numbers as Java prints and reads them.

use std::fmt::Write as _;

use super::buffer::TextBuffer;

/// Appends an integer.
pub fn write_integer<B: TextBuffer>(out: &mut B, value: i64) {
    out.ascii(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value`, zero padded to at least `width` digits.
pub fn write_padded<B: TextBuffer>(out: &mut B, value: i64, width: usize) {
    if value < 0 {
        out.byte(b'-');
    }
    let magnitude = value.unsigned_abs();
    let digits = magnitude.checked_ilog10().unwrap_or(0) as usize + 1;
    for _ in digits..width {
        out.byte(b'0');
    }
    match i64::try_from(magnitude) {
        Ok(n) => write_integer(out, n),
        Err(_) => out.text("9223372036854775808"),
    }
}

/// Appends a double as `Double.toString` of JDK 19 and later does: the shortest decimal that reads
/// back as the same double, plain from 1E-3 up to 1E7, else with an exponent.
pub fn write_double<B: TextBuffer>(out: &mut B, value: f64) {
    if let Some(text) = special(value.is_nan(), value.is_infinite(), value < 0.0) {
        return out.text(text);
    }
    if let Some(n) = whole(value) {
        write_integer(out, n);
        return out.ascii(b".0");
    }
    let mut text = String::with_capacity(26);
    let _ = write!(text, "{value:e}");
    if one_digit(&text) {
        // Java looks among two-digit decimals before it settles for one digit: 4.9E-324, not 5E-324.
        let longer = format!("{value:.1e}");
        if longer.parse::<f64>() == Ok(value) {
            text = longer;
        }
    }
    write_scientific(out, &text);
}

/// A whole number that Java prints without an exponent, and not -0.
fn whole(value: f64) -> Option<i64> {
    let plain = value.abs() < 1e7 && value.fract() == 0.0 && (value != 0.0 || value.is_sign_positive());
    plain.then_some(value as i64)
}

/// Appends a float as `Float.toString` does; see [`write_double`].
pub fn write_float<B: TextBuffer>(out: &mut B, value: f32) {
    if let Some(text) = special(value.is_nan(), value.is_infinite(), value < 0.0) {
        return out.text(text);
    }
    if let Some(n) = whole(f64::from(value)) {
        write_integer(out, n);
        return out.ascii(b".0");
    }
    let mut text = String::with_capacity(26);
    let _ = write!(text, "{value:e}");
    if one_digit(&text) {
        let longer = format!("{value:.1e}");
        if longer.parse::<f32>() == Ok(value) {
            text = longer;
        }
    }
    write_scientific(out, &text);
}

fn special(nan: bool, infinite: bool, negative: bool) -> Option<&'static str> {
    match (nan, infinite, negative) {
        (true, ..) => Some("NaN"),
        (_, true, false) => Some("Infinity"),
        (_, true, true) => Some("-Infinity"),
        _ => None,
    }
}

/// `5e-324`: whether the mantissa has one digit.
fn one_digit(text: &str) -> bool {
    text.trim_start_matches('-').as_bytes().get(1) == Some(&b'e')
}

/// From Rust's `-d.ddde±n` to Java's layout.
fn write_scientific<B: TextBuffer>(out: &mut B, text: &str) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(m) => ("-", m),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    out.text(sign);
    if whole == "0" {
        return out.text("0.0");
    }
    if (-3..7).contains(&exponent) {
        if let Ok(shift) = usize::try_from(exponent) {
            out.text(whole);
            if fraction.len() > shift {
                out.text(&fraction[..shift]);
                out.byte(b'.');
                out.text(&fraction[shift..]);
            } else {
                out.text(fraction);
                zeros(out, shift - fraction.len());
                out.text(".0");
            }
        } else {
            out.text("0.");
            zeros(out, (-exponent - 1) as usize);
            out.text(whole);
            out.text(fraction);
        }
    } else {
        out.text(whole);
        out.byte(b'.');
        out.text(if fraction.is_empty() { "0" } else { fraction });
        out.byte(b'E');
        write_integer(out, i64::from(exponent));
    }
}

fn zeros<B: TextBuffer>(out: &mut B, count: usize) {
    for _ in 0..count {
        out.byte(b'0');
    }
}

/// `Double.toString`, as a new text.
pub fn java_double(value: f64) -> String {
    let mut out = String::with_capacity(24);
    write_double(&mut out, value);
    out
}

/// `Float.toString`, as a new text.
pub fn java_float(value: f32) -> String {
    let mut out = String::with_capacity(16);
    write_float(&mut out, value);
    out
}

/// What `Double.parseDouble` accepts: surrounding blanks, a sign, `NaN`, `Infinity`, digits with
/// point and exponent, a trailing `f`, `F`, `d` or `D`. Hexadecimal floats are not accepted.
pub fn parse_double(text: &str) -> Option<f64> {
    java_float_body(text)?.parse().ok()
}

/// `Float.parseFloat`; see [`parse_double`].
pub fn parse_float(text: &str) -> Option<f32> {
    java_float_body(text)?.parse().ok()
}

/// Trims to what Rust's parser reads with Java's meaning, or `None`.
fn java_float_body(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return Some(text);
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None; // Rust would read "inf" and "nan" in any case
    }
    let body = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    Some(body)
}

/// Why a text is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberProblem {
    /// Nothing there.
    Empty,
    /// `+` or `-` alone.
    OnlySign,
    /// A character that no number has.
    Invalid,
    /// Outside the type's range.
    Overflow,
}

/// Reads an integer as Flink's CAST does: blanks around it are trimmed, a sign is allowed, a
/// fraction of digits is cut off (`5.7` → 5).
///
/// # Errors
/// What is wrong with the text; for a bound, [`NumberProblem::Overflow`].
pub fn parse_integer(text: &[u8], min: i64, max: i64) -> Result<i64, NumberProblem> {
    let mut digits = trim_blanks(text);
    let Some(first) = digits.first() else { return Err(NumberProblem::Empty) };
    let negative = *first == b'-';
    if negative || *first == b'+' {
        digits = &digits[1..];
        if digits.is_empty() {
            return Err(NumberProblem::OnlySign);
        }
    }
    // Counted downwards: the negative range is the larger one.
    let mut value = 0_i64;
    let mut rest = digits.iter();
    for b in rest.by_ref() {
        match b {
            b'0'..=b'9' => {
                let digit = i64::from(b - b'0');
                value = value.checked_mul(10).and_then(|v| v.checked_sub(digit)).ok_or(NumberProblem::Overflow)?;
            }
            b'.' => break,
            _ => return Err(NumberProblem::Invalid),
        }
    }
    if !rest.all(u8::is_ascii_digit) {
        return Err(NumberProblem::Invalid);
    }
    let value = if negative { value } else { value.checked_neg().ok_or(NumberProblem::Overflow)? };
    if value < min || value > max { Err(NumberProblem::Overflow) } else { Ok(value) }
}

/// Without leading and trailing blanks (U+0020 only, as `BinaryString.trim`).
pub fn trim_blanks(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_as_java_prints_them() {
        let expected = [
            (1.5, "1.5"),
            (1e7, "1.0E7"),
            (1e-5, "1.0E-5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (9_999_999.0, "9999999.0"),
            (12_345_678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (1e3, "1000.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
            (2e23, "2.0E23"),
            (-1234.5, "-1234.5"),
        ];
        for (value, text) in expected {
            assert_eq!(java_double(value), text);
        }
        assert_eq!(java_float(1.1), "1.1");
        assert_eq!(java_float(1e10), "1.0E10");
        assert_eq!(java_float(f32::from_bits(1)), "1.4E-45");
    }

    #[test]
    fn doubles_as_java_reads_them() {
        assert_eq!(parse_double(" 1.5 "), Some(1.5));
        assert!(parse_double("NaN").is_some_and(f64::is_nan));
        assert_eq!(parse_double("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_double("1d"), Some(1.0));
        assert_eq!(parse_double(".5"), Some(0.5));
        assert_eq!(parse_double("5."), Some(5.0));
        assert_eq!(parse_double("1e400"), Some(f64::INFINITY));
        for bad in ["", "nan", "inf", "infinity", "abc", "1,5", "1 2", "+", "."] {
            assert_eq!(parse_double(bad), None, "{bad}");
        }
    }

    #[test]
    fn integers_as_flink_casts_them() {
        let big = |t: &str| parse_integer(t.as_bytes(), i64::MIN, i64::MAX);
        assert_eq!(big(" 5 "), Ok(5));
        assert_eq!(big("+5"), Ok(5));
        assert_eq!(big("5.7"), Ok(5));
        assert_eq!(big("-5.7"), Ok(-5));
        assert_eq!(big("5e2"), Err(NumberProblem::Invalid));
        assert_eq!(big(""), Err(NumberProblem::Empty));
        assert_eq!(big("  "), Err(NumberProblem::Empty));
        assert_eq!(big("-"), Err(NumberProblem::OnlySign));
        assert_eq!(big("5.7x"), Err(NumberProblem::Invalid));
        assert_eq!(big("9223372036854775808"), Err(NumberProblem::Overflow));
        assert_eq!(big("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(big("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse_integer(b"300", -128, 127), Err(NumberProblem::Overflow));
        assert_eq!(parse_integer(b"-128", -128, 127), Ok(-128));
    }

    #[test]
    fn integers_print_at_the_limits() {
        for n in [0, 7, -7, 1_598_528_716_000, i64::MAX, i64::MIN] {
            let mut out = String::new();
            write_integer(&mut out, n);
            assert_eq!(out, n.to_string());
        }
        let mut out = String::new();
        write_padded(&mut out, 7, 3);
        write_padded(&mut out, -12, 4);
        assert_eq!(out, "007-0012");
    }

    #[test]
    fn printed_numbers_read_back_as_themselves() {
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let d = f64::from_bits(state);
            if d.is_finite() {
                assert_eq!(parse_double(&java_double(d)), Some(d));
            }
            let f = f32::from_bits((state >> 32) as u32);
            if f.is_finite() {
                assert_eq!(parse_float(&java_float(f)), Some(f));
            }
            let n = (state as i64) >> (state % 60);
            let mut out = Vec::new();
            write_integer(&mut out, n);
            assert_eq!(parse_integer(&out, i64::MIN, i64::MAX), Ok(n));
        }
    }
}
