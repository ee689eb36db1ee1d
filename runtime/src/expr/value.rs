//! What an expression evaluates to, and typed views over it: a column of the frame's rows, or one
//! value that stands for all of them.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array,
    PrimitiveArray, StringArray, StringViewArray, new_null_array,
};
use arrow_buffer::{NullBuffer, NullBufferBuilder};
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
    fn step(&self) -> usize {
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
