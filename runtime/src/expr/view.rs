//! Typed views over a [`Value`]: by row, whether it is a column or a constant.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, StringArray, StringViewArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use tidegate_core::Result;
use tidegate_formats::text::buffer::WideBuffer;
use tidegate_formats::text::decimal;

use super::value::{Value, mismatch};

/// A view over text.
pub(super) struct Texts<'a> {
    array: TextArray<'a>,
    nulls: Option<&'a NullBuffer>,
    step: usize,
}

#[derive(Clone, Copy)]
enum TextArray<'a> {
    Plain(&'a StringArray),
    View(&'a StringViewArray),
    AllNull,
}

impl<'a> Texts<'a> {
    pub fn of(value: &'a Value) -> Result<Texts<'a>> {
        let array = match value.array.data_type() {
            ArrowType::Utf8 => TextArray::Plain(value.array.as_string()),
            ArrowType::Utf8View => TextArray::View(value.array.as_string_view()),
            ArrowType::Null => TextArray::AllNull,
            other => return Err(mismatch("text", other)),
        };
        Ok(Texts { array, nulls: value.array.nulls(), step: value.step() })
    }
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        let at = row * self.step;
        if self.nulls.is_some_and(|n| n.is_null(at)) {
            return None;
        }
        match self.array {
            TextArray::Plain(a) => Some(a.value(at)),
            TextArray::View(a) => Some(a.value(at)),
            TextArray::AllNull => None,
        }
    }
    /// Appends the text of a row; false for NULL.
    #[inline]
    pub fn append(&self, row: usize, out: &mut WideBuffer) -> bool {
        let at = row * self.step;
        if let TextArray::Plain(a) = self.array
            && self.nulls.is_none_or(|n| n.is_valid(at))
            && let Some([start, end]) = a.value_offsets().get(at..at + 2)
        {
            out.range(a.value_data(), *start as usize, *end as usize);
            return true;
        }
        self.get(row).map(|text| out.slice(text.as_bytes())).is_some()
    }
}

/// A view over anything whose layout is an integer.
pub(super) struct Integers<'a> {
    values: IntegerValues<'a>,
    nulls: Option<&'a NullBuffer>,
    step: usize,
}

#[derive(Clone, Copy)]
enum IntegerValues<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    AllNull,
}

impl<'a> Integers<'a> {
    pub fn of(value: &'a Value) -> Result<Integers<'a>> {
        let a = &value.array;
        let values = match a.data_type() {
            ArrowType::Int8 => IntegerValues::I8(a.as_primitive::<Int8Type>().values()),
            ArrowType::Int16 => IntegerValues::I16(a.as_primitive::<Int16Type>().values()),
            ArrowType::Int32 => IntegerValues::I32(a.as_primitive::<Int32Type>().values()),
            ArrowType::Int64 => IntegerValues::I64(a.as_primitive::<Int64Type>().values()),
            ArrowType::Date32 => IntegerValues::I32(a.as_primitive::<Date32Type>().values()),
            ArrowType::Time32(TimeUnit::Millisecond) => {
                IntegerValues::I32(a.as_primitive::<Time32MillisecondType>().values())
            }
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                IntegerValues::I64(a.as_primitive::<TimestampMicrosecondType>().values())
            }
            ArrowType::Null => IntegerValues::AllNull,
            other => return Err(mismatch("an integer or a time", other)),
        };
        Ok(Integers { values, nulls: a.nulls(), step: value.step() })
    }
    #[inline]
    pub fn get(&self, row: usize) -> Option<i64> {
        let at = row * self.step;
        if self.nulls.is_some_and(|n| n.is_null(at)) {
            return None;
        }
        match self.values {
            IntegerValues::I8(v) => Some(i64::from(v[at])),
            IntegerValues::I16(v) => Some(i64::from(v[at])),
            IntegerValues::I32(v) => Some(i64::from(v[at])),
            IntegerValues::I64(v) => Some(v[at]),
            IntegerValues::AllNull => None,
        }
    }
}

impl Integers<'_> {
    /// The values of a column of `rows` integers of 64 bits; anything where one is NULL.
    pub fn column(&self, rows: usize) -> Option<&[i64]> {
        match self.values {
            IntegerValues::I64(values) if self.step == 1 => values.get(..rows),
            _ => None,
        }
    }
    /// The value of a constant that is not NULL.
    pub fn constant(&self) -> Option<i64> {
        if self.step == 0 { self.get(0) } else { None }
    }
    /// The value without asking for NULL: anything where it is NULL.
    #[inline]
    pub fn raw(&self, row: usize) -> i64 {
        let at = row * self.step;
        match self.values {
            IntegerValues::I8(v) => i64::from(v[at]),
            IntegerValues::I16(v) => i64::from(v[at]),
            IntegerValues::I32(v) => i64::from(v[at]),
            IntegerValues::I64(v) => v[at],
            IntegerValues::AllNull => 0,
        }
    }
}

/// A view over any number as doubles.
pub(super) enum Doubles<'a> {
    F32(&'a Float32Array, usize),
    F64(&'a Float64Array, usize),
    Integer(Integers<'a>),
    Decimal(Decimals<'a>),
}

impl<'a> Doubles<'a> {
    pub fn of(value: &'a Value) -> Result<Doubles<'a>> {
        Ok(match value.array.data_type() {
            ArrowType::Float32 => Doubles::F32(value.array.as_primitive::<Float32Type>(), value.step()),
            ArrowType::Float64 => Doubles::F64(value.array.as_primitive::<Float64Type>(), value.step()),
            ArrowType::Decimal128(..) => Doubles::Decimal(Decimals::of(value)?),
            _ => Doubles::Integer(Integers::of(value)?),
        })
    }
    #[inline]
    pub fn get(&self, row: usize) -> Option<f64> {
        match self {
            Doubles::F32(a, step) => a.is_valid(row * step).then(|| f64::from(a.value(row * step))),
            Doubles::F64(a, step) => a.is_valid(row * step).then(|| a.value(row * step)),
            Doubles::Integer(i) => i.get(row).map(|n| n as f64),
            Doubles::Decimal(d) => d.get(row).map(|n| decimal::to_double(n, d.scale)),
        }
    }
}

/// A view over exact numbers: unscaled values of one scale.
pub(super) struct Decimals<'a> {
    inner: DecimalValues<'a>,
    pub scale: u8,
}

enum DecimalValues<'a> {
    Decimal(&'a Decimal128Array, usize),
    Integer(Integers<'a>),
}

impl<'a> Decimals<'a> {
    pub fn of(value: &'a Value) -> Result<Decimals<'a>> {
        Ok(match value.array.data_type() {
            ArrowType::Decimal128(_, scale) => Decimals {
                inner: DecimalValues::Decimal(value.array.as_primitive::<Decimal128Type>(), value.step()),
                scale: u8::try_from(*scale).unwrap_or(0),
            },
            _ => Decimals { inner: DecimalValues::Integer(Integers::of(value)?), scale: 0 },
        })
    }
    #[inline]
    pub fn get(&self, row: usize) -> Option<i128> {
        match &self.inner {
            DecimalValues::Decimal(a, step) => a.is_valid(row * step).then(|| a.value(row * step)),
            DecimalValues::Integer(i) => i.get(row).map(i128::from),
        }
    }
}

/// A view over booleans.
pub(super) struct Booleans<'a> {
    array: Option<&'a BooleanArray>,
    step: usize,
}

impl<'a> Booleans<'a> {
    pub fn of(value: &'a Value) -> Result<Booleans<'a>> {
        let array = match value.array.data_type() {
            ArrowType::Boolean => Some(value.array.as_boolean()),
            ArrowType::Null => None,
            other => return Err(mismatch("BOOLEAN", other)),
        };
        Ok(Booleans { array, step: value.step() })
    }
    pub fn get(&self, row: usize) -> Option<bool> {
        let at = row * self.step;
        self.array.and_then(|a| a.is_valid(at).then(|| a.value(at)))
    }
}

/// A view over bytes; text is its UTF-8 bytes.
pub(super) enum Bytes<'a> {
    Binary(&'a BinaryArray, usize),
    Text(Texts<'a>),
}

impl<'a> Bytes<'a> {
    pub fn of(value: &'a Value) -> Result<Bytes<'a>> {
        Ok(match value.array.data_type() {
            ArrowType::Binary => Bytes::Binary(value.array.as_binary(), value.step()),
            _ => Bytes::Text(Texts::of(value)?),
        })
    }
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Bytes::Binary(a, step) => a.is_valid(row * step).then(|| a.value(row * step)),
            Bytes::Text(t) => t.get(row).map(str::as_bytes),
        }
    }
}
