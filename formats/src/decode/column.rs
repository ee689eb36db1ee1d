//! Builders of Arrow columns, of any type, from values.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BooleanArray, ListArray, MapArray, NullArray, StructArray};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType as ArrowType, FieldRef, Fields};
use tidegate_core::Scalar;
use tidegate_core::error::{Error, Result};
use tidegate_core::types::SqlType;

use super::buffers::{Primitive, Varying};
use super::value::Datum;

/// A column under construction.
pub(crate) enum ColumnBuilder {
    Null(usize),
    Boolean(BooleanBufferBuilder, NullBufferBuilder),
    Int8(Primitive<Int8Type>),
    Int16(Primitive<Int16Type>),
    Int32(Primitive<Int32Type>),
    Int64(Primitive<Int64Type>),
    Float32(Primitive<Float32Type>),
    Float64(Primitive<Float64Type>),
    Decimal(Primitive<Decimal128Type>, u8, i8),
    Date(Primitive<Date32Type>),
    Time(Primitive<Time32MillisecondType>),
    Timestamp(Primitive<TimestampMicrosecondType>, Option<Arc<str>>),
    Text(Varying),
    Bytes(Varying),
    List(Box<ColumnBuilder>, FieldRef, Vec<i32>, NullBufferBuilder),
    Map(Varying, Box<ColumnBuilder>, FieldRef, Vec<i32>, NullBufferBuilder),
    Row(Vec<ColumnBuilder>, Fields, NullBufferBuilder),
}

impl ColumnBuilder {
    /// For a type; `bytes` is how much text to expect.
    pub(crate) fn new(ty: &SqlType, rows: usize, bytes: usize) -> Result<Self> {
        use ColumnBuilder as B;
        Ok(match (ty, ty.to_arrow()) {
            (SqlType::Null, _) => B::Null(0),
            (SqlType::Boolean, _) => B::Boolean(BooleanBufferBuilder::new(rows), NullBufferBuilder::new(rows)),
            (SqlType::TinyInt, _) => B::Int8(Primitive::new(rows)),
            (SqlType::SmallInt, _) => B::Int16(Primitive::new(rows)),
            (SqlType::Int, _) => B::Int32(Primitive::new(rows)),
            (SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime, _) => {
                B::Int64(Primitive::new(rows))
            }
            (SqlType::Float, _) => B::Float32(Primitive::new(rows)),
            (SqlType::Double, _) => B::Float64(Primitive::new(rows)),
            (SqlType::Decimal(p, s), _) => B::Decimal(Primitive::new(rows), *p, *s as i8),
            (SqlType::Date, _) => B::Date(Primitive::new(rows)),
            (SqlType::Time(_), _) => B::Time(Primitive::new(rows)),
            (SqlType::Timestamp(_), _) => B::Timestamp(Primitive::new(rows), None),
            (SqlType::TimestampLtz(_), _) => B::Timestamp(Primitive::new(rows), Some("UTC".into())),
            (SqlType::Char(_) | SqlType::VarChar(_), _) => B::Text(Varying::new(rows, bytes + bytes / 8)),
            (SqlType::Binary(_) | SqlType::VarBinary(_), _) => B::Bytes(Varying::new(rows, bytes + bytes / 8)),
            (SqlType::Array(e), ArrowType::List(field)) => {
                B::List(Box::new(Self::new(&e.ty, rows, 0)?), field, vec![0], NullBufferBuilder::new(rows))
            }
            (SqlType::Map(k, v), ArrowType::Map(entries, _)) => {
                if !k.ty.is_text() {
                    return Err(Error::user(format!("a map's keys must be text to be read from a message, not {k}")));
                }
                let values = Box::new(Self::new(&v.ty, rows, 0)?);
                B::Map(Varying::new(rows, 0), values, entries, vec![0], NullBufferBuilder::new(rows))
            }
            (SqlType::Row(columns), ArrowType::Struct(fields)) => {
                let builders = columns.iter().map(|c| Self::new(&c.data_type.ty, rows, 0)).collect::<Result<_>>()?;
                B::Row(builders, fields, NullBufferBuilder::new(rows))
            }
            (ty, _) => return Err(Error::internal(format!("{ty} has no column builder"))),
        })
    }

    /// Bytes of text so far.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            ColumnBuilder::Text(v) | ColumnBuilder::Bytes(v) => v.bytes(),
            _ => 0,
        }
    }

    /// Appends a value of the column's type; a value of another type is NULL.
    pub(crate) fn append(&mut self, value: &Datum) {
        let scalar = if let Datum::Scalar(s) = value { s } else { &Scalar::Null };
        let int = if let Scalar::Int(n) = scalar { Some(*n) } else { None };
        let double = if let Scalar::Double(d) = scalar { Some(*d) } else { None };
        match self {
            ColumnBuilder::Null(rows) => *rows += 1,
            ColumnBuilder::Boolean(bits, nulls) => {
                let value = if let Scalar::Bool(b) = scalar { Some(*b) } else { None };
                bits.append(value.unwrap_or(false));
                nulls.append(value.is_some());
            }
            ColumnBuilder::Int8(b) => b.append(int.map(|n| n as i8)),
            ColumnBuilder::Int16(b) => b.append(int.map(|n| n as i16)),
            ColumnBuilder::Int32(b) => b.append(int.map(|n| n as i32)),
            ColumnBuilder::Int64(b) => b.append(int),
            ColumnBuilder::Float32(b) => b.append(double.map(|d| d as f32)),
            ColumnBuilder::Float64(b) => b.append(double),
            ColumnBuilder::Decimal(b, ..) => b.append(if let Scalar::Decimal(d) = scalar { Some(*d) } else { None }),
            ColumnBuilder::Date(b) => b.append(int.map(|n| n as i32)),
            ColumnBuilder::Time(b) => b.append(int.map(|n| n as i32)),
            ColumnBuilder::Timestamp(b, _) => b.append(if let Scalar::Micros(n) = scalar { Some(*n) } else { None }),
            ColumnBuilder::Text(b) => b.append(if let Scalar::Text(t) = scalar { Some(t.as_bytes()) } else { None }),
            ColumnBuilder::Bytes(b) => b.append(match scalar {
                Scalar::Bytes(v) => Some(v),
                Scalar::Text(t) => Some(t.as_bytes()),
                _ => None,
            }),
            ColumnBuilder::List(items, _, offsets, nulls) => {
                let values: &[Datum] = if let Datum::List(values) = value { values } else { &[] };
                values.iter().for_each(|v| items.append(v));
                nulls.append(matches!(value, Datum::List(_)));
                next_offset(offsets, values.len());
            }
            ColumnBuilder::Map(keys, values, _, offsets, nulls) => {
                let added = append_entries(keys, values, value);
                nulls.append(added.is_some());
                next_offset(offsets, added.unwrap_or(0));
            }
            ColumnBuilder::Row(fields, _, nulls) => {
                let null = Datum::Scalar(Scalar::Null);
                let values: &[Datum] = if let Datum::Row(values) = value { values } else { &[] };
                for (i, field) in fields.iter_mut().enumerate() {
                    field.append(values.get(i).unwrap_or(&null));
                }
                nulls.append(matches!(value, Datum::Row(_)));
            }
        }
    }

    /// The column. `invalid` is told the rows whose text is not UTF-8.
    pub(crate) fn finish(self, invalid: &mut dyn FnMut(usize)) -> Result<ArrayRef> {
        let arrow = |e: arrow_schema::ArrowError| Error::internal(e.to_string());
        Ok(match self {
            ColumnBuilder::Null(rows) => Arc::new(NullArray::new(rows)),
            ColumnBuilder::Boolean(mut bits, mut nulls) => Arc::new(BooleanArray::new(bits.finish(), nulls.finish())),
            ColumnBuilder::Int8(b) => Arc::new(b.finish()),
            ColumnBuilder::Int16(b) => Arc::new(b.finish()),
            ColumnBuilder::Int32(b) => Arc::new(b.finish()),
            ColumnBuilder::Int64(b) => Arc::new(b.finish()),
            ColumnBuilder::Float32(b) => Arc::new(b.finish()),
            ColumnBuilder::Float64(b) => Arc::new(b.finish()),
            ColumnBuilder::Decimal(b, p, s) => Arc::new(b.finish().with_precision_and_scale(p, s).map_err(arrow)?),
            ColumnBuilder::Date(b) => Arc::new(b.finish()),
            ColumnBuilder::Time(b) => Arc::new(b.finish()),
            ColumnBuilder::Timestamp(b, zone) => Arc::new(b.finish().with_timezone_opt(zone)),
            ColumnBuilder::Text(b) => Arc::new(b.text(invalid)?),
            ColumnBuilder::Bytes(b) => Arc::new(b.binary()?),
            ColumnBuilder::List(items, field, offsets, mut nulls) => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(ListArray::try_new(field, offsets, items.finish(&mut |_| {})?, nulls.finish()).map_err(arrow)?)
            }
            ColumnBuilder::Map(keys, values, entries, offsets, mut nulls) => {
                let ArrowType::Struct(fields) = entries.data_type() else {
                    return Err(Error::internal("a map without entries"));
                };
                let columns: Vec<ArrayRef> = vec![Arc::new(keys.text(&mut |_| {})?), values.finish(&mut |_| {})?];
                let pairs = StructArray::try_new(fields.clone(), columns, None).map_err(arrow)?;
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(MapArray::try_new(entries, offsets, pairs, nulls.finish(), false).map_err(arrow)?)
            }
            ColumnBuilder::Row(builders, fields, mut nulls) => {
                let columns = builders.into_iter().map(|b| b.finish(&mut |_| {})).collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new(fields, columns, nulls.finish()).map_err(arrow)?)
            }
        })
    }
}

/// Adds the entries of a map; `None` where the value is no map.
fn append_entries(keys: &mut Varying, values: &mut ColumnBuilder, value: &Datum) -> Option<usize> {
    match value {
        Datum::Map(entries) => {
            for (key, item) in entries {
                keys.append(Some(key.as_bytes()));
                values.append(item);
            }
            Some(entries.len())
        }
        Datum::Headers(headers) => {
            // One value a name: the last, as in Flink.
            let last = |i: usize, name: &str| headers[i + 1..].iter().all(|(n, _)| n != name);
            let mut added = 0;
            for (i, (name, bytes)) in headers.iter().enumerate() {
                if last(i, name) {
                    keys.append(Some(name.as_bytes()));
                    values.append(&Datum::Scalar(bytes.clone().map_or(Scalar::Null, Scalar::Bytes)));
                    added += 1;
                }
            }
            Some(added)
        }
        _ => None,
    }
}

fn next_offset(offsets: &mut Vec<i32>, added: usize) {
    let last = offsets.last().copied().unwrap_or(0);
    offsets.push(last.saturating_add(i32::try_from(added).unwrap_or(i32::MAX)));
}
