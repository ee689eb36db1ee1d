//! Exact decimals: an unscaled 128-bit integer and a scale. Rounding is half up (away from zero), as
//! everywhere in Flink; what does not fit a precision is `None`.

use super::buffer::TextBuffer;
use super::number::trim_blanks;

/// Largest number of digits.
pub const MAX_PRECISION: u8 = 38;

/// 10 to the `n`, for `n` up to 38.
pub fn power_of_ten(n: u8) -> i128 {
    10_i128.pow(u32::from(n.min(MAX_PRECISION)))
}

/// Whether `unscaled` has at most `precision` digits.
pub fn fits(unscaled: i128, precision: u8) -> bool {
    unscaled.unsigned_abs() < power_of_ten(precision).unsigned_abs()
}

/// Divides rounding half up; `None` for a zero divisor.
pub fn divide_half_up(value: i128, divisor: i128) -> Option<i128> {
    let (q, r) = (value.checked_div(divisor)?, value.checked_rem(divisor)?);
    // |r| >= |divisor| - |r| says the same as 2|r| >= |divisor| and cannot overflow.
    if r.unsigned_abs() >= divisor.unsigned_abs() - r.unsigned_abs() && r != 0 {
        q.checked_add(if (value < 0) == (divisor < 0) { 1 } else { -1 })
    } else {
        Some(q)
    }
}

/// The same value at another scale and at most `precision` digits; `None` where it does not fit.
pub fn rescale(unscaled: i128, from: u8, to: u8, precision: u8) -> Option<i128> {
    let value = if to >= from {
        unscaled.checked_mul(power_of_ten(to - from))?
    } else {
        divide_half_up(unscaled, power_of_ten(from - to))?
    };
    fits(value, precision).then_some(value)
}

/// Appends the plain text: `1.50`, never an exponent.
pub fn write_decimal<B: TextBuffer>(out: &mut B, unscaled: i128, scale: u8) {
    let mut digits = [b'0'; 80];
    let mut at = digits.len();
    let mut rest = unscaled.unsigned_abs();
    let mut count = 0_usize;
    while rest != 0 || count <= usize::from(scale) {
        if count == usize::from(scale) && scale > 0 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    if unscaled < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.ascii(&digits[at..]);
}

/// The plain text as a new `String`.
pub fn decimal_to_string(unscaled: i128, scale: u8) -> String {
    let mut out = String::with_capacity(24);
    write_decimal(&mut out, unscaled, scale);
    out
}

/// A text that is not a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADecimal;

/// Reads what `new BigDecimal(text)` reads (sign, digits, point, exponent; blanks trimmed) at
/// `scale`; `Ok(None)` where it has more than `precision` digits.
///
/// # Errors
/// Where the text is no number.
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Result<Option<i128>, NotADecimal> {
    let text = trim_blanks(text);
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match body.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&body[..at], parse_exponent(&body[at + 1..])?),
        None => (body, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    let digits = || whole.iter().chain(fraction);
    if digits().next().is_none() || !digits().all(u8::is_ascii_digit) {
        return Err(NotADecimal);
    }
    // So many leading digits of the mantissa stand before the target's last place.
    let kept = whole.len() as i64 + exponent + i64::from(scale);
    if kept < 0 {
        return Ok(Some(0));
    }
    let mut value = 0_i128;
    let mut round_up = false;
    for (i, b) in digits().enumerate() {
        let digit = i128::from(b - b'0');
        if (i as i64) < kept {
            let Some(v) = value.checked_mul(10).and_then(|v| v.checked_add(digit)) else { return Ok(None) };
            value = v;
        } else {
            round_up = digit >= 5;
            break;
        }
    }
    let missing = kept - (whole.len() + fraction.len()) as i64;
    if value != 0 && missing > 0 {
        let Some(v) =
            u32::try_from(missing).ok().and_then(|m| 10_i128.checked_pow(m)).and_then(|p| value.checked_mul(p))
        else {
            return Ok(None);
        };
        value = v;
    }
    let Some(value) = value.checked_add(i128::from(round_up)) else { return Ok(None) };
    let value = if negative { -value } else { value };
    Ok(fits(value, precision).then_some(value))
}

fn parse_exponent(text: &[u8]) -> Result<i64, NotADecimal> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotADecimal);
    }
    let value = digits.iter().fold(0_i64, |v, b| v * 10 + i64::from(b - b'0'));
    Ok(if negative { -value } else { value })
}

/// The double nearest to a decimal.
pub fn to_double(unscaled: i128, scale: u8) -> f64 {
    // Through text: dividing rounded intermediate doubles would be off by one unit now and then.
    if unscaled.unsigned_abs() < (1 << 53) && scale <= 22 {
        return unscaled as f64 / 10_f64.powi(i32::from(scale));
    }
    decimal_to_string(unscaled, scale).parse().unwrap_or(f64::NAN)
}

/// The decimal of a double, by its shortest text as `BigDecimal.valueOf` does; `None` where it does
/// not fit or is not finite.
pub fn from_double(value: f64, precision: u8, scale: u8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    parse_decimal(format!("{value:e}").as_bytes(), precision, scale).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_plainly() {
        assert_eq!(decimal_to_string(150, 2), "1.50");
        assert_eq!(decimal_to_string(-5, 2), "-0.05");
        assert_eq!(decimal_to_string(0, 0), "0");
        assert_eq!(decimal_to_string(0, 3), "0.000");
        assert_eq!(decimal_to_string(i128::MAX, 38), "1.70141183460469231731687303715884105727");
    }

    #[test]
    fn reads_and_rounds_half_up() {
        let read = |t: &str, p, s| parse_decimal(t.as_bytes(), p, s);
        assert_eq!(read("1.005", 10, 2), Ok(Some(101)));
        assert_eq!(read(" -1.005 ", 10, 2), Ok(Some(-101)));
        assert_eq!(read("1e3", 10, 2), Ok(Some(100_000)));
        assert_eq!(read("15e-1", 10, 0), Ok(Some(2)));
        assert_eq!(read("0.04", 10, 1), Ok(Some(0)));
        assert_eq!(read("0.05", 10, 1), Ok(Some(1)));
        assert_eq!(read("123456789.12", 10, 2), Ok(None));
        assert_eq!(read("9.99", 2, 1), Ok(None));
        assert_eq!(read("1e99", 38, 0), Ok(None));
        assert_eq!(read("1e-99", 38, 0), Ok(Some(0)));
        for bad in ["", "x", "1.2.3", "1e", "-", ".", "NaN"] {
            assert_eq!(read(bad, 10, 2), Err(NotADecimal), "{bad}");
        }
    }

    #[test]
    fn division_rounds_away_from_zero() {
        assert_eq!(divide_half_up(5, 2), Some(3));
        assert_eq!(divide_half_up(-5, 2), Some(-3));
        assert_eq!(divide_half_up(5, -2), Some(-3));
        assert_eq!(divide_half_up(4, 3), Some(1));
        assert_eq!(divide_half_up(1, 0), None);
        assert_eq!(divide_half_up(i128::MAX, i128::MAX), Some(1));
        assert_eq!(rescale(-25, 1, 0, 2), Some(-3));
        assert_eq!(rescale(2345, 3, 2, 4), Some(235));
        assert_eq!(rescale(99, 1, 0, 1), None);
    }

    #[test]
    fn doubles_go_through_their_shortest_text() {
        assert_eq!(from_double(0.1, 10, 1), Some(1));
        assert_eq!(from_double(1.005, 10, 2), Some(101));
        assert_eq!(from_double(f64::NAN, 10, 2), None);
        assert_eq!(to_double(15, 1), 1.5);
    }
}
