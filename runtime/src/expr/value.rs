//! What an expression evaluates to (a column of the frame's rows, or one value that stands for all
//! of them), and how such columns are built.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray, new_null_array,
};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use tidegate_core::{Error, Result, Scalar, SqlType};
use tidegate_formats::text::decimal;

/// A column, or a constant as an array of one.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub array: ArrayRef,
    pub constant: bool,
}

impl Value {
    pub fn column(array: ArrayRef) -> Value {
        Value { array, constant: false }
    }
    pub fn constant(array: ArrayRef) -> Value {
        Value { array, constant: true }
    }
    /// The step from row to row: 0 where one value stands for all.
    pub fn step(&self) -> usize {
        usize::from(!self.constant)
    }
    /// As an array of `rows` values.
    pub fn expand(&self, rows: usize) -> Result<ArrayRef> {
        if !self.constant {
            return Ok(Arc::clone(&self.array));
        }
        if self.array.is_null(0) {
            return Ok(new_null_array(self.array.data_type(), rows));
        }
        if rows == 1 {
            return Ok(Arc::clone(&self.array));
        }
        let indices = arrow_array::UInt32Array::from(vec![0_u32; rows]);
        arrow_select::take::take(&self.array, &indices, None).map_err(arrow)
    }
}

/// An Arrow error is a bug of ours: the plan's types and the arrays disagree.
#[allow(clippy::needless_pass_by_value, reason = "used as a function value in map_err")]
pub(super) fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("evaluating an expression: {error}"))
}

/// The error for an array that does not have the layout its SQL type says.
pub(super) fn mismatch(wanted: &str, got: &ArrowType) -> Error {
    Error::internal(format!("an expression expected {wanted} and got a column of {got}"))
}

/// An array of one with a literal.
pub(super) fn literal_array(value: &Scalar, ty: &SqlType) -> Result<ArrayRef> {
    let array: ArrayRef = match (value, ty) {
        (Scalar::Null, _) => new_null_array(&ty.to_arrow(), 1),
        (Scalar::Bool(b), _) => Arc::new(BooleanArray::from(vec![*b])),
        (Scalar::Int(n), SqlType::Decimal(p, s)) => {
            decimals(*p, *s, 1, |_| decimal::rescale(i128::from(*n), 0, *s, *p))?
        }
        (Scalar::Int(n), SqlType::Float | SqlType::Double) => doubles(ty, 1, |_| Some(*n as f64)),
        (Scalar::Int(n), _) | (Scalar::Micros(n), _) => integers(ty, 1, |_| Some(*n))?,
        (Scalar::Double(d), _) => doubles(ty, 1, |_| Some(*d)),
        (Scalar::Decimal(d), SqlType::Decimal(p, s)) => decimals(*p, *s, 1, |_| Some(*d))?,
        (Scalar::Text(t), _) => Arc::new(StringArray::from(vec![t.as_str()])),
        (Scalar::Bytes(b), _) => Arc::new(BinaryArray::from(vec![b.as_slice()])),
        (Scalar::Decimal(_), other) => return Err(Error::internal(format!("a DECIMAL literal of type {other}"))),
    };
    Ok(array)
}

/// Builds a primitive array; NULLs cost nothing until the first one.
fn primitives<T: ArrowPrimitiveType>(rows: usize, mut f: impl FnMut(usize) -> Option<T::Native>) -> PrimitiveArray<T> {
    let mut values = Vec::with_capacity(rows);
    let mut nulls = NullBufferBuilder::new(rows);
    for row in 0..rows {
        if let Some(value) = f(row) {
            values.push(value);
            nulls.append_non_null();
        } else {
            values.push(T::Native::default());
            nulls.append_null();
        }
    }
    PrimitiveArray::new(values.into(), nulls.finish())
}

/// Builds any type whose Arrow layout is an integer, from `i64`s that are in range (wrapped if not).
pub(super) fn integers(ty: &SqlType, rows: usize, mut f: impl FnMut(usize) -> Option<i64>) -> Result<ArrayRef> {
    Ok(match ty {
        SqlType::TinyInt => Arc::new(primitives::<Int8Type>(rows, |i| f(i).map(|n| n as i8))),
        SqlType::SmallInt => Arc::new(primitives::<Int16Type>(rows, |i| f(i).map(|n| n as i16))),
        SqlType::Int => Arc::new(primitives::<Int32Type>(rows, |i| f(i).map(|n| n as i32))),
        SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
            Arc::new(primitives::<Int64Type>(rows, f))
        }
        SqlType::Date => Arc::new(primitives::<Date32Type>(rows, |i| f(i).map(|n| n as i32))),
        SqlType::Time(_) => Arc::new(primitives::<Time32MillisecondType>(rows, |i| f(i).map(|n| n as i32))),
        SqlType::Timestamp(_) => Arc::new(primitives::<TimestampMicrosecondType>(rows, f)),
        SqlType::TimestampLtz(_) => Arc::new(primitives::<TimestampMicrosecondType>(rows, f).with_timezone("UTC")),
        other => return Err(Error::internal(format!("an integer result of type {other}"))),
    })
}

/// Builds FLOAT or DOUBLE.
pub(super) fn doubles(ty: &SqlType, rows: usize, mut f: impl FnMut(usize) -> Option<f64>) -> ArrayRef {
    match ty {
        SqlType::Float => Arc::new(primitives::<Float32Type>(rows, |i| f(i).map(|d| d as f32))),
        _ => Arc::new(primitives::<Float64Type>(rows, f)),
    }
}

/// Builds DECIMAL(p, s) from unscaled values that fit.
pub(super) fn decimals(p: u8, s: u8, rows: usize, f: impl FnMut(usize) -> Option<i128>) -> Result<ArrayRef> {
    let array = primitives::<Decimal128Type>(rows, f);
    Ok(Arc::new(array.with_precision_and_scale(p, s as i8).map_err(arrow)?))
}

/// Builds BOOLEAN.
pub(super) fn booleans(rows: usize, f: impl FnMut(usize) -> Option<bool>) -> ArrayRef {
    Arc::new((0..rows).map(f).collect::<BooleanArray>())
}

/// Builds text; `f` appends to the buffer and says whether there is a value.
pub(super) fn texts(rows: usize, mut f: impl FnMut(usize, &mut String) -> bool) -> ArrayRef {
    let mut out = StringBuilder::with_capacity(rows, rows * 16);
    let mut buffer = String::new();
    for i in 0..rows {
        buffer.clear();
        if f(i, &mut buffer) {
            out.append_value(&buffer);
        } else {
            out.append_null();
        }
    }
    Arc::new(out.finish())
}

/// Builds text from borrowed pieces.
pub(super) fn slices<'a>(rows: usize, mut f: impl FnMut(usize) -> Option<&'a str>) -> ArrayRef {
    let mut out = StringBuilder::with_capacity(rows, rows * 16);
    for i in 0..rows {
        out.append_option(f(i));
    }
    Arc::new(out.finish())
}

/// Builds bytes.
pub(super) fn binaries(rows: usize, mut f: impl FnMut(usize) -> Option<Vec<u8>>) -> ArrayRef {
    let mut out = BinaryBuilder::with_capacity(rows, rows * 16);
    for i in 0..rows {
        out.append_option(f(i));
    }
    Arc::new(out.finish())
}

/// One value of an array as a scalar; `None` for NULL and for collections.
pub(super) fn scalar_at(array: &dyn Array, row: usize) -> Option<Scalar> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        ArrowType::Boolean => Scalar::Bool(array.as_boolean().value(row)),
        ArrowType::Int8 => Scalar::Int(i64::from(array.as_primitive::<Int8Type>().value(row))),
        ArrowType::Int16 => Scalar::Int(i64::from(array.as_primitive::<Int16Type>().value(row))),
        ArrowType::Int32 => Scalar::Int(i64::from(array.as_primitive::<Int32Type>().value(row))),
        ArrowType::Int64 => Scalar::Int(array.as_primitive::<Int64Type>().value(row)),
        ArrowType::Date32 => Scalar::Int(i64::from(array.as_primitive::<Date32Type>().value(row))),
        ArrowType::Time32(TimeUnit::Millisecond) => {
            Scalar::Int(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)))
        }
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            Scalar::Micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        ArrowType::Float32 => Scalar::Double(f64::from(array.as_primitive::<Float32Type>().value(row))),
        ArrowType::Float64 => Scalar::Double(array.as_primitive::<Float64Type>().value(row)),
        ArrowType::Decimal128(..) => Scalar::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        ArrowType::Utf8 => Scalar::Text(array.as_string::<i32>().value(row).to_string()),
        ArrowType::Utf8View => Scalar::Text(array.as_string_view().value(row).to_string()),
        ArrowType::Binary => Scalar::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        _ => return None,
    })
}
