//! The csv format: one line a row, without line end, fields quoted where they need it.
//!
//! NULL is the null literal, or nothing. A text is quoted where it holds the delimiter, a quote, a
//! line end or blanks at its ends. Arrays are joined by `;`. Instants are written in UTC with `Z`.

use arrow_array::RecordBatch;
use base64::Engine as _;
use tidegate_core::error::{Error, Result};
use tidegate_core::table::CsvFormat;
use tidegate_core::types::{Column, SqlType};

use super::Output;
use super::cells::{self, Cells};
use crate::text::{decimal, number, timestamp};

/// Writes rows as lines.
#[derive(Debug)]
pub(crate) struct CsvWriter {
    format: CsvFormat,
    columns: Vec<Column>,
}

impl CsvWriter {
    pub(crate) fn new(format: CsvFormat, columns: &[Column]) -> Result<Self> {
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
        let cells = cells::of_batch(rows, &self.columns)?;
        for row in 0..rows.num_rows() {
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 {
                    out.bytes.extend_from_slice(delimiter);
                }
                if cell.is_null(row) {
                    out.bytes.extend_from_slice(self.format.null_literal.as_deref().unwrap_or("").as_bytes());
                    continue;
                }
                text.clear();
                write_cell(cell, row, &mut text);
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
fn write_cell(cell: &Cells<'_>, row: usize, out: &mut String) {
    match cell {
        Cells::Bool(a) => out.push_str(if a.value(row) { "true" } else { "false" }),
        Cells::Int8(a) => number::write_integer(out, i64::from(a.value(row))),
        Cells::Int16(a) => number::write_integer(out, i64::from(a.value(row))),
        Cells::Int32(a) => number::write_integer(out, i64::from(a.value(row))),
        Cells::Int64(a) => number::write_integer(out, a.value(row)),
        Cells::Float(a) => number::write_float(out, a.value(row)),
        Cells::Double(a) => number::write_double(out, a.value(row)),
        Cells::Decimal(a, scale) => decimal::write_decimal(out, a.value(row), *scale),
        Cells::Date(a) => timestamp::write_date(out, i64::from(a.value(row))),
        Cells::Time(a) => timestamp::write_time(out, i64::from(a.value(row)) * 1000, 0),
        Cells::Timestamp(a, instant) => {
            timestamp::write_timestamp(out, a.value(row), 0);
            if *instant {
                out.push('Z');
            }
        }
        Cells::Text(a) => out.push_str(a.value(row)),
        Cells::Bytes(a) => base64::engine::general_purpose::STANDARD.encode_string(a.value(row), out),
        Cells::List(a, items) => {
            let range = a.value_offsets()[row] as usize..a.value_offsets()[row + 1] as usize;
            for i in range.clone() {
                if i > range.start {
                    out.push(';');
                }
                if !items.is_null(i) {
                    write_cell(items, i, out);
                }
            }
        }
        // The constructor has refused the others.
        Cells::Null | Cells::Map(..) | Cells::Row(..) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, encode, rows};
    use super::*;
    use tidegate_core::table::Format;

    #[test]
    fn quotes_where_needed() {
        let columns = [column("s", SqlType::STRING), column("n", SqlType::Int)];
        let rows = rows(
            &columns,
            &[r#"{"s":"a,b","n":1}"#, r#"{"s":"say \"hi\""}"#, r#"{"s":"","n":2}"#, r#"{"n":3}"#, r#"{"s":"中"}"#],
        );
        assert_eq!(
            encode(&Format::Csv(CsvFormat::default()), &columns, &rows),
            ["\"a,b\",1", "\"say \"\"hi\"\"\",", "\"\",2", ",3", "中,"]
        );
        let format =
            CsvFormat { delimiter: '\t', quote: None, null_literal: Some("n/a".into()), ..CsvFormat::default() };
        assert_eq!(
            encode(&Format::Csv(format), &columns, &rows),
            ["a,b\t1", "say \"hi\"\tn/a", "\t2", "n/a\t3", "中\tn/a"]
        );
    }

    #[test]
    fn rows_are_refused() {
        let row = column("r", SqlType::Row(vec![column("x", SqlType::Int)]));
        assert!(CsvWriter::new(CsvFormat::default(), &[row]).is_err());
    }
}
