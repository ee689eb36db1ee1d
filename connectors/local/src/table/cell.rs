//! One value: out of an Arrow column into SQLite, and back into an Arrow column.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, Decimal128Builder, PrimitiveBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, NullArray};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::decimal::decimal_to_string;

use super::nested;
use crate::text;

/// The value of row `i` as SQLite stores it.
pub(super) fn get<'a>(column: &'a dyn Array, ty: &SqlType, i: usize) -> ToSqlOutput<'a> {
    if column.is_null(i) {
        return ToSqlOutput::Borrowed(ValueRef::Null);
    }
    let int = |n: i64| ToSqlOutput::Borrowed(ValueRef::Integer(n));
    let real = |d: f64| if d.is_nan() { text_of("NaN".to_owned()) } else { ToSqlOutput::Borrowed(ValueRef::Real(d)) };
    match ty {
        SqlType::Null => ToSqlOutput::Borrowed(ValueRef::Null),
        SqlType::Boolean => int(i64::from(column.as_boolean().value(i))),
        SqlType::TinyInt => int(i64::from(column.as_primitive::<Int8Type>().value(i))),
        SqlType::SmallInt => int(i64::from(column.as_primitive::<Int16Type>().value(i))),
        SqlType::Int => int(i64::from(column.as_primitive::<Int32Type>().value(i))),
        SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
            int(column.as_primitive::<Int64Type>().value(i))
        }
        // By its shortest text, so that 0.1 stays 0.1.
        SqlType::Float => {
            let f = column.as_primitive::<Float32Type>().value(i);
            real(f.to_string().parse().unwrap_or(f64::from(f)))
        }
        SqlType::Double => real(column.as_primitive::<Float64Type>().value(i)),
        SqlType::Decimal(_, scale) => {
            text_of(decimal_to_string(column.as_primitive::<Decimal128Type>().value(i), *scale))
        }
        SqlType::Char(_) | SqlType::VarChar(_) => {
            ToSqlOutput::Borrowed(ValueRef::Text(column.as_string::<i32>().value(i).as_bytes()))
        }
        SqlType::Binary(_) | SqlType::VarBinary(_) => {
            ToSqlOutput::Borrowed(ValueRef::Blob(column.as_binary::<i32>().value(i)))
        }
        SqlType::Date => text_of(text::date(i64::from(column.as_primitive::<Date32Type>().value(i)))),
        SqlType::Time(_) => {
            text_of(text::time(i64::from(column.as_primitive::<Time32MillisecondType>().value(i)) * 1000))
        }
        SqlType::Timestamp(_) => text_of(text::timestamp(column.as_primitive::<TimestampMicrosecondType>().value(i))),
        SqlType::TimestampLtz(_) => {
            text_of(text::timestamp(column.as_primitive::<TimestampMicrosecondType>().value(i)) + "Z")
        }
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => text_of(nested::to_json(column, ty, i).to_string()),
    }
}

fn text_of(text: String) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Text(text))
}

/// Collects values of one SQL type into an Arrow column.
pub(super) enum ColumnBuilder {
    Null(usize),
    Boolean(BooleanBuilder),
    TinyInt(PrimitiveBuilder<Int8Type>),
    SmallInt(PrimitiveBuilder<Int16Type>),
    Int(PrimitiveBuilder<Int32Type>),
    BigInt(PrimitiveBuilder<Int64Type>),
    Float(PrimitiveBuilder<Float32Type>),
    Double(PrimitiveBuilder<Float64Type>),
    Decimal(Decimal128Builder, u32),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time32MillisecondType>),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    Nested(Vec<Option<serde_json::Value>>, SqlType),
}

impl ColumnBuilder {
    pub(super) fn new(ty: &SqlType) -> Self {
        match ty {
            SqlType::Null => Self::Null(0),
            SqlType::Boolean => Self::Boolean(BooleanBuilder::new()),
            SqlType::TinyInt => Self::TinyInt(PrimitiveBuilder::new()),
            SqlType::SmallInt => Self::SmallInt(PrimitiveBuilder::new()),
            SqlType::Int => Self::Int(PrimitiveBuilder::new()),
            SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
                Self::BigInt(PrimitiveBuilder::new())
            }
            SqlType::Float => Self::Float(PrimitiveBuilder::new()),
            SqlType::Double => Self::Double(PrimitiveBuilder::new()),
            SqlType::Decimal(_, scale) => {
                Self::Decimal(Decimal128Builder::new().with_data_type(ty.to_arrow()), u32::from(*scale))
            }
            SqlType::Char(_) | SqlType::VarChar(_) => Self::Text(StringBuilder::new()),
            SqlType::Binary(_) | SqlType::VarBinary(_) => Self::Bytes(BinaryBuilder::new()),
            SqlType::Date => Self::Date(PrimitiveBuilder::new()),
            SqlType::Time(_) => Self::Time(PrimitiveBuilder::new()),
            SqlType::Timestamp(_) | SqlType::TimestampLtz(_) => {
                Self::Timestamp(PrimitiveBuilder::new().with_data_type(ty.to_arrow()))
            }
            SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => Self::Nested(Vec::new(), ty.clone()),
        }
    }

    /// Adds a value. What people have put into the file by hand (numbers as text) is understood.
    pub(super) fn push(&mut self, v: ValueRef<'_>) -> Result<()> {
        let is_null = matches!(v, ValueRef::Null);
        // Appends what `$value` makes of the value, NULL for NULL, an error where it makes nothing.
        macro_rules! put {
            ($builder:expr, $value:expr) => {
                if is_null { $builder.append_null() } else { $builder.append_value($value.ok_or_else(|| misfit(v))?) }
            };
        }
        match self {
            Self::Null(n) => *n += 1,
            Self::Boolean(b) => put!(b, int(v).map(|n| n != 0)),
            Self::TinyInt(b) => put!(b, int(v).and_then(|n| n.try_into().ok())),
            Self::SmallInt(b) => put!(b, int(v).and_then(|n| n.try_into().ok())),
            Self::Int(b) => put!(b, int(v).and_then(|n| n.try_into().ok())),
            Self::BigInt(b) => put!(b, int(v)),
            Self::Float(b) => put!(b, real(v).map(|d| d as f32)),
            Self::Double(b) => put!(b, real(v)),
            Self::Decimal(b, scale) => put!(b, string(v).and_then(|t| text::parse_decimal(&t, *scale))),
            Self::Text(b) => put!(b, string(v)),
            Self::Bytes(b) => put!(b, bytes(v)),
            Self::Date(b) => put!(b, string(v).and_then(|t| text::parse_date(&t)?.try_into().ok())),
            Self::Time(b) => put!(b, string(v).and_then(|t| (text::parse_time(&t)? / 1000).try_into().ok())),
            Self::Timestamp(b) => put!(b, string(v).and_then(|t| text::parse_timestamp(&t))),
            Self::Nested(all, _) => {
                let value = match v {
                    ValueRef::Null => None,
                    ValueRef::Text(t) => Some(serde_json::from_slice(t).map_err(|_| misfit(v))?),
                    _ => return Err(misfit(v)),
                };
                all.push(value);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Null(n) => Arc::new(NullArray::new(n)),
            Self::Boolean(mut b) => Arc::new(b.finish()),
            Self::TinyInt(mut b) => Arc::new(b.finish()),
            Self::SmallInt(mut b) => Arc::new(b.finish()),
            Self::Int(mut b) => Arc::new(b.finish()),
            Self::BigInt(mut b) => Arc::new(b.finish()),
            Self::Float(mut b) => Arc::new(b.finish()),
            Self::Double(mut b) => Arc::new(b.finish()),
            Self::Decimal(mut b, _) => Arc::new(b.finish()),
            Self::Text(mut b) => Arc::new(b.finish()),
            Self::Bytes(mut b) => Arc::new(b.finish()),
            Self::Date(mut b) => Arc::new(b.finish()),
            Self::Time(mut b) => Arc::new(b.finish()),
            Self::Timestamp(mut b) => Arc::new(b.finish()),
            Self::Nested(values, ty) => nested::from_json(&values.iter().map(Option::as_ref).collect::<Vec<_>>(), &ty)?,
        })
    }
}

fn misfit(v: ValueRef<'_>) -> Error {
    let shown = string(v).unwrap_or_else(|| format!("a value of type {}", v.data_type()));
    Error::user(format!("'{shown}' does not fit the column's type"))
}

fn int(v: ValueRef<'_>) -> Option<i64> {
    match v {
        ValueRef::Integer(n) => Some(n),
        ValueRef::Text(t) => match std::str::from_utf8(t).ok()? {
            "true" => Some(1),
            "false" => Some(0),
            t => t.parse().ok(),
        },
        _ => None,
    }
}

fn real(v: ValueRef<'_>) -> Option<f64> {
    match v {
        ValueRef::Integer(n) => Some(n as f64),
        ValueRef::Real(d) => Some(d),
        ValueRef::Text(t) => std::str::from_utf8(t).ok()?.parse().ok(),
        _ => None,
    }
}

fn string(v: ValueRef<'_>) -> Option<String> {
    match v {
        ValueRef::Integer(n) => Some(n.to_string()),
        ValueRef::Real(d) => Some(d.to_string()),
        ValueRef::Text(t) => std::str::from_utf8(t).ok().map(str::to_owned),
        _ => None,
    }
}

fn bytes(v: ValueRef<'_>) -> Option<&[u8]> {
    match v {
        ValueRef::Blob(b) | ValueRef::Text(b) => Some(b),
        _ => None,
    }
}
