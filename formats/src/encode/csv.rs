//! The csv format: one line a row, without line end, fields quoted where they need it.
//!
//! NULL is the null literal, or nothing. A text is quoted where it holds the delimiter, a quote, a
//! line end or blanks at its ends. Arrays are joined by `;`. Instants are written in UTC with `Z`.

use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use base64::Engine as _;
use tidegate_core::Dialect;
use tidegate_core::error::{Error, Result};
use tidegate_core::table::CsvFormat;
use tidegate_core::types::{Column, SqlType};

use super::Output;
use crate::text::zone::Zone;
use crate::text::{decimal, number, timestamp};

/// Writes rows as lines.
#[derive(Debug)]
pub(crate) struct CsvWriter {
    format: CsvFormat,
    columns: Vec<Column>,
}

impl CsvWriter {
    pub(crate) fn new(format: CsvFormat, columns: &[Column], _dialect: Dialect, _zone: Zone) -> Result<Self> {
        for column in columns {
            let element = if let SqlType::Array(e) = &column.data_type.ty { &e.ty } else { &column.data_type.ty };
            if matches!(element, SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_)) {
                return Err(Error::user(format!("the csv format cannot write {}", column.data_type))
                    .context(format!("column '{}'", column.name))
                    .help("use the json format"));
            }
        }
        Ok(CsvWriter { format, columns: columns.to_vec() })
    }

    pub(crate) fn write(&mut self, rows: &RecordBatch, out: &mut Output) -> Result<()> {
        let mut text = String::new();
        let mut delimiter = [0; 4];
        let delimiter = self.format.delimiter.encode_utf8(&mut delimiter).as_bytes();
        for row in 0..rows.num_rows() {
            for (i, column) in self.columns.iter().enumerate() {
                if i > 0 {
                    out.bytes.extend_from_slice(delimiter);
                }
                let array = rows.column(i);
                if array.is_null(row) {
                    out.bytes.extend_from_slice(self.format.null_literal.as_deref().unwrap_or("").as_bytes());
                    continue;
                }
                text.clear();
                write_cell(array, &column.data_type.ty, row, &mut text)?;
                self.field(&text, &mut out.bytes);
            }
            out.end_row();
        }
        Ok(())
    }

    fn field(&self, text: &str, out: &mut Vec<u8>) {
        let Some(quote) = self.format.quote else {
            out.extend_from_slice(text.as_bytes());
            return;
        };
        let special = |c: char| {
            c == self.format.delimiter || c == quote || c == '\n' || c == '\r' || Some(c) == self.format.escape
        };
        // An empty text is quoted, so that it is not read back as NULL.
        let needs = text.is_empty() || text.contains(special) || text.starts_with(' ') || text.ends_with(' ');
        if !needs {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        let mut buffer = [0; 4];
        let quote_bytes = quote.encode_utf8(&mut buffer).len();
        out.extend_from_slice(&buffer[..quote_bytes]);
        for c in text.chars() {
            let mut one = [0; 4];
            if c == quote || Some(c) == self.format.escape {
                let escape = self.format.escape.unwrap_or(quote);
                out.extend_from_slice(escape.encode_utf8(&mut one).as_bytes());
            }
            out.extend_from_slice(c.encode_utf8(&mut one).as_bytes());
        }
        out.extend_from_slice(&buffer[..quote_bytes]);
    }
}

/// Appends the text of a value that is not NULL.
fn write_cell(array: &ArrayRef, ty: &SqlType, row: usize, out: &mut String) -> Result<()> {
    let wrong = || Error::internal(format!("{ty} in an Arrow array of {}", array.data_type()));
    match ty {
        SqlType::Null => {}
        SqlType::Boolean => {
            out.push_str(if array.as_boolean_opt().ok_or_else(wrong)?.value(row) { "true" } else { "false" })
        }
        SqlType::TinyInt => {
            number::write_integer(out, i64::from(array.as_primitive_opt::<Int8Type>().ok_or_else(wrong)?.value(row)))
        }
        SqlType::SmallInt => {
            number::write_integer(out, i64::from(array.as_primitive_opt::<Int16Type>().ok_or_else(wrong)?.value(row)))
        }
        SqlType::Int => {
            number::write_integer(out, i64::from(array.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?.value(row)))
        }
        SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
            number::write_integer(out, array.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?.value(row));
        }
        SqlType::Float => {
            number::write_float(out, array.as_primitive_opt::<Float32Type>().ok_or_else(wrong)?.value(row))
        }
        SqlType::Double => {
            number::write_double(out, array.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?.value(row))
        }
        SqlType::Decimal(_, s) => {
            decimal::write_decimal(out, array.as_primitive_opt::<Decimal128Type>().ok_or_else(wrong)?.value(row), *s);
        }
        SqlType::Date => {
            timestamp::write_date(out, i64::from(array.as_primitive_opt::<Date32Type>().ok_or_else(wrong)?.value(row)))
        }
        SqlType::Time(_) => {
            let ms = array.as_primitive_opt::<Time32MillisecondType>().ok_or_else(wrong)?.value(row);
            timestamp::write_time(out, i64::from(ms) * 1000, 0);
        }
        SqlType::Timestamp(_) | SqlType::TimestampLtz(_) => {
            timestamp::write_timestamp(
                out,
                array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(wrong)?.value(row),
                0,
            );
            if matches!(ty, SqlType::TimestampLtz(_)) {
                out.push('Z');
            }
        }
        SqlType::Char(_) | SqlType::VarChar(_) => {
            out.push_str(array.as_string_opt::<i32>().ok_or_else(wrong)?.value(row))
        }
        SqlType::Binary(_) | SqlType::VarBinary(_) => {
            let bytes = array.as_binary_opt::<i32>().ok_or_else(wrong)?.value(row);
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            write!(out, "{encoded}").map_err(|e| Error::internal(e.to_string()))?;
        }
        SqlType::Array(element) => {
            let items = array.as_list_opt::<i32>().ok_or_else(wrong)?.value(row);
            for i in 0..items.len() {
                if i > 0 {
                    out.push(';');
                }
                if !items.is_null(i) {
                    write_cell(&items, &element.ty, i, out)?;
                }
            }
        }
        SqlType::Map(..) | SqlType::Row(_) => return Err(wrong()),
    }
    Ok(())
}
