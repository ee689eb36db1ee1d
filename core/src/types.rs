//! SQL types and how they are laid out as Arrow columns.
//!
//! One SQL type has exactly one Arrow layout at the connector boundary, so a connector matches on
//! [`SqlType`] or on the Arrow type, whichever is handier.
//!
//! | SQL | Arrow |
//! |---|---|
//! | CHAR, VARCHAR, STRING | Utf8 |
//! | BINARY, VARBINARY, BYTES | Binary |
//! | DECIMAL(p,s) | Decimal128(p,s) |
//! | DATE | Date32 (days) |
//! | TIME(p) | Time32 milliseconds |
//! | TIMESTAMP(p) | Timestamp µs, no zone: a wall clock |
//! | TIMESTAMP_LTZ(p) | Timestamp µs, zone "UTC": an instant |
//! | ARRAY, MAP, ROW | List, Map, Struct |
//! | INTERVAL … (expressions only) | Int64: months, or milliseconds |

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, Field as ArrowField, Fields, Schema as ArrowSchema, TimeUnit};
use serde::{Deserialize, Serialize};

/// Length of STRING and BYTES: VARCHAR(2147483647).
pub const MAX_LENGTH: u32 = i32::MAX as u32;

/// A SQL type without nullability.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    /// The type of a bare NULL.
    Null,
    /// BOOLEAN
    Boolean,
    /// TINYINT, 8 bit signed
    TinyInt,
    /// SMALLINT, 16 bit signed
    SmallInt,
    /// INT, 32 bit signed
    Int,
    /// BIGINT, 64 bit signed
    BigInt,
    /// FLOAT, 32 bit
    Float,
    /// DOUBLE, 64 bit
    Double,
    /// DECIMAL(precision, scale), precision 1–38
    Decimal(u8, u8),
    /// CHAR(n), the type of string literals
    Char(u32),
    /// VARCHAR(n); STRING is VARCHAR(2147483647)
    VarChar(u32),
    /// BINARY(n)
    Binary(u32),
    /// VARBINARY(n); BYTES is VARBINARY(2147483647)
    VarBinary(u32),
    /// DATE
    Date,
    /// TIME(p)
    Time(u8),
    /// TIMESTAMP(p): a wall clock without zone
    Timestamp(u8),
    /// TIMESTAMP_LTZ(p): an instant, shown in the session's zone
    TimestampLtz(u8),
    /// INTERVAL YEAR TO MONTH, in months
    IntervalYearMonth,
    /// INTERVAL DAY TO SECOND, in milliseconds
    IntervalDayTime,
    /// `ARRAY<element>`
    Array(Box<DataType>),
    /// `MAP<key, value>`
    Map(Box<DataType>, Box<DataType>),
    /// `ROW<…>`
    Row(Vec<Column>),
}

/// A SQL type with nullability.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataType {
    /// The type.
    pub ty: SqlType,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

/// A named, typed column (of a table, a batch or a ROW).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Its name, case as declared.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Column { name: name.into(), data_type }
    }
}

impl From<(&str, SqlType)> for Column {
    /// As declared without NOT NULL.
    fn from((name, ty): (&str, SqlType)) -> Self {
        Column::new(name, ty.nullable())
    }
}

impl SqlType {
    /// STRING
    pub const STRING: SqlType = SqlType::VarChar(MAX_LENGTH);
    /// BYTES
    pub const BYTES: SqlType = SqlType::VarBinary(MAX_LENGTH);

    /// This type, NULL allowed.
    pub fn nullable(self) -> DataType {
        DataType { ty: self, nullable: true }
    }
    /// This type, NOT NULL.
    pub fn not_null(self) -> DataType {
        DataType { ty: self, nullable: false }
    }
    /// CHAR or VARCHAR of any length.
    pub fn is_text(&self) -> bool {
        matches!(self, SqlType::Char(_) | SqlType::VarChar(_))
    }
    /// BINARY or VARBINARY of any length.
    pub fn is_bytes(&self) -> bool {
        matches!(self, SqlType::Binary(_) | SqlType::VarBinary(_))
    }
    /// TINYINT … BIGINT.
    pub fn is_integer(&self) -> bool {
        matches!(self, SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
    }
    /// FLOAT or DOUBLE.
    pub fn is_approximate(&self) -> bool {
        matches!(self, SqlType::Float | SqlType::Double)
    }
    /// Any number.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || self.is_approximate() || matches!(self, SqlType::Decimal(..))
    }
    /// TIMESTAMP or TIMESTAMP_LTZ.
    pub fn is_timestamp(&self) -> bool {
        matches!(self, SqlType::Timestamp(_) | SqlType::TimestampLtz(_))
    }
    /// The Arrow layout of this type at the connector boundary.
    pub fn to_arrow(&self) -> ArrowType {
        match self {
            SqlType::Null => ArrowType::Null,
            SqlType::Boolean => ArrowType::Boolean,
            SqlType::TinyInt => ArrowType::Int8,
            SqlType::SmallInt => ArrowType::Int16,
            SqlType::Int => ArrowType::Int32,
            SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => ArrowType::Int64,
            SqlType::Float => ArrowType::Float32,
            SqlType::Double => ArrowType::Float64,
            SqlType::Decimal(p, s) => ArrowType::Decimal128(*p, *s as i8),
            SqlType::Char(_) | SqlType::VarChar(_) => ArrowType::Utf8,
            SqlType::Binary(_) | SqlType::VarBinary(_) => ArrowType::Binary,
            SqlType::Date => ArrowType::Date32,
            SqlType::Time(_) => ArrowType::Time32(TimeUnit::Millisecond),
            SqlType::Timestamp(_) => ArrowType::Timestamp(TimeUnit::Microsecond, None),
            SqlType::TimestampLtz(_) => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            SqlType::Array(e) => ArrowType::List(Arc::new(e.to_arrow_field("item"))),
            SqlType::Map(k, v) => {
                let key = ArrowField::new("key", k.ty.to_arrow(), false);
                let entries = Fields::from(vec![key, v.to_arrow_field("value")]);
                ArrowType::Map(Arc::new(ArrowField::new("entries", ArrowType::Struct(entries), false)), false)
            }
            SqlType::Row(fields) => ArrowType::Struct(fields.iter().map(Column::to_arrow).collect()),
        }
    }
}

impl DataType {
    /// The Arrow field of this type under a name. Always nullable in Arrow: NOT NULL is enforced
    /// by operators and sinks with an error that names the row, not by a failing constructor.
    pub fn to_arrow_field(&self, name: &str) -> ArrowField {
        ArrowField::new(name, self.ty.to_arrow(), true)
    }
    /// The same type, NULL allowed or not.
    #[must_use]
    pub fn with_nullable(mut self, nullable: bool) -> Self {
        self.nullable = nullable;
        self
    }
}

impl Column {
    /// The Arrow field of this column.
    pub fn to_arrow(&self) -> ArrowField {
        self.data_type.to_arrow_field(&self.name)
    }
}

/// The Arrow schema of a list of columns.
pub fn arrow_schema(columns: &[Column]) -> Arc<ArrowSchema> {
    Arc::new(ArrowSchema::new(columns.iter().map(Column::to_arrow).collect::<Vec<_>>()))
}

impl fmt::Display for SqlType {
    /// As Flink prints it: `STRING`, `DECIMAL(10, 2)`, `TIMESTAMP_LTZ(3)`, ``ROW<`a` INT>``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlType::Null => f.write_str("NULL"),
            SqlType::Boolean => f.write_str("BOOLEAN"),
            SqlType::TinyInt => f.write_str("TINYINT"),
            SqlType::SmallInt => f.write_str("SMALLINT"),
            SqlType::Int => f.write_str("INT"),
            SqlType::BigInt => f.write_str("BIGINT"),
            SqlType::Float => f.write_str("FLOAT"),
            SqlType::Double => f.write_str("DOUBLE"),
            SqlType::Decimal(p, s) => write!(f, "DECIMAL({p}, {s})"),
            SqlType::Char(n) => write!(f, "CHAR({n})"),
            SqlType::VarChar(MAX_LENGTH) => f.write_str("STRING"),
            SqlType::VarChar(n) => write!(f, "VARCHAR({n})"),
            SqlType::Binary(n) => write!(f, "BINARY({n})"),
            SqlType::VarBinary(MAX_LENGTH) => f.write_str("BYTES"),
            SqlType::VarBinary(n) => write!(f, "VARBINARY({n})"),
            SqlType::Date => f.write_str("DATE"),
            SqlType::Time(p) => write!(f, "TIME({p})"),
            SqlType::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            SqlType::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            SqlType::IntervalYearMonth => f.write_str("INTERVAL YEAR TO MONTH"),
            SqlType::IntervalDayTime => f.write_str("INTERVAL DAY TO SECOND"),
            SqlType::Array(e) => write!(f, "ARRAY<{e}>"),
            SqlType::Map(k, v) => write!(f, "MAP<{k}, {v}>"),
            SqlType::Row(fields) => {
                f.write_str("ROW<")?;
                for (i, c) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "`{}` {}", c.name, c.data_type)?;
                }
                f.write_str(">")
            }
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.ty, if self.nullable { "" } else { " NOT NULL" })
    }
}
