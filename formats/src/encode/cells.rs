//! The arrays of a batch's columns, downcast once a batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use tidegate_core::error::{Error, Result};
use tidegate_core::types::{Column, SqlType};

use super::json;

/// The cells of a batch's columns, in order.
///
/// # Errors
/// Where a column is not laid out as its type says.
pub(crate) fn of_batch<'a>(rows: &'a RecordBatch, columns: &[Column]) -> Result<Vec<Cells<'a>>> {
    columns
        .iter()
        .zip(rows.columns())
        .map(|(c, a)| Cells::of(a, &c.data_type.ty).map_err(|e| e.context(format!("column '{}'", c.name))))
        .collect()
}

/// A column's array, of its known type.
pub(crate) enum Cells<'a> {
    Null,
    Bool(&'a arrow_array::BooleanArray),
    Int8(&'a arrow_array::Int8Array),
    Int16(&'a arrow_array::Int16Array),
    Int32(&'a arrow_array::Int32Array),
    Int64(&'a arrow_array::Int64Array),
    Float(&'a arrow_array::Float32Array),
    Double(&'a arrow_array::Float64Array),
    Decimal(&'a arrow_array::Decimal128Array, u8),
    Date(&'a arrow_array::Date32Array),
    Time(&'a arrow_array::Time32MillisecondArray),
    Timestamp(&'a arrow_array::TimestampMicrosecondArray, bool),
    Text(&'a arrow_array::StringArray),
    Bytes(&'a arrow_array::BinaryArray),
    List(&'a arrow_array::ListArray, Box<Cells<'a>>),
    Map(&'a arrow_array::MapArray, Box<Cells<'a>>, Box<Cells<'a>>),
    Row(&'a arrow_array::StructArray, Vec<Vec<u8>>, Vec<Cells<'a>>),
}

impl<'a> Cells<'a> {
    /// The cells of an array.
    ///
    /// # Errors
    /// Where the array is not laid out as the type says.
    pub(crate) fn of(array: &'a ArrayRef, ty: &SqlType) -> Result<Cells<'a>> {
        let wrong = || Error::internal(format!("{ty} in an Arrow array of {}", array.data_type()));
        let cells = match ty {
            SqlType::Null => Some(Cells::Null),
            SqlType::Boolean => array.as_boolean_opt().map(Cells::Bool),
            SqlType::TinyInt => array.as_primitive_opt::<Int8Type>().map(Cells::Int8),
            SqlType::SmallInt => array.as_primitive_opt::<Int16Type>().map(Cells::Int16),
            SqlType::Int => array.as_primitive_opt::<Int32Type>().map(Cells::Int32),
            SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
                array.as_primitive_opt::<Int64Type>().map(Cells::Int64)
            }
            SqlType::Float => array.as_primitive_opt::<Float32Type>().map(Cells::Float),
            SqlType::Double => array.as_primitive_opt::<Float64Type>().map(Cells::Double),
            SqlType::Decimal(_, s) => array.as_primitive_opt::<Decimal128Type>().map(|a| Cells::Decimal(a, *s)),
            SqlType::Date => array.as_primitive_opt::<Date32Type>().map(Cells::Date),
            SqlType::Time(_) => array.as_primitive_opt::<Time32MillisecondType>().map(Cells::Time),
            SqlType::Timestamp(_) => {
                array.as_primitive_opt::<TimestampMicrosecondType>().map(|a| Cells::Timestamp(a, false))
            }
            SqlType::TimestampLtz(_) => {
                array.as_primitive_opt::<TimestampMicrosecondType>().map(|a| Cells::Timestamp(a, true))
            }
            SqlType::Char(_) | SqlType::VarChar(_) => array.as_string_opt::<i32>().map(Cells::Text),
            SqlType::Binary(_) | SqlType::VarBinary(_) => array.as_binary_opt::<i32>().map(Cells::Bytes),
            SqlType::Array(element) => match array.as_list_opt::<i32>() {
                Some(a) => Some(Cells::List(a, Box::new(Cells::of(a.values(), &element.ty)?))),
                None => None,
            },
            SqlType::Map(key, value) => match array.as_map_opt() {
                Some(a) => Some(Cells::Map(
                    a,
                    Box::new(Cells::of(a.keys(), &key.ty)?),
                    Box::new(Cells::of(a.values(), &value.ty)?),
                )),
                None => None,
            },
            SqlType::Row(fields) => match array.as_struct_opt() {
                Some(a) => {
                    let cells: Result<_> =
                        fields.iter().zip(a.columns()).map(|(f, c)| Cells::of(c, &f.data_type.ty)).collect();
                    Some(Cells::Row(a, fields.iter().map(|f| json::name(&f.name)).collect(), cells?))
                }
                None => None,
            },
        };
        cells.ok_or_else(wrong)
    }

    /// Whether a cell is NULL.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Null => true,
            Cells::Bool(a) => a.is_null(row),
            Cells::Int8(a) => a.is_null(row),
            Cells::Int16(a) => a.is_null(row),
            Cells::Int32(a) => a.is_null(row),
            Cells::Int64(a) => a.is_null(row),
            Cells::Float(a) => a.is_null(row),
            Cells::Double(a) => a.is_null(row),
            Cells::Decimal(a, _) => a.is_null(row),
            Cells::Date(a) => a.is_null(row),
            Cells::Time(a) => a.is_null(row),
            Cells::Timestamp(a, _) => a.is_null(row),
            Cells::Text(a) => a.is_null(row),
            Cells::Bytes(a) => a.is_null(row),
            Cells::List(a, _) => a.is_null(row),
            Cells::Map(a, ..) => a.is_null(row),
            Cells::Row(a, ..) => a.is_null(row),
        }
    }
}
