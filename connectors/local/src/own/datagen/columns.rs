//! The columns that random and sequence fields make.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BooleanArray, ListArray, MapArray, NullArray, PrimitiveArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType as ArrowType;
use tidegate_core::{Error, Result, SqlType};

use super::fields::{FieldOptions, Kind};
use super::random::{below, bits, mix, unit};

/// When a row is due, for time fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) started_ms: i64,
    pub(crate) rate: Option<u64>,
}

impl Due {
    fn micros(&self, n: u64) -> i64 {
        let rate = i128::from(self.rate.unwrap_or(10_000));
        self.started_ms * 1000 + (i128::from(n) * 1_000_000 / rate) as i64
    }
}

impl FieldOptions {
    /// The column of these rows.
    pub(crate) fn column(&self, seed: u64, rows: &[u64], due: Due) -> Result<ArrayRef> {
        Ok(match &self.ty {
            SqlType::Null => Arc::new(NullArray::new(rows.len())),
            SqlType::Boolean => {
                Arc::new(rows.iter().map(|n| self.some(seed, *n, |r| r & 1 == 1)).collect::<BooleanArray>())
            }
            SqlType::TinyInt => self.primitive::<Int8Type>(seed, rows, |n, r| self.integer(n, r) as i8),
            SqlType::SmallInt => self.primitive::<Int16Type>(seed, rows, |n, r| self.integer(n, r) as i16),
            SqlType::Int => self.primitive::<Int32Type>(seed, rows, |n, r| self.integer(n, r) as i32),
            SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
                self.primitive::<Int64Type>(seed, rows, |n, r| self.integer(n, r))
            }
            SqlType::Float => self.primitive::<Float32Type>(seed, rows, |n, r| self.real(n, r) as f32),
            SqlType::Double => self.primitive::<Float64Type>(seed, rows, |n, r| self.real(n, r)),
            SqlType::Decimal(p, s) => {
                let (scale, limit) = (10f64.powi(i32::from(*s)), 10i128.pow(u32::from(*p)) - 1);
                self.primitive::<Decimal128Type>(seed, rows, |n, r| match self.kind {
                    Kind::Sequence { .. } => i128::from(self.integer(n, r)) * 10i128.pow(u32::from(*s)),
                    Kind::Random { .. } => ((self.real(n, r) * scale).floor() as i128).clamp(-limit, limit),
                })
            }
            SqlType::Char(_) | SqlType::VarChar(_) => self.texts(seed, rows),
            SqlType::Binary(_) | SqlType::VarBinary(_) => self.bytes(seed, rows),
            SqlType::Date => {
                self.primitive::<Date32Type>(seed, rows, |n, _| due.micros(n).div_euclid(86_400_000_000) as i32)
            }
            SqlType::Time(_) => self.primitive::<Time32MillisecondType>(seed, rows, |_, r| below(r, 86_400_000) as i32),
            SqlType::Timestamp(_) | SqlType::TimestampLtz(_) => {
                let past = |r| below(r, self.max_past_us + 1) as i64;
                self.primitive::<TimestampMicrosecondType>(seed, rows, |n, r| {
                    (due.micros(n) - past(r)).div_euclid(1000) * 1000
                })
            }
            SqlType::Row(_) => {
                let columns = self.inner.iter().map(|f| f.column(seed, rows, due)).collect::<Result<Vec<_>>>()?;
                let ArrowType::Struct(fields) = self.ty.to_arrow() else {
                    return Err(Error::internal("a ROW is a struct"));
                };
                Arc::new(
                    StructArray::try_new(fields, columns, Some(self.nulls(seed, rows)))
                        .map_err(|e| Error::internal(e.to_string()))?,
                )
            }
            SqlType::Array(_) => {
                let ArrowType::List(item) = self.ty.to_arrow() else {
                    return Err(Error::internal("an ARRAY is a list"));
                };
                let items = self.inner[0].column(seed, &self.elements(rows), due)?;
                let list = ListArray::try_new(item, self.offsets(rows), items, Some(self.nulls(seed, rows)));
                Arc::new(list.map_err(|e| Error::internal(e.to_string()))?)
            }
            SqlType::Map(..) => self.maps(seed, rows, due)?,
        })
    }

    fn maps(&self, seed: u64, rows: &[u64], due: Due) -> Result<ArrayRef> {
        let internal = |e: arrow_schema::ArrowError| Error::internal(e.to_string());
        let ArrowType::Map(entry, _) = self.ty.to_arrow() else { return Err(Error::internal("a MAP is a map")) };
        let ArrowType::Struct(fields) = entry.data_type().clone() else {
            return Err(Error::internal("entries are structs"));
        };
        let elements = self.elements(rows);
        let columns = self.inner.iter().map(|f| f.column(seed, &elements, due)).collect::<Result<Vec<_>>>()?;
        let entries = StructArray::try_new(fields, columns, None).map_err(internal)?;
        let nulls = Some(self.nulls(seed, rows));
        Ok(Arc::new(MapArray::try_new(entry, self.offsets(rows), entries, nulls, false).map_err(internal)?))
    }

    fn elements(&self, rows: &[u64]) -> Vec<u64> {
        rows.iter().flat_map(|n| (0..self.length).map(move |k| n.wrapping_mul(self.length).wrapping_add(k))).collect()
    }

    fn offsets(&self, rows: &[u64]) -> OffsetBuffer<i32> {
        OffsetBuffer::from_lengths(std::iter::repeat_n(self.length as usize, rows.len()))
    }

    fn nulls(&self, seed: u64, rows: &[u64]) -> NullBuffer {
        rows.iter().map(|n| self.some(seed, *n, |_| ()).is_some()).collect()
    }

    /// A value from row `n`'s bits, or NULL as often as asked.
    fn some<T>(&self, seed: u64, n: u64, value: impl FnOnce(u64) -> T) -> Option<T> {
        let r = bits(seed, self.stream, n);
        let is_null = self.null_rate > 0.0 && unit(mix(r)) < self.null_rate;
        (!is_null).then(|| value(r))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        seed: u64,
        rows: &[u64],
        value: impl Fn(u64, u64) -> T::Native,
    ) -> ArrayRef {
        let values = rows.iter().map(|n| self.some(seed, *n, |r| value(*n, r)));
        Arc::new(values.collect::<PrimitiveArray<T>>().with_data_type(self.ty.to_arrow()))
    }

    fn integer(&self, n: u64, r: u64) -> i64 {
        match self.kind {
            Kind::Sequence { start, .. } => start.wrapping_add(n as i64),
            Kind::Random { int: (i64::MIN, i64::MAX), .. } => r as i64,
            Kind::Random { int: (min, max), .. } => min.wrapping_add(below(r, max.wrapping_sub(min) as u64 + 1) as i64),
        }
    }

    fn real(&self, n: u64, r: u64) -> f64 {
        match self.kind {
            Kind::Sequence { start, .. } => start as f64 + n as f64,
            // Halved, so that the full range does not overflow.
            Kind::Random { min, max, .. } => (min / 2.0 + (max / 2.0 - min / 2.0) * unit(r)) * 2.0,
        }
    }

    fn len(&self, r: u64) -> u64 {
        if self.var_len { below(mix(r ^ 1), self.length + 1) } else { self.length }
    }

    fn texts(&self, seed: u64, rows: &[u64]) -> ArrayRef {
        let mut out = StringBuilder::new();
        let mut text = String::new();
        for n in rows {
            let made = self.some(seed, *n, |r| {
                text.clear();
                match self.kind {
                    Kind::Sequence { .. } => text += &self.integer(*n, r).to_string(),
                    Kind::Random { .. } => {
                        text.extend(
                            (0..self.len(r)).map(|i| char::from(b"0123456789abcdef"[(mix(r ^ i) & 15) as usize])),
                        );
                    }
                }
            });
            out.append_option(made.map(|()| text.as_str()));
        }
        Arc::new(out.finish())
    }

    fn bytes(&self, seed: u64, rows: &[u64]) -> ArrayRef {
        let mut out = BinaryBuilder::new();
        for n in rows {
            out.append_option(self.some(seed, *n, |r| (0..self.len(r)).map(|i| mix(r ^ i) as u8).collect::<Vec<u8>>()));
        }
        Arc::new(out.finish())
    }
}
