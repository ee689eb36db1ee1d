//! Builders of Arrow columns, of any type, from values.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, ListArray, MapArray, NullArray, PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType as ArrowType, FieldRef, Fields};
use tidegate_core::Scalar;
use tidegate_core::error::{Error, Result};
use tidegate_core::types::SqlType;

use super::value::Datum;

/// Values of a fixed-width type.
pub(crate) struct Primitive<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowPrimitiveType> Primitive<T> {
    fn new(rows: usize) -> Self {
        Primitive { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }
    #[inline]
    fn append(&mut self, value: Option<T::Native>) {
        match value {
            Some(v) => {
                self.values.push(v);
                self.nulls.append_non_null();
            }
            None => {
                self.values.push(T::Native::default());
                self.nulls.append_null();
            }
        }
    }
    fn finish(mut self) -> PrimitiveArray<T> {
        PrimitiveArray::new(ScalarBuffer::from(self.values), self.nulls.finish())
    }
}

/// Values of varying length, one after the other.
pub(crate) struct Varying {
    values: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Varying {
    fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Varying { values: Vec::with_capacity(bytes), offsets, nulls: NullBufferBuilder::new(rows) }
    }
    #[inline]
    pub(crate) fn append(&mut self, value: Option<&[u8]>) {
        match value {
            Some(v) => {
                self.values.extend_from_slice(v);
                self.nulls.append_non_null();
            }
            None => self.nulls.append_null(),
        }
        self.end();
    }
    /// Appends `data[start..end]`. Short texts are the rule: they are copied with what follows them,
    /// at a fixed width, and cut.
    #[inline(always)]
    pub(crate) fn append_range(&mut self, data: &[u8], start: usize, end: usize) {
        const WIDE: usize = 32;
        let from = self.values.len();
        match data.get(start..start + WIDE) {
            Some(wide) if end - start <= WIDE => {
                self.values.extend_from_slice(wide);
                self.values.truncate(from + end - start);
            }
            _ => self.values.extend_from_slice(data.get(start..end).unwrap_or(&[])),
        }
        self.nulls.append_non_null();
        self.end();
    }
    #[inline(always)]
    fn end(&mut self) {
        // A batch is below 4 GiB by contract and unescaping shortens; past 2 GiB the array is refused.
        self.offsets.push(i32::try_from(self.values.len()).unwrap_or(i32::MAX));
    }
    fn too_long(&self) -> Result<()> {
        if i32::try_from(self.values.len()).is_err() {
            return Err(Error::user("a column of one batch holds more than 2 GiB").help("read smaller batches"));
        }
        Ok(())
    }
    fn binary(mut self) -> Result<BinaryArray> {
        self.too_long()?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        BinaryArray::try_new(offsets, self.values.into(), self.nulls.finish())
            .map_err(|e| Error::internal(e.to_string()))
    }
    /// As text; rows that are not UTF-8 are told to `invalid` and get replacement characters.
    fn text(mut self, invalid: &mut dyn FnMut(usize)) -> Result<StringArray> {
        self.too_long()?;
        let nulls = self.nulls.finish();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        // Arrow checks the text as a whole, and that no row's end cuts a character in two.
        let values = arrow_buffer::Buffer::from_vec(self.values);
        if let Ok(array) = StringArray::try_new(offsets.clone(), values.clone(), nulls.clone()) {
            return Ok(array);
        }
        let mut repaired = Varying::new(offsets.len(), values.len() + 64);
        for (row, range) in offsets.windows(2).enumerate() {
            let bytes = &values[range[0] as usize..range[1] as usize];
            let text = String::from_utf8_lossy(bytes);
            if matches!(text, std::borrow::Cow::Owned(_)) {
                invalid(row);
            }
            repaired.append(Some(text.as_bytes()));
        }
        repaired.too_long()?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(repaired.offsets));
        StringArray::try_new(offsets, repaired.values.into(), nulls).map_err(|e| Error::internal(e.to_string()))
    }
}

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
            ColumnBuilder::Text(v) | ColumnBuilder::Bytes(v) => v.values.len(),
            _ => 0,
        }
    }

    /// Appends an integer (checked against the type's range before) or NULL.
    #[inline]
    pub(crate) fn append_int(&mut self, value: Option<i64>) {
        match self {
            ColumnBuilder::Int8(b) => b.append(value.map(|n| n as i8)),
            ColumnBuilder::Int16(b) => b.append(value.map(|n| n as i16)),
            ColumnBuilder::Int32(b) => b.append(value.map(|n| n as i32)),
            ColumnBuilder::Int64(b) => b.append(value),
            other => other.append(&Datum::Scalar(value.map_or(Scalar::Null, Scalar::Int))),
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
