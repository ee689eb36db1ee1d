//! A single SQL value: a literal in a plan, a bound in a filter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value. Its SQL type stands beside it wherever it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// NULL of any type
    Null,
    /// BOOLEAN
    Bool(bool),
    /// TINYINT … BIGINT, DATE (days), TIME (ms), INTERVAL (months or ms)
    Int(i64),
    /// FLOAT, DOUBLE
    Double(f64),
    /// DECIMAL: unscaled value; the scale is the type's
    Decimal(i128),
    /// CHAR, VARCHAR
    Text(String),
    /// BINARY, VARBINARY
    Bytes(Vec<u8>),
    /// TIMESTAMP, TIMESTAMP_LTZ in µs
    Micros(i64),
}

impl Scalar {
    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Scalar::Null)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Null => f.write_str("NULL"),
            Scalar::Bool(b) => write!(f, "{}", if *b { "TRUE" } else { "FALSE" }),
            Scalar::Int(n) | Scalar::Micros(n) => write!(f, "{n}"),
            Scalar::Double(d) => write!(f, "{d:?}"),
            Scalar::Decimal(d) => write!(f, "{d}"),
            Scalar::Text(s) => write!(f, "'{}'", s.replace('\'', "''")),
            Scalar::Bytes(b) => {
                f.write_str("x'")?;
                for x in b {
                    write!(f, "{x:02x}")?;
                }
                f.write_str("'")
            }
        }
    }
}
