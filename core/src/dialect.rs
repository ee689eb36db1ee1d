//! The three SQL dialects. What they mean lives in `tidegate-sql`; connectors and formats only
//! need to know which one a table was declared in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A spelling, and the habits that come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// Apache Flink 1.20 and later
    Flink,
    /// Alibaba Cloud Blink
    Blink,
    /// UCloud UFlink, DTStack flinkStreamSQL
    UFlink,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::Flink => "flink",
            Dialect::Blink => "blink",
            Dialect::UFlink => "uflink",
        })
    }
}

impl FromStr for Dialect {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self, Error> {
        match s.to_ascii_lowercase().as_str() {
            "flink" => Ok(Dialect::Flink),
            "blink" => Ok(Dialect::Blink),
            "uflink" => Ok(Dialect::UFlink),
            _ => Err(Error::user(format!("unknown dialect '{s}'")).help("the dialects are flink, blink and uflink")),
        }
    }
}
