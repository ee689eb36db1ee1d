//! The four physical kinds that state works with, whatever the SQL type: 64-bit integers, 128-bit
//! integers, doubles and bytes. Here are the ways from an Arrow column to a kind and back.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, NullArray, StringArray, Time32MillisecondArray, TimestampMicrosecondArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use tidegate_core::{Error, Result};

/// How values of a type are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Booleans, integers, dates, times and timestamps.
    I64,
    /// Decimals.
    I128,
    /// FLOAT and DOUBLE.
    F64,
    /// Text and bytes.
    Bytes,
    /// ARRAY, MAP, ROW: kept in the form of [`super::codec`].
    Nested,
}

/// The kind of a type.
pub fn kind(ty: &DataType) -> Kind {
    match ty {
        DataType::Decimal128(..) => Kind::I128,
        DataType::Float32 | DataType::Float64 => Kind::F64,
        DataType::Utf8 | DataType::Binary => Kind::Bytes,
        DataType::List(_) | DataType::Map(..) | DataType::Struct(_) => Kind::Nested,
        _ => Kind::I64,
    }
}

/// Values of text or bytes.
#[derive(Debug, Clone, Copy)]
pub struct BytesView<'a> {
    offsets: &'a [i32],
    data: &'a [u8],
}

impl<'a> BytesView<'a> {
    /// The bytes of row `i`.
    #[inline]
    pub fn value(&self, i: usize) -> &'a [u8] {
        &self.data[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }
    /// How many bytes row `i` has.
    #[inline]
    pub fn length(&self, i: usize) -> usize {
        (self.offsets[i + 1] - self.offsets[i]) as usize
    }
    /// The bytes of row `i`, if there are at most `N`, with what stands behind them, and how many are its own.
    #[inline(always)]
    pub fn padded<const N: usize>(&self, i: usize) -> Option<(&'a [u8; N], usize)> {
        let (start, end) = (self.offsets[i] as usize, self.offsets[i + 1] as usize);
        let length = end - start;
        if length <= N { self.data.get(start..)?.first_chunk().map(|data| (data, length)) } else { None }
    }
}

/// A column as its kind. Values of NULL rows are arbitrary.
pub enum View<'a> {
    /// See [`Kind::I64`].
    I64(Cow<'a, [i64]>),
    /// See [`Kind::I128`].
    I128(&'a [i128]),
    /// See [`Kind::F64`].
    F64(Cow<'a, [f64]>),
    /// See [`Kind::Bytes`].
    Bytes(BytesView<'a>),
}

/// Looks at a column as its kind.
///
/// # Errors
/// For ARRAY, MAP and ROW, which have no such view.
pub fn view(array: &ArrayRef) -> Result<View<'_>> {
    macro_rules! widen {
        ($t:ty) => {
            View::I64(Cow::Owned(array.as_primitive::<$t>().values().iter().map(|v| i64::from(*v)).collect()))
        };
    }
    Ok(match array.data_type() {
        DataType::Null => View::I64(Cow::Owned(vec![0; array.len()])),
        DataType::Boolean => {
            let a = array.as_boolean();
            View::I64(Cow::Owned((0..a.len()).map(|i| i64::from(a.value(i))).collect()))
        }
        DataType::Int8 => widen!(Int8Type),
        DataType::Int16 => widen!(Int16Type),
        DataType::Int32 => widen!(Int32Type),
        DataType::Date32 => widen!(Date32Type),
        DataType::Time32(TimeUnit::Millisecond) => widen!(Time32MillisecondType),
        DataType::Int64 => View::I64(Cow::Borrowed(array.as_primitive::<Int64Type>().values())),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            View::I64(Cow::Borrowed(array.as_primitive::<TimestampMicrosecondType>().values()))
        }
        DataType::Float32 => {
            View::F64(Cow::Owned(array.as_primitive::<Float32Type>().values().iter().map(|v| f64::from(*v)).collect()))
        }
        DataType::Float64 => View::F64(Cow::Borrowed(array.as_primitive::<Float64Type>().values())),
        DataType::Decimal128(..) => View::I128(array.as_primitive::<Decimal128Type>().values()),
        DataType::Utf8 => {
            let a = array.as_string::<i32>();
            View::Bytes(BytesView { offsets: a.value_offsets(), data: a.value_data() })
        }
        DataType::Binary => {
            let a = array.as_binary::<i32>();
            View::Bytes(BytesView { offsets: a.value_offsets(), data: a.value_data() })
        }
        other => return Err(Error::internal(format!("no state of type {other}"))),
    })
}

/// Validity from one flag a row.
pub fn nulls(valid: &[bool]) -> Option<NullBuffer> {
    if valid.iter().all(|v| *v) { None } else { Some(NullBuffer::from(valid)) }
}

fn arrow(e: &ArrowError) -> Error {
    Error::internal(format!("state column: {e}"))
}

/// A column of an integer-like type. Values are cut to the type's width.
///
/// # Errors
/// Where the type is not of [`Kind::I64`].
pub fn from_i64(values: Vec<i64>, nulls: Option<NullBuffer>, ty: &DataType) -> Result<ArrayRef> {
    macro_rules! narrow {
        ($a:ty, $n:ty) => {
            Arc::new(<$a>::new(values.into_iter().map(|v| v as $n).collect::<Vec<_>>().into(), nulls))
        };
    }
    Ok(match ty {
        DataType::Null => Arc::new(NullArray::new(values.len())),
        DataType::Boolean => {
            Arc::new(BooleanArray::new(values.into_iter().map(|v| v != 0).collect::<Vec<_>>().into(), nulls))
        }
        DataType::Int8 => narrow!(Int8Array, i8),
        DataType::Int16 => narrow!(Int16Array, i16),
        DataType::Int32 => narrow!(Int32Array, i32),
        DataType::Date32 => narrow!(Date32Array, i32),
        DataType::Time32(TimeUnit::Millisecond) => narrow!(Time32MillisecondArray, i32),
        DataType::Int64 => Arc::new(Int64Array::new(values.into(), nulls)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone_opt(zone.clone()))
        }
        other => return Err(Error::internal(format!("integers do not make a column of type {other}"))),
    })
}

/// A DECIMAL column.
///
/// # Errors
/// Where the type is another one.
pub fn from_i128(values: Vec<i128>, nulls: Option<NullBuffer>, ty: &DataType) -> Result<ArrayRef> {
    let array = Decimal128Array::new(ScalarBuffer::from(values), nulls);
    let DataType::Decimal128(p, s) = ty else {
        return Err(Error::internal(format!("decimals do not make a column of type {ty}")));
    };
    Ok(Arc::new(array.with_precision_and_scale(*p, *s).map_err(|e| arrow(&e))?))
}

/// A FLOAT or DOUBLE column.
///
/// # Errors
/// Where the type is another one.
pub fn from_f64(values: Vec<f64>, nulls: Option<NullBuffer>, ty: &DataType) -> Result<ArrayRef> {
    Ok(match ty {
        DataType::Float32 => {
            Arc::new(Float32Array::new(values.into_iter().map(|v| v as f32).collect::<Vec<_>>().into(), nulls))
        }
        DataType::Float64 => Arc::new(Float64Array::new(values.into(), nulls)),
        other => return Err(Error::internal(format!("doubles do not make a column of type {other}"))),
    })
}

/// A text or bytes column; `offsets` has one entry more than there are rows.
///
/// # Errors
/// Where the type is another one, or text is not UTF-8.
pub fn from_bytes(data: Vec<u8>, offsets: Vec<i32>, nulls: Option<NullBuffer>, ty: &DataType) -> Result<ArrayRef> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let data = Buffer::from_vec(data);
    Ok(match ty {
        DataType::Utf8 => Arc::new(StringArray::try_new(offsets, data, nulls).map_err(|e| arrow(&e))?),
        DataType::Binary => Arc::new(BinaryArray::try_new(offsets, data, nulls).map_err(|e| arrow(&e))?),
        other => return Err(Error::internal(format!("bytes do not make a column of type {other}"))),
    })
}
