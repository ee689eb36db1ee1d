//! The raw format: the bytes of the only column.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BinaryArray, PrimitiveArray, RecordBatch};
use tidegate_core::error::{Error, Result};
use tidegate_core::table::RawFormat;
use tidegate_core::types::{Column, SqlType};

use super::Output;

/// Writes the only column.
#[derive(Debug)]
pub(crate) struct RawWriter {
    column: Column,
    little_endian: bool,
}

impl RawWriter {
    pub(crate) fn new(format: &RawFormat, columns: &[Column]) -> Result<Self> {
        let [column] = columns else {
            return Err(Error::user(format!("the raw format writes one column, the table has {}", columns.len()))
                .help("use the json or csv format, or make one text of the columns"));
        };
        let ty = &column.data_type.ty;
        if !(ty.is_text() || ty.is_bytes() || ty.is_integer() || ty.is_approximate() || *ty == SqlType::Boolean) {
            return Err(
                Error::user(format!("the raw format cannot write {ty}")).context(format!("column '{}'", column.name))
            );
        }
        Ok(RawWriter { column: column.clone(), little_endian: format.little_endian })
    }

    /// Texts and bytes: their array is the messages' already.
    pub(crate) fn as_they_are(&self, array: &ArrayRef) -> Option<BinaryArray> {
        let ty = &self.column.data_type.ty;
        if ty.is_text() {
            array.as_string_opt::<i32>().map(|texts| texts.clone().into())
        } else if ty.is_bytes() {
            array.as_binary_opt::<i32>().cloned()
        } else {
            None
        }
    }

    /// Writes anything but texts and bytes, which are [`RawWriter::as_they_are`].
    pub(crate) fn write(&mut self, rows: &RecordBatch, out: &mut Output) -> Result<()> {
        let array = rows.column(0);
        let wrong = || Error::internal(format!("{} in an Arrow array of {}", self.column.data_type, array.data_type()));
        let little = self.little_endian;
        match &self.column.data_type.ty {
            SqlType::Boolean => {
                let a = array.as_boolean_opt().ok_or_else(wrong)?;
                for value in a {
                    match value {
                        Some(value) => {
                            out.bytes.push(u8::from(value));
                            out.end_row();
                        }
                        None => out.null_row(),
                    }
                }
            }
            SqlType::TinyInt => numbers(number::<Int8Type>(array, wrong)?, little, i8::to_be_bytes, out),
            SqlType::SmallInt => numbers(number::<Int16Type>(array, wrong)?, little, i16::to_be_bytes, out),
            SqlType::Int => numbers(number::<Int32Type>(array, wrong)?, little, i32::to_be_bytes, out),
            SqlType::BigInt => numbers(number::<Int64Type>(array, wrong)?, little, i64::to_be_bytes, out),
            SqlType::Float => numbers(number::<Float32Type>(array, wrong)?, little, f32::to_be_bytes, out),
            SqlType::Double => numbers(number::<Float64Type>(array, wrong)?, little, f64::to_be_bytes, out),
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, wrong: impl Fn() -> Error) -> Result<&PrimitiveArray<T>> {
    array.as_primitive_opt::<T>().ok_or_else(wrong)
}

fn numbers<T: ArrowPrimitiveType, const N: usize>(
    array: &PrimitiveArray<T>,
    little: bool,
    big_endian: fn(T::Native) -> [u8; N],
    out: &mut Output,
) {
    for row in 0..array.len() {
        if array.is_null(row) {
            out.null_row();
            continue;
        }
        let mut bytes = big_endian(array.value(row));
        if little {
            bytes.reverse();
        }
        out.bytes.extend_from_slice(&bytes);
        out.end_row();
    }
}
