//! Keyed state: keys to dense ids, columnar accumulators beside them, and what of it is persisted.
//!
//! Nothing here knows operators, time or tasks.

pub mod accumulators;
pub mod byte_table;
pub mod bytes_column;
pub mod codec;
pub mod decode;
pub mod distinct;
pub mod entries;
pub mod groups;
pub mod key_bytes;
pub mod key_words;
pub mod keys;
pub mod ordered;
pub mod physical;
pub mod rows;
#[cfg(test)]
pub(crate) mod test_data;
pub mod values;
pub mod word_table;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// `(17, 'math', NULL)`: a row for a message.
pub fn describe_row(columns: &[ArrayRef], row: usize) -> String {
    let values: Vec<String> = columns.iter().map(|c| describe(c, row)).collect();
    format!("({})", values.join(", "))
}

fn describe(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".into();
    }
    match column.data_type() {
        DataType::Utf8 => format!("'{}'", column.as_string::<i32>().value(row)),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Timestamp(..) => match physical::view(column) {
            Ok(physical::View::I64(v)) => {
                jiff::Timestamp::from_microsecond(v[row]).map_or_else(|_| v[row].to_string(), |t| t.to_string())
            }
            _ => "?".into(),
        },
        _ => match physical::view(column) {
            Ok(physical::View::I64(v)) => v[row].to_string(),
            _ => "…".into(),
        },
    }
}
