//! JSON numbers as text the way Java prints them after parsing: integers exactly, everything with
//! a fraction or an exponent as a double.

use crate::text::number::java_double;

/// What Java makes of a number token: `1.50` → `1.5`, `1e3` → `1000.0`, `-0` → `0`, `1e400` →
/// `Infinity`; integers of any size stay as they are.
pub fn java_text(number: &str) -> String {
    if number.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
        return if number == "-0" { "0".to_owned() } else { number.to_owned() };
    }
    number.parse::<f64>().map_or_else(|_| number.to_owned(), java_double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_java() {
        for (number, text) in [
            ("1.50", "1.5"),
            ("1e3", "1000.0"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("0.00001", "1.0E-5"),
            ("12345678.9", "1.23456789E7"),
            ("1e400", "Infinity"),
            ("12345678901234567890", "12345678901234567890"),
        ] {
            assert_eq!(java_text(number), text);
        }
    }
}
